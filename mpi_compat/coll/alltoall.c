/* SPDX-License-Identifier: BSD-3-Clause */
/* Ranks of one site send to each other. What goes to other sites is given to the leader, with its
 * lengths; leaders exchange one bundle for each pair of sites, all at once, and hand out. */
#include "coll/alltoall.h"

#include "wide.h"

#include <stdlib.h>
#include <string.h>

static bool is_in_place(const struct wsp_alltoall *a)
{
    return a->out.buffer == MPI_IN_PLACE;
}

/* What this rank gives to another: a block in its buffer, or bytes set aside. */
static struct wsp_block given_to(const struct wsp_alltoall *a, int rank)
{
    struct wsp_block block = wsp_block_of_rank(is_in_place(a) ? &a->in : &a->out, a->s.comm, rank);
    if (is_in_place(a))
        block.base = a->staged + a->staged_offset[rank];
    return block;
}

/* Sets aside what is sent from the receive buffer, before anything lands there. */
static int stage(struct wsp_alltoall *a)
{
    uint64_t total = 0;
    a->staged_offset = calloc((size_t)a->s.comm->size, sizeof *a->staged_offset);
    if (!a->staged_offset)
        return MPI_ERR_NO_MEM;
    for (int rank = 0; rank < a->s.comm->size; rank++) {
        a->staged_offset[rank] = total;
        total += wsp_block_of_rank(&a->in, a->s.comm, rank).length;
    }
    a->staged = malloc(total + 1);
    int err = a->staged ? MPI_SUCCESS : MPI_ERR_NO_MEM;
    for (int rank = 0; err == MPI_SUCCESS && rank < a->s.comm->size; rank++) {
        struct wsp_block block = wsp_block_of_rank(&a->in, a->s.comm, rank);
        err = wsp_type_pack(block.base, block.count, block.type, a->staged + a->staged_offset[rank],
                            block.length);
    }
    return err;
}

static int trade_at_home(struct wsp_alltoall *a)
{
    const struct wsp_part *here = wsp_comm_here(a->s.comm);
    int err = MPI_SUCCESS;
    for (int i = 0; err == MPI_SUCCESS && i < here->n_ranks; i++) {
        struct wsp_block block = wsp_block_of_rank(&a->in, a->s.comm, here->ranks[i]);
        err = wsp_phase_receive(&a->s, i, block.base, block.count, block.type);
    }
    for (int i = 0; err == MPI_SUCCESS && i < here->n_ranks; i++) {
        struct wsp_block block = given_to(a, here->ranks[i]);
        err = is_in_place(a) ? wsp_phase_send_bytes(&a->s, i, block.base, block.length)
                             : wsp_phase_send(&a->s, i, block.base, block.count, block.type);
    }
    return err;
}

static int put(const struct wsp_alltoall *a, int rank, char *to)
{
    struct wsp_block block = given_to(a, rank);
    if (!is_in_place(a))
        return wsp_type_pack(block.base, block.count, block.type, to, block.length);
    memcpy(to, block.base, block.length);
    return MPI_SUCCESS;
}

/* Packs what goes to other sites, and reckons what comes from there. */
static int pack_far(struct wsp_alltoall *a)
{
    const struct wsp_comm *comm = a->s.comm;
    int err = MPI_SUCCESS;
    a->mine.lengths = calloc((size_t)comm->size, sizeof *a->mine.lengths);
    for (int rank = 0; rank < comm->size; rank++)
        if (comm->home[rank] < 0) {
            a->n_mine += given_to(a, rank).length;
            a->n_arrived += wsp_block_of_rank(&a->in, a->s.comm, rank).length;
        }
    a->mine.bytes = malloc(a->n_mine + 1);
    if (!a->mine.lengths || !a->mine.bytes)
        return MPI_ERR_NO_MEM;
    char *to = a->mine.bytes;
    for (int p = 0; p < comm->n_parts; p++)
        for (int i = 0; p != comm->part && err == MPI_SUCCESS && i < comm->parts[p].n_ranks; i++) {
            int rank = comm->parts[p].ranks[i];
            uint64_t length = given_to(a, rank).length;
            a->mine.lengths[a->n_far++] = length;
            err = put(a, rank, to);
            to += length;
        }
    return err;
}

/* What the leader hands this rank. */
static int expect_far(struct wsp_alltoall *a)
{
    uint64_t length = (uint64_t)wsp_alltoall_head(a) * sizeof(uint64_t) + a->n_arrived;
    if (wsp_alltoall_is_even(a) && a->n_arrived == 0)
        return MPI_SUCCESS;
    a->arrived = malloc(length);
    return a->arrived ? wsp_phase_receive_bytes(&a->s, 0, a->arrived, length) : MPI_ERR_NO_MEM;
}

static int give_far(struct wsp_alltoall *a)
{
    struct wsp_schedule *s = &a->s;
    int err = pack_far(a);
    if (err != MPI_SUCCESS || wsp_comm_is_leader(s->comm))
        return err == MPI_SUCCESS ? wsp_alltoall_ask(a) : err;
    err = wsp_phase_send_bytes(s, 0, a->mine.lengths, (uint64_t)a->n_far * sizeof(uint64_t));
    if (err == MPI_SUCCESS && a->n_mine > 0)
        err = wsp_phase_send_bytes(s, 0, a->mine.bytes, a->n_mine);
    return err == MPI_SUCCESS ? expect_far(a) : err;
}

static int begin(struct wsp_schedule *s)
{
    struct wsp_alltoall *a = (struct wsp_alltoall *)s;
    int err = s->err;
    if (err == MPI_SUCCESS && is_in_place(a))
        err = stage(a);
    if (err == MPI_SUCCESS)
        err = trade_at_home(a);
    return err == MPI_SUCCESS ? give_far(a) : err;
}

/* Blocks are as long as their givers say: what is longer than is expected, or shorter, must not end
 * up in the place of another. */
static int place_far(struct wsp_schedule *s)
{
    struct wsp_alltoall *a = (struct wsp_alltoall *)s;
    const struct wsp_comm *comm = s->comm;
    const uint64_t *told = (const uint64_t *)a->arrived;
    bool is_even = wsp_alltoall_is_even(a);
    int err = s->err;
    if (err != MPI_SUCCESS || !told)
        return err;
    if (told[0] >= WSP_ALLTOALL_FAILED - WSP_ALLTOALL_CODES_MAX)
        return (int)(WSP_ALLTOALL_FAILED - told[0]);
    const char *from = (const char *)(told + wsp_alltoall_head(a));
    for (int p = 0; p < comm->n_parts; p++)
        for (int i = 0; p != comm->part && err == MPI_SUCCESS && i < comm->parts[p].n_ranks; i++) {
            struct wsp_block block = wsp_block_of_rank(&a->in, a->s.comm, comm->parts[p].ranks[i]);
            uint64_t length = is_even ? block.length : *told++;
            if (length == block.length)
                err = wsp_type_unpack(from, length, block.base, block.count, block.type);
            else
                err = length > block.length ? MPI_ERR_TRUNCATE : MPI_ERR_COUNT;
            from += length;
        }
    return err;
}

static const struct wsp_step steps[] = {{begin, false},
                                        {wsp_alltoall_collect, false},
                                        {wsp_alltoall_tell, false},
                                        {wsp_alltoall_receive, false},
                                        {wsp_alltoall_hand_out, false},
                                        {place_far, false},
                                        {NULL, false}};

static void close_alltoall(struct wsp_schedule *s)
{
    struct wsp_alltoall *a = (struct wsp_alltoall *)s;
    wsp_alltoall_close_leader(a);
    free(a->staged);
    free(a->staged_offset);
    free(a->mine.lengths);
    free(a->mine.bytes);
    if (!a->given)
        free(a->arrived);
}

static int check(const struct wsp_blocks *out, const struct wsp_blocks *in,
                 const struct wsp_comm *comm)
{
    bool is_in_place = out->buffer == MPI_IN_PLACE;
    if (in->buffer == MPI_IN_PLACE || (is_in_place && comm->inter))
        return MPI_ERR_ARG;
    int err = wsp_blocks_check(in, comm->n_peers);
    return err == MPI_SUCCESS && !is_in_place ? wsp_blocks_check(out, comm->n_peers) : err;
}

static int start(struct wsp_blocks out, struct wsp_blocks in, MPI_Comm handle, MPI_Request *request)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    int err = check(&out, &in, comm);
    if (err != MPI_SUCCESS)
        return wsp_schedule_refuse(comm, err);
    struct wsp_alltoall *a = wsp_schedule_new(sizeof *a, comm, steps, close_alltoall);
    if (!a)
        return wsp_schedule_refuse(comm, MPI_ERR_NO_MEM);
    a->out = out;
    a->in = in;
    if (request)
        err = wsp_blocks_keep(&a->in, comm->n_peers, &a->s);
    if (request && err == MPI_SUCCESS && out.buffer != MPI_IN_PLACE)
        err = wsp_blocks_keep(&a->out, comm->n_peers, &a->s);
    a->s.err = err;
    return wsp_schedule_run(&a->s, request);
}

int wide_Alltoall(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                  int recvcount, MPI_Datatype recvtype, MPI_Comm comm)
{
    return start(WSP_BLOCKS_EVEN(send), WSP_BLOCKS_EVEN(recv), comm, NULL);
}

int wide_Ialltoall(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                   int recvcount, MPI_Datatype recvtype, MPI_Comm comm, MPI_Request *request)
{
    return start(WSP_BLOCKS_EVEN(send), WSP_BLOCKS_EVEN(recv), comm, request);
}

int wide_Alltoallv(const void *sendbuf, const int sendcounts[], const int sdispls[],
                   MPI_Datatype sendtype, void *recvbuf, const int recvcounts[],
                   const int rdispls[], MPI_Datatype recvtype, MPI_Comm comm)
{
    return start(WSP_BLOCKS_VARYING(send, sdispls), WSP_BLOCKS_VARYING(recv, rdispls), comm, NULL);
}

int wide_Ialltoallv(const void *sendbuf, const int sendcounts[], const int sdispls[],
                    MPI_Datatype sendtype, void *recvbuf, const int recvcounts[],
                    const int rdispls[], MPI_Datatype recvtype, MPI_Comm comm, MPI_Request *request)
{
    return start(WSP_BLOCKS_VARYING(send, sdispls), WSP_BLOCKS_VARYING(recv, rdispls), comm,
                 request);
}

int wide_Alltoallw(const void *sendbuf, const int sendcounts[], const int sdispls[],
                   const MPI_Datatype sendtypes[], void *recvbuf, const int recvcounts[],
                   const int rdispls[], const MPI_Datatype recvtypes[], MPI_Comm comm)
{
    return start(WSP_BLOCKS_TYPED(send, sdispls), WSP_BLOCKS_TYPED(recv, rdispls), comm, NULL);
}

int wide_Ialltoallw(const void *sendbuf, const int sendcounts[], const int sdispls[],
                    const MPI_Datatype sendtypes[], void *recvbuf, const int recvcounts[],
                    const int rdispls[], const MPI_Datatype recvtypes[], MPI_Comm comm,
                    MPI_Request *request)
{
    return start(WSP_BLOCKS_TYPED(send, sdispls), WSP_BLOCKS_TYPED(recv, rdispls), comm, request);
}
