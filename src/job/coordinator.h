/* SPDX-License-Identifier: BSD-3-Clause */
/* The coordinator introduces the sites of a job to each other, then is the root of the liveness
 * tree. It runs on a loop that its owner drives, in one thread. */
#ifndef WSP_JOB_COORDINATOR_H
#define WSP_JOB_COORDINATOR_H

#include "base/err.h"
#include "job/key.h"
#include "net/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wsp_coordinator;

struct wsp_coordinator_site {
    const char *name;
    uint32_t n_ranks;
};

#define WSP_NO_SITE UINT32_MAX

enum wsp_job_outcome {
    WSP_JOB_FINISHED,     /* every site left in order */
    WSP_JOB_NOT_TOGETHER, /* the sites did not come together; reason says who and why */
    WSP_JOB_ABORTED,      /* a rank called MPI_Abort or met a fatal error */
    WSP_JOB_RANK_LOST     /* a rank ended without MPI_Finalize */
};

/* How a job ended. */
struct wsp_job_end {
    enum wsp_job_outcome outcome;
    uint32_t site;      /* index of the site it came from, or WSP_NO_SITE */
    int code;           /* of MPI_Abort; otherwise 1, or 0 if the job finished */
    const char *reason; /* one line that names site and rank; during the call only */
};

struct wsp_coordinator_config {
    const char *job;
    uint8_t key[WSP_JOB_KEY_BYTES];
    uint32_t n_sites;
    const struct wsp_coordinator_site *sites; /* in job order; copied */
    uint64_t join_ns;                         /* how long the sites may take to come together */
    /* All sites are introduced; the roster went out. May be NULL. */
    void (*together)(void *user);
    /* Called once; the sites have been told. */
    void (*ended)(void *user, const struct wsp_job_end *end);
    void *user;
};

wsp_err wsp_coordinator_open(struct wsp_loop *loop, const struct wsp_coordinator_config *config,
                             struct wsp_coordinator **coordinator) WSP_MUST_USE;
void wsp_coordinator_close(struct wsp_coordinator **coordinator);

/* Opens it to leaders: ports as WIDESPAN_PORTS, port is the one taken; or a new Unix socket. */
wsp_err wsp_coordinator_listen(struct wsp_coordinator *coordinator, const char *ports,
                               uint16_t *port) WSP_MUST_USE;
wsp_err wsp_coordinator_listen_unix(struct wsp_coordinator *coordinator,
                                    const char *path) WSP_MUST_USE;

/* Ends the job from here: all sites are told (those still waiting are refused). `ended` is not
 * called. */
void wsp_coordinator_stop(struct wsp_coordinator *coordinator, int code, const char *reason);

/* Has the site introduced itself; has it left in order? */
bool wsp_coordinator_has_joined(const struct wsp_coordinator *coordinator, uint32_t site);
bool wsp_coordinator_has_left(const struct wsp_coordinator *coordinator, uint32_t site);
bool wsp_coordinator_is_together(const struct wsp_coordinator *coordinator);

#endif
