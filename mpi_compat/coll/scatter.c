/* SPDX-License-Identifier: BSD-3-Clause */
/* Scatter and Scatterv. The root sends to each rank of its own site, and one bundle to the leader
 * of each other, who hands it out once its ranks know that it came. Where amounts differ the
 * lengths go ahead of the bundle, at the same time. */
#include "coll/inter.h"
#include "coll/phase.h"
#include "wide.h"

#include <stdlib.h>

struct arguments {
    const void *sendbuf;                   /* these at the root only */
    int sendcount;                         /* where all are equal */
    const int *sendcounts, *displacements; /* else */
    MPI_Datatype sendtype;
    void *recvbuf;
    int recvcount;
    MPI_Datatype recvtype;
    int root;
    bool is_even; /* MPI_Scatter: every rank's amount is its own */
};

struct scatter {
    struct wsp_schedule s;
    struct arguments a;
    struct wsp_layout layout; /* of sendtype at the root, of recvtype elsewhere */
    uint64_t *lengths;        /* at the root: of all ranks, site by site; at a leader: of its own */
    char *bundle;             /* the same */
};

static bool is_root(const struct scatter *g)
{
    return g->s.comm->rank == g->a.root;
}

static int count_of(const struct scatter *g, int rank)
{
    return g->a.is_even ? g->a.sendcount : g->a.sendcounts[rank];
}

static const void *slot_of(const struct scatter *g, int rank)
{
    int64_t first =
        g->a.is_even ? (int64_t)rank * g->a.sendcount : (int64_t)g->a.displacements[rank];
    return wsp_coll_at(g->a.sendbuf, first * g->layout.extent);
}

static uint64_t sum(const uint64_t *lengths, int n)
{
    uint64_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += lengths[i];
    return sum;
}

/* Lengths and bytes for the ranks of other sites, site by site. */
static int pack_bundles(struct scatter *g)
{
    const struct wsp_comm *comm = g->s.comm;
    uint64_t total = 0, n = 0;
    g->lengths = wsp_coll_calloc((size_t)comm->size, sizeof *g->lengths);
    for (int rank = 0; rank < comm->size; rank++)
        if (comm->home[rank] < 0)
            total += g->layout.size * (uint64_t)count_of(g, rank);
    g->bundle = malloc(total + 1);
    if (!g->bundle)
        return MPI_ERR_NO_MEM;
    char *to = g->bundle;
    int err = MPI_SUCCESS;
    for (int p = 0; p < comm->n_parts; p++)
        for (int i = 0; p != comm->part && err == MPI_SUCCESS && i < comm->parts[p].n_ranks; i++) {
            int rank = comm->parts[p].ranks[i];
            uint64_t length = g->layout.size * (uint64_t)count_of(g, rank);
            err = wsp_type_pack(slot_of(g, rank), count_of(g, rank), g->a.sendtype, to, length);
            g->lengths[n++] = length;
            to += length;
        }
    return err;
}

static int send_bundles(struct scatter *g)
{
    struct wsp_comm *comm = g->s.comm;
    if (g->s.err == MPI_SUCCESS)
        g->s.err = pack_bundles(g);
    int err = wsp_schedule_open_exchange(&g->s, 2 * comm->n_parts);
    const char *bytes = g->bundle;
    const uint64_t *lengths = g->lengths;
    for (int p = 0; err == MPI_SUCCESS && p < comm->n_parts; p++) {
        const struct wsp_part *part = &comm->parts[p];
        if (p == comm->part)
            continue;
        if (g->s.err != MPI_SUCCESS) {
            wsp_exchange_send_error(&g->s.exchange, part->ranks[0], g->s.err);
            continue;
        }
        uint64_t length = sum(lengths, part->n_ranks);
        if (!g->a.is_even)
            wsp_exchange_send(&g->s.exchange, part->ranks[0], lengths,
                              (uint64_t)part->n_ranks * sizeof *lengths);
        wsp_exchange_send(&g->s.exchange, part->ranks[0], bytes, length);
        bytes += length;
        lengths += part->n_ranks;
    }
    return err;
}

static int send_at_home(struct scatter *g)
{
    const struct wsp_part *here = wsp_comm_here(g->s.comm);
    int err = MPI_SUCCESS;
    for (int i = 0; err == MPI_SUCCESS && i < here->n_ranks; i++)
        if (i != g->s.comm->home_rank || g->a.recvbuf != MPI_IN_PLACE)
            err = wsp_phase_send(&g->s, i, slot_of(g, here->ranks[i]), count_of(g, here->ranks[i]),
                                 g->a.sendtype);
    return err;
}

static int expect_lengths(struct scatter *g)
{
    int n = wsp_comm_here(g->s.comm)->n_ranks;
    g->lengths = wsp_coll_calloc((size_t)n, sizeof *g->lengths);
    for (int i = 0; g->a.is_even && i < n; i++)
        g->lengths[i] = g->layout.size * (uint64_t)g->a.recvcount;
    int err = g->a.is_even ? MPI_SUCCESS : wsp_schedule_open_exchange(&g->s, 1);
    if (err == MPI_SUCCESS && !g->a.is_even)
        wsp_exchange_receive(&g->s.exchange, g->a.root, g->lengths,
                             (uint64_t)n * sizeof *g->lengths);
    return err;
}

static int receive_mine(struct scatter *g)
{
    const struct wsp_comm *comm = g->s.comm;
    int from = comm->home[g->a.root] >= 0 ? comm->home[g->a.root] : 0;
    return wsp_phase_receive(&g->s, from, g->a.recvbuf, g->a.recvcount, g->a.recvtype);
}

/* True for the leader of a site that is not the root's. */
static bool hands_out(const struct scatter *g)
{
    return wsp_comm_is_leader(g->s.comm) && g->s.comm->home[g->a.root] < 0;
}

static int begin(struct wsp_schedule *s)
{
    struct scatter *g = (struct scatter *)s;
    int err = MPI_SUCCESS;
    if (is_root(g))
        err = send_bundles(g);
    if (err == MPI_SUCCESS && is_root(g))
        err = send_at_home(g);
    if (err == MPI_SUCCESS && hands_out(g))
        err = expect_lengths(g);
    bool is_near = s->comm->home[g->a.root] >= 0 && g->a.recvbuf != MPI_IN_PLACE;
    return err == MPI_SUCCESS && is_near ? receive_mine(g) : err;
}

static int receive_bundle(struct wsp_schedule *s)
{
    struct scatter *g = (struct scatter *)s;
    /* After an error in place of the lengths no bundle comes. */
    if (!hands_out(g) || (s->err != MPI_SUCCESS && !g->a.is_even))
        return MPI_SUCCESS;
    uint64_t length = sum(g->lengths, wsp_comm_here(s->comm)->n_ranks);
    g->bundle = malloc(length + 1);
    if (!g->bundle && s->err == MPI_SUCCESS)
        s->err = MPI_ERR_NO_MEM;
    int err = wsp_schedule_open_exchange(s, 1);
    if (err == MPI_SUCCESS)
        wsp_schedule_receive(s, g->a.root, g->bundle, length);
    return err;
}

static int agree(struct wsp_schedule *s)
{
    bool is_far = s->comm->home[((struct scatter *)s)->a.root] < 0;
    return is_far ? wsp_phase_bcast(s, 0, NULL, 0, MPI_BYTE, 0) : MPI_SUCCESS;
}

static int hand_out(struct wsp_schedule *s)
{
    struct scatter *g = (struct scatter *)s;
    if (s->comm->home[g->a.root] >= 0 || s->err != MPI_SUCCESS)
        return MPI_SUCCESS;
    const char *from = g->bundle;
    int err = receive_mine(g);
    for (int i = 0; from && err == MPI_SUCCESS && i < wsp_comm_here(s->comm)->n_ranks; i++) {
        err = wsp_phase_send_bytes(s, i, from, g->lengths[i]);
        from += g->lengths[i];
    }
    return err;
}

static const struct wsp_step steps[] = {
    {begin, false}, {receive_bundle, false}, {agree, true}, {hand_out, false}, {NULL, false}};

static void close_scatter(struct wsp_schedule *s)
{
    struct scatter *g = (struct scatter *)s;
    free(g->lengths);
    free(g->bundle);
}

static int check(const struct arguments *a, const struct wsp_comm *comm, struct wsp_layout *layout)
{
    bool is_at_root = comm->rank == a->root;
    int err = wsp_coll_check_root(comm, a->root);
    if (err == MPI_SUCCESS && (is_at_root ? (void *)a->sendbuf : a->recvbuf) == MPI_IN_PLACE)
        err = MPI_ERR_ARG;
    if (err == MPI_SUCCESS && a->recvbuf != MPI_IN_PLACE && a->recvcount < 0)
        err = MPI_ERR_COUNT; /* here the host looks at it before the type */
    if (err == MPI_SUCCESS && a->recvbuf != MPI_IN_PLACE)
        err = wsp_coll_check_buffer(a->recvbuf, a->recvcount, a->recvtype, layout);
    if (err != MPI_SUCCESS || !is_at_root)
        return err;
    if (a->is_even)
        return wsp_coll_check_buffer(a->sendbuf, a->sendcount, a->sendtype, layout);
    if (!a->sendcounts || !a->displacements)
        return MPI_ERR_ARG;
    for (int rank = 0; err == MPI_SUCCESS && rank < comm->size; rank++)
        if (a->sendcounts[rank] < 0)
            err = MPI_ERR_COUNT;
    return err == MPI_SUCCESS ? wsp_type_describe(a->sendtype, layout) : err;
}

static int start(const struct arguments *a, MPI_Comm handle, MPI_Request *request)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    struct wsp_layout layout = {0};
    if (comm->inter) {
        struct wsp_blocks out = WSP_BLOCKS_EVEN(a->send);
        if (!a->is_even)
            out = WSP_BLOCKS_VARYING(a->send, a->displacements);
        return wsp_inter_scatter(out, a->recvbuf, a->recvcount, a->recvtype, a->root, comm,
                                 request);
    }
    int err = check(a, comm, &layout);
    if (err != MPI_SUCCESS)
        return wsp_schedule_refuse(comm, err);
    struct scatter *g = wsp_schedule_new(sizeof *g, comm, steps, close_scatter);
    if (!g)
        return wsp_schedule_refuse(comm, MPI_ERR_NO_MEM);
    g->s.tells_errors = true;
    g->a = *a;
    g->layout = layout;
    if (request && a->recvbuf != MPI_IN_PLACE)
        err = wsp_schedule_keep_type(&g->s, a->recvtype);
    if (request && err == MPI_SUCCESS && comm->rank == a->root)
        err = wsp_schedule_keep_type(&g->s, a->sendtype);
    g->s.err = err;
    return wsp_schedule_run(&g->s, request);
}

#define EVEN                                                                                       \
    (&(struct arguments){sendbuf, sendcount, NULL, NULL, sendtype, recvbuf, recvcount, recvtype,   \
                         root, true})
#define UNEVEN                                                                                     \
    (&(struct arguments){sendbuf, 0, sendcounts, displs, sendtype, recvbuf, recvcount, recvtype,   \
                         root, false})

int wide_Scatter(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                 int recvcount, MPI_Datatype recvtype, int root, MPI_Comm comm)
{
    return start(EVEN, comm, NULL);
}

int wide_Iscatter(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                  int recvcount, MPI_Datatype recvtype, int root, MPI_Comm comm,
                  MPI_Request *request)
{
    return start(EVEN, comm, request);
}

int wide_Scatterv(const void *sendbuf, const int sendcounts[], const int displs[],
                  MPI_Datatype sendtype, void *recvbuf, int recvcount, MPI_Datatype recvtype,
                  int root, MPI_Comm comm)
{
    return start(UNEVEN, comm, NULL);
}

int wide_Iscatterv(const void *sendbuf, const int sendcounts[], const int displs[],
                   MPI_Datatype sendtype, void *recvbuf, int recvcount, MPI_Datatype recvtype,
                   int root, MPI_Comm comm, MPI_Request *request)
{
    return start(UNEVEN, comm, request);
}
