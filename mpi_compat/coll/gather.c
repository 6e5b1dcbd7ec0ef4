/* SPDX-License-Identifier: BSD-3-Clause */
/* Each site gathers the packed elements of its ranks, at its leader or at the root itself; one
 * bundle from each other site goes to the root, which lays each rank's elements out with its own
 * type. What would lie there as it travels lands in place. */
#include "coll/inter.h"
#include "coll/phase.h"
#include "host/error.h"
#include "wide.h"

#include <stdlib.h>

/* The bytes of one site at the root: in the receive buffer already, or in a bundle. */
struct place {
    char *bytes;
    bool is_bundle;
};

struct arguments {
    const void *sendbuf;
    int sendcount;
    MPI_Datatype sendtype;
    void *recvbuf; /* these at the root only */
    int recvcount;
    MPI_Datatype recvtype;
    int root;
};

struct gather {
    struct wsp_schedule s;
    struct arguments a;
    int home_root;            /* who gathers at this site */
    uint64_t block;           /* packed bytes of one rank */
    struct wsp_layout layout; /* of recvtype, at the root */

    struct wsp_operand mine;
    struct place *places; /* of each site, at the root */
    char *bundle;         /* of this site, at another leader */
};

static void *slot_of(const struct gather *g, int rank)
{
    return wsp_coll_at(g->a.recvbuf, (int64_t)rank * g->a.recvcount * g->layout.extent);
}

static bool is_root(const struct gather *g)
{
    return g->s.comm->rank == g->a.root;
}

static int open_place(const struct gather *g, const struct wsp_part *part, struct place *place)
{
    bool is_run = part->ranks[part->n_ranks - 1] - part->ranks[0] == part->n_ranks - 1;
    place->is_bundle = !g->layout.is_contiguous || !is_run;
    place->bytes = place->is_bundle ? malloc((uint64_t)part->n_ranks * g->block)
                                    : wsp_coll_at(slot_of(g, part->ranks[0]), g->layout.true_lb);
    return place->bytes ? MPI_SUCCESS : MPI_ERR_NO_MEM;
}

static int expect_bundles(struct gather *g)
{
    struct wsp_comm *comm = g->s.comm;
    g->places = calloc((unsigned)comm->n_parts, sizeof *g->places);
    int err = g->places ? MPI_SUCCESS : MPI_ERR_NO_MEM;
    for (int p = 0; err == MPI_SUCCESS && p < comm->n_parts; p++)
        err = open_place(g, &comm->parts[p], &g->places[p]);
    if (err == MPI_SUCCESS)
        err = wsp_schedule_open_exchange(&g->s, comm->n_parts);
    for (int p = 0; err == MPI_SUCCESS && p < comm->n_parts; p++)
        if (p != comm->part)
            wsp_exchange_receive(&g->s.exchange, comm->parts[p].ranks[0], g->places[p].bytes,
                                 (uint64_t)comm->parts[p].n_ranks * g->block);
    return err;
}

/* What this rank gives to its site's gathering, and where it gathers. */
static int open_mine(struct gather *g, const void **mine, char **all)
{
    const struct wsp_comm *comm = g->s.comm;
    int err = MPI_SUCCESS;
    *mine = NULL;
    *all = g->bundle;
    if (is_root(g))
        *all = g->places[comm->part].bytes;
    if (g->a.sendbuf != MPI_IN_PLACE) {
        err = wsp_operand_open_packed(&g->mine, g->a.sendbuf, g->a.sendcount, g->a.sendtype);
        *mine = g->mine.wire;
    } else if (g->places[comm->part].is_bundle) {
        err = wsp_type_pack(slot_of(g, comm->rank), g->a.recvcount, g->a.recvtype,
                            *all + (uint64_t)comm->home_rank * g->block, g->block);
    }
    return err;
}

static int gather_at_home(struct wsp_schedule *s)
{
    struct gather *g = (struct gather *)s;
    const void *mine;
    char *all;
    int err = s->err;
    if (err == MPI_SUCCESS && is_root(g)) {
        err = expect_bundles(g);
    } else if (err == MPI_SUCCESS && s->comm->home_rank == g->home_root) {
        g->bundle = malloc((uint64_t)wsp_comm_here(s->comm)->n_ranks * g->block);
        err = g->bundle ? MPI_SUCCESS : MPI_ERR_NO_MEM;
    }
    if (err == MPI_SUCCESS)
        err = open_mine(g, &mine, &all);
    return err == MPI_SUCCESS ? wsp_phase_gather(s, mine, g->block, all, g->home_root) : err;
}

static int send_bundle(struct wsp_schedule *s)
{
    struct gather *g = (struct gather *)s;
    if (!g->bundle || s->err != MPI_SUCCESS)
        return MPI_SUCCESS;
    int err = wsp_schedule_open_exchange(s, 1);
    if (err == MPI_SUCCESS)
        wsp_exchange_send(&s->exchange, g->a.root, g->bundle,
                          (uint64_t)wsp_comm_here(s->comm)->n_ranks * g->block);
    return err;
}

static int unbundle(struct wsp_schedule *s)
{
    struct gather *g = (struct gather *)s;
    int err = s->err;
    for (int p = 0; err == MPI_SUCCESS && g->places && p < s->comm->n_parts; p++) {
        const struct wsp_part *part = &s->comm->parts[p];
        for (int i = 0; g->places[p].is_bundle && err == MPI_SUCCESS && i < part->n_ranks; i++)
            err = wsp_type_unpack(g->places[p].bytes + (uint64_t)i * g->block, g->block,
                                  slot_of(g, part->ranks[i]), g->a.recvcount, g->a.recvtype);
    }
    return err;
}

static const struct wsp_step steps[] = {
    {gather_at_home, false}, {send_bundle, false}, {unbundle, false}, {NULL, false}};

static void close_gather(struct wsp_schedule *s)
{
    struct gather *g = (struct gather *)s;
    for (int p = 0; g->places && p < s->comm->n_parts; p++)
        if (g->places[p].is_bundle)
            free(g->places[p].bytes);
    free(g->places);
    free(g->bundle);
    wsp_operand_close(&g->mine);
}

/* Arguments that count on this rank; gives block, and layout at the root. */
static int check(const struct arguments *a, const struct wsp_comm *comm, uint64_t *block,
                 struct wsp_layout *layout)
{
    bool is_at_root = comm->rank == a->root;
    int err = wsp_coll_check_root(comm, a->root);
    if (err == MPI_SUCCESS && (is_at_root ? a->recvbuf : (void *)a->sendbuf) == MPI_IN_PLACE)
        err = MPI_ERR_ARG;
    if (err == MPI_SUCCESS && a->sendbuf != MPI_IN_PLACE)
        err = wsp_coll_check_buffer(a->sendbuf, a->sendcount, a->sendtype, layout);
    *block = err == MPI_SUCCESS ? layout->size * (uint64_t)a->sendcount : 0;
    if (err != MPI_SUCCESS || !is_at_root)
        return err;
    uint64_t sent = *block;
    err = wsp_coll_check_buffer(a->recvbuf, a->recvcount, a->recvtype, layout);
    *block = err == MPI_SUCCESS ? layout->size * (uint64_t)a->recvcount : 0;
    if (err == MPI_SUCCESS && a->sendbuf != MPI_IN_PLACE && sent != *block)
        return sent > *block ? MPI_ERR_TRUNCATE : MPI_ERR_COUNT;
    return err;
}

/* The types of the program must outlive the call that starts. */
static int keep_types(struct gather *g)
{
    int err = MPI_SUCCESS;
    if (g->a.sendbuf != MPI_IN_PLACE)
        err = wsp_schedule_keep_type(&g->s, g->a.sendtype);
    if (err == MPI_SUCCESS && is_root(g))
        err = wsp_schedule_keep_type(&g->s, g->a.recvtype);
    return err;
}

static int start(const struct arguments *a, MPI_Comm handle, MPI_Request *request)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    struct wsp_layout layout = {0};
    uint64_t block;
    if (comm->inter)
        return wsp_inter_gather(a->sendbuf, a->sendcount, a->sendtype, WSP_BLOCKS_EVEN(a->recv),
                                a->root, comm, request);
    int err = check(a, comm, &block, &layout);
    if (err != MPI_SUCCESS)
        return wsp_raise(handle, err);
    struct gather *g = wsp_schedule_new(sizeof *g, comm, steps, close_gather);
    if (!g)
        return wsp_raise(handle, MPI_ERR_NO_MEM);
    g->a = *a;
    g->home_root = comm->home[a->root] >= 0 ? comm->home[a->root] : 0;
    g->block = block;
    g->layout = layout;
    if (request)
        g->s.err = keep_types(g);
    if (block == 0)
        g->s.steps = &steps[3]; /* nothing travels, and nobody need wait */
    return wsp_schedule_run(&g->s, request);
}

int wide_Gather(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                int recvcount, MPI_Datatype recvtype, int root, MPI_Comm comm)
{
    return start(
        &(struct arguments){sendbuf, sendcount, sendtype, recvbuf, recvcount, recvtype, root}, comm,
        NULL);
}

int wide_Igather(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                 int recvcount, MPI_Datatype recvtype, int root, MPI_Comm comm,
                 MPI_Request *request)
{
    return start(
        &(struct arguments){sendbuf, sendcount, sendtype, recvbuf, recvcount, recvtype, root}, comm,
        request);
}
