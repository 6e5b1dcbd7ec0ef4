/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the sites of a run meet: the job key's file, the coordinator, and the ways that lead to
 * it. Key and socket lie in a private folder that goes with the run. */
#ifndef WSP_TOOLS_MEETING_H
#define WSP_TOOLS_MEETING_H

#include "base/err.h"
#include "job/coordinator.h"
#include "job/jobfile.h"
#include "net/loop.h"

#include <limits.h>
#include <stdbool.h>

/* All zero bytes: nothing open. */
struct wsp_meeting {
    const struct wsp_jobfile *job;
    struct wsp_coordinator *coordinator;
    char folder[PATH_MAX - 64]; /* "": none */
    char key_path[PATH_MAX];
    char socket_path[PATH_MAX]; /* "": none */
    uint16_t port;              /* "0": the network is not needed */
};

/* As in struct wsp_coordinator_config. */
struct wsp_meeting_handler {
    void (*together)(void *user);
    void (*ended)(void *user, const struct wsp_job_end *end);
    void *user;
};

/* is_local: all sites are on this machine. WSP_ERR_CONFIG: what is wrong has been said already.
 * To be closed also after a failure. */
wsp_err wsp_meeting_open(struct wsp_loop *loop, const struct wsp_jobfile *job, bool is_local,
                         const struct wsp_meeting_handler *handler,
                         struct wsp_meeting *meeting) WSP_MUST_USE;
void wsp_meeting_close(struct wsp_meeting *meeting);

/* The key file for sites that name no other. */
const char *wsp_meeting_key_file(const struct wsp_meeting *meeting);

/* The ways to the coordinator for a site, as WIDESPAN_COORDINATOR. */
void wsp_meeting_ways(const struct wsp_meeting *meeting, const struct wsp_jobfile_site *site,
                      char *text, size_t size);

#endif
