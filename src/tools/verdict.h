/* SPDX-License-Identifier: BSD-3-Clause */
/* What a job comes to: the first thing that went wrong, and the exit status that follows. Pure. */
#ifndef WSP_TOOLS_VERDICT_H
#define WSP_TOOLS_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is known of a site when its launch command has ended. */
struct wsp_site_end {
    const char *name;
    int wait_status;                        /* as waitpid gave it */
    bool has_joined, is_together, has_left; /* its ranks: introduced, with all others, in order */
};

/* The exit status for what waitpid gave: 128 and the signal for a process that was killed. */
int wsp_exit_status(int wait_status);

/* Is this end of a launch command a failure? If so *status is the exit status of the job and why
 * says what happened. */
bool wsp_site_end_is_failure(const struct wsp_site_end *end, int *status, char *why,
                             size_t why_size);

#endif
