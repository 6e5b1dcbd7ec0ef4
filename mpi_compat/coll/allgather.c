/* SPDX-License-Identifier: BSD-3-Clause */
/* Each site gathers to its leader, the leaders exchange bundles all at once, each site spreads the
 * whole. Where ranks follow each other site by site and the receive type is contiguous, everything
 * lands in the user's buffer at once. */
#include "coll/coll.h"

#include "coll/inter.h"
#include "coll/allgather.h"
#include "host/error.h"
#include "host/host.h"
#include "wide.h"

#include <stdlib.h>

static void *slot_of(const struct wsp_allgather *g, int rank)
{
    return wsp_coll_at(g->a.recvbuf, (int64_t)rank * g->a.recvcount * g->layout.extent);
}

static uint64_t length_of(const struct wsp_allgather *g, int part)
{
    return (uint64_t)g->s.comm->parts[part].n_ranks * g->block;
}

static char *bundle_of(const struct wsp_allgather *g, int part)
{
    char *bytes = g->bytes;
    for (int p = 0; p < part; p++)
        bytes += length_of(g, p);
    return bytes;
}

static int open_bytes(struct wsp_allgather *g)
{
    g->is_bundle = !g->layout.is_contiguous || !wsp_coll_parts_are_runs(g->s.comm);
    g->bytes = g->is_bundle ? malloc((uint64_t)g->s.comm->size * g->block)
                            : wsp_coll_at(g->a.recvbuf, g->layout.true_lb);
    if (!g->bytes)
        return MPI_ERR_NO_MEM;
    return wsp_operand_open_packed(&g->mine, g->a.sendbuf, g->a.sendcount, g->a.sendtype);
}

/* What the other sites sent may come while this one still gathers. */
static int expect_bundles(struct wsp_allgather *g)
{
    struct wsp_comm *comm = g->s.comm;
    int err = wsp_schedule_open_exchange(&g->s, 2 * comm->n_parts);
    for (int p = 0; err == MPI_SUCCESS && p < comm->n_parts; p++)
        if (p != comm->part)
            wsp_exchange_receive(&g->s.exchange, comm->parts[p].ranks[0], bundle_of(g, p),
                                 length_of(g, p));
    g->s.defers_exchange = true;
    return err;
}

int wsp_allgather_at_home(struct wsp_schedule *s)
{
    struct wsp_allgather *g = (struct wsp_allgather *)s;
    bool is_leader = wsp_comm_is_leader(s->comm);
    int err = s->err;
    if (err == MPI_SUCCESS)
        err = open_bytes(g);
    if (err != MPI_SUCCESS)
        return err;
    char *own = is_leader ? bundle_of(g, s->comm->part) : NULL;
    const void *mine = g->mine.wire == own ? NULL : g->mine.wire; /* in its place already */
    err = wsp_phase_gather(s, mine, g->block, own, 0);
    return err == MPI_SUCCESS && is_leader ? expect_bundles(g) : err;
}

int wsp_allgather_cross(struct wsp_schedule *s)
{
    struct wsp_allgather *g = (struct wsp_allgather *)s;
    const struct wsp_comm *comm = s->comm;
    for (int p = 0; s->has_exchange && s->err == MPI_SUCCESS && p < comm->n_parts; p++)
        if (p != comm->part)
            wsp_exchange_send(&s->exchange, comm->parts[p].ranks[0], bundle_of(g, comm->part),
                              length_of(g, comm->part));
    return MPI_SUCCESS;
}

int wsp_allgather_spread(struct wsp_schedule *s)
{
    struct wsp_allgather *g = (struct wsp_allgather *)s;
    return wsp_phase_bcast_bytes(s, 0, g->bytes, (uint64_t)s->comm->size * g->block);
}

static int unbundle(struct wsp_schedule *s)
{
    struct wsp_allgather *g = (struct wsp_allgather *)s;
    const char *from = g->bytes;
    int err = s->err;
    for (int p = 0; g->is_bundle && p < s->comm->n_parts; p++)
        for (int i = 0; err == MPI_SUCCESS && i < s->comm->parts[p].n_ranks; i++, from += g->block)
            err = wsp_type_unpack(from, g->block, slot_of(g, s->comm->parts[p].ranks[i]),
                                  g->a.recvcount, g->a.recvtype);
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
    wsp_operand_close(&g->mine);
}

/* An operand in place becomes one that is sent from the receive buffer. */
static int check(struct wsp_allgather_arguments *a, const struct wsp_comm *comm,
                 struct wsp_layout *layout)
{
    struct wsp_layout sent = {0};
    int err = a->recvbuf == MPI_IN_PLACE ? MPI_ERR_ARG : MPI_SUCCESS;
    if (err == MPI_SUCCESS)
        err = wsp_coll_check_buffer(a->recvbuf, a->recvcount, a->recvtype, layout);
    if (err == MPI_SUCCESS && a->sendbuf == MPI_IN_PLACE) {
        a->sendbuf = wsp_coll_at(a->recvbuf, (int64_t)comm->rank * a->recvcount * layout->extent);
        a->sendcount = a->recvcount;
        a->sendtype = a->recvtype;
    }
    if (err == MPI_SUCCESS)
        err = wsp_coll_check_buffer(a->sendbuf, a->sendcount, a->sendtype, &sent);
    if (err != MPI_SUCCESS)
        return err;
    uint64_t given = sent.size * (uint64_t)a->sendcount;
    uint64_t wanted = layout->size * (uint64_t)a->recvcount;
    return given == wanted ? MPI_SUCCESS : given > wanted ? MPI_ERR_TRUNCATE : MPI_ERR_COUNT;
}

static struct wsp_allgather *make(const struct wsp_allgather_arguments *a, struct wsp_comm *comm,
                                  const struct wsp_layout *layout)
{
    struct wsp_allgather *g = wsp_schedule_new(sizeof *g, comm, steps, wsp_allgather_close);
    if (!g)
        return NULL;
    g->a = *a;
    g->layout = *layout;
    g->block = layout->size * (uint64_t)a->recvcount;
    if (g->block == 0)
        g->s.steps = &steps[4]; /* nothing travels, and nobody need wait */
    return g;
}

static int start(struct wsp_allgather_arguments a, MPI_Comm handle, MPI_Request *request)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    struct wsp_layout layout;
    if (comm->inter)
        return wsp_inter_allgather(a.sendbuf, a.sendcount, a.sendtype, WSP_BLOCKS_EVEN(a.recv),
                                   comm, request);
    int err = check(&a, comm, &layout);
    if (err != MPI_SUCCESS)
        return wsp_raise(handle, err);
    struct wsp_allgather *g = make(&a, comm, &layout);
    if (!g)
        return wsp_raise(handle, MPI_ERR_NO_MEM);
    if (request)
        err = wsp_schedule_keep_type(&g->s, a.recvtype);
    if (request && err == MPI_SUCCESS)
        err = wsp_schedule_keep_type(&g->s, a.sendtype);
    g->s.err = err;
    return wsp_schedule_run(&g->s, request);
}

int wsp_coll_allgather_bytes(struct wsp_comm *comm, const void *mine, uint64_t n, void *all)
{
    struct wsp_allgather_arguments a = {.sendbuf = mine, .recvbuf = all};
    struct wsp_layout layout;
    bool is_derived;
    int err = wsp_type_of_bytes(n, &a.recvtype, &a.recvcount, &is_derived);
    if (err != MPI_SUCCESS)
        return err;
    a.sendtype = a.recvtype;
    a.sendcount = a.recvcount;
    err = wsp_type_describe(a.recvtype, &layout);
    struct wsp_allgather *g = err == MPI_SUCCESS ? make(&a, comm, &layout) : NULL;
    if (g) {
        g->s.is_quiet = true;
        err = wsp_schedule_run(&g->s, NULL);
    } else if (err == MPI_SUCCESS) {
        err = MPI_ERR_NO_MEM;
    }
    if (is_derived)
        host.Type_free(&a.recvtype);
    return err;
}

int wide_Allgather(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                   int recvcount, MPI_Datatype recvtype, MPI_Comm comm)
{
    return start((struct wsp_allgather_arguments){sendbuf, sendcount, sendtype, recvbuf, recvcount,
                                                  recvtype},
                 comm, NULL);
}

int wide_Iallgather(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                    int recvcount, MPI_Datatype recvtype, MPI_Comm comm, MPI_Request *request)
{
    return start((struct wsp_allgather_arguments){sendbuf, sendcount, sendtype, recvbuf, recvcount,
                                                  recvtype},
                 comm, request);
}
