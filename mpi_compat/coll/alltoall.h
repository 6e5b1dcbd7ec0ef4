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

    /* What goes through the leader: by taker, those at other sites, site by site; and comes: the
     * head (see wsp_alltoall_head), then as many bytes. */
    struct wsp_bundle mine;
    uint64_t n_mine, n_arrived; /* bytes */
    char *arrived;

    /* At the leader. */
    int n_far;                     /* ranks at other sites */
    struct wsp_bundle *given;      /* of each home rank; the leader's is `mine` */
    struct wsp_bundle *sent, *got; /* to and from each other site */
    char **handed;                 /* to each home rank, as in `arrived`; the leader's is that */
};

/* Where every block is of the same size, nobody need tell its length. Between two groups those
 * inside a group are empty. */
bool wsp_alltoall_is_even(const struct wsp_alltoall *a);

/* Words before what a home rank is handed: the length of each block, in the order of the blocks, or
 * one word if they are even. The first says if the leader could not get them: WSP_ALLTOALL_FAILED
 * less the MPI code. */
int wsp_alltoall_head(const struct wsp_alltoall *a);
#define WSP_ALLTOALL_FAILED    UINT64_MAX
#define WSP_ALLTOALL_CODES_MAX 4096

/* The leader's part, in this order: asks for lengths, collects bytes, tells the other leaders,
 * receives from them, hands out. What it found wrong with its own blocks is no reason not to:
 * others wait for theirs. */
int wsp_alltoall_ask(struct wsp_alltoall *a);
int wsp_alltoall_collect(struct wsp_schedule *s);
int wsp_alltoall_tell(struct wsp_schedule *s);
int wsp_alltoall_receive(struct wsp_schedule *s);
int wsp_alltoall_hand_out(struct wsp_schedule *s);
void wsp_alltoall_close_leader(struct wsp_alltoall *a);

#endif
