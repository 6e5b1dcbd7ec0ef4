/* SPDX-License-Identifier: BSD-3-Clause */
/* Collectives in which every rank gives or gets its own amount, and those of prefixes and segments,
 * blocking and not, in place or not, on communicators whose ranks lie in odd orders. Each rank
 * knows by itself what must come out. */
#include "cases.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state; /* the same on all members */

static int draw(int n)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)((state >> 33) % (uint64_t)n);
}

/* What `from` gives to `to` at place i. */
static int word(int from, int to, int i, int salt)
{
    return (int)(((uint32_t)from * 40503u + (uint32_t)to * 2654435761u + (uint32_t)i * 97u +
                  (uint32_t)salt) &
                 0xffffff);
}

enum { UNTOUCHED = -77, MAX_STEP = 3 };

struct team {
    MPI_Comm comm;
    int rank, size, root, salt;
    bool is_blocking, is_in_place;
    int counts[MAX_WORLD][MAX_WORLD]; /* how much i gives to j */
    MPI_Datatype types[MAX_STEP + 1]; /* an int every 1, 2, 3 */
    int step_in, step_out;
};

static int *make_ints(size_t n)
{
    int *ints = malloc((n + 1) * sizeof *ints);
    for (size_t i = 0; i < n + 1; i++)
        ints[i] = UNTOUCHED;
    return ints;
}

/* Blocks of ranks in a buffer, with gaps between them, in a drawn order. */
struct blocks {
    int counts[MAX_WORLD], places[MAX_WORLD], n, step;
    size_t n_ints;
    int *ints;
};

static void open_blocks(struct blocks *b, int n, int step)
{
    int next = 1;
    b->n = n;
    b->step = step;
    for (int i = 0; i < n; i++) { /* from the last to the first */
        b->places[n - 1 - i] = next;
        next += b->counts[n - 1 - i] + (i % 3 == 0);
    }
    b->n_ints = (size_t)(next + 1) * (size_t)step;
    b->ints = make_ints(b->n_ints);
}

static int *at(const struct blocks *b, int block, int i)
{
    return &b->ints[(size_t)(b->places[block] + i) * (size_t)b->step];
}

/* Takes a block away and holds that it was this. */
static void take(const struct blocks *b, int block, int from, int to, int salt)
{
    for (int i = 0; i < b->counts[block]; i++) {
        CHECK(*at(b, block, i) == word(from, to, i, salt));
        *at(b, block, i) = UNTOUCHED;
    }
}

static void set(const struct blocks *b, int block, int from, int to, int salt)
{
    for (int i = 0; i < b->counts[block]; i++)
        *at(b, block, i) = word(from, to, i, salt);
}

static void close_blocks(struct blocks *b)
{
    for (size_t i = 0; i < b->n_ints; i++)
        CHECK(b->ints[i] == UNTOUCHED);
    free(b->ints);
}

static void finish(MPI_Request *request)
{
    MPI_Wait(request, MPI_STATUS_IGNORE);
}

/* To one root, or to all. */
static void try_gatherv(struct team *t, bool is_all)
{
    struct blocks in = {.counts = {t->counts[t->rank][0]}}, out;
    bool has_result = is_all || t->rank == t->root;
    bool is_in_place = t->is_in_place && has_result;
    MPI_Request request;
    for (int r = 0; r < t->size; r++)
        out.counts[r] = t->counts[r][0];
    open_blocks(&in, 1, t->step_in);
    open_blocks(&out, t->size, t->step_out);
    set(is_in_place ? &out : &in, is_in_place ? t->rank : 0, t->rank, 0, t->salt);
    const void *from = is_in_place ? MPI_IN_PLACE : (void *)at(&in, 0, 0);
    MPI_Datatype give = t->types[t->step_in], get = t->types[t->step_out];
    if (is_all && t->is_blocking)
        MPI_Allgatherv(from, in.counts[0], give, out.ints, out.counts, out.places, get, t->comm);
    else if (is_all)
        MPI_Iallgatherv(from, in.counts[0], give, out.ints, out.counts, out.places, get, t->comm,
                        &request);
    else if (t->is_blocking)
        MPI_Gatherv(from, in.counts[0], give, out.ints, out.counts, out.places, get, t->root,
                    t->comm);
    else
        MPI_Igatherv(from, in.counts[0], give, out.ints, out.counts, out.places, get, t->root,
                     t->comm, &request);
    if (!t->is_blocking)
        finish(&request);
    for (int r = 0; has_result && r < t->size; r++)
        take(&out, r, r, 0, t->salt);
    if (!is_in_place)
        take(&in, 0, t->rank, 0, t->salt);
    close_blocks(&in);
    close_blocks(&out);
}

static void try_scatterv(struct team *t)
{
    struct blocks in, out = {.counts = {t->counts[t->rank][0]}};
    bool is_root = t->rank == t->root, is_in_place = t->is_in_place && is_root;
    MPI_Request request;
    for (int r = 0; r < t->size; r++)
        in.counts[r] = t->counts[r][0];
    open_blocks(&in, t->size, t->step_in);
    open_blocks(&out, 1, t->step_out);
    for (int r = 0; is_root && r < t->size; r++)
        set(&in, r, t->root, r, t->salt);
    void *to = is_in_place ? MPI_IN_PLACE : (void *)at(&out, 0, 0);
    MPI_Datatype give = t->types[t->step_in], get = t->types[t->step_out];
    if (t->is_blocking)
        MPI_Scatterv(in.ints, in.counts, in.places, give, to, out.counts[0], get, t->root, t->comm);
    else
        MPI_Iscatterv(in.ints, in.counts, in.places, give, to, out.counts[0], get, t->root, t->comm,
                      &request);
    if (!t->is_blocking)
        finish(&request);
    if (!is_in_place)
        take(&out, 0, t->root, t->rank, t->salt);
    for (int r = 0; is_root && r < t->size; r++)
        take(&in, r, t->root, r, t->salt);
    close_blocks(&in);
    close_blocks(&out);
}

static void try_scatter(struct team *t)
{
    int count = t->counts[0][0];
    int *in = make_ints((size_t)(count * t->size * t->step_in));
    int *out = make_ints((size_t)(count * t->step_out));
    bool is_root = t->rank == t->root, is_in_place = t->is_in_place && is_root;
    MPI_Request request;
    for (int r = 0; is_root && r < t->size; r++)
        for (int i = 0; i < count; i++)
            in[(r * count + i) * t->step_in] = word(t->root, r, i, t->salt);
    void *to = is_in_place ? MPI_IN_PLACE : (void *)out;
    MPI_Datatype give = t->types[t->step_in], get = t->types[t->step_out];
    if (t->is_blocking)
        MPI_Scatter(in, count, give, to, count, get, t->root, t->comm);
    else
        MPI_Iscatter(in, count, give, to, count, get, t->root, t->comm, &request);
    if (!t->is_blocking)
        finish(&request);
    for (int i = 0; !is_in_place && i < count; i++)
        CHECK(out[i * t->step_out] == word(t->root, t->rank, i, t->salt));
    free(in), free(out);
}

/* MPI_Alltoallw where is_typed: every block has a step of its own there, and byte displacements. */
static void try_alltoallv(struct team *t, bool is_typed)
{
    struct blocks in, out;
    MPI_Datatype gives[MAX_WORLD], gets[MAX_WORLD];
    MPI_Request request;
    MPI_Datatype give = t->types[t->step_in], get = t->types[t->step_out];
    for (int r = 0; r < t->size; r++) {
        in.counts[r] = t->is_in_place
                           ? t->counts[t->rank < r ? t->rank : r][t->rank < r ? r : t->rank]
                           : t->counts[t->rank][r];
        out.counts[r] = t->is_in_place ? in.counts[r] : t->counts[r][t->rank];
        gives[r] = give;
        gets[r] = get;
    }
    open_blocks(&in, t->size, t->step_in);
    open_blocks(&out, t->size, t->step_out);
    for (int r = 0; r < t->size; r++)
        set(t->is_in_place ? &out : &in, r, t->rank, r, t->salt);
    void *from = t->is_in_place ? MPI_IN_PLACE : (void *)in.ints;
    int in_bytes[MAX_WORLD], out_bytes[MAX_WORLD];
    for (int r = 0; r < t->size; r++) {
        in_bytes[r] = in.places[r] * t->step_in * (int)sizeof(int);
        out_bytes[r] = out.places[r] * t->step_out * (int)sizeof(int);
    }
    if (is_typed && t->is_blocking)
        MPI_Alltoallw(from, in.counts, in_bytes, gives, out.ints, out.counts, out_bytes, gets,
                      t->comm);
    else if (is_typed)
        MPI_Ialltoallw(from, in.counts, in_bytes, gives, out.ints, out.counts, out_bytes, gets,
                       t->comm, &request);
    else if (t->is_blocking)
        MPI_Alltoallv(from, in.counts, in.places, give, out.ints, out.counts, out.places, get,
                      t->comm);
    else
        MPI_Ialltoallv(from, in.counts, in.places, give, out.ints, out.counts, out.places, get,
                       t->comm, &request);
    if (!t->is_blocking)
        finish(&request);
    for (int r = 0; r < t->size; r++) {
        take(&out, r, r, t->rank, t->salt);
        if (!t->is_in_place)
            take(&in, r, t->rank, r, t->salt);
    }
    close_blocks(&in);
    close_blocks(&out);
}

static void try_alltoall(struct team *t)
{
    int count = t->counts[0][0] / 4, n = count * t->size;
    int *in = make_ints((size_t)(n * t->step_in)), *out = make_ints((size_t)(n * t->step_out));
    MPI_Request request;
    int step = t->is_in_place ? t->step_out : t->step_in;
    for (int i = 0; i < n; i++)
        (t->is_in_place ? out : in)[i * step] = word(t->rank, i / count, i % count, t->salt);
    const void *from = t->is_in_place ? MPI_IN_PLACE : (void *)in;
    MPI_Datatype give = t->types[t->step_in], get = t->types[t->step_out];
    if (t->is_blocking)
        MPI_Alltoall(from, count, give, out, count, get, t->comm);
    else
        MPI_Ialltoall(from, count, give, out, count, get, t->comm, &request);
    if (!t->is_blocking)
        finish(&request);
    for (int i = 0; i < n; i++)
        CHECK(out[i * t->step_out] == word(i / count, t->rank, i % count, t->salt));
    free(in), free(out);
}

static void draw_counts(struct team *t)
{
    int bound = draw(8) ? 30 : 20000 / t->size;
    bool is_sparse = draw(3) == 0;
    for (int i = 0; i < t->size; i++)
        for (int j = 0; j < t->size; j++)
            t->counts[i][j] = is_sparse && draw(3) ? 0 : draw(bound);
}

static void open_types(struct team *t)
{
    for (int step = 1; step <= MAX_STEP; step++) {
        MPI_Type_create_resized(MPI_INT, 0, (MPI_Aint)(step * (int)sizeof(int)), &t->types[step]);
        MPI_Type_commit(&t->types[step]);
    }
}

static void close_types(struct team *t)
{
    for (int step = 1; step <= MAX_STEP; step++)
        MPI_Type_free(&t->types[step]);
}

static void on_comm(MPI_Comm comm, int n, uint64_t seed, void (*try)(struct team *))
{
    struct team *t = calloc(1, sizeof *t);
    t->comm = comm;
    MPI_Comm_rank(comm, &t->rank);
    MPI_Comm_size(comm, &t->size);
    open_types(t);
    state = seed;
    for (int i = 0; i < n; i++) {
        draw_counts(t);
        t->salt = i;
        t->root = draw(t->size);
        t->is_blocking = draw(2);
        t->is_in_place = draw(2);
        t->step_in = 1 + draw(MAX_STEP);
        t->step_out = 1 + draw(MAX_STEP);
        try(t);
    }
    close_types(t);
    free(t);
}

static void on_splits(int n, void (*try)(struct team *))
{
    MPI_Comm comm;
    on_comm(MPI_COMM_WORLD, n, 1, try);
    const struct {
        int color, key;
    } splits[] = {{0, -world.rank},
                  {0, world.rank * 3 % 5},
                  {world.rank % 2, world.rank},
                  {world.rank % 3 == 1, -world.rank}};
    for (size_t i = 0; i < sizeof splits / sizeof *splits; i++) {
        MPI_Comm_split(MPI_COMM_WORLD, splits[i].color, splits[i].key, &comm);
        on_comm(comm, n / 2, 10 * i + (uint64_t)splits[i].color, try);
        MPI_Comm_free(&comm);
    }
}

/* True if all members are at one site. */
static bool home_only(MPI_Comm comm)
{
    int ends[2] = {world.site[world.rank], -world.site[world.rank]};
    MPI_Allreduce(MPI_IN_PLACE, ends, 2, MPI_INT, MPI_MAX, comm);
    return ends[0] == -ends[1];
}

static void try_gathers(struct team *t)
{
    try_gatherv(t, t->salt % 2);
}

static void try_scatters(struct team *t)
{
    if (t->salt % 2)
        try_scatter(t);
    else
        try_scatterv(t);
}

static void try_exchanges(struct team *t)
{
    /* Open MPI 4.1 itself misplaces Alltoallw's blocks on a single rank; in place, and nonblocking,
     * it cannot be trusted with v and w either. */
    bool is_home = home_only(t->comm);
    if (t->salt % 3 == 0)
        try_alltoall(t);
    t->is_in_place = t->is_in_place && !is_home;
    t->is_blocking = t->is_blocking || is_home;
    if (t->salt % 3)
        try_alltoallv(t, t->salt % 3 == 1 && !is_home);
}

static void alltoall_v_and_w(void)
{
    on_splits(45, try_exchanges);
}

static void gatherv_and_allgatherv(void)
{
    on_splits(60, try_gathers);
}

static void scatter_and_scatterv(void)
{
    on_splits(60, try_scatters);
}

const struct mpi_case cases[] = {{"gatherv_and_allgatherv", gatherv_and_allgatherv, false},
                                 {"scatter_and_scatterv", scatter_and_scatterv, false},
                                 {"alltoall_v_and_w", alltoall_v_and_w, false},
                                 {NULL, NULL, false}};
