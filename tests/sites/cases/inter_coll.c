/* SPDX-License-Identifier: BSD-3-Clause */
/* Every collective between the two groups of an intercommunicator, blocking and not, over groups
 * that split the sites in odd ways. Each rank knows by itself what must come out. */
#include "cases.h"
#include "draw.h"

#include <stdint.h>
#include <stdlib.h>

enum { UNTOUCHED = -77, MAX_STEP = 3, N_ROUNDS = 40 };

static uint64_t state; /* the same on all ranks */

/* What a rank of one group gives to one of the other, at place i. */
static int word(int group, int from, int to, int i, int salt)
{
    return (int)(((uint32_t)(2 * from + group) * 40503u + (uint32_t)to * 2654435761u +
                  (uint32_t)i * 97u + (uint32_t)salt) &
                 0xffffff);
}

struct team {
    MPI_Comm comm;
    int group, rank, sizes[2];
    bool is_blocking;
    int salt, step_in, step_out;
    int root_group, root;             /* of rooted collectives */
    int counts[2][MAX_WORLD];         /* what each rank gives to each of the others, or gets */
    MPI_Datatype types[MAX_STEP + 1]; /* an int every 1, 2, 3 */
    MPI_Datatype pairs[2];            /* a struct line at its address, and one behind it */
    int shift;                        /* which of them */
    MPI_Op compose;
    MPI_Request request;
};

static int n_own(const struct team *t)
{
    return t->sizes[t->group];
}

static int n_remote(const struct team *t)
{
    return t->sizes[!t->group];
}

/* The root argument of this rank. */
static int root_of(const struct team *t)
{
    if (t->group != t->root_group)
        return t->root;
    return t->rank == t->root ? MPI_ROOT : MPI_PROC_NULL;
}

static bool is_root(const struct team *t)
{
    return t->group == t->root_group && t->rank == t->root;
}

static bool is_opposite(const struct team *t)
{
    return t->group != t->root_group;
}

static void finish(struct team *t)
{
    if (!t->is_blocking)
        MPI_Wait(&t->request, MPI_STATUS_IGNORE);
}

/* Blocks of ranks in a buffer with gaps between them, the last first. */
struct blocks {
    int counts[MAX_WORLD], places[MAX_WORLD], bytes[MAX_WORLD], n, step;
    size_t n_ints;
    int *ints;
    MPI_Datatype types[MAX_WORLD];
};

static void open_blocks(struct blocks *b, const struct team *t, int n, int step, bool is_even)
{
    int next = 1;
    b->n = n;
    b->step = step;
    for (int i = 0; i < n; i++) {
        int block = is_even ? i : n - 1 - i;
        b->places[block] = is_even ? i * b->counts[0] : next;
        next += b->counts[block] + (i % 3 == 0);
        b->bytes[block] = b->places[block] * step * (int)sizeof(int);
        b->types[block] = t->types[step];
    }
    b->n_ints = (size_t)(next + 1) * (size_t)step;
    b->ints = malloc(b->n_ints * sizeof *b->ints);
    for (size_t i = 0; i < b->n_ints; i++)
        b->ints[i] = UNTOUCHED;
}

static int *at(const struct blocks *b, int block, int i)
{
    return &b->ints[(size_t)(b->places[block] + i) * (size_t)b->step];
}

static void set(const struct blocks *b, int block, int group, int from, int to, int salt)
{
    for (int i = 0; i < b->counts[block]; i++)
        *at(b, block, i) = word(group, from, to, i, salt);
}

/* Takes a block away and holds that it was this. */
static void take(const struct blocks *b, int block, int group, int from, int to, int salt)
{
    for (int i = 0; i < b->counts[block]; i++) {
        CHECK(*at(b, block, i) == word(group, from, to, i, salt));
        *at(b, block, i) = UNTOUCHED;
    }
}

static void close_blocks(struct blocks *b)
{
    for (size_t i = 0; i < b->n_ints; i++)
        CHECK(b->ints[i] == UNTOUCHED);
    free(b->ints);
}

static void try_barrier(struct team *t)
{
    if (t->is_blocking)
        MPI_Barrier(t->comm);
    else
        MPI_Ibarrier(t->comm, &t->request);
    finish(t);
}

static void try_bcast(struct team *t)
{
    struct blocks b = {.counts = {t->counts[0][0]}};
    int step = is_root(t) ? t->step_in : t->step_out;
    open_blocks(&b, t, 1, step, false);
    if (is_root(t))
        set(&b, 0, t->root_group, t->root, 0, t->salt);
    if (t->is_blocking)
        MPI_Bcast(at(&b, 0, 0), b.counts[0], t->types[step], root_of(t), t->comm);
    else
        MPI_Ibcast(at(&b, 0, 0), b.counts[0], t->types[step], root_of(t), t->comm, &t->request);
    finish(t);
    if (is_root(t) || is_opposite(t))
        take(&b, 0, t->root_group, t->root, 0, t->salt);
    close_blocks(&b);
}

/* Uneven amounts: what rank r gives is counts[its group][r]. */
static void try_gather(struct team *t, bool is_all, bool is_even)
{
    bool gives = is_all || is_opposite(t), takes = is_all || is_root(t);
    struct blocks in = {.counts = {t->counts[t->group][is_even ? 0 : t->rank]}}, out = {0};
    for (int r = 0; r < n_remote(t); r++)
        out.counts[r] = t->counts[!t->group][is_even ? 0 : r];
    open_blocks(&in, t, 1, t->step_in, false);
    open_blocks(&out, t, n_remote(t), t->step_out, is_even);
    if (gives)
        set(&in, 0, t->group, t->rank, 0, t->salt);
    MPI_Datatype give = t->types[t->step_in], get = t->types[t->step_out];
    int *from = at(&in, 0, 0), n = in.counts[0], m = out.counts[0], root = root_of(t);
    if (is_all && is_even && t->is_blocking)
        MPI_Allgather(from, n, give, out.ints, m, get, t->comm);
    else if (is_all && is_even)
        MPI_Iallgather(from, n, give, out.ints, m, get, t->comm, &t->request);
    else if (is_all && t->is_blocking)
        MPI_Allgatherv(from, n, give, out.ints, out.counts, out.places, get, t->comm);
    else if (is_all)
        MPI_Iallgatherv(from, n, give, out.ints, out.counts, out.places, get, t->comm, &t->request);
    else if (is_even && t->is_blocking)
        MPI_Gather(from, n, give, out.ints, m, get, root, t->comm);
    else if (is_even)
        MPI_Igather(from, n, give, out.ints, m, get, root, t->comm, &t->request);
    else if (t->is_blocking)
        MPI_Gatherv(from, n, give, out.ints, takes ? out.counts : NULL, out.places, get, root,
                    t->comm);
    else
        MPI_Igatherv(from, n, give, out.ints, takes ? out.counts : NULL, out.places, get, root,
                     t->comm, &t->request);
    finish(t);
    for (int r = 0; takes && r < n_remote(t); r++)
        take(&out, r, !t->group, r, 0, t->salt);
    if (gives)
        take(&in, 0, t->group, t->rank, 0, t->salt);
    close_blocks(&in);
    close_blocks(&out);
}

static void try_scatter(struct team *t, bool is_even)
{
    struct blocks in = {0}, out = {.counts = {t->counts[t->group][is_even ? 0 : t->rank]}};
    for (int r = 0; r < n_remote(t); r++)
        in.counts[r] = t->counts[!t->group][is_even ? 0 : r];
    open_blocks(&in, t, n_remote(t), t->step_in, is_even);
    open_blocks(&out, t, 1, t->step_out, false);
    for (int r = 0; is_root(t) && r < n_remote(t); r++)
        set(&in, r, t->group, t->rank, r, t->salt);
    MPI_Datatype give = t->types[t->step_in], get = t->types[t->step_out];
    int *to = at(&out, 0, 0), n = in.counts[0], m = out.counts[0], root = root_of(t);
    if (is_even && t->is_blocking)
        MPI_Scatter(in.ints, n, give, to, m, get, root, t->comm);
    else if (is_even)
        MPI_Iscatter(in.ints, n, give, to, m, get, root, t->comm, &t->request);
    else if (t->is_blocking)
        MPI_Scatterv(in.ints, is_root(t) ? in.counts : NULL, in.places, give, to, m, get, root,
                     t->comm);
    else
        MPI_Iscatterv(in.ints, is_root(t) ? in.counts : NULL, in.places, give, to, m, get, root,
                      t->comm, &t->request);
    finish(t);
    if (is_opposite(t))
        take(&out, 0, t->root_group, t->root, t->rank, t->salt);
    for (int r = 0; is_root(t) && r < n_remote(t); r++)
        take(&in, r, t->group, t->rank, r, t->salt);
    close_blocks(&in);
    close_blocks(&out);
}

enum way { EVEN, VARYING, TYPED };

static int amount(const struct team *t, int group, int from, int to)
{
    return (t->counts[group][from] + to) % 4;
}

static void try_alltoall(struct team *t, enum way way)
{
    struct blocks in = {0}, out = {0};
    for (int r = 0; r < n_remote(t); r++) {
        in.counts[r] = way == EVEN ? t->counts[0][0] : amount(t, t->group, t->rank, r);
        out.counts[r] = way == EVEN ? t->counts[0][0] : amount(t, !t->group, r, t->rank);
    }
    open_blocks(&in, t, n_remote(t), t->step_in, way == EVEN);
    open_blocks(&out, t, n_remote(t), t->step_out, way == EVEN);
    for (int r = 0; r < n_remote(t); r++)
        set(&in, r, t->group, t->rank, r, t->salt);
    MPI_Datatype give = t->types[t->step_in], get = t->types[t->step_out];
    if (way == EVEN && t->is_blocking)
        MPI_Alltoall(in.ints, in.counts[0], give, out.ints, out.counts[0], get, t->comm);
    else if (way == EVEN)
        MPI_Ialltoall(in.ints, in.counts[0], give, out.ints, out.counts[0], get, t->comm,
                      &t->request);
    else if (way == VARYING && t->is_blocking)
        MPI_Alltoallv(in.ints, in.counts, in.places, give, out.ints, out.counts, out.places, get,
                      t->comm);
    else if (way == VARYING)
        MPI_Ialltoallv(in.ints, in.counts, in.places, give, out.ints, out.counts, out.places, get,
                       t->comm, &t->request);
    else if (t->is_blocking)
        MPI_Alltoallw(in.ints, in.counts, in.bytes, in.types, out.ints, out.counts, out.bytes,
                      out.types, t->comm);
    else
        MPI_Ialltoallw(in.ints, in.counts, in.bytes, in.types, out.ints, out.counts, out.bytes,
                       out.types, t->comm, &t->request);
    finish(t);
    for (int r = 0; r < n_remote(t); r++) {
        take(&out, r, !t->group, r, t->rank, t->salt);
        take(&in, r, t->group, t->rank, r, t->salt);
    }
    close_blocks(&in);
    close_blocks(&out);
}

/* x -> a x + b, modulo 2^32: composition does not commute. */
struct line {
    uint32_t a, b;
};

static void compose_lines(const struct line *f, struct line *g, int n)
{
    for (int i = 0; i < n; i++)
        g[i] = (struct line){f[i].a * g[i].a, f[i].b * g[i].a + g[i].b};
}

static void compose(void *in, void *inout, int *n, MPI_Datatype *type)
{
    MPI_Aint lb, extent;
    MPI_Type_get_true_extent(*type, &lb, &extent);
    compose_lines((void *)((char *)in + lb), (void *)((char *)inout + lb), *n);
}

static struct line line_of(const struct team *t, int group, int rank, int i)
{
    return (struct line){(uint32_t)word(group, rank, 1, i, t->salt) | 1,
                         (uint32_t)word(group, rank, 2, i, t->salt)};
}

/* What a whole group makes together at place i. */
static struct line made_by(const struct team *t, int group, int i)
{
    struct line all = line_of(t, group, 0, i);
    for (int r = 1; r < t->sizes[group]; r++) {
        struct line next = line_of(t, group, r, i);
        compose_lines(&all, &next, 1);
        all = next;
    }
    return all;
}

enum kind { REDUCE, ALLREDUCE, SCATTER_BLOCK, SCATTER };

/* How many elements in all: a multiple of both groups' sizes where blocks are shared out. */
static int n_elements(const struct team *t, enum kind kind)
{
    return kind == SCATTER_BLOCK ? t->sizes[0] * t->sizes[1] : 3 + t->counts[0][0];
}

static void call_reduce(struct team *t, enum kind kind, const void *in, void *out, int n,
                        const int *shares)
{
    MPI_Comm comm = t->comm;
    int root = root_of(t), share = n / n_own(t);
    if (kind == REDUCE && t->is_blocking)
        MPI_Reduce(in, out, n, t->pairs[t->shift], t->compose, root, comm);
    else if (kind == REDUCE)
        MPI_Ireduce(in, out, n, t->pairs[t->shift], t->compose, root, comm, &t->request);
    else if (kind == ALLREDUCE && t->is_blocking)
        MPI_Allreduce(in, out, n, t->pairs[t->shift], t->compose, comm);
    else if (kind == ALLREDUCE)
        MPI_Iallreduce(in, out, n, t->pairs[t->shift], t->compose, comm, &t->request);
    else if (kind == SCATTER_BLOCK && t->is_blocking)
        MPI_Reduce_scatter_block(in, out, share, t->pairs[t->shift], t->compose, comm);
    else if (kind == SCATTER_BLOCK)
        MPI_Ireduce_scatter_block(in, out, share, t->pairs[t->shift], t->compose, comm,
                                  &t->request);
    else if (t->is_blocking)
        MPI_Reduce_scatter(in, out, shares, t->pairs[t->shift], t->compose, comm);
    else
        MPI_Ireduce_scatter(in, out, shares, t->pairs[t->shift], t->compose, comm, &t->request);
    finish(t);
}

static void try_reduce(struct team *t, enum kind kind)
{
    int n = n_elements(t, kind), shares[MAX_WORLD] = {0}, first = 0, n_mine = n;
    struct line *ins = calloc((size_t)n + 2, sizeof *ins), *in = ins + 1;
    struct line *outs = calloc((size_t)n + 2, sizeof *outs), *out = outs + 1;
    for (int i = 0; i < n; i++) {
        in[i] = line_of(t, t->group, t->rank, i);
        shares[(i * i) % n_own(t)]++;
    }
    for (int r = 0; r < t->rank; r++)
        first += kind == SCATTER ? shares[r] : kind == SCATTER_BLOCK ? n / n_own(t) : 0;
    if (kind == SCATTER || kind == SCATTER_BLOCK)
        n_mine = kind == SCATTER ? shares[t->rank] : n / n_own(t);
    if (kind == REDUCE && !is_root(t))
        n_mine = 0;
    call_reduce(t, kind, in - t->shift, out - t->shift, n, shares);
    for (int i = 0; i < n_mine; i++) {
        struct line want = made_by(t, !t->group, first + i);
        CHECK(out[i].a == want.a && out[i].b == want.b);
    }
    CHECK(outs[0].a == 0 && out[n_mine].a == 0 && out[n_mine].b == 0);
    free(ins);
    free(outs);
}

static void try_one(struct team *t)
{
    t->is_blocking = draw_below(&state, 2);
    t->salt = draw_below(&state, 1 << 20);
    t->shift = draw_below(&state, 2);
    t->step_in = 1 + draw_below(&state, MAX_STEP);
    t->step_out = 1 + draw_below(&state, MAX_STEP);
    t->root_group = draw_below(&state, 2);
    t->root = draw_below(&state, t->sizes[t->root_group]);
    for (int g = 0; g < 2; g++)
        for (int r = 0; r < t->sizes[g]; r++)
            t->counts[g][r] =
                draw_below(&state, 4) ? draw_below(&state, 40) : draw_below(&state, 2) * 30000;
    switch (draw_below(&state, 14)) {
    case 0:
        try_barrier(t);
        break;
    case 1:
        try_bcast(t);
        break;
    case 2:
        try_gather(t, false, false);
        break;
    case 3:
        try_gather(t, false, true);
        break;
    case 4:
        try_gather(t, true, false);
        break;
    case 5:
        try_gather(t, true, true);
        break;
    case 6:
        try_scatter(t, false);
        break;
    case 7:
        try_scatter(t, true);
        break;
    case 8:
        try_alltoall(t, EVEN);
        break;
    case 9:
        try_alltoall(t, draw_below(&state, 2) ? VARYING : TYPED);
        break;
    case 10:
        try_reduce(t, REDUCE);
        break;
    case 11:
        try_reduce(t, ALLREDUCE);
        break;
    case 12:
        try_reduce(t, SCATTER);
        break;
    default:
        try_reduce(t, SCATTER_BLOCK);
    }
}

/* Two groups: who is in which, and in what order; leaders are not the first where they can. */
static MPI_Comm connect(int group, int key)
{
    MPI_Comm local, made;
    int rank, size, mine[2] = {-1, -1}, leaders[2];
    MPI_Comm_split(MPI_COMM_WORLD, group, key, &local);
    MPI_Comm_rank(local, &rank);
    MPI_Comm_size(local, &size);
    if (rank == size / 2)
        mine[group] = world.rank;
    MPI_Allreduce(mine, leaders, 2, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    MPI_Intercomm_create(local, size / 2, MPI_COMM_WORLD, leaders[!group], 7, &made);
    MPI_Comm_free(&local);
    return made;
}

static void open_team(struct team *t, int group, int key)
{
    *t = (struct team){.comm = connect(group, key), .group = group};
    MPI_Comm_rank(t->comm, &t->rank);
    MPI_Comm_size(t->comm, &t->sizes[group]);
    MPI_Comm_remote_size(t->comm, &t->sizes[!group]);
    for (int step = 1; step <= MAX_STEP; step++) {
        MPI_Type_create_resized(MPI_INT, 0, step * (MPI_Aint)sizeof(int), &t->types[step]);
        MPI_Type_commit(&t->types[step]);
    }
    for (int shift = 0; shift < 2; shift++) {
        MPI_Type_create_indexed_block(1, 2, &(int){2 * shift}, MPI_UINT32_T, &t->pairs[shift]);
        MPI_Type_commit(&t->pairs[shift]);
    }
    MPI_Op_create(compose, 0, &t->compose);
}

static void close_team(struct team *t)
{
    for (int step = 1; step <= MAX_STEP; step++)
        MPI_Type_free(&t->types[step]);
    for (int shift = 0; shift < 2; shift++)
        MPI_Type_free(&t->pairs[shift]);
    MPI_Op_free(&t->compose);
    MPI_Comm_free(&t->comm);
}

static void try_groups(int group, int key, uint64_t seed)
{
    struct team team;
    if (world.size < 2)
        return;
    state = seed;
    open_team(&team, group, key);
    for (int i = 0; i < N_ROUNDS; i++)
        try_one(&team);
    close_team(&team);
}

static void odd_and_even(void)
{
    try_groups(world.rank % 2, world.rank, 1);
}

static void odd_and_even_reversed(void)
{
    try_groups(world.rank % 2, -world.rank, 2);
}

static void halves(void)
{
    try_groups(world.rank < world.size / 2, world.rank, 3);
}

static void one_and_all_others(void)
{
    try_groups(world.rank == 0, world.rank, 4);
    try_groups(world.rank != world.size - 1, world.rank, 5);
}

static void first_site_and_others(void)
{
    if (world.n_sites < 2)
        skip("there is one site");
    else
        try_groups(world.site[world.rank] == 0, world.rank, 6);
}

/* Neighbours in each group at different sites. */
static void interleaved(void)
{
    int place = 0;
    for (int r = 0; r < world.rank; r++)
        place += world.site[r] == world.site[world.rank];
    try_groups((place + world.site[world.rank]) % 2, place, 7);
    try_groups(world.rank == world.size - 1, place, 8);
}

/* Several under way on one communicator, finished from the last to the first. */
static void several_under_way(void)
{
    struct team t;
    MPI_Request requests[4];
    int in[4], out[MAX_WORLD], sum = 0, word_in = 0, all = 0;
    if (world.size < 2) {
        skip("there is one rank");
        return;
    }
    open_team(&t, world.rank % 2, world.rank);
    t.root_group = 1;
    t.root = 0;
    for (int i = 0; i < 4; i++)
        in[i] = t.rank + 1 + i;
    word_in = is_root(&t) ? 4711 : 0;
    MPI_Iallreduce(&in[0], &sum, 1, MPI_INT, MPI_SUM, t.comm, &requests[0]);
    MPI_Ibcast(&word_in, 1, MPI_INT, root_of(&t), t.comm, &requests[1]);
    MPI_Iallgather(&in[1], 1, MPI_INT, out, 1, MPI_INT, t.comm, &requests[2]);
    MPI_Iallreduce(&in[2], &all, 1, MPI_INT, MPI_MAX, t.comm, &requests[3]);
    for (int i = 3; i >= 0; i--)
        MPI_Wait(&requests[i], MPI_STATUS_IGNORE);
    int n = n_remote(&t);
    CHECK(sum == n * (n + 1) / 2 && all == n + 2);
    CHECK(word_in == (is_root(&t) || is_opposite(&t) ? 4711 : 0));
    for (int r = 0; r < n; r++)
        CHECK(out[r] == r + 2);
    close_team(&t);
}

enum { BELOW = 1 << 26, STRIDE = 16, N_BELOW = 5000 };

static int *below(char *base, int i)
{
    return (int *)(base + STRIDE * (ptrdiff_t)i - BELOW);
}

static void add_below(void *in, void *inout, int *n, MPI_Datatype *type)
{
    for (int i = 0; i < *n && type; i++)
        *below(inout, i) += *below(in, i);
}

/* Elements that lie before their address, which the host reduces wrongly without blocking. */
static void elements_below_their_address(void)
{
    enum { BYTES = N_BELOW * STRIDE };
    MPI_Aint displacement = -BELOW;
    MPI_Datatype bare, type, one = MPI_INT;
    MPI_Op op;
    int length = 1, n, group = world.rank == 0;
    char *in = calloc(1, BYTES), *out = calloc(1, BYTES);
    if (world.size < 2) {
        skip("there is one rank");
        return;
    }
    MPI_Comm comm = connect(group, world.rank);
    MPI_Comm_remote_size(comm, &n);
    MPI_Type_create_struct(1, &length, &displacement, &one, &bare);
    MPI_Type_create_resized(bare, -BELOW, STRIDE, &type);
    MPI_Type_commit(&type);
    MPI_Op_create(add_below, 1, &op);
    for (int i = 0; i < N_BELOW; i++)
        *below(in + BELOW, i) = i + group;
    MPI_Allreduce(in + BELOW, out + BELOW, N_BELOW, type, op, comm);
    for (int i = 0; i < N_BELOW; i++)
        CHECK(*below(out + BELOW, i) == n * (i + !group));
    MPI_Op_free(&op);
    MPI_Type_free(&type);
    MPI_Type_free(&bare);
    MPI_Comm_free(&comm);
    free(in);
    free(out);
}

const struct mpi_case cases[] = {
    {"odd_and_even", odd_and_even, false},
    {"odd_and_even_reversed", odd_and_even_reversed, false},
    {"halves", halves, false},
    {"one_and_all_others", one_and_all_others, false},
    {"first_site_and_others", first_site_and_others, false},
    {"interleaved", interleaved, false},
    {"several_under_way", several_under_way, false},
    {"elements_below_their_address", elements_below_their_address, false},
    {NULL, NULL, false}};
