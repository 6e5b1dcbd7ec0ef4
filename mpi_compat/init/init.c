/* SPDX-License-Identifier: BSD-3-Clause */
/* MPI_Init, MPI_Init_thread, MPI_Finalize, MPI_Abort. */
#include "base/log.h"
#include "host/host.h"
#include "init/job.h"
#include "init/join.h"
#include "wide.h"

#include <stdio.h>
#include <stdlib.h>

/* Without the host's functions nothing can be initialised, nor an error handler called; as MPI's
 * default handler would, this ends the program. */
static void require_host(void)
{
    const char *problem = wsp_host_problem();
    if (!problem)
        return;
    wsp_error("%s", problem);
    exit(EXIT_FAILURE);
}

int wide_Init(int *argc, char ***argv)
{
    require_host();
    int level = MPI_THREAD_SINGLE, code = host.Init(argc, argv);
    if (!code)
        code = host.Query_thread(&level); /* more than single where the user has set it */
    if (!code)
        wsp_job_join(level);
    return code;
}

int wide_Init_thread(int *argc, char ***argv, int required, int *provided)
{
    require_host();
    int code = host.Init_thread(argc, argv, required, provided);
    if (!code)
        wsp_job_join(*provided);
    return code;
}

/* The job is left from within the host's finalize, see wsp_job_leave. */
int wide_Finalize(void)
{
    return host.Finalize();
}

int wide_Abort(MPI_Comm comm, int code)
{
    char reason[64];
    snprintf(reason, sizeof reason, "called MPI_Abort with code %d", code);
    if (wsp_job.session)
        wsp_session_abort(wsp_job.session, code, reason);
    return host.Abort(comm, code);
}
