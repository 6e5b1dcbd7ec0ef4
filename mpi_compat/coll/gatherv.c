/* SPDX-License-Identifier: BSD-3-Clause */
/* Only the root knows all amounts. At its own site each rank sends to it; at another one the leader
 * asks each rank for its length, gathers, and sends one bundle that the root expects in length. */
#include "coll/inter.h"
#include "coll/phase.h"
#include "host/error.h"
#include "wide.h"

#include <stdlib.h>

struct arguments {
    const void *sendbuf;
    int sendcount;
    MPI_Datatype sendtype;
    void *recvbuf; /* these at the root only */
    const int *recvcounts, *displacements;
    MPI_Datatype recvtype;
    int root;
};

struct gatherv {
    struct wsp_schedule s;
    struct arguments a;
    struct wsp_layout layout; /* of recvtype, at the root */
    struct wsp_operand mine;  /* at other sites */
    uint64_t length;          /* of mine */
    uint64_t *lengths;        /* of each home rank, at another leader */
    char **bundles;           /* at the root: of each site; at another leader: its own, alone */
    int n_bundles;
};

static bool is_root(const struct gatherv *g)
{
    return g->s.comm->rank == g->a.root;
}

static void *slot_of(const struct gatherv *g, int rank)
{
    return wsp_coll_at(g->a.recvbuf, (int64_t)g->a.displacements[rank] * g->layout.extent);
}

static uint64_t length_of(const struct gatherv *g, int rank)
{
    return g->layout.size * (uint64_t)g->a.recvcounts[rank];
}

static int open_bundles(struct gatherv *g, int n)
{
    g->bundles = calloc((size_t)n, sizeof *g->bundles);
    g->n_bundles = g->bundles ? n : 0;
    return g->bundles ? MPI_SUCCESS : MPI_ERR_NO_MEM;
}

static int expect_bundle(struct gatherv *g, int p)
{
    const struct wsp_part *part = &g->s.comm->parts[p];
    uint64_t length = 0;
    for (int i = 0; i < part->n_ranks; i++)
        length += length_of(g, part->ranks[i]);
    g->bundles[p] = malloc(length + 1);
    if (!g->bundles[p])
        return MPI_ERR_NO_MEM;
    wsp_exchange_receive(&g->s.exchange, part->ranks[0], g->bundles[p], length);
    return MPI_SUCCESS;
}

static int receive_at_root(struct gatherv *g)
{
    struct wsp_comm *comm = g->s.comm;
    const struct wsp_part *here = wsp_comm_here(comm);
    int err = open_bundles(g, comm->n_parts);
    if (err == MPI_SUCCESS)
        err = wsp_schedule_open_exchange(&g->s, comm->n_parts);
    for (int p = 0; err == MPI_SUCCESS && p < comm->n_parts; p++)
        if (p != comm->part)
            err = expect_bundle(g, p);
    for (int i = 0; err == MPI_SUCCESS && i < here->n_ranks; i++)
        if (i != comm->home_rank || g->a.sendbuf != MPI_IN_PLACE)
            err = wsp_phase_receive(&g->s, i, slot_of(g, here->ranks[i]),
                                    g->a.recvcounts[here->ranks[i]], g->a.recvtype);
    return err;
}

static int ask_lengths(struct gatherv *g)
{
    int n = wsp_comm_here(g->s.comm)->n_ranks, err = MPI_SUCCESS;
    g->lengths = calloc((size_t)n, sizeof *g->lengths);
    if (!g->lengths)
        return MPI_ERR_NO_MEM;
    for (int i = 0; err == MPI_SUCCESS && i < n; i++)
        err = wsp_phase_receive_bytes(&g->s, i, &g->lengths[i], sizeof g->lengths[i]);
    return err;
}

static int give(struct wsp_schedule *s)
{
    struct gatherv *g = (struct gatherv *)s;
    const struct arguments *a = &g->a;
    int err = s->err, home_root = s->comm->home[a->root];
    if (err == MPI_SUCCESS && is_root(g))
        err = receive_at_root(g);
    if (err != MPI_SUCCESS || a->sendbuf == MPI_IN_PLACE)
        return err;
    if (home_root >= 0)
        return wsp_phase_send(s, home_root, a->sendbuf, a->sendcount, a->sendtype);
    if (wsp_comm_is_leader(s->comm))
        err = ask_lengths(g);
    if (err == MPI_SUCCESS)
        err = wsp_operand_open_packed(&g->mine, a->sendbuf, a->sendcount, a->sendtype);
    g->length = g->mine.length;
    if (err == MPI_SUCCESS)
        err = wsp_phase_send_bytes(s, 0, &g->length, sizeof g->length);
    /* The leader's own bytes wait until it receives: it does so only in the next step. */
    if (err == MPI_SUCCESS && !g->lengths)
        err = wsp_phase_send_bytes(s, 0, g->mine.wire, g->length);
    return err;
}

static uint64_t sum_of_lengths(const struct gatherv *g)
{
    uint64_t sum = 0;
    for (int i = 0; i < wsp_comm_here(g->s.comm)->n_ranks; i++)
        sum += g->lengths[i];
    return sum;
}

static int collect(struct wsp_schedule *s)
{
    struct gatherv *g = (struct gatherv *)s;
    if (!g->lengths || s->err != MPI_SUCCESS)
        return MPI_SUCCESS;
    int err = open_bundles(g, 1);
    if (err == MPI_SUCCESS)
        g->bundles[0] = malloc(sum_of_lengths(g) + 1);
    if (err != MPI_SUCCESS || !g->bundles[0])
        return MPI_ERR_NO_MEM;
    char *to = g->bundles[0];
    for (int i = 0; err == MPI_SUCCESS && i < wsp_comm_here(s->comm)->n_ranks; i++) {
        err = wsp_phase_receive_bytes(s, i, to, g->lengths[i]);
        to += g->lengths[i];
    }
    return err == MPI_SUCCESS ? wsp_phase_send_bytes(s, 0, g->mine.wire, g->length) : err;
}

static int send_bundle(struct wsp_schedule *s)
{
    struct gatherv *g = (struct gatherv *)s;
    if (!g->lengths || s->err != MPI_SUCCESS)
        return MPI_SUCCESS;
    int err = wsp_schedule_open_exchange(s, 1);
    if (err == MPI_SUCCESS)
        wsp_exchange_send(&s->exchange, g->a.root, g->bundles[0], sum_of_lengths(g));
    return err;
}

static int unbundle(struct wsp_schedule *s)
{
    struct gatherv *g = (struct gatherv *)s;
    int err = s->err;
    if (!is_root(g))
        return MPI_SUCCESS;
    for (int p = 0; err == MPI_SUCCESS && p < s->comm->n_parts; p++) {
        const struct wsp_part *part = &s->comm->parts[p];
        const char *from = g->bundles[p];
        for (int i = 0; from && err == MPI_SUCCESS && i < part->n_ranks; i++) {
            int rank = part->ranks[i];
            err = wsp_type_unpack(from, length_of(g, rank), slot_of(g, rank), g->a.recvcounts[rank],
                                  g->a.recvtype);
            from += length_of(g, rank);
        }
    }
    return err;
}

static const struct wsp_step steps[] = {
    {give, false}, {collect, false}, {send_bundle, false}, {unbundle, false}, {NULL, false}};

static void close_gatherv(struct wsp_schedule *s)
{
    struct gatherv *g = (struct gatherv *)s;
    for (int i = 0; i < g->n_bundles; i++)
        free(g->bundles[i]);
    free(g->bundles);
    free(g->lengths);
    wsp_operand_close(&g->mine);
}

static int check(const struct arguments *a, const struct wsp_comm *comm, struct wsp_layout *layout)
{
    bool is_at_root = comm->rank == a->root;
    int err = wsp_coll_check_root(comm, a->root);
    if (err == MPI_SUCCESS && (is_at_root ? a->recvbuf : (void *)a->sendbuf) == MPI_IN_PLACE)
        err = MPI_ERR_ARG;
    if (err == MPI_SUCCESS && a->sendbuf != MPI_IN_PLACE)
        err = wsp_coll_check_buffer(a->sendbuf, a->sendcount, a->sendtype, layout);
    if (err != MPI_SUCCESS || !is_at_root)
        return err;
    if (!a->recvcounts || !a->displacements)
        return MPI_ERR_ARG;
    for (int rank = 0; err == MPI_SUCCESS && rank < comm->size; rank++)
        if (a->recvcounts[rank] < 0)
            err = MPI_ERR_COUNT;
    return err == MPI_SUCCESS ? wsp_type_describe(a->recvtype, layout) : err;
}

static int start(const struct arguments *a, MPI_Comm handle, MPI_Request *request)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    struct wsp_layout layout = {0};
    if (comm->inter)
        return wsp_inter_gather(a->sendbuf, a->sendcount, a->sendtype,
                                WSP_BLOCKS_VARYING(a->recv, a->displacements), a->root, comm,
                                request);
    int err = check(a, comm, &layout);
    if (err != MPI_SUCCESS)
        return wsp_raise(handle, err);
    struct gatherv *g = wsp_schedule_new(sizeof *g, comm, steps, close_gatherv);
    if (!g)
        return wsp_raise(handle, MPI_ERR_NO_MEM);
    g->a = *a;
    g->layout = layout;
    if (request && a->sendbuf != MPI_IN_PLACE)
        err = wsp_schedule_keep_type(&g->s, a->sendtype);
    if (request && err == MPI_SUCCESS && comm->rank == a->root)
        err = wsp_schedule_keep_type(&g->s, a->recvtype);
    g->s.err = err;
    return wsp_schedule_run(&g->s, request);
}

int wide_Gatherv(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                 const int recvcounts[], const int displs[], MPI_Datatype recvtype, int root,
                 MPI_Comm comm)
{
    return start(&(struct arguments){sendbuf, sendcount, sendtype, recvbuf, recvcounts, displs,
                                     recvtype, root},
                 comm, NULL);
}

int wide_Igatherv(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                  const int recvcounts[], const int displs[], MPI_Datatype recvtype, int root,
                  MPI_Comm comm, MPI_Request *request)
{
    return start(&(struct arguments){sendbuf, sendcount, sendtype, recvbuf, recvcounts, displs,
                                     recvtype, root},
                 comm, request);
}
