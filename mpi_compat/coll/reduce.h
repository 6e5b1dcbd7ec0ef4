/* SPDX-License-Identifier: BSD-3-Clause */
/* What Reduce and Allreduce share; private to coll/. */
#ifndef WSP_MPI_COLL_REDUCE_H
#define WSP_MPI_COLL_REDUCE_H

#include "comm/comm.h"

#include <stdbool.h>
#include <stdint.h>

struct wsp_reduction {
    struct wsp_comm *comm;
    uint32_t tag;
    const void *sendbuf; /* MPI_IN_PLACE: the operand stands in recvbuf */
    void *recvbuf;
    int count;
    MPI_Datatype type;
    uint64_t n_bytes;
    MPI_Op op;
    int root;      /* where the result goes, or -1: to the leader of every site */
    int home_root; /* home rank that collects at this site: the root or the leader */
};

/* True on the rank that collects its site's share. */
static inline bool wsp_reduction_is_collector(const struct wsp_reduction *r)
{
    return r->comm->home_rank == r->home_root;
}

/* True where the shares of all sites come together. */
static inline bool wsp_reduction_has_result(const struct wsp_reduction *r)
{
    return wsp_reduction_is_collector(r) && (r->root < 0 || r->root == r->comm->rank);
}

/* This rank's operand. */
static inline const void *wsp_reduction_operand(const struct wsp_reduction *r)
{
    return r->sendbuf == MPI_IN_PLACE ? r->recvbuf : r->sendbuf;
}

/* For operations that do not commute on a communicator whose sites' ranks lie between each other:
 * combines in rank order by maximal runs of consecutive ranks of one site. The result is in recvbuf
 * where wsp_reduction_has_result. MPI code; *is_raised if the host has raised it. */
int wsp_reduce_runs(struct wsp_reduction *r, bool *is_raised);

#endif
