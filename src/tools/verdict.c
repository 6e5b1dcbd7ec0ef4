/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/verdict.h"

#include <stdio.h>
#include <sys/wait.h>

int wsp_exit_status(int wait_status)
{
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

bool wsp_site_end_is_failure(const struct wsp_site_end *end, int *status, char *why,
                             size_t why_size)
{
    *status = wsp_exit_status(end->wait_status);
    if (*status == 0 && end->has_left)
        return false;
    if (*status == 0 && !end->has_joined)
        snprintf(why, why_size, "site %s: the program ended without calling MPI_Init", end->name);
    else if (!end->has_joined)
        snprintf(
            why, why_size,
            "site %s: the launch command ended with status %d before its ranks called MPI_Init",
            end->name, *status);
    else if (!end->is_together)
        snprintf(why, why_size,
                 "site %s: the launch command ended with status %d while other sites were waited "
                 "for",
                 end->name, *status);
    else if (!end->has_left)
        snprintf(why, why_size,
                 "site %s: the launch command ended with status %d before MPI_Finalize", end->name,
                 *status);
    else
        snprintf(why, why_size, "site %s: the program ended with status %d", end->name, *status);
    if (*status == 0)
        *status = 1;
    return true;
}
