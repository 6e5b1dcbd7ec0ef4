/* SPDX-License-Identifier: BSD-3-Clause */
/* Neighbourhood collectives. Each message goes straight from rank to rank, to those at home through
 * the host, and all are in flight together. Blocks without data are not sent: both ends know it.
 * Several messages between two ranks keep their order, which tells them apart. */
#include "coll/blocks.h"
#include "coll/phase.h"
#include "topo/topo.h"
#include "wide.h"

#include <stdlib.h>

struct exchange {
    struct wsp_schedule s;
    struct wsp_neighbours who;
    struct wsp_blocks out, in;
    struct wsp_operand *given, *taken; /* blocks of neighbours at other sites */
};

static bool is_nothing(int peer, const struct wsp_block *block)
{
    return peer == MPI_PROC_NULL || block->length == 0;
}

static int take(struct exchange *x, int i)
{
    struct wsp_block block = wsp_block_of(&x->in, i);
    int peer = x->who.in[i];
    if (is_nothing(peer, &block))
        return MPI_SUCCESS;
    if (x->s.comm->home[peer] >= 0)
        return wsp_phase_receive(&x->s, x->s.comm->home[peer], block.base, block.count, block.type);
    int err = wsp_operand_open(&x->taken[i], block.base, block.count, block.type);
    if (err == MPI_SUCCESS)
        wsp_exchange_receive(&x->s.exchange, peer, x->taken[i].wire, block.length);
    return err;
}

static int give(struct exchange *x, int i)
{
    struct wsp_block block = wsp_block_of(&x->out, i);
    struct wsp_operand *given = &x->given[x->out.is_one ? 0 : i];
    int peer = x->who.out[i], err = MPI_SUCCESS;
    if (is_nothing(peer, &block))
        return MPI_SUCCESS;
    if (x->s.comm->home[peer] >= 0)
        return wsp_phase_send(&x->s, x->s.comm->home[peer], block.base, block.count, block.type);
    if (given->length == 0)
        err = wsp_operand_open_packed(given, block.base, block.count, block.type);
    if (err == MPI_SUCCESS)
        wsp_exchange_send(&x->s.exchange, peer, given->wire, block.length);
    return err;
}

static int begin(struct wsp_schedule *s)
{
    struct exchange *x = (struct exchange *)s;
    int n_in = x->who.n_in, n_out = x->who.n_out, err = s->err;
    x->taken = calloc((size_t)n_in + 1, sizeof *x->taken);
    x->given = calloc((size_t)n_out + 1, sizeof *x->given);
    if (err == MPI_SUCCESS && (!x->taken || !x->given))
        err = MPI_ERR_NO_MEM;
    if (err == MPI_SUCCESS)
        err = wsp_schedule_open_exchange(s, n_in + n_out);
    for (int i = 0; err == MPI_SUCCESS && i < n_in; i++)
        err = take(x, i);
    /* In a grid what arrives from below was sent upwards: the senders' order is the receivers'. */
    for (int i = 0; err == MPI_SUCCESS && i < n_out; i++)
        err = give(x, x->who.is_grid ? i ^ 1 : i);
    return err;
}

static int place(struct wsp_schedule *s)
{
    struct exchange *x = (struct exchange *)s;
    int err = s->err;
    for (int i = 0; err == MPI_SUCCESS && i < x->who.n_in; i++)
        err = wsp_operand_unpack(&x->taken[i]);
    return err;
}

static const struct wsp_step steps[] = {{begin, false}, {place, false}, {NULL, false}};

static void close_exchange(struct wsp_schedule *s)
{
    struct exchange *x = (struct exchange *)s;
    for (int i = 0; x->taken && i < x->who.n_in; i++)
        wsp_operand_close(&x->taken[i]);
    for (int i = 0; x->given && i < x->who.n_out; i++)
        wsp_operand_close(&x->given[i]);
    free(x->taken);
    free(x->given);
    free(x->who.memory);
}

static int check(const struct wsp_comm *comm, const struct wsp_blocks *out,
                 const struct wsp_blocks *in, struct wsp_neighbours *who)
{
    if (out->buffer == MPI_IN_PLACE || in->buffer == MPI_IN_PLACE)
        return MPI_ERR_ARG;
    int err = wsp_topology_neighbours(comm, who);
    if (err == MPI_SUCCESS)
        err = wsp_blocks_check(out, who->n_out);
    return err == MPI_SUCCESS ? wsp_blocks_check(in, who->n_in) : err;
}

static int start(struct wsp_blocks out, struct wsp_blocks in, MPI_Comm handle, MPI_Request *request)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    struct wsp_neighbours who = {0};
    int err = check(comm, &out, &in, &who);
    struct exchange *x =
        err == MPI_SUCCESS ? wsp_schedule_new(sizeof *x, comm, steps, close_exchange) : NULL;
    if (!x) {
        free(who.memory);
        return wsp_schedule_refuse(comm, err == MPI_SUCCESS ? MPI_ERR_NO_MEM : err);
    }
    x->who = who;
    x->out = out;
    x->in = in;
    if (request)
        err = wsp_blocks_keep(&x->in, who.n_in, &x->s);
    if (request && err == MPI_SUCCESS)
        err = wsp_blocks_keep(&x->out, who.n_out, &x->s);
    x->s.err = err;
    return wsp_schedule_run(&x->s, request);
}

int wide_Neighbor_allgather(const void *sendbuf, int sendcount, MPI_Datatype sendtype,
                            void *recvbuf, int recvcount, MPI_Datatype recvtype, MPI_Comm comm)
{
    return start(WSP_BLOCKS_ONE(send), WSP_BLOCKS_EVEN(recv), comm, NULL);
}

int wide_Ineighbor_allgather(const void *sendbuf, int sendcount, MPI_Datatype sendtype,
                             void *recvbuf, int recvcount, MPI_Datatype recvtype, MPI_Comm comm,
                             MPI_Request *request)
{
    return start(WSP_BLOCKS_ONE(send), WSP_BLOCKS_EVEN(recv), comm, request);
}

int wide_Neighbor_allgatherv(const void *sendbuf, int sendcount, MPI_Datatype sendtype,
                             void *recvbuf, const int recvcounts[], const int displs[],
                             MPI_Datatype recvtype, MPI_Comm comm)
{
    return start(WSP_BLOCKS_ONE(send), WSP_BLOCKS_VARYING(recv, displs), comm, NULL);
}

int wide_Ineighbor_allgatherv(const void *sendbuf, int sendcount, MPI_Datatype sendtype,
                              void *recvbuf, const int recvcounts[], const int displs[],
                              MPI_Datatype recvtype, MPI_Comm comm, MPI_Request *request)
{
    return start(WSP_BLOCKS_ONE(send), WSP_BLOCKS_VARYING(recv, displs), comm, request);
}

int wide_Neighbor_alltoall(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                           int recvcount, MPI_Datatype recvtype, MPI_Comm comm)
{
    return start(WSP_BLOCKS_EVEN(send), WSP_BLOCKS_EVEN(recv), comm, NULL);
}

int wide_Ineighbor_alltoall(const void *sendbuf, int sendcount, MPI_Datatype sendtype,
                            void *recvbuf, int recvcount, MPI_Datatype recvtype, MPI_Comm comm,
                            MPI_Request *request)
{
    return start(WSP_BLOCKS_EVEN(send), WSP_BLOCKS_EVEN(recv), comm, request);
}

int wide_Neighbor_alltoallv(const void *sendbuf, const int sendcounts[], const int sdispls[],
                            MPI_Datatype sendtype, void *recvbuf, const int recvcounts[],
                            const int rdispls[], MPI_Datatype recvtype, MPI_Comm comm)
{
    return start(WSP_BLOCKS_VARYING(send, sdispls), WSP_BLOCKS_VARYING(recv, rdispls), comm, NULL);
}

int wide_Ineighbor_alltoallv(const void *sendbuf, const int sendcounts[], const int sdispls[],
                             MPI_Datatype sendtype, void *recvbuf, const int recvcounts[],
                             const int rdispls[], MPI_Datatype recvtype, MPI_Comm comm,
                             MPI_Request *request)
{
    return start(WSP_BLOCKS_VARYING(send, sdispls), WSP_BLOCKS_VARYING(recv, rdispls), comm,
                 request);
}

int wide_Neighbor_alltoallw(const void *sendbuf, const int sendcounts[], const MPI_Aint sdispls[],
                            const MPI_Datatype sendtypes[], void *recvbuf, const int recvcounts[],
                            const MPI_Aint rdispls[], const MPI_Datatype recvtypes[], MPI_Comm comm)
{
    return start(WSP_BLOCKS_PLACED(send, sdispls), WSP_BLOCKS_PLACED(recv, rdispls), comm, NULL);
}

int wide_Ineighbor_alltoallw(const void *sendbuf, const int sendcounts[], const MPI_Aint sdispls[],
                             const MPI_Datatype sendtypes[], void *recvbuf, const int recvcounts[],
                             const MPI_Aint rdispls[], const MPI_Datatype recvtypes[],
                             MPI_Comm comm, MPI_Request *request)
{
    return start(WSP_BLOCKS_PLACED(send, sdispls), WSP_BLOCKS_PLACED(recv, rdispls), comm, request);
}
