/* SPDX-License-Identifier: BSD-3-Clause */
/* A session from the inside: what introduction (session.c) and the liveness tree (liveness.c)
 * share. */
#ifndef WSP_JOB_LIVENESS_H
#define WSP_JOB_LIVENESS_H

#include "base/list.h"
#include "job/channel.h"
#include "job/lobby.h"
#include "job/session.h"

#include <stdbool.h>
#include <stdint.h>

/* Owner: the shim. Guarded by the link's lock once attached; before that by its one thread. */
struct wsp_session {
    struct wsp_proof_key key;
    struct wsp_link *link; /* NULL before wsp_session_attach */
    const struct wsp_session_handler *handler;
    void *user;
    char site[64];
    uint32_t world_rank, first_rank, n_home;
    uint64_t leader_nonce;
    bool is_leader;

    struct wsp_channel *up; /* leader: to the coordinator; others: to the leader; NULL: gone */
    bool is_up_open;        /* both sides are proven */
    wsp_err up_err;         /* why it is gone */

    int listener;            /* of a leader that is not attached yet; -1: none */
    struct wsp_lobby *lobby; /* of an attached leader */
    struct wsp_list children;
    uint32_t n_children_left; /* children that said goodbye */

    struct wsp_timer late_timer; /* runs while the site's launcher may tell how the leader died */

    bool is_over;     /* the job was aborted; nothing more is judged */
    bool is_aborting; /* by this process, which waits for the echo */
    bool was_echoed;
    bool is_leaving; /* goodbye was said */
    bool has_left;   /* and taken */
};

/* A session with nothing open. */
wsp_err wsp_session_new(const struct wsp_job_env *env, struct wsp_session **session) WSP_MUST_USE;

/* Closes everything and frees; nulls *session. Under the lock if attached. */
void wsp_session_free(struct wsp_session **session);

/* Begins to connect to HOST:PORT or unix:PATH, the n-th address it resolves to.
 * WSP_ERR_UNREACHABLE if there are not so many. */
wsp_err wsp_session_dial(const char *target, size_t n, int *fd) WSP_MUST_USE;

#endif
