/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/log.h"
#include "base/opts.h"
#include "coll/coll.h"
#include "comm/comm.h"
#include "group/group.h"
#include "host/host.h"
#include "init/share.h"
#include "init/join.h"
#include "init/stats.h"
#include "match/match.h"
#include "p2p/p2p.h"
#include "request/progress.h"
#include "request/request.h"
#include "type/type.h"

/* What the program has sent but not completed itself: buffered sends and freed requests. */
static void finish_sends(void)
{
    struct wsp_pause pause = {0};
    wsp_bsend_drain();
    while (wsp_request_reap())
        wsp_progress(&pause);
}

static void close_wide(void)
{
    finish_sends();
    wsp_stats_gather();
    /* MPI_Finalize is collective: the time to deliver counts from when the last rank is here. */
    if (wsp_coll_barrier(wsp_comm_world))
        wsp_error("finalize: the sites could not meet for the last time");
    else
        wsp_stats_report_job();
    wsp_err err = wsp_link_drain(wsp_job.link, wsp_opt_number(WSP_OPT_FINALIZE_TIME));
    if (err)
        wsp_error("finalize: the last messages were not acknowledged (%s); a longer "
                  "WIDESPAN_FINALIZE_TIME allows more",
                  wsp_err_text(err));
}

void wsp_job_leave(void)
{
    if (!wsp_job.link)
        return;
    if (wsp_job.is_wide)
        close_wide();
    wsp_stats_report();
    wsp_session_leave(&wsp_job.session);
    if (wsp_job.is_wide)
        wsp_comm_world_close();
    wsp_job.is_wide = false;
    wsp_link_close(&wsp_job.link);
    wsp_share_close();
    wsp_match_fini();
    wsp_request_fini();
    wsp_group_fini();
    wsp_type_fini();
    host.Comm_free(&wsp_job.home_world);
    host.Comm_free(&wsp_job.self);
    wsp_roster_free(&wsp_job.roster);
}
