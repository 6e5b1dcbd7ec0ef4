/* SPDX-License-Identifier: BSD-3-Clause */
/* Each site gathers to its leader, the leaders exchange bundles all at once, each site spreads the
 * whole. Where ranks follow each other site by site and the receive type is contiguous, everything
 * lands in the user's buffer at once. */
#include "coll/coll.h"

#include "coll/exchange.h"
#include "coll/phase.h"
#include "host/error.h"
#include "wide.h"

#include <stdlib.h>
#include <string.h>

/* Packed elements of all ranks, site by site. */
struct bundles {
    struct wsp_comm *comm;
    uint32_t tag;
    uint64_t block; /* bytes of one rank */
    char *bytes;
};

static uint64_t length_of(const struct bundles *b, int part)
{
    return (uint64_t)b->comm->parts[part].n_ranks * b->block;
}

static char *bundle_of(const struct bundles *b, int part)
{
    char *bytes = b->bytes;
    for (int p = 0; p < part; p++)
        bytes += length_of(b, p);
    return bytes;
}

/* On the leader. What the others sent may come while this site still gathers. */
static int exchange_bundles(struct bundles *b, const void *mine)
{
    struct wsp_comm *comm = b->comm;
    struct wsp_exchange exchange;
    int err = wsp_exchange_open(&exchange, comm, b->tag, 2 * comm->n_parts);
    if (err != MPI_SUCCESS)
        return err;
    for (int p = 0; p < comm->n_parts; p++)
        if (p != comm->part)
            wsp_exchange_receive(&exchange, comm->parts[p].ranks[0], bundle_of(b, p),
                                 length_of(b, p));
    char *own = bundle_of(b, comm->part);
    int at_home = wsp_phase_gather(comm, mine == own ? NULL : mine, b->block, own, 0);
    for (int p = 0; at_home == MPI_SUCCESS && p < comm->n_parts; p++)
        if (p != comm->part)
            wsp_exchange_send(&exchange, comm->parts[p].ranks[0], own, length_of(b, comm->part));
    err = wsp_exchange_finish(&exchange);
    return at_home != MPI_SUCCESS ? at_home : err;
}

/* mine: this rank's packed bytes, perhaps in their place already. */
static int gather_bundles(struct bundles *b, const void *mine)
{
    int err;
    b->tag = wsp_coll_draw_tag(b->comm);
    if (wsp_comm_is_leader(b->comm))
        err = exchange_bundles(b, mine);
    else
        err = wsp_phase_gather(b->comm, mine, b->block, NULL, 0);
    return wsp_phase_bcast_bytes(b->comm, 0, err, b->bytes, (uint64_t)b->comm->size * b->block);
}

int wsp_coll_allgather_bytes(struct wsp_comm *comm, const void *mine, uint64_t n, void *all)
{
    struct bundles b = {.comm = comm, .block = n, .bytes = all};
    if (n == 0)
        return MPI_SUCCESS;
    if (wsp_coll_parts_are_runs(comm))
        return gather_bundles(&b, mine);
    b.bytes = malloc((uint64_t)comm->size * n);
    if (!b.bytes)
        return MPI_ERR_NO_MEM;
    int err = gather_bundles(&b, mine);
    const char *from = b.bytes;
    for (int p = 0; err == MPI_SUCCESS && p < comm->n_parts; p++)
        for (int i = 0; i < comm->parts[p].n_ranks; i++, from += n)
            memcpy((char *)all + (uint64_t)comm->parts[p].ranks[i] * n, from, n);
    free(b.bytes);
    return err;
}

/* The elements of all ranks in the receive buffer. */
struct target {
    void *recvbuf;
    int count; /* of one rank */
    MPI_Datatype type;
    struct wsp_layout layout;
};

static void *slot_of(const struct target *target, int rank)
{
    return wsp_coll_at(target->recvbuf, (int64_t)rank * target->count * target->layout.extent);
}

static int unbundle(const struct bundles *b, const struct target *target)
{
    const char *from = b->bytes;
    int err = MPI_SUCCESS;
    for (int p = 0; p < b->comm->n_parts; p++)
        for (int i = 0; err == MPI_SUCCESS && i < b->comm->parts[p].n_ranks; i++, from += b->block)
            err = wsp_type_unpack(from, b->block, slot_of(target, b->comm->parts[p].ranks[i]),
                                  target->count, target->type);
    return err;
}

static int gather_to(struct bundles *b, const struct target *target, const void *mine)
{
    if (target->layout.is_contiguous && wsp_coll_parts_are_runs(b->comm)) {
        b->bytes = wsp_coll_at(target->recvbuf, target->layout.true_lb);
        return gather_bundles(b, mine);
    }
    b->bytes = malloc((uint64_t)b->comm->size * b->block);
    if (!b->bytes)
        return MPI_ERR_NO_MEM;
    int err = gather_bundles(b, mine);
    if (err == MPI_SUCCESS)
        err = unbundle(b, target);
    free(b->bytes);
    return err;
}

static int allgather(struct bundles *b, const struct target *target, const void *sendbuf,
                     int sendcount, MPI_Datatype sendtype)
{
    struct wsp_operand mine;
    int err = wsp_operand_open(&mine, sendbuf, sendcount, sendtype);
    if (err == MPI_SUCCESS)
        err = wsp_operand_pack(&mine, sendcount, sendtype);
    if (err == MPI_SUCCESS)
        err = gather_to(b, target, mine.wire);
    wsp_operand_close(&mine);
    return err;
}

int wide_Allgather(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                   int recvcount, MPI_Datatype recvtype, MPI_Comm handle)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    struct bundles b = {.comm = comm};
    struct target target = {.recvbuf = recvbuf, .count = recvcount, .type = recvtype};
    int err = recvbuf == MPI_IN_PLACE ? MPI_ERR_ARG : MPI_SUCCESS;
    if (err == MPI_SUCCESS)
        err = wsp_coll_check_buffer(recvbuf, recvcount, recvtype, &target.layout);
    if (err == MPI_SUCCESS && sendbuf == MPI_IN_PLACE) {
        sendbuf = slot_of(&target, comm->rank);
        sendcount = recvcount;
        sendtype = recvtype;
    }
    struct wsp_layout layout = {0};
    if (err == MPI_SUCCESS)
        err = wsp_coll_check_buffer(sendbuf, sendcount, sendtype, &layout);
    if (err == MPI_SUCCESS) {
        b.block = target.layout.size * (uint64_t)recvcount;
        uint64_t given = layout.size * (uint64_t)sendcount;
        if (given != b.block)
            err = given > b.block ? MPI_ERR_TRUNCATE : MPI_ERR_COUNT;
    }
    if (err == MPI_SUCCESS && b.block > 0)
        err = allgather(&b, &target, sendbuf, sendcount, sendtype);
    return err == MPI_SUCCESS ? err : wsp_raise(handle, err);
}
