/* SPDX-License-Identifier: BSD-3-Clause */
/* Allgather, and its steps for others that need every rank's bytes; private to coll/. */
#ifndef WSP_MPI_COLL_ALLGATHER_H
#define WSP_MPI_COLL_ALLGATHER_H

#include "coll/blocks.h"
#include "coll/phase.h"

#include <stdbool.h>
#include <stdint.h>

/* What a rank gives. */
struct wsp_given {
    const void *buffer;
    int count;
    MPI_Datatype type;
};

struct wsp_allgather {
    struct wsp_schedule s;
    struct wsp_given given;
    struct wsp_blocks in; /* of all ranks; no buffer: they stay in `bytes` */
    char *bytes;          /* packed elements of all ranks, site by site */
    bool is_bundle;       /* bytes is not the receive buffer */
};

/* Steps, in this order, the last at_turn: then `bytes` is whole on every rank. */
int wsp_allgather_at_home(struct wsp_schedule *s);
int wsp_allgather_cross(struct wsp_schedule *s);
int wsp_allgather_spread(struct wsp_schedule *s);
void wsp_allgather_close(struct wsp_schedule *s);

#endif
