/* SPDX-License-Identifier: BSD-3-Clause */
/* MPI_Reduce_scatter and MPI_Reduce_scatter_block, blocking and not, in place or not, with the
 * program's own operations and types, on communicators whose ranks lie in odd orders. Each rank
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

/* An element is the map x -> a x + b modulo 2^32, or two numbers to add; step words apart. */
struct element {
    uint32_t a, b;
};

enum { UNTOUCHED = 0x5a5a5a5a, MAX_STEP = 4 };

static struct element element_of(int rank, int i, int salt)
{
    uint32_t word = (uint32_t)rank * 2654435761u + (uint32_t)i * 40503u + (uint32_t)salt * 97u;
    return (struct element){word * 2246822519u | 1, word ^ word >> 7};
}

static struct element compose_maps(struct element left, struct element right)
{
    return (struct element){left.a * right.a, left.a * right.b + left.b};
}

static MPI_Datatype types[MAX_STEP + 1]; /* two words every 2, 3, 4 */
static MPI_Op compose, add;

static int step_of(MPI_Datatype type)
{
    for (int step = 2; step <= MAX_STEP; step++)
        if (types[step] == type)
            return step;
    CHECK(!"an operation was called with a type that is not the program's");
    return 0;
}

static void compose_elements(void *in, void *inout, int *length, MPI_Datatype *type)
{
    int step = step_of(*type);
    for (int i = 0; i < *length; i++) {
        uint32_t *left = (uint32_t *)in + i * step, *right = (uint32_t *)inout + i * step;
        struct element e =
            compose_maps((struct element){left[0], left[1]}, (struct element){right[0], right[1]});
        right[0] = e.a;
        right[1] = e.b;
    }
}

static void add_elements(void *in, void *inout, int *length, MPI_Datatype *type)
{
    int step = step_of(*type);
    for (int i = 0; i < *length; i++)
        for (int w = 0; w < 2; w++)
            ((uint32_t *)inout)[i * step + w] += ((uint32_t *)in)[i * step + w];
}

static void open_tools(void)
{
    for (int step = 2; step <= MAX_STEP; step++) {
        MPI_Datatype two;
        MPI_Type_contiguous(2, MPI_UINT32_T, &two);
        MPI_Type_create_resized(two, 0, step * (MPI_Aint)sizeof(uint32_t), &types[step]);
        MPI_Type_commit(&types[step]);
        MPI_Type_free(&two);
    }
    MPI_Op_create(compose_elements, 0, &compose);
    MPI_Op_create(add_elements, 1, &add);
}

static void close_tools(void)
{
    for (int step = 2; step <= MAX_STEP; step++)
        MPI_Type_free(&types[step]);
    MPI_Op_free(&compose);
    MPI_Op_free(&add);
}

struct team {
    MPI_Comm comm;
    int rank, size;
    bool is_block, is_blocking, is_in_place, composes;
    int counts[MAX_WORLD], first, total; /* first: of this rank's elements */
    int step, salt;
};

static uint32_t *make_words(size_t n)
{
    uint32_t *words = malloc((n + 1) * sizeof *words);
    for (size_t i = 0; i < n + 1; i++)
        words[i] = UNTOUCHED;
    return words;
}

static void call(const struct team *t, const void *in, void *out)
{
    MPI_Datatype type = types[t->step];
    MPI_Op op = t->composes ? compose : add;
    MPI_Request request = MPI_REQUEST_NULL;
    if (t->is_block && t->is_blocking)
        MPI_Reduce_scatter_block(in, out, t->counts[0], type, op, t->comm);
    else if (t->is_block)
        MPI_Ireduce_scatter_block(in, out, t->counts[0], type, op, t->comm, &request);
    else if (t->is_blocking)
        MPI_Reduce_scatter(in, out, t->counts, type, op, t->comm);
    else
        MPI_Ireduce_scatter(in, out, t->counts, type, op, t->comm, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
}

static void hold_mine(const struct team *t, const uint32_t *out)
{
    for (int i = 0; i < t->counts[t->rank]; i++) {
        struct element sum = element_of(t->size - 1, t->first + i, t->salt);
        for (int rank = t->size - 2; rank >= 0; rank--) {
            struct element left = element_of(rank, t->first + i, t->salt);
            sum = t->composes ? compose_maps(left, sum)
                              : (struct element){left.a + sum.a, left.b + sum.b};
        }
        CHECK(out[i * t->step] == sum.a && out[i * t->step + 1] == sum.b);
        for (int w = 2; w < t->step; w++)
            CHECK(out[i * t->step + w] == UNTOUCHED);
    }
}

static void try_once(const struct team *t)
{
    size_t n_in = (size_t)(t->total * t->step), n_out = (size_t)(t->counts[t->rank] * t->step);
    uint32_t *in = make_words(n_in), *out = t->is_in_place ? in : make_words(n_out);
    for (int i = 0; i < t->total; i++) {
        struct element e = element_of(t->rank, i, t->salt);
        in[i * t->step] = e.a;
        in[i * t->step + 1] = e.b;
    }
    call(t, t->is_in_place ? MPI_IN_PLACE : (void *)in, out);
    hold_mine(t, out);
    CHECK(t->is_in_place || out[n_out] == UNTOUCHED);
    for (int i = 0; !t->is_in_place && i < t->total; i++)
        CHECK(in[i * t->step] == element_of(t->rank, i, t->salt).a);
    if (!t->is_in_place)
        free(out);
    free(in);
}

static void draw_counts(struct team *t)
{
    int bound = draw(8) ? 30 : 30000 / t->size;
    bool is_sparse = draw(3) == 0;
    int even = draw(bound);
    t->total = t->first = 0;
    for (int rank = 0; rank < t->size; rank++) {
        int count = is_sparse && draw(3) ? 0 : draw(bound);
        t->counts[rank] = t->is_block ? even : count;
        if (rank < t->rank)
            t->first += t->counts[rank];
        t->total += t->counts[rank];
    }
}

static void on_comm(MPI_Comm comm, int n, uint64_t seed)
{
    struct team t = {.comm = comm};
    MPI_Comm_rank(comm, &t.rank);
    MPI_Comm_size(comm, &t.size);
    state = seed;
    for (int i = 0; i < n; i++) {
        t.salt = i;
        t.is_block = draw(2);
        t.is_blocking = draw(2);
        t.is_in_place = draw(2);
        t.composes = draw(2);
        t.step = 2 + draw(MAX_STEP - 1);
        draw_counts(&t);
        try_once(&t);
    }
}

static void with_operations_of_the_program(void)
{
    MPI_Comm comm;
    open_tools();
    on_comm(MPI_COMM_WORLD, 100, 1);
    const struct {
        int color, key;
    } splits[] = {{0, -world.rank},
                  {0, world.rank * 3 % 5},
                  {world.rank % 2, world.rank},
                  {world.rank % 3 == 1, -world.rank}};
    for (size_t i = 0; i < sizeof splits / sizeof *splits; i++) {
        MPI_Comm_split(MPI_COMM_WORLD, splits[i].color, splits[i].key, &comm);
        on_comm(comm, 60, 10 * i + (uint64_t)splits[i].color);
        MPI_Comm_free(&comm);
    }
    close_tools();
}

/* Pairs of a double and an int have a gap between them. */
static void with_pair_types(void)
{
    struct pair {
        double value;
        int index;
    };
    struct pair in[2 * MAX_WORLD], out[2];
    for (int i = 0; i < 2 * world.size; i++)
        in[i] = (struct pair){(world.rank * 7 + i) % 5, world.rank};
    MPI_Reduce_scatter_block(in, out, 2, MPI_DOUBLE_INT, MPI_MAXLOC, MPI_COMM_WORLD);
    for (int k = 0; k < 2; k++) {
        struct pair best = {-1, 0};
        for (int rank = world.size - 1; rank >= 0; rank--)
            if ((rank * 7 + 2 * world.rank + k) % 5 >= best.value)
                best = (struct pair){(rank * 7 + 2 * world.rank + k) % 5, rank};
        CHECK(out[k].value >= best.value && out[k].value <= best.value);
        CHECK(out[k].index == best.index);
    }
}

/* Sums that rounding makes depend on their order come out the same every time, and the same as
 * where every rank gets all of them. */
static void same_bits_again(void)
{
    enum { N = 50 };
    double *in = malloc((size_t)world.size * N * sizeof *in), out[N], again[N];
    double *all = malloc((size_t)world.size * N * sizeof *all);
    for (int i = 0; i < world.size * N; i++)
        in[i] = 1.0 / (1 + i + 3 * world.rank) * (world.rank % 2 ? 1e8 : -1e-3);
    MPI_Reduce_scatter_block(in, out, N, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    for (int k = 0; k < 10; k++) {
        MPI_Reduce_scatter_block(in, again, N, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
        CHECK(memcmp(out, again, sizeof out) == 0);
    }
    MPI_Allreduce(in, all, world.size * N, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    if (world.n_sites > 1)
        CHECK(memcmp(out, all + world.rank * N, sizeof out) == 0);
    free(in);
    free(all);
}

static void wrong_arguments(void)
{
    MPI_Errhandler handler;
    MPI_Comm comm;
    int in[MAX_WORLD] = {0}, out[MAX_WORLD] = {0}, counts[MAX_WORLD], wrong[MAX_WORLD];
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm_create_errhandler(count_errors, &handler);
    MPI_Comm_set_errhandler(comm, handler);
    for (int rank = 0; rank < world.size; rank++) {
        counts[rank] = wrong[rank] = 1;
        in[rank] = rank;
    }
    wrong[world.size - 1] = -1;
    CHECK(is_refused(MPI_Reduce_scatter(in, out, NULL, MPI_INT, MPI_SUM, comm), MPI_ERR_COUNT));
    CHECK(is_refused(MPI_Reduce_scatter(in, out, wrong, MPI_INT, MPI_SUM, comm), MPI_ERR_COUNT));
    CHECK(is_refused(MPI_Reduce_scatter(in, out, counts, MPI_DATATYPE_NULL, MPI_SUM, comm),
                     MPI_ERR_OP));
    CHECK(is_refused(MPI_Reduce_scatter(in, out, counts, MPI_INT, MPI_OP_NULL, comm), MPI_ERR_OP));
    CHECK(is_refused(MPI_Reduce_scatter(in, out, counts, MPI_INT, MPI_MAXLOC, comm), MPI_ERR_OP));
    CHECK(is_refused(MPI_Reduce_scatter(in, MPI_IN_PLACE, counts, MPI_INT, MPI_SUM, comm),
                     MPI_ERR_ARG));
    CHECK(is_refused(MPI_Reduce_scatter_block(in, out, -1, MPI_INT, MPI_SUM, comm), MPI_ERR_COUNT));
    CHECK(MPI_Reduce_scatter(in, out, counts, MPI_INT, MPI_SUM, comm) == MPI_SUCCESS);
    CHECK(out[0] == world.rank * world.size && !is_refused(MPI_SUCCESS, MPI_SUCCESS));
    MPI_Errhandler_free(&handler);
    MPI_Comm_free(&comm);
}

const struct mpi_case cases[] = {
    {"with_operations_of_the_program", with_operations_of_the_program, false},
    {"with_pair_types", with_pair_types, false},
    {"same_bits_again", same_bits_again, false},
    {"wrong_arguments", wrong_arguments, false},
    {NULL, NULL, false}};
