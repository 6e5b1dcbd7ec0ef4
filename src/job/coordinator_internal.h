/* SPDX-License-Identifier: BSD-3-Clause */
/* The coordinator from the inside: what taking sites in (coordinator.c) and ending the job
 * (coordinator_end.c) share. */
#ifndef WSP_JOB_COORDINATOR_INTERNAL_H
#define WSP_JOB_COORDINATOR_INTERNAL_H

#include "base/list.h"
#include "job/channel.h"
#include "job/coordinator.h"
#include "job/lobby.h"
#include "job/roster.h"

#define WSP_REASON_MAX 1024
#define WSP_N_LOBBIES  2 /* TCP and Unix */

/* A leader's connection. Linked in the coordinator's list from proof to end. */
struct wsp_coordinator_guest {
    struct wsp_coordinator *coordinator;
    struct wsp_channel *channel;
    struct wsp_coordinator_place *site; /* NULL before it introduced itself */
    struct wsp_node node;
};

/* A site of the job, there or awaited. */
struct wsp_coordinator_place {
    struct wsp_coordinator_site expected; /* name is ours */
    struct wsp_coordinator_guest *guest;  /* its leader, or NULL */
    struct wsp_site_card card;
    struct wsp_endpoint *ranks;
    bool has_joined, has_left;
};

/* Owner: who opened it. One thread. */
struct wsp_coordinator {
    struct wsp_loop *loop;
    struct wsp_coordinator_config config;
    struct wsp_proof_key key;
    uint64_t nonce;
    struct wsp_lobby *lobbies[WSP_N_LOBBIES];
    unsigned n_lobbies;
    struct wsp_coordinator_place *sites;
    struct wsp_list guests;
    uint32_t n_joined, n_left;
    struct wsp_timer join_timer;
    struct wsp_timer late_timer; /* of the site that lost a rank */
    struct wsp_coordinator_place *late_site;
    int late_code;
    uint32_t late_rank;
    char late_reason[WSP_REASON_MAX];
    bool is_together, is_over;
};

/* World rank of a site's home rank 0. */
uint32_t wsp_coordinator_first_rank(const struct wsp_coordinator *coordinator, uint32_t site);

/* Sends REFUSED, LOST or ABORT, with as much of the rest as the message has. */
void wsp_coordinator_send(struct wsp_channel *channel, enum wsp_message_type type, uint32_t rank,
                          int code, const char *reason);

/* The job is over; only the first call counts. Tells the sites, then the owner. place: the site it
 * came from, or NULL. */
void wsp_coordinator_finish(struct wsp_coordinator *coordinator, enum wsp_job_outcome outcome,
                            struct wsp_coordinator_place *place, uint32_t rank, int code,
                            const char *format, ...) __attribute__((format(printf, 6, 7)));

/* The timer of the site that is told last. */
void wsp_coordinator_on_late_time(void *user, uint64_t now_ns);

#endif
