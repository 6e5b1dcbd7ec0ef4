/* SPDX-License-Identifier: BSD-3-Clause */
/* Collectives: element i of what a rank gives is a function of the two, so each member knows by
 * itself what must come out. */
#include "actor.h"

#include <stdlib.h>
#include <string.h>

enum { VARIED = 3 }; /* counts of the v variants differ by less */
#define POISON UINT32_C(0xdddddddd)

struct view {
    const struct collective *c;
    const struct team *team;
    int item, me, n, count;
    uint32_t salt;
};

static struct view view_of(const struct actor *actor, int item)
{
    const struct collective *c = &actor->plan.collectives[item];
    const struct team *team = &actor->plan.teams[c->team];
    return (struct view){.c = c,
                         .team = team,
                         .item = item,
                         .me = team_rank(team, actor->rank),
                         .n = team->n,
                         .count = c->count,
                         .salt = (uint32_t)actor->plan.number * 7919u + (uint32_t)item * 613u};
}

static uint32_t given(const struct view *v, int rank, int i)
{
    return ((uint32_t)rank * 2654435761u + (uint32_t)i * 40503u + v->salt) * 2246822519u;
}

static uint32_t sum(const struct view *v, int from, int to, int i)
{
    uint32_t total = 0;
    for (int rank = from; rank < to; rank++)
        total += given(v, rank, i);
    return total;
}

/* How many elements `from` sends to `to` in the v variants. */
static int varied(const struct view *v, int from, int to)
{
    return v->count + (from + to) % VARIED;
}

static size_t room(const struct view *v)
{
    return (size_t)v->n * (size_t)(v->count + VARIED) + 1;
}

struct vectors {
    int sent[MAX_RANKS], sent_at[MAX_RANKS], got[MAX_RANKS], got_at[MAX_RANKS];
};

static bool is_varied(enum collective_kind kind)
{
    return kind == ALLGATHERV || kind == ALLTOALLV || kind == REDUCE_SCATTER;
}

/* A rank's own count stands everywhere but for ALLTOALLV. */
static void fill_vectors(const struct view *v, struct vectors *w)
{
    int sent_at = 0, got_at = 0;
    for (int r = 0; r < v->n; r++) {
        w->sent[r] = varied(v, v->me, r);
        w->got[r] = v->c->kind == ALLTOALLV ? varied(v, r, v->me) : v->count + r % VARIED;
        w->sent_at[r] = sent_at;
        w->got_at[r] = got_at;
        sent_at += w->sent[r];
        got_at += w->got[r];
    }
}

/* Where an operation in place has its input. */
static void place_input(const struct view *v, const uint32_t *in, uint32_t *out)
{
    size_t at = v->c->kind == ALLGATHER ? (size_t)v->me * (size_t)v->count : 0;
    memcpy(out + at, in, (size_t)v->count * sizeof *out);
}

/* The arrays of the v variants must live as long as the operation: they stand behind the
 * input. */
static struct vectors *vectors_of(uint32_t *in, const struct view *v)
{
    return (struct vectors *)(in + (room(v) + 1) / 2 * 2);
}

static int start_vectors(const struct view *v, const uint32_t *in, uint32_t *out, struct vectors *w,
                         MPI_Comm comm, MPI_Request *r)
{
    const MPI_Datatype type = MPI_UINT32_T;
    const int *got = w->got, *at = w->got_at, *sent = w->sent, *sent_at = w->sent_at;
    fill_vectors(v, w);
    switch (v->c->kind) {
    case ALLGATHERV:
        return r ? MPI_Iallgatherv(in, got[v->me], type, out, got, at, type, comm, r)
                 : MPI_Allgatherv(in, got[v->me], type, out, got, at, type, comm);
    case REDUCE_SCATTER:
        return r ? MPI_Ireduce_scatter(in, out, got, type, MPI_SUM, comm, r)
                 : MPI_Reduce_scatter(in, out, got, type, MPI_SUM, comm);
    default:
        return r ? MPI_Ialltoallv(in, sent, sent_at, type, out, got, at, type, comm, r)
                 : MPI_Alltoallv(in, sent, sent_at, type, out, got, at, type, comm);
    }
}

static int start_moving(const struct view *v, const void *in, void *out, MPI_Comm comm,
                        MPI_Request *r)
{
    const MPI_Datatype type = MPI_UINT32_T;
    const int n = v->count, root = v->c->root;
    switch (v->c->kind) {
    case BARRIER:
        return r ? MPI_Ibarrier(comm, r) : MPI_Barrier(comm);
    case BCAST:
        if (v->me == root)
            memcpy(out, in, (size_t)n * sizeof(uint32_t));
        return r ? MPI_Ibcast(out, n, type, root, comm, r) : MPI_Bcast(out, n, type, root, comm);
    case GATHER:
        return r ? MPI_Igather(in, n, type, out, n, type, root, comm, r)
                 : MPI_Gather(in, n, type, out, n, type, root, comm);
    case SCATTER:
        return r ? MPI_Iscatter(in, n, type, out, n, type, root, comm, r)
                 : MPI_Scatter(in, n, type, out, n, type, root, comm);
    case ALLGATHER:
        return r ? MPI_Iallgather(in, n, type, out, n, type, comm, r)
                 : MPI_Allgather(in, n, type, out, n, type, comm);
    default:
        return r ? MPI_Ialltoall(in, n, type, out, n, type, comm, r)
                 : MPI_Alltoall(in, n, type, out, n, type, comm);
    }
}

static int start_reducing(const struct view *v, const void *in, void *out, MPI_Comm comm,
                          MPI_Request *r)
{
    const MPI_Datatype type = MPI_UINT32_T;
    const int n = v->count, root = v->c->root;
    switch (v->c->kind) {
    case REDUCE:
        return r ? MPI_Ireduce(in, out, n, type, MPI_SUM, root, comm, r)
                 : MPI_Reduce(in, out, n, type, MPI_SUM, root, comm);
    case ALLREDUCE:
        return r ? MPI_Iallreduce(in, out, n, type, MPI_SUM, comm, r)
                 : MPI_Allreduce(in, out, n, type, MPI_SUM, comm);
    case REDUCE_SCATTER_BLOCK:
        return r ? MPI_Ireduce_scatter_block(in, out, n, type, MPI_SUM, comm, r)
                 : MPI_Reduce_scatter_block(in, out, n, type, MPI_SUM, comm);
    case SCAN:
        return r ? MPI_Iscan(in, out, n, type, MPI_SUM, comm, r)
                 : MPI_Scan(in, out, n, type, MPI_SUM, comm);
    default:
        return r ? MPI_Iexscan(in, out, n, type, MPI_SUM, comm, r)
                 : MPI_Exscan(in, out, n, type, MPI_SUM, comm);
    }
}

static bool is_reducing(enum collective_kind kind)
{
    return kind == REDUCE || kind == ALLREDUCE || kind == SCAN || kind == EXSCAN ||
           kind == REDUCE_SCATTER_BLOCK;
}

static void make_buffers(struct actor *actor, const struct view *v)
{
    size_t n = room(v), words = (n + 1) / 2 * 2 + sizeof(struct vectors) / sizeof(uint32_t);
    uint32_t *in = malloc(words * sizeof *in), *out = malloc(n * sizeof *out);
    if (!in || !out)
        fail(actor, "out of memory");
    for (size_t i = 0; i < n; i++) {
        in[i] = given(v, v->me, (int)i);
        out[i] = POISON;
    }
    actor->in[v->item] = in;
    actor->out[v->item] = out;
}

void collective_start(struct actor *actor, int item)
{
    struct view v = view_of(actor, item);
    MPI_Request request = MPI_REQUEST_NULL, *r = v.c->waits ? NULL : &request;
    MPI_Comm comm = actor->comms[v.c->team];
    make_buffers(actor, &v);
    uint32_t *in = actor->in[item], *out = actor->out[item];
    const void *sent = v.c->is_in_place ? MPI_IN_PLACE : in;
    if (v.c->is_in_place)
        place_input(&v, in, out);
    if (is_varied(v.c->kind))
        start_vectors(&v, in, out, vectors_of(in, &v), comm, r);
    else if (is_reducing(v.c->kind))
        start_reducing(&v, sent, out, comm, r);
    else
        start_moving(&v, sent, out, comm, r);
    if (r)
        flight_add(actor, COLLECTIVE, item, v.c->finish[actor->rank], request);
    else
        collective_done(actor, item);
}

/* What must stand at i of the result. */
static uint32_t expected(const struct view *v, int i)
{
    int n = v->count, block = n > 0 ? i / n : 0, within = n > 0 ? i % n : 0;
    switch (v->c->kind) {
    case BCAST:
        return given(v, v->c->root, i);
    case REDUCE:
    case ALLREDUCE:
        return sum(v, 0, v->n, i);
    case SCATTER:
        return given(v, v->c->root, v->me * n + i);
    case ALLTOALL:
        return given(v, block, v->me * n + within);
    case REDUCE_SCATTER_BLOCK:
        return sum(v, 0, v->n, v->me * n + i);
    case SCAN:
        return sum(v, 0, v->me + 1, i);
    case EXSCAN:
        return sum(v, 0, v->me, i);
    default:
        return given(v, block, within);
    }
}

/* How many elements the result has here; the rest must be untouched. */
static int n_expected(const struct view *v)
{
    bool is_root = v->me == v->c->root;
    switch (v->c->kind) {
    case BARRIER:
        return 0;
    case REDUCE:
        return is_root ? v->count : 0;
    case GATHER:
        return is_root ? v->n * v->count : 0;
    case ALLGATHER:
    case ALLTOALL:
        return v->n * v->count;
    default:
        return v->count;
    }
}

static void check_word(const struct actor *actor, const struct view *v, size_t i, uint32_t right)
{
    uint32_t word = actor->out[v->item][i];
    if (word != right)
        fail(actor, "collective %d: at %zu stands %08x, not %08x", v->item, i, word, right);
}

static void check_scattered(const struct actor *actor, const struct view *v)
{
    struct vectors w;
    fill_vectors(v, &w);
    for (int i = 0; i < (int)room(v); i++)
        check_word(actor, v, (size_t)i,
                   i < w.got[v->me] ? sum(v, 0, v->n, w.got_at[v->me] + i) : POISON);
}

static void check_vectors(const struct actor *actor, const struct view *v)
{
    struct vectors w;
    size_t at = 0;
    fill_vectors(v, &w);
    for (int from = 0; from < v->n; from++) {
        int before = 0;
        for (int to = 0; to < v->me && v->c->kind == ALLTOALLV; to++)
            before += varied(v, from, to);
        for (int i = 0; i < w.got[from]; i++)
            check_word(actor, v, at++, given(v, from, before + i));
    }
    for (; at < room(v); at++)
        check_word(actor, v, at, POISON);
}

/* The first rank's result of an exclusive scan is undefined. */
static void check_plain(const struct actor *actor, const struct view *v)
{
    size_t n = (size_t)n_expected(v), first = 0;
    if (v->c->kind == EXSCAN && v->me == 0)
        first = n;
    for (size_t i = first; i < room(v); i++)
        check_word(actor, v, i, i < n ? expected(v, (int)i) : POISON);
}

void collective_done(struct actor *actor, int item)
{
    struct view v = view_of(actor, item);
    if (v.c->kind == REDUCE_SCATTER)
        check_scattered(actor, &v);
    else if (is_varied(v.c->kind))
        check_vectors(actor, &v);
    else
        check_plain(actor, &v);
    for (size_t i = 0; i < room(&v); i++)
        if (actor->in[item][i] != given(&v, v.me, (int)i))
            fail(actor, "collective %d: its input was written to", item);
    free(actor->in[item]);
    free(actor->out[item]);
}
