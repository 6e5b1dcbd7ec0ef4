/* SPDX-License-Identifier: BSD-3-Clause */
/* The one exchange behind Alltoall, Alltoallv and Alltoallw; private to coll/. */
#ifndef WSP_MPI_COLL_ALLTOALL_H
#define WSP_MPI_COLL_ALLTOALL_H

#include "coll/blocks.h"
#include "coll/phase.h"

#include <stdbool.h>
#include <stdint.h>

/* Lengths of what some ranks of one site give to some of another, and the bytes, both ordered by
 * giver, then by taker. */
struct wsp_bundle {
    uint64_t *lengths;
    char *bytes;
};

struct wsp_alltoall {
    struct wsp_schedule s;
    struct wsp_blocks out, in; /* of each rank; out may be in place */
    char *staged;              /* packed blocks for all ranks, in rank order, if sent in place */
    uint64_t *staged_offset;   /* of each rank */

    /* What goes through the leader: by taker, those at other sites, site by site; and comes. */
    struct wsp_bundle mine;
    uint64_t n_mine, n_arrived; /* bytes */
    char *arrived;

    /* At the leader. */
    int n_far;                     /* ranks at other sites */
    struct wsp_bundle *given;      /* of each home rank; the leader's is `mine` */
    struct wsp_bundle *sent, *got; /* to and from each other site */
    char **handed;                 /* to each home rank; the leader's becomes `arrived` */
};

/* The leader's part, in this order: asks for lengths, collects bytes, tells the other leaders,
 * receives from them, hands out. */
int wsp_alltoall_ask(struct wsp_alltoall *a);
int wsp_alltoall_collect(struct wsp_schedule *s);
int wsp_alltoall_tell(struct wsp_schedule *s);
int wsp_alltoall_receive(struct wsp_schedule *s);
int wsp_alltoall_hand_out(struct wsp_schedule *s);
void wsp_alltoall_close_leader(struct wsp_alltoall *a);

#endif
