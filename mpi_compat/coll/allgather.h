/* SPDX-License-Identifier: BSD-3-Clause */
/* Allgather, and its steps for others that need every rank's bytes; private to coll/. */
#ifndef WSP_MPI_COLL_ALLGATHER_H
#define WSP_MPI_COLL_ALLGATHER_H

#include "coll/phase.h"

#include <stdbool.h>
#include <stdint.h>

struct wsp_allgather_arguments {
    const void *sendbuf;
    int sendcount;
    MPI_Datatype sendtype;
    void *recvbuf;
    int recvcount;
    MPI_Datatype recvtype;
};

struct wsp_allgather {
    struct wsp_schedule s;
    struct wsp_allgather_arguments a;
    struct wsp_layout layout; /* of recvtype; not contiguous: nothing lands in recvbuf by itself */
    uint64_t block;           /* packed bytes of one rank */
    struct wsp_operand mine;
    char *bytes;    /* packed elements of all ranks, site by site */
    bool is_bundle; /* bytes is not the receive buffer */
};

/* Steps, in this order, the last at_turn: then `bytes` is whole on every rank. */
int wsp_allgather_at_home(struct wsp_schedule *s);
int wsp_allgather_cross(struct wsp_schedule *s);
int wsp_allgather_spread(struct wsp_schedule *s);
void wsp_allgather_close(struct wsp_schedule *s);

#endif
