/* SPDX-License-Identifier: BSD-3-Clause */
/* A rank's membership in the job: its site's introduction through the coordinator, then the
 * liveness tree (coordinator, one leader per site, the site's ranks) that carries aborts and
 * losses. */
#ifndef WSP_JOB_SESSION_H
#define WSP_JOB_SESSION_H

#include "base/err.h"
#include "job/roster.h"
#include "link/link.h"

#include <stddef.h>

struct wsp_session;

/* What `widespan exec` left in the environment. */
struct wsp_job_env {
    char job[64], site[64];
    char coordinator[256];      /* HOST:PORT or unix:PATH, or several with commas, tried in order */
    char address[WSP_HOST_MAX]; /* what the user says, else the one that faces the coordinator */
    uint8_t key[WSP_KEY_BYTES];
};

/* Reads it after wsp_opts_load. *is_job is false if there is no job at all (all unset). */
wsp_err wsp_job_env_load(struct wsp_job_env *env, bool *is_job, char *why,
                         size_t why_size) WSP_MUST_USE;

struct wsp_session_handler {
    /* The job is over: end this process with this code, now. Any I/O-driving thread. */
    void (*aborted)(void *user, int code, const char *reason);
    /* A rank of another site, or of this one, died. Final. */
    void (*rank_lost)(void *user, uint32_t world_rank, const char *reason);
};

/* On the site's leader (home rank 0), blocking, before wsp_link_start: introduces the site and
 * waits for the roster of all. ranks: the n_ranks endpoints of this site in home order. *blob
 * (malloc'ed, the caller's) is the encoded roster for the site's other ranks. liveness: where the
 * site's other ranks connect. On failure why says what happened and what the user can do. */
wsp_err wsp_session_introduce(const struct wsp_job_env *env, const struct wsp_site_card *card,
                              const struct wsp_endpoint *ranks, struct wsp_session **session,
                              uint8_t **blob, size_t *blob_length, char *why,
                              size_t why_size) WSP_MUST_USE;

/* On every rank, after wsp_link_start: joins the liveness tree on the link's loop (for the leader
 * *session is the introduced one, for others NULL). Takes the link's lock itself. */
wsp_err wsp_session_attach(struct wsp_session **session, const struct wsp_job_env *env,
                           struct wsp_link *link, const struct wsp_roster *roster,
                           uint32_t world_rank, const struct wsp_session_handler *handler,
                           void *user, char *why, size_t why_size) WSP_MUST_USE;

/* MPI_Abort or a fatal error: tells the job, waits a moment for that to leave. Without the lock. */
void wsp_session_abort(struct wsp_session *session, int code, const char *reason);

/* MPI_Finalize, after wsp_link_drain: says goodbye, so that the closing connection is no death.
 * Returns when the goodbye has been taken or after a second or two. Without the lock. Nulls it. */
void wsp_session_leave(struct wsp_session **session);

#endif
