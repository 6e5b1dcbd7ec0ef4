/* SPDX-License-Identifier: BSD-3-Clause */
/* What Reduce and Allreduce share; private to coll/. */
#ifndef WSP_MPI_COLL_REDUCE_H
#define WSP_MPI_COLL_REDUCE_H

#include "coll/phase.h"

#include <stdbool.h>
#include <stdint.h>

/* Values of the runs of one site, as they travel. */
struct wsp_run_values {
    int n;
    char *bytes;
};

struct wsp_reduction {
    struct wsp_schedule s;
    const void *sendbuf; /* MPI_IN_PLACE: the operand stands in recvbuf */
    void *recvbuf;
    int count;
    MPI_Datatype type;
    uint64_t n_bytes;
    MPI_Op op;
    int root; /* where the result goes, or -1: to the leader of every site, and on from there */
    int home_root; /* home rank that collects at this site: the root or the leader */
    int n_parts;
    struct wsp_operand *parts; /* on collectors: one for each site, or for the own one alone */

    /* Only for operations that do not commute over sites whose ranks lie between each other. */
    struct wsp_operand mine;
    int *part_of; /* of each rank */
    struct wsp_run_values *runs;
    char *run_memory;
};

/* True on the rank that collects its site's share. */
static inline bool wsp_reduction_is_collector(const struct wsp_reduction *r)
{
    return r->s.comm->home_rank == r->home_root;
}

/* True where the shares of all sites come together. */
static inline bool wsp_reduction_has_result(const struct wsp_reduction *r)
{
    return wsp_reduction_is_collector(r) && (r->root < 0 || r->root == r->s.comm->rank);
}

/* This rank's operand. */
static inline const void *wsp_reduction_operand(const struct wsp_reduction *r)
{
    return r->sendbuf == MPI_IN_PLACE ? r->recvbuf : r->sendbuf;
}

/* Combines in rank order by maximal runs of consecutive ranks of one site: the steps before the
 * last, in which wsp_reduce_runs_combine lays the result in recvbuf. */
int wsp_reduce_runs_gather(struct wsp_schedule *s);
int wsp_reduce_runs_exchange(struct wsp_schedule *s);
int wsp_reduce_runs_combine(struct wsp_reduction *r);
void wsp_reduce_runs_close(struct wsp_reduction *r);

#endif
