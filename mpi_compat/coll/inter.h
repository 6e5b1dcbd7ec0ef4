/* SPDX-License-Identifier: BSD-3-Clause */
/* Collectives between the two groups of an intercommunicator; private to coll/. What a group gives
 * comes together at each of its sites, at the first member there; it crosses from there to each
 * site of the other group, or to the root, once, and is spread there. Barrier and Alltoall run as
 * on any communicator of all members. */
#ifndef WSP_MPI_COLL_INTER_H
#define WSP_MPI_COLL_INTER_H

#include "coll/blocks.h"
#include "coll/phase.h"
#include "comm/inter.h"

/* What the root argument makes of a rank. */
struct wsp_role {
    bool is_root, is_away; /* away: a member of the root's group, with nothing to do */
    int root;              /* seen from the other group: the root's rank of the communicator */
};
int wsp_inter_role(const struct wsp_comm *comm, int root, struct wsp_role *role);

/* Does this rank speak for the own group's members at this site? */
static inline bool wsp_inter_is_head(const struct wsp_comm *comm)
{
    return comm->inter->near_rank == 0;
}

/* The home rank, in the whole communicator, of the own group's i-th member at this site. */
static inline int wsp_inter_home_rank(const struct wsp_comm *comm, int i)
{
    return comm->home[wsp_inter_here(comm->inter)->ranks[i]];
}

/* A message to or from a rank of the communicator, wherever it is; the exchange is open. Of one
 * pair in order. MPI code. */
int wsp_cross_send(struct wsp_schedule *s, int rank, const void *bytes, uint64_t length);
int wsp_cross_receive(struct wsp_schedule *s, int rank, void *bytes, uint64_t length);
/* To the heads of all sites of the other group. */
int wsp_cross_send_all(struct wsp_schedule *s, const void *bytes, uint64_t length);

/* At a head: the amounts of all members at this site (malloc'ed, n_ranks of them); those of the
 * others come in messages unless all give as much. MPI code. */
int wsp_inter_ask_lengths(struct wsp_schedule *s, uint64_t **lengths, uint64_t mine, bool is_even);

/* A schedule for one of them, or with nothing to do where steps is NULL. NULL: out of memory. */
void *wsp_inter_new(size_t size, struct wsp_comm *comm, const struct wsp_step *steps,
                    void (*close)(struct wsp_schedule *schedule));

/* Ends the schedule: for an error that all members have alike. */
void wsp_inter_give_up(struct wsp_schedule *s);

/* The collectives; request NULL: blocking. MPI code, raised. Where blocks are even, every rank of a
 * group gives, or gets, as much as the others. */
int wsp_inter_bcast(void *buffer, int count, MPI_Datatype type, int root, struct wsp_comm *comm,
                    MPI_Request *request);
int wsp_inter_gather(const void *sendbuf, int sendcount, MPI_Datatype sendtype,
                     struct wsp_blocks in, int root, struct wsp_comm *comm, MPI_Request *request);
int wsp_inter_allgather(const void *sendbuf, int sendcount, MPI_Datatype sendtype,
                        struct wsp_blocks in, struct wsp_comm *comm, MPI_Request *request);
int wsp_inter_scatter(struct wsp_blocks out, void *recvbuf, int recvcount, MPI_Datatype recvtype,
                      int root, struct wsp_comm *comm, MPI_Request *request);

/* What is reduced. counts: MPI_Reduce_scatter's, of the own group's ranks; NULL: count elements,
 * of which each rank gets the whole, or, where is_scattered, its share of count. */
struct wsp_inter_operands {
    const void *sendbuf;
    void *recvbuf;
    int count;
    const int *counts;
    bool is_scattered;
    MPI_Datatype type;
    MPI_Op op;
};
int wsp_inter_reduce(const struct wsp_inter_operands *operands, int root, struct wsp_comm *comm,
                     MPI_Request *request);
int wsp_inter_allreduce(const struct wsp_inter_operands *operands, struct wsp_comm *comm,
                        MPI_Request *request);

#endif
