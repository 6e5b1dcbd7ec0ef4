/* SPDX-License-Identifier: BSD-3-Clause */
/* Allgather and Allgatherv: every rank knows every amount. Each site gathers to its leader, the
 * leaders exchange bundles all at once, each site spreads the whole. Where the receive type is
 * contiguous and blocks follow each other site by site, everything lands in the user's buffer at
 * once. */
#include "coll/coll.h"

#include "coll/allgather.h"
#include "coll/inter.h"
#include "host/host.h"
#include "wide.h"

#include <stdlib.h>

/* Also on an intercommunicator, for the shim itself: blocks are of all members. */
static uint64_t length_of(const struct wsp_allgather *g, int p)
{
    const struct wsp_part *part = &g->s.comm->parts[p];
    uint64_t length = 0;
    for (int i = 0; i < part->n_ranks; i++)
        length += wsp_block_of(&g->in, part->ranks[i]).length;
    return length;
}

/* Where the bytes of a part begin; of n_parts: where they end. */
static uint64_t offset_of(const struct wsp_allgather *g, int part)
{
    uint64_t offset = 0;
    for (int p = 0; p < part; p++)
        offset += length_of(g, p);
    return offset;
}

/* Where all packed elements would stand in the receive buffer, site by site; NULL: not so. */
static char *find_place(const struct wsp_allgather *g)
{
    const struct wsp_comm *comm = g->s.comm;
    struct wsp_layout layout;
    char *first = NULL, *next = NULL;
    if (!g->in.buffer || wsp_type_describe(g->in.type, &layout) || !layout.is_contiguous)
        return NULL;
    for (int p = 0; p < comm->n_parts; p++)
        for (int i = 0; i < comm->parts[p].n_ranks; i++) {
            struct wsp_block block = wsp_block_of(&g->in, comm->parts[p].ranks[i]);
            if (block.length == 0)
                continue;
            if (first && block.base != next)
                return NULL;
            first = first ? first : block.base;
            next = wsp_coll_at(block.base, (int64_t)block.length);
        }
    return first ? wsp_coll_at(first, layout.true_lb) : NULL;
}

static int open_bytes(struct wsp_allgather *g)
{
    g->bytes = find_place(g);
    g->is_bundle = !g->bytes;
    if (g->is_bundle)
        g->bytes = malloc(offset_of(g, g->s.comm->n_parts) + 1);
    return g->bytes ? MPI_SUCCESS : MPI_ERR_NO_MEM;
}

/* The leader's own elements, unless they stand there already. */
static int lay_own(const struct wsp_allgather *g, char *to, uint64_t length)
{
    struct wsp_layout layout;
    int err = wsp_type_describe(g->given.type, &layout);
    if (err != MPI_SUCCESS || length == 0 ||
        (layout.is_contiguous && wsp_coll_at(g->given.buffer, layout.true_lb) == to))
        return err;
    return wsp_type_pack(g->given.buffer, g->given.count, g->given.type, to, length);
}

static int receive_at_home(struct wsp_allgather *g)
{
    const struct wsp_part *here = wsp_comm_here(g->s.comm);
    char *to = g->bytes + offset_of(g, g->s.comm->part);
    int err = MPI_SUCCESS;
    for (int i = 0; err == MPI_SUCCESS && i < here->n_ranks; i++) {
        uint64_t length = wsp_block_of(&g->in, here->ranks[i]).length;
        err = i == 0 ? lay_own(g, to, length) : wsp_phase_receive_bytes(&g->s, i, to, length);
        to += length;
    }
    return err;
}

/* What the other sites sent may come while this one still gathers. */
static int expect_bundles(struct wsp_allgather *g)
{
    struct wsp_comm *comm = g->s.comm;
    int err = wsp_schedule_open_exchange(&g->s, 2 * comm->n_parts);
    for (int p = 0; err == MPI_SUCCESS && p < comm->n_parts; p++)
        if (p != comm->part)
            wsp_exchange_receive(&g->s.exchange, comm->parts[p].ranks[0],
                                 g->bytes + offset_of(g, p), length_of(g, p));
    g->s.defers_exchange = true;
    return err;
}

int wsp_allgather_at_home(struct wsp_schedule *s)
{
    struct wsp_allgather *g = (struct wsp_allgather *)s;
    int err = s->err;
    if (err == MPI_SUCCESS)
        err = open_bytes(g);
    if (err != MPI_SUCCESS)
        return err;
    if (!wsp_comm_is_leader(s->comm))
        return wsp_phase_send(s, 0, g->given.buffer, g->given.count, g->given.type);
    err = receive_at_home(g);
    return err == MPI_SUCCESS ? expect_bundles(g) : err;
}

int wsp_allgather_cross(struct wsp_schedule *s)
{
    struct wsp_allgather *g = (struct wsp_allgather *)s;
    const struct wsp_comm *comm = s->comm;
    for (int p = 0; s->has_exchange && s->err == MPI_SUCCESS && p < comm->n_parts; p++)
        if (p != comm->part)
            wsp_exchange_send(&s->exchange, comm->parts[p].ranks[0],
                              g->bytes + offset_of(g, comm->part), length_of(g, comm->part));
    return MPI_SUCCESS;
}

int wsp_allgather_spread(struct wsp_schedule *s)
{
    struct wsp_allgather *g = (struct wsp_allgather *)s;
    return wsp_phase_bcast_bytes(s, 0, g->bytes, offset_of(g, s->comm->n_parts));
}

static int unbundle(struct wsp_schedule *s)
{
    struct wsp_allgather *g = (struct wsp_allgather *)s;
    const char *from = g->bytes;
    int err = s->err;
    for (int p = 0; g->is_bundle && p < s->comm->n_parts; p++)
        for (int i = 0; err == MPI_SUCCESS && i < s->comm->parts[p].n_ranks; i++) {
            struct wsp_block block = wsp_block_of(&g->in, s->comm->parts[p].ranks[i]);
            err = wsp_type_unpack(from, block.length, block.base, block.count, block.type);
            from += block.length;
        }
    return err;
}

static const struct wsp_step steps[] = {{wsp_allgather_at_home, false},
                                        {wsp_allgather_cross, false},
                                        {wsp_allgather_spread, true},
                                        {unbundle, false},
                                        {NULL, false}};

void wsp_allgather_close(struct wsp_schedule *s)
{
    struct wsp_allgather *g = (struct wsp_allgather *)s;
    if (g->is_bundle)
        free(g->bytes);
}

static int check_in(const struct wsp_blocks *in, const struct wsp_comm *comm)
{
    struct wsp_layout layout;
    if (in->buffer == MPI_IN_PLACE)
        return MPI_ERR_ARG;
    if (in->is_even)
        return wsp_coll_check_buffer(in->buffer, in->count, in->type, &layout);
    return wsp_blocks_check(in, comm->size);
}

/* An operand in place becomes one that is sent from the receive buffer. */
static int check(struct wsp_given *given, const struct wsp_blocks *in, const struct wsp_comm *comm)
{
    struct wsp_layout layout;
    int err = check_in(in, comm);
    if (err != MPI_SUCCESS)
        return err;
    struct wsp_block own = wsp_block_of(in, comm->rank);
    if (given->buffer == MPI_IN_PLACE)
        *given = (struct wsp_given){own.base, own.count, own.type};
    err = wsp_coll_check_buffer(given->buffer, given->count, given->type, &layout);
    if (err != MPI_SUCCESS)
        return err;
    uint64_t length = layout.size * (uint64_t)given->count;
    return length == own.length  ? MPI_SUCCESS
           : length > own.length ? MPI_ERR_TRUNCATE
                                 : MPI_ERR_COUNT;
}

static struct wsp_allgather *make(const struct wsp_given *given, const struct wsp_blocks *in,
                                  struct wsp_comm *comm)
{
    struct wsp_allgather *g = wsp_schedule_new(sizeof *g, comm, steps, wsp_allgather_close);
    if (!g)
        return NULL;
    g->given = *given;
    g->in = *in;
    if (offset_of(g, comm->n_parts) == 0)
        g->s.steps = &steps[4]; /* nothing travels, and nobody need wait */
    return g;
}

static int start(struct wsp_given given, struct wsp_blocks in, MPI_Comm handle,
                 MPI_Request *request)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    if (comm->inter)
        return wsp_inter_allgather(given.buffer, given.count, given.type, in, comm, request);
    int err = check(&given, &in, comm);
    if (err != MPI_SUCCESS)
        return wsp_schedule_refuse(comm, err);
    struct wsp_allgather *g = make(&given, &in, comm);
    if (!g)
        return wsp_schedule_refuse(comm, MPI_ERR_NO_MEM);
    if (request)
        err = wsp_schedule_keep_type(&g->s, in.type);
    if (request && err == MPI_SUCCESS)
        err = wsp_schedule_keep_type(&g->s, given.type);
    g->s.err = err;
    return wsp_schedule_run(&g->s, request);
}

/* Of the shim's own. */
static int gather_quietly(const struct wsp_given *given, const struct wsp_blocks *in,
                          struct wsp_comm *comm)
{
    struct wsp_allgather *g = make(given, in, comm);
    if (!g)
        return MPI_ERR_NO_MEM;
    g->s.is_quiet = true;
    return wsp_schedule_run(&g->s, NULL);
}

int wsp_coll_allgather_bytes(struct wsp_comm *comm, const void *mine, uint64_t n, void *all)
{
    struct wsp_given given = {.buffer = mine};
    bool is_derived;
    int err = wsp_type_of_bytes(n, &given.type, &given.count, &is_derived);
    if (err != MPI_SUCCESS)
        return err;
    struct wsp_blocks in = {
        .buffer = all, .count = given.count, .type = given.type, .is_even = true};
    err = gather_quietly(&given, &in, comm);
    if (is_derived)
        host.Type_free(&given.type);
    return err;
}

int wsp_coll_allgatherv_ints(struct wsp_comm *comm, const int *mine, int n, int *all,
                             const int *counts, const int *displacements)
{
    struct wsp_given given = {mine, n, MPI_INT};
    struct wsp_blocks in = {
        .buffer = all, .counts = counts, .displacements = displacements, .type = MPI_INT};
    return gather_quietly(&given, &in, comm);
}

#define GIVEN ((struct wsp_given){sendbuf, sendcount, sendtype})

int wide_Allgather(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                   int recvcount, MPI_Datatype recvtype, MPI_Comm comm)
{
    return start(GIVEN, WSP_BLOCKS_EVEN(recv), comm, NULL);
}

int wide_Iallgather(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                    int recvcount, MPI_Datatype recvtype, MPI_Comm comm, MPI_Request *request)
{
    return start(GIVEN, WSP_BLOCKS_EVEN(recv), comm, request);
}

int wide_Allgatherv(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                    const int recvcounts[], const int displs[], MPI_Datatype recvtype,
                    MPI_Comm comm)
{
    return start(GIVEN, WSP_BLOCKS_VARYING(recv, displs), comm, NULL);
}

int wide_Iallgatherv(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                     const int recvcounts[], const int displs[], MPI_Datatype recvtype,
                     MPI_Comm comm, MPI_Request *request)
{
    return start(GIVEN, WSP_BLOCKS_VARYING(recv, displs), comm, request);
}
