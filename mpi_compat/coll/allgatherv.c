/* SPDX-License-Identifier: BSD-3-Clause */
/* Every rank knows every amount. Each site gathers to its leader, the leaders exchange bundles all
 * at once, each site spreads the whole. */
#include "coll/coll.h"
#include "coll/inter.h"
#include "coll/phase.h"
#include "host/error.h"
#include "wide.h"

#include <stdlib.h>

struct arguments {
    const void *sendbuf;
    int sendcount;
    MPI_Datatype sendtype;
    void *recvbuf;
    const int *recvcounts, *displacements;
    MPI_Datatype recvtype;
};

struct allgatherv {
    struct wsp_schedule s;
    struct arguments a;
    struct wsp_layout layout; /* of recvtype */
    struct wsp_operand mine;
    char *bundle; /* packed elements of all ranks, site by site */
};

static void *slot_of(const struct allgatherv *g, int rank)
{
    return wsp_coll_at(g->a.recvbuf, (int64_t)g->a.displacements[rank] * g->layout.extent);
}

static uint64_t length_of(const struct allgatherv *g, int rank)
{
    return g->layout.size * (uint64_t)g->a.recvcounts[rank];
}

static uint64_t length_of_part(const struct allgatherv *g, int p)
{
    uint64_t length = 0;
    for (int i = 0; i < g->s.comm->parts[p].n_ranks; i++)
        length += length_of(g, g->s.comm->parts[p].ranks[i]);
    return length;
}

/* Where the bytes of part p begin; of n_parts: where they end. */
static uint64_t offset_of(const struct allgatherv *g, int part)
{
    uint64_t offset = 0;
    for (int p = 0; p < part; p++)
        offset += length_of_part(g, p);
    return offset;
}

static int receive_at_leader(struct allgatherv *g)
{
    struct wsp_comm *comm = g->s.comm;
    const struct wsp_part *here = wsp_comm_here(comm);
    char *to = g->bundle + offset_of(g, comm->part);
    int err = wsp_schedule_open_exchange(&g->s, 2 * comm->n_parts);
    for (int p = 0; err == MPI_SUCCESS && p < comm->n_parts; p++)
        if (p != comm->part)
            wsp_exchange_receive(&g->s.exchange, comm->parts[p].ranks[0],
                                 g->bundle + offset_of(g, p), length_of_part(g, p));
    for (int i = 0; err == MPI_SUCCESS && i < here->n_ranks; i++) {
        err = wsp_phase_receive_bytes(&g->s, i, to, length_of(g, here->ranks[i]));
        to += length_of(g, here->ranks[i]);
    }
    g->s.defers_exchange = true;
    return err;
}

static int gather_at_home(struct wsp_schedule *s)
{
    struct allgatherv *g = (struct allgatherv *)s;
    int err = s->err;
    if (err != MPI_SUCCESS)
        return err;
    g->bundle = malloc(offset_of(g, s->comm->n_parts) + 1);
    if (!g->bundle)
        return MPI_ERR_NO_MEM;
    if (wsp_comm_is_leader(s->comm))
        err = receive_at_leader(g);
    if (err == MPI_SUCCESS)
        err = wsp_operand_open_packed(&g->mine, g->a.sendbuf, g->a.sendcount, g->a.sendtype);
    return err == MPI_SUCCESS ? wsp_phase_send_bytes(s, 0, g->mine.wire, g->mine.length) : err;
}

static int send_bundles(struct wsp_schedule *s)
{
    struct allgatherv *g = (struct allgatherv *)s;
    const struct wsp_comm *comm = s->comm;
    for (int p = 0; s->has_exchange && s->err == MPI_SUCCESS && p < comm->n_parts; p++)
        if (p != comm->part)
            wsp_exchange_send(&s->exchange, comm->parts[p].ranks[0],
                              g->bundle + offset_of(g, comm->part), length_of_part(g, comm->part));
    return MPI_SUCCESS;
}

static int spread(struct wsp_schedule *s)
{
    struct allgatherv *g = (struct allgatherv *)s;
    return wsp_phase_bcast_bytes(s, 0, g->bundle, offset_of(g, s->comm->n_parts));
}

static int unbundle(struct wsp_schedule *s)
{
    struct allgatherv *g = (struct allgatherv *)s;
    const char *from = g->bundle;
    int err = s->err;
    for (int p = 0; p < s->comm->n_parts; p++)
        for (int i = 0; err == MPI_SUCCESS && i < s->comm->parts[p].n_ranks; i++) {
            int rank = s->comm->parts[p].ranks[i];
            err = wsp_type_unpack(from, length_of(g, rank), slot_of(g, rank), g->a.recvcounts[rank],
                                  g->a.recvtype);
            from += length_of(g, rank);
        }
    return err;
}

static const struct wsp_step steps[] = {{gather_at_home, false},
                                        {send_bundles, false},
                                        {spread, true},
                                        {unbundle, false},
                                        {NULL, false}};

static void close_allgatherv(struct wsp_schedule *s)
{
    struct allgatherv *g = (struct allgatherv *)s;
    free(g->bundle);
    wsp_operand_close(&g->mine);
}

/* An operand in place becomes one that is sent from the receive buffer. */
static int check(struct arguments *a, const struct wsp_comm *comm, struct wsp_layout *layout)
{
    struct wsp_layout sent = {0};
    if (a->recvbuf == MPI_IN_PLACE || !a->recvcounts || !a->displacements)
        return MPI_ERR_ARG;
    int err = wsp_type_describe(a->recvtype, layout);
    for (int rank = 0; err == MPI_SUCCESS && rank < comm->size; rank++)
        if (a->recvcounts[rank] < 0)
            err = MPI_ERR_COUNT;
    if (err == MPI_SUCCESS && a->sendbuf == MPI_IN_PLACE) {
        a->sendbuf =
            wsp_coll_at(a->recvbuf, (int64_t)a->displacements[comm->rank] * layout->extent);
        a->sendcount = a->recvcounts[comm->rank];
        a->sendtype = a->recvtype;
    }
    if (err == MPI_SUCCESS)
        err = wsp_coll_check_buffer(a->sendbuf, a->sendcount, a->sendtype, &sent);
    if (err != MPI_SUCCESS)
        return err;
    uint64_t given = sent.size * (uint64_t)a->sendcount;
    uint64_t wanted = layout->size * (uint64_t)a->recvcounts[comm->rank];
    return given == wanted ? MPI_SUCCESS : given > wanted ? MPI_ERR_TRUNCATE : MPI_ERR_COUNT;
}

static struct allgatherv *make(const struct arguments *a, struct wsp_comm *comm,
                               const struct wsp_layout *layout)
{
    struct allgatherv *g = wsp_schedule_new(sizeof *g, comm, steps, close_allgatherv);
    if (!g)
        return NULL;
    g->a = *a;
    g->layout = *layout;
    return g;
}

static int start(struct arguments a, MPI_Comm handle, MPI_Request *request)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    struct wsp_layout layout;
    if (comm->inter)
        return wsp_inter_allgather(a.sendbuf, a.sendcount, a.sendtype,
                                   WSP_BLOCKS_VARYING(a.recv, a.displacements), comm, request);
    int err = check(&a, comm, &layout);
    if (err != MPI_SUCCESS)
        return wsp_raise(handle, err);
    struct allgatherv *g = make(&a, comm, &layout);
    if (!g)
        return wsp_raise(handle, MPI_ERR_NO_MEM);
    if (request)
        err = wsp_schedule_keep_type(&g->s, a.recvtype);
    if (request && err == MPI_SUCCESS)
        err = wsp_schedule_keep_type(&g->s, a.sendtype);
    g->s.err = err;
    return wsp_schedule_run(&g->s, request);
}

int wsp_coll_allgatherv_ints(struct wsp_comm *comm, const int *mine, int n, int *all,
                             const int *counts, const int *displacements)
{
    struct arguments a = {mine, n, MPI_INT, all, counts, displacements, MPI_INT};
    struct wsp_layout layout;
    int err = check(&a, comm, &layout);
    struct allgatherv *g = err == MPI_SUCCESS ? make(&a, comm, &layout) : NULL;
    if (!g)
        return err == MPI_SUCCESS ? MPI_ERR_NO_MEM : err;
    g->s.is_quiet = true;
    return wsp_schedule_run(&g->s, NULL);
}

int wide_Allgatherv(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                    const int recvcounts[], const int displs[], MPI_Datatype recvtype,
                    MPI_Comm comm)
{
    return start(
        (struct arguments){sendbuf, sendcount, sendtype, recvbuf, recvcounts, displs, recvtype},
        comm, NULL);
}

int wide_Iallgatherv(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                     const int recvcounts[], const int displs[], MPI_Datatype recvtype,
                     MPI_Comm comm, MPI_Request *request)
{
    return start(
        (struct arguments){sendbuf, sendcount, sendtype, recvbuf, recvcounts, displs, recvtype},
        comm, request);
}
