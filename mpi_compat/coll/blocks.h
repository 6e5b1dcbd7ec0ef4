/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbered blocks of a buffer: what goes to, or comes from, each rank or each neighbour; private to
 * coll/. */
#ifndef WSP_MPI_COLL_BLOCKS_H
#define WSP_MPI_COLL_BLOCKS_H

#include "coll/schedule.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* In one of the ways of saying it. */
struct wsp_blocks {
    void *buffer; /* MPI_IN_PLACE: sent from where it is received */
    int count;    /* of each, if is_even */
    const int *counts;
    const int *displacements; /* elements; bytes where is_typed */
    const MPI_Aint *places;   /* bytes, instead of displacements */
    MPI_Datatype type;        /* of each, unless is_typed */
    const MPI_Datatype *types;
    bool is_even, is_typed;
    bool is_one; /* one block stands for all */
};

/* From the arguments that MPI's collectives call sendbuf, sendcount and so on (side: send, recv):
 * blocks of one size; each of its own; each of its own type, too. */
#define WSP_BLOCKS_EVEN(side)                                                                      \
    ((struct wsp_blocks){                                                                          \
        .buffer = (void *)side##buf, .count = side##count, .type = side##type, .is_even = true})
#define WSP_BLOCKS_ONE(side)                                                                       \
    ((struct wsp_blocks){.buffer = (void *)side##buf,                                              \
                         .count = side##count,                                                     \
                         .type = side##type,                                                       \
                         .is_even = true,                                                          \
                         .is_one = true})
#define WSP_BLOCKS_VARYING(side, displs)                                                           \
    ((struct wsp_blocks){.buffer = (void *)side##buf,                                              \
                         .counts = side##counts,                                                   \
                         .displacements = displs,                                                  \
                         .type = side##type})
#define WSP_BLOCKS_TYPED(side, displs)                                                             \
    ((struct wsp_blocks){.buffer = (void *)side##buf,                                              \
                         .counts = side##counts,                                                   \
                         .displacements = displs,                                                  \
                         .types = side##types,                                                     \
                         .is_typed = true})
#define WSP_BLOCKS_PLACED(side, displs)                                                            \
    ((struct wsp_blocks){.buffer = (void *)side##buf,                                              \
                         .counts = side##counts,                                                   \
                         .places = displs,                                                         \
                         .types = side##types,                                                     \
                         .is_typed = true})

struct wsp_block {
    void *base;
    int count;
    MPI_Datatype type;
    uint64_t length; /* packed */
};

/* The arguments of n blocks as the host checks them; MPI code, not raised. */
int wsp_blocks_check(const struct wsp_blocks *blocks, int n);

/* Block i of checked ones. */
struct wsp_block wsp_block_of(const struct wsp_blocks *blocks, int i);

/* The block of a rank of comm, of n_peers blocks: empty if it is none of the peers. */
struct wsp_block wsp_block_of_rank(const struct wsp_blocks *blocks, const struct wsp_comm *comm,
                                   int rank);
/* Packed bytes of all ranks of a part, likewise. */
uint64_t wsp_blocks_length(const struct wsp_blocks *blocks, const struct wsp_comm *comm,
                           const struct wsp_part *part);

/* Keeps their types alive until the schedule is over, and a copy of the array of them. MPI code. */
int wsp_blocks_keep(struct wsp_blocks *blocks, int n, struct wsp_schedule *schedule);

#endif
