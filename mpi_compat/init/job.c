/* SPDX-License-Identifier: BSD-3-Clause */
#include "init/job.h"
#include "base/log.h"
#include "host/host.h"

#include <stdlib.h>
#include <unistd.h>

struct wsp_job wsp_job;
_Thread_local int wsp_nested __attribute__((tls_model("initial-exec")));

const char *wsp_job_site_name(uint32_t world_rank)
{
    return wsp_job.roster->sites[wsp_roster_site_of(wsp_job.roster, world_rank)].card.name;
}

void wsp_job_abort(int code, const char *reason)
{
    wsp_error("job: ended: %s", reason);
    if (wsp_job.session)
        wsp_session_abort(wsp_job.session, code, reason);
    host.Abort(MPI_COMM_WORLD, code);
    _exit(code ? code : EXIT_FAILURE);
}
