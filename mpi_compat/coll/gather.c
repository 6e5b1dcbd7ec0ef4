/* SPDX-License-Identifier: BSD-3-Clause */
/* Each site gathers the packed elements of its ranks, at its leader or at the root itself; one
 * bundle from each other site goes to the root, which lays each rank's elements out with its own
 * type. What would lie there as it travels lands in place. */
#include "coll/exchange.h"
#include "coll/phase.h"
#include "host/error.h"
#include "wide.h"

#include <stdlib.h>

struct gather {
    struct wsp_comm *comm;
    uint32_t tag;
    uint64_t block; /* packed bytes of one rank */
    const void *sendbuf;
    int sendcount;
    MPI_Datatype sendtype;
    void *recvbuf; /* these at the root only */
    int recvcount;
    MPI_Datatype recvtype;
    struct wsp_layout layout; /* of recvtype */
};

/* The bytes of one site at the root: in the receive buffer already, or in a bundle. */
struct place {
    char *bytes;
    bool is_bundle;
};

static void *slot_of(const struct gather *g, int rank)
{
    return wsp_coll_at(g->recvbuf, (int64_t)rank * g->recvcount * g->layout.extent);
}

static int open_place(const struct gather *g, const struct wsp_part *part, struct place *place)
{
    bool is_run = part->ranks[part->n_ranks - 1] - part->ranks[0] == part->n_ranks - 1;
    place->is_bundle = !g->layout.is_contiguous || !is_run;
    place->bytes = place->is_bundle ? malloc((uint64_t)part->n_ranks * g->block)
                                    : wsp_coll_at(slot_of(g, part->ranks[0]), g->layout.true_lb);
    return place->bytes ? MPI_SUCCESS : MPI_ERR_NO_MEM;
}

static int unbundle(const struct gather *g, const struct wsp_part *part, const struct place *place)
{
    int err = MPI_SUCCESS;
    for (int i = 0; place->is_bundle && err == MPI_SUCCESS && i < part->n_ranks; i++)
        err = wsp_type_unpack(place->bytes + (uint64_t)i * g->block, g->block,
                              slot_of(g, part->ranks[i]), g->recvcount, g->recvtype);
    return err;
}

/* Gathers this site's elements to home rank root. */
static int gather_at_home(const struct gather *g, char *all, int root)
{
    struct wsp_operand mine;
    int err = wsp_operand_open(&mine, g->sendbuf, g->sendcount, g->sendtype);
    if (err == MPI_SUCCESS)
        err = wsp_operand_pack(&mine, g->sendcount, g->sendtype);
    if (err == MPI_SUCCESS)
        err = wsp_phase_gather(g->comm, mine.wire, g->block, all, root);
    wsp_operand_close(&mine);
    return err;
}

static int gather_own_site(const struct gather *g, struct place *place)
{
    int home_rank = g->comm->home_rank;
    if (g->sendbuf != MPI_IN_PLACE)
        return gather_at_home(g, place->bytes, home_rank);
    int err = MPI_SUCCESS;
    if (place->is_bundle)
        err = wsp_type_pack(slot_of(g, g->comm->rank), g->recvcount, g->recvtype,
                            place->bytes + (uint64_t)home_rank * g->block, g->block);
    return err == MPI_SUCCESS ? wsp_phase_gather(g->comm, NULL, g->block, place->bytes, home_rank)
                              : err;
}

static int collect(struct gather *g, struct place *places)
{
    struct wsp_comm *comm = g->comm;
    struct wsp_exchange exchange;
    int err = MPI_SUCCESS;
    for (int p = 0; err == MPI_SUCCESS && p < comm->n_parts; p++)
        err = open_place(g, &comm->parts[p], &places[p]);
    if (err == MPI_SUCCESS)
        err = wsp_exchange_open(&exchange, comm, g->tag, comm->n_parts);
    if (err != MPI_SUCCESS)
        return err;
    for (int p = 0; p < comm->n_parts; p++)
        if (p != comm->part)
            wsp_exchange_receive(&exchange, comm->parts[p].ranks[0], places[p].bytes,
                                 (uint64_t)comm->parts[p].n_ranks * g->block);
    int at_home = gather_own_site(g, &places[comm->part]);
    err = wsp_exchange_finish(&exchange);
    if (err == MPI_SUCCESS)
        err = at_home;
    for (int p = 0; err == MPI_SUCCESS && p < comm->n_parts; p++)
        err = unbundle(g, &comm->parts[p], &places[p]);
    return err;
}

static int at_root(struct gather *g)
{
    struct place *places = calloc((size_t)g->comm->n_parts, sizeof *places);
    int err = places ? collect(g, places) : MPI_ERR_NO_MEM;
    for (int p = 0; places && p < g->comm->n_parts; p++)
        if (places[p].is_bundle)
            free(places[p].bytes);
    free(places);
    return err;
}

static int at_leader(const struct gather *g, int root)
{
    struct wsp_exchange exchange;
    uint64_t length = (uint64_t)wsp_comm_here(g->comm)->n_ranks * g->block;
    char *bundle = malloc(length);
    int err = bundle ? gather_at_home(g, bundle, 0) : MPI_ERR_NO_MEM;
    if (err == MPI_SUCCESS)
        err = wsp_exchange_open(&exchange, g->comm, g->tag, 1);
    if (err == MPI_SUCCESS) {
        wsp_exchange_send(&exchange, root, bundle, length);
        err = wsp_exchange_finish(&exchange);
    }
    free(bundle);
    return err;
}

/* Arguments that count on this rank; fills block and layout. */
static int check(struct gather *g, int root)
{
    struct wsp_layout layout = {0};
    bool is_root = g->comm->rank == root;
    int err = wsp_coll_check_root(g->comm, root);
    if (err == MPI_SUCCESS && (is_root ? g->recvbuf : (void *)g->sendbuf) == MPI_IN_PLACE)
        err = MPI_ERR_ARG;
    if (err == MPI_SUCCESS && g->sendbuf != MPI_IN_PLACE)
        err = wsp_coll_check_buffer(g->sendbuf, g->sendcount, g->sendtype, &layout);
    g->block = layout.size * (uint64_t)g->sendcount;
    if (err != MPI_SUCCESS || !is_root)
        return err;
    err = wsp_coll_check_buffer(g->recvbuf, g->recvcount, g->recvtype, &g->layout);
    if (err != MPI_SUCCESS)
        return err;
    uint64_t block = g->layout.size * (uint64_t)g->recvcount;
    if (g->sendbuf != MPI_IN_PLACE && g->block != block)
        return g->block > block ? MPI_ERR_TRUNCATE : MPI_ERR_COUNT;
    g->block = block;
    return MPI_SUCCESS;
}

int wide_Gather(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                int recvcount, MPI_Datatype recvtype, int root, MPI_Comm handle)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    struct gather g = {.comm = comm, .sendbuf = sendbuf, .sendcount = sendcount};
    g.sendtype = sendtype;
    g.recvbuf = recvbuf;
    g.recvcount = recvcount;
    g.recvtype = recvtype;
    int err = check(&g, root);
    if (err != MPI_SUCCESS)
        return wsp_raise(handle, err);
    g.tag = wsp_coll_draw_tag(comm);
    if (g.block == 0)
        return MPI_SUCCESS;
    if (comm->rank == root)
        err = at_root(&g);
    else if (comm->home[root] >= 0)
        err = gather_at_home(&g, NULL, comm->home[root]);
    else if (wsp_comm_is_leader(comm))
        err = at_leader(&g, root);
    else
        err = gather_at_home(&g, NULL, 0);
    return err == MPI_SUCCESS ? err : wsp_raise(handle, err);
}
