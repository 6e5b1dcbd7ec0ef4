/* SPDX-License-Identifier: BSD-3-Clause */
/* Gather and Gatherv. At the root's site each rank sends to the root. At another one the leader
 * gathers what its ranks send into one bundle for the root, who lays each rank's elements out with
 * its own type; what would lie there as it travels lands in place. Where amounts differ only the
 * root knows all of them, and a leader is told its ranks' lengths first. */
#include "coll/inter.h"
#include "coll/phase.h"
#include "wide.h"

#include <stdlib.h>

struct arguments {
    const void *sendbuf;
    int sendcount;
    MPI_Datatype sendtype;
    void *recvbuf;                         /* these at the root only */
    int recvcount;                         /* where all are equal */
    const int *recvcounts, *displacements; /* else */
    MPI_Datatype recvtype;
    int root;
    bool is_even; /* MPI_Gather: every rank's amount is its own */
};

/* The bytes of one site at the root: in the receive buffer already, or in a bundle. */
struct place {
    char *bytes;
    uint64_t length;
    bool is_bundle;
};

struct gather {
    struct wsp_schedule s;
    struct arguments a;
    struct wsp_layout layout; /* of recvtype at the root, of sendtype elsewhere */
    struct place *places;     /* of each site, at the root */
    uint64_t *lengths;        /* of each home rank, at another leader */
    uint64_t length;          /* of this rank's elements, at another site */
    char *bundle;             /* at another leader */
};

static bool is_root(const struct gather *g)
{
    return g->s.comm->rank == g->a.root;
}

static bool is_at_roots_site(const struct gather *g)
{
    return g->s.comm->home[g->a.root] >= 0;
}

/* True for the leader of a site that is not the root's. */
static bool collects(const struct gather *g)
{
    return wsp_comm_is_leader(g->s.comm) && !is_at_roots_site(g);
}

static int count_of(const struct gather *g, int rank)
{
    return g->a.is_even ? g->a.recvcount : g->a.recvcounts[rank];
}

static void *slot_of(const struct gather *g, int rank)
{
    int64_t first =
        g->a.is_even ? (int64_t)rank * g->a.recvcount : (int64_t)g->a.displacements[rank];
    return wsp_coll_at(g->a.recvbuf, first * g->layout.extent);
}

static uint64_t length_of(const struct gather *g, int rank)
{
    return g->layout.size * (uint64_t)count_of(g, rank);
}

/* True if the elements of these ranks lie behind each other as they travel. */
static bool lies_as_sent(const struct gather *g, const struct wsp_part *part)
{
    for (int i = 0; i + 1 < part->n_ranks; i++)
        if (wsp_coll_at(slot_of(g, part->ranks[i]), (int64_t)length_of(g, part->ranks[i])) !=
            slot_of(g, part->ranks[i + 1]))
            return false;
    return g->layout.is_contiguous;
}

static int open_place(const struct gather *g, const struct wsp_part *part, struct place *place)
{
    for (int i = 0; i < part->n_ranks; i++)
        place->length += length_of(g, part->ranks[i]);
    place->is_bundle = !lies_as_sent(g, part);
    place->bytes = place->is_bundle ? malloc(place->length + 1)
                                    : wsp_coll_at(slot_of(g, part->ranks[0]), g->layout.true_lb);
    return place->bytes || place->length == 0 ? MPI_SUCCESS : MPI_ERR_NO_MEM;
}

static int expect_bundles(struct gather *g)
{
    struct wsp_comm *comm = g->s.comm;
    int err = wsp_schedule_open_exchange(&g->s, comm->n_parts);
    for (int p = 0; err == MPI_SUCCESS && p < comm->n_parts; p++)
        if (p != comm->part)
            wsp_schedule_receive(&g->s, comm->parts[p].ranks[0], g->places[p].bytes,
                                 g->places[p].length);
    return err;
}

static int open_places(struct gather *g)
{
    const struct wsp_comm *comm = g->s.comm;
    int err = g->s.err;
    g->places = wsp_coll_calloc((size_t)comm->n_parts, sizeof *g->places);
    for (int p = 0; err == MPI_SUCCESS && p < comm->n_parts; p++)
        if (p != comm->part)
            err = open_place(g, &comm->parts[p], &g->places[p]);
    return err;
}

/* Posts all that comes to the root: its own site's elements in any case. */
static int expect(struct gather *g)
{
    const struct wsp_comm *comm = g->s.comm;
    const struct wsp_part *here = wsp_comm_here(comm);
    int err = expect_bundles(g);
    for (int i = 0; err == MPI_SUCCESS && i < here->n_ranks; i++)
        if (i != comm->home_rank || g->a.sendbuf != MPI_IN_PLACE)
            err = wsp_phase_receive(&g->s, i, slot_of(g, here->ranks[i]),
                                    count_of(g, here->ranks[i]), g->a.recvtype);
    return err;
}

static int ask_lengths(struct gather *g)
{
    int n = wsp_comm_here(g->s.comm)->n_ranks, err = MPI_SUCCESS;
    g->lengths = wsp_coll_calloc((size_t)n, sizeof *g->lengths);
    for (int i = 0; err == MPI_SUCCESS && i < n; i++)
        if (g->a.is_even || i == g->s.comm->home_rank)
            g->lengths[i] = g->length;
        else
            err = wsp_phase_receive_bytes(&g->s, i, &g->lengths[i], sizeof g->lengths[i]);
    return err;
}

static int give(struct wsp_schedule *s)
{
    struct gather *g = (struct gather *)s;
    const struct arguments *a = &g->a;
    if (is_root(g))
        s->err = open_places(g);
    int err = is_root(g) ? expect(g) : MPI_SUCCESS;
    if (err != MPI_SUCCESS || a->sendbuf == MPI_IN_PLACE)
        return err;
    if (is_at_roots_site(g))
        return wsp_phase_send(s, s->comm->home[a->root], a->sendbuf, a->sendcount, a->sendtype);
    if (collects(g))
        return ask_lengths(g);
    if (!a->is_even)
        err = wsp_phase_send_bytes(s, 0, &g->length, sizeof g->length);
    return err == MPI_SUCCESS ? wsp_phase_send(s, 0, a->sendbuf, a->sendcount, a->sendtype) : err;
}

static uint64_t sum_of_lengths(const struct gather *g)
{
    uint64_t sum = 0;
    for (int i = 0; i < wsp_comm_here(g->s.comm)->n_ranks; i++)
        sum += g->lengths[i];
    return sum;
}

/* Packed bytes are what a host receives of any type. */
static int collect(struct wsp_schedule *s)
{
    struct gather *g = (struct gather *)s;
    const struct arguments *a = &g->a;
    int err = MPI_SUCCESS;
    if (!collects(g))
        return MPI_SUCCESS;
    g->bundle = malloc(sum_of_lengths(g) + 1);
    if (!g->bundle && s->err == MPI_SUCCESS)
        s->err = MPI_ERR_NO_MEM;
    if (s->err == MPI_SUCCESS)
        s->err = wsp_type_pack(a->sendbuf, a->sendcount, a->sendtype, g->bundle, g->length);
    char *to = g->bundle;
    for (int i = 1; err == MPI_SUCCESS && i < wsp_comm_here(s->comm)->n_ranks; i++) {
        to = wsp_coll_at(to, (int64_t)g->lengths[i - 1]);
        err = s->err == MPI_SUCCESS ? wsp_phase_receive_bytes(s, i, to, g->lengths[i])
                                    : wsp_phase_let_go(s, i);
    }
    return err;
}

static int send_bundle(struct wsp_schedule *s)
{
    struct gather *g = (struct gather *)s;
    if (!collects(g))
        return MPI_SUCCESS;
    int err = wsp_schedule_open_exchange(s, 1);
    if (err == MPI_SUCCESS)
        wsp_schedule_send(s, g->a.root, g->bundle, sum_of_lengths(g));
    return err;
}

static int unbundle_site(const struct gather *g, const struct wsp_part *part, const char *from)
{
    int err = MPI_SUCCESS;
    for (int i = 0; err == MPI_SUCCESS && i < part->n_ranks; i++) {
        int rank = part->ranks[i];
        err = wsp_type_unpack(from, length_of(g, rank), slot_of(g, rank), count_of(g, rank),
                              g->a.recvtype);
        from += length_of(g, rank);
    }
    return err;
}

static int unbundle(struct wsp_schedule *s)
{
    struct gather *g = (struct gather *)s;
    int err = s->err;
    for (int p = 0; g->places && err == MPI_SUCCESS && p < s->comm->n_parts; p++)
        if (g->places[p].is_bundle)
            err = unbundle_site(g, &s->comm->parts[p], g->places[p].bytes);
    return err;
}

static const struct wsp_step steps[] = {
    {give, false}, {collect, false}, {send_bundle, false}, {unbundle, false}, {NULL, false}};

static void close_gather(struct wsp_schedule *s)
{
    struct gather *g = (struct gather *)s;
    for (int p = 0; g->places && p < s->comm->n_parts; p++)
        if (g->places[p].is_bundle)
            free(g->places[p].bytes);
    free(g->places);
    free(g->lengths);
    free(g->bundle);
}

/* What the root alone is given. */
static int check_root(const struct arguments *a, const struct wsp_comm *comm, uint64_t sent,
                      struct wsp_layout *layout)
{
    if (a->is_even) {
        int err = wsp_coll_check_buffer(a->recvbuf, a->recvcount, a->recvtype, layout);
        uint64_t block = err == MPI_SUCCESS ? layout->size * (uint64_t)a->recvcount : sent;
        if (err != MPI_SUCCESS || a->sendbuf == MPI_IN_PLACE || sent == block)
            return err;
        return sent > block ? MPI_ERR_TRUNCATE : MPI_ERR_COUNT;
    }
    if (!a->recvcounts || !a->displacements)
        return MPI_ERR_ARG;
    for (int rank = 0; rank < comm->size; rank++)
        if (a->recvcounts[rank] < 0)
            return MPI_ERR_COUNT;
    return wsp_type_describe(a->recvtype, layout);
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
    return check_root(a, comm, layout->size * (uint64_t)a->sendcount, layout);
}

static struct gather *make(const struct arguments *a, struct wsp_comm *comm,
                           const struct wsp_layout *layout)
{
    struct gather *g = wsp_schedule_new(sizeof *g, comm, steps, close_gather);
    if (!g)
        return NULL;
    g->a = *a;
    g->layout = *layout;
    g->s.tells_errors = true;
    if (!is_root(g))
        g->length = layout->size * (uint64_t)a->sendcount;
    if (a->is_even && (is_root(g) ? length_of(g, 0) : g->length) == 0)
        g->s.steps = &steps[4]; /* nothing travels, and nobody need wait */
    return g;
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
    if (comm->inter) {
        struct wsp_blocks in = WSP_BLOCKS_EVEN(a->recv);
        if (!a->is_even)
            in = WSP_BLOCKS_VARYING(a->recv, a->displacements);
        return wsp_inter_gather(a->sendbuf, a->sendcount, a->sendtype, in, a->root, comm, request);
    }
    int err = check(a, comm, &layout);
    if (err != MPI_SUCCESS)
        return wsp_schedule_refuse(comm, err);
    struct gather *g = make(a, comm, &layout);
    if (!g)
        return wsp_schedule_refuse(comm, MPI_ERR_NO_MEM);
    if (request)
        g->s.err = keep_types(g);
    return wsp_schedule_run(&g->s, request);
}

#define EVEN                                                                                       \
    (&(struct arguments){sendbuf, sendcount, sendtype, recvbuf, recvcount, NULL, NULL, recvtype,   \
                         root, true})
#define UNEVEN                                                                                     \
    (&(struct arguments){sendbuf, sendcount, sendtype, recvbuf, 0, recvcounts, displs, recvtype,   \
                         root, false})

int wide_Gather(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                int recvcount, MPI_Datatype recvtype, int root, MPI_Comm comm)
{
    return start(EVEN, comm, NULL);
}

int wide_Igather(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                 int recvcount, MPI_Datatype recvtype, int root, MPI_Comm comm,
                 MPI_Request *request)
{
    return start(EVEN, comm, request);
}

int wide_Gatherv(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                 const int recvcounts[], const int displs[], MPI_Datatype recvtype, int root,
                 MPI_Comm comm)
{
    return start(UNEVEN, comm, NULL);
}

int wide_Igatherv(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                  const int recvcounts[], const int displs[], MPI_Datatype recvtype, int root,
                  MPI_Comm comm, MPI_Request *request)
{
    return start(UNEVEN, comm, request);
}
