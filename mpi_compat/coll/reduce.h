/* SPDX-License-Identifier: BSD-3-Clause */
/* What Reduce, Allreduce and Reduce_scatter share; private to coll/. */
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
    int share;     /* elements that come together at this site: all, or those of its ranks */
    uint64_t share_bytes;
    int n_parts;
    struct wsp_operand *parts; /* on collectors: one for each site, or for the own one alone */

    /* Only for Reduce_scatter. */
    int *starts; /* where each rank's elements begin, and the last one's end; or NULL */
    struct wsp_operand whole;   /* at the leader: all elements, over its own site's ranks */
    char *cut;                  /* at the leader: the same as they travel, site by site */
    char *cut_memory;           /* ours, behind cut; or NULL */
    struct wsp_operand *result; /* at the leader: what its site gets; one of the above */
    int64_t extent;             /* of type */

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

/* A Reduce_scatter sorts n packed values, each of all elements, into what each site gets of them.
 */
int wsp_reduction_cut(struct wsp_reduction *r, const char *values, int n);
/* Bytes of n packed values that site p gets, once they are cut, and where they stand. */
uint64_t wsp_reduction_share(const struct wsp_reduction *r, const char *values, int n, int p,
                             const char **bytes);

/* The steps in which each site reduces to its collector, and the collectors exchange parts. */
int wsp_reduction_at_home(struct wsp_schedule *s);
int wsp_reduction_exchange(struct wsp_schedule *s);
/* Combines the parts of all sites: into recvbuf, in a Reduce_scatter into *result, which is
 * this site's share and belongs to r. MPI code. */
int wsp_reduction_combine(struct wsp_reduction *r, struct wsp_operand **result);
void wsp_reduction_close(struct wsp_schedule *s);

/* True if what each site's ranks have can be reduced to one value, and those in site order. */
bool wsp_reduction_goes_by_sites(const struct wsp_comm *comm, MPI_Op op, MPI_Datatype type);

/* Combines in rank order by maximal runs of consecutive ranks of one site: the steps before the
 * last, in which wsp_reduce_runs_combine makes the result. */
int wsp_reduce_runs_gather(struct wsp_schedule *s);
int wsp_reduce_runs_exchange(struct wsp_schedule *s);
int wsp_reduce_runs_combine(struct wsp_reduction *r, struct wsp_operand *result);
void wsp_reduce_runs_close(struct wsp_reduction *r);

#endif
