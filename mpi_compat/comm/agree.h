/* SPDX-License-Identifier: BSD-3-Clause */
/* How the members of a new communicator agree on it; private to comm/. */
#ifndef WSP_MPI_COMM_AGREE_H
#define WSP_MPI_COMM_AGREE_H

#include "comm/comm.h"
#include "group/group.h"

/* What the members of the parent tell each other while a communicator is made. */
struct wsp_notice {
    int32_t code; /* MPI error code of this rank's part */
    int32_t color, key;
    int32_t rank;
    uint64_t context; /* drawn in case this rank is the new group's first */
};

/* Everyone gets everyone's notice, in rank order (malloc'ed, the caller's): with an error of any
 * member in *code nobody makes the communicator. NULL: *code says why. */
struct wsp_notice *wsp_agree(struct wsp_comm *comm, struct wsp_notice mine, int *code);

/* Those of a colour among n notices, in the order of keys, then of ranks: their world ranks
 * (malloc'ed, the caller's) and the context of the first. MPI_ERR_NO_MEM. */
int wsp_notices_select(const struct wsp_comm *comm, const struct wsp_notice *notices, int n,
                       int color, struct wsp_members *members, uint64_t *context);

/* Registers what the host made of the home members if the group reaches over sites; a plain home
 * communicator stays the host's. members: the new group, in order. MPI error code, not raised. */
int wsp_adopt(MPI_Comm handle, const struct wsp_members *members, uint64_t context);
/* The same with a second communicator of the home members, taken over. */
int wsp_adopt_pair(MPI_Comm handle, MPI_Comm phase2, const struct wsp_members *members,
                   uint64_t context);

/* Gives a duplicate what its original has beyond its members (MPI-3.1 6.4.2). MPI code. */
int wsp_inherit(const struct wsp_comm *comm, struct wsp_comm *twin);

#endif
