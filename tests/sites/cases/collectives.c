/* SPDX-License-Identifier: BSD-3-Clause */
/* Barrier, Bcast, Reduce, Allreduce, Gather and Allgather on spanning communicators. Each rank's
 * input is a function of its rank, so each knows by itself what must come out: reductions are
 * folded in rank order with MPI_Reduce_local over values for which every order is exact. */
#include "cases.h"

#include <complex.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const int counts[] = {0, 1, 7, 1000, 50001};
enum { N_COUNTS = sizeof counts / sizeof *counts, TAG = 2 };

/* A small number that depends on rank and place: 1 or 2, so that products stay exact. */
static int digit(int rank, int i)
{
    return 1 + (int)(((unsigned)rank * 2654435761u + (unsigned)i * 40503u) >> 13 & 1);
}

enum kind { WHOLE = 1, REAL = 2, COMPLEX = 4, BYTES = 8, LOGICAL = 16, PAIR = 32 };

/* A predefined type: how element i of its arrays is set. */
struct type {
    MPI_Datatype type;
    size_t size;
    enum kind kind;
    void (*set)(void *array, int i, int value);
};

#define SETTER(name, c_type)                                                                       \
    static void name(void *array, int i, int value)                                                \
    {                                                                                              \
        ((c_type *)array)[i] = (c_type)value;                                                      \
    }
#define PAIR_SETTER(name, c_type)                                                                  \
    struct name##_pair {                                                                           \
        c_type value;                                                                              \
        int place;                                                                                 \
    };                                                                                             \
    static void name(void *array, int i, int value)                                                \
    {                                                                                              \
        struct name##_pair *pair = (struct name##_pair *)array + i;                                \
        pair->value = (c_type)value;                                                               \
        pair->place = value * 3 + i;                                                               \
    }
SETTER(set_char, signed char)
SETTER(set_short, short)
SETTER(set_int, int)
SETTER(set_long, long)
SETTER(set_long_long, long long)
SETTER(set_unsigned, unsigned)
SETTER(set_uint8, uint8_t)
SETTER(set_uint64, uint64_t)
SETTER(set_float, float)
SETTER(set_double, double)
SETTER(set_long_double, long double)
SETTER(set_complex, double complex)
SETTER(set_float_complex, float complex)
SETTER(set_bool, _Bool)
PAIR_SETTER(set_2int, int)
PAIR_SETTER(set_double_int, double)
PAIR_SETTER(set_float_int, float)
PAIR_SETTER(set_long_int, long)
PAIR_SETTER(set_short_int, short)

static struct type types[32];
static int n_types;

static void add_type(MPI_Datatype type, size_t size, enum kind kind, void (*set)(void *, int, int))
{
    types[n_types++] = (struct type){type, size, kind, set};
}

static void fill_types(void)
{
    n_types = 0;
    add_type(MPI_SIGNED_CHAR, 1, WHOLE, set_char);
    add_type(MPI_SHORT, sizeof(short), WHOLE, set_short);
    add_type(MPI_INT, sizeof(int), WHOLE, set_int);
    add_type(MPI_LONG, sizeof(long), WHOLE, set_long);
    add_type(MPI_LONG_LONG, sizeof(long long), WHOLE, set_long_long);
    add_type(MPI_UNSIGNED, sizeof(unsigned), WHOLE, set_unsigned);
    add_type(MPI_UINT8_T, 1, WHOLE, set_uint8);
    add_type(MPI_UINT64_T, 8, WHOLE, set_uint64);
    add_type(MPI_FLOAT, sizeof(float), REAL, set_float);
    add_type(MPI_DOUBLE, sizeof(double), REAL, set_double);
    add_type(MPI_LONG_DOUBLE, sizeof(long double), REAL, set_long_double);
    add_type(MPI_C_DOUBLE_COMPLEX, sizeof(double complex), COMPLEX, set_complex);
    add_type(MPI_C_FLOAT_COMPLEX, sizeof(float complex), COMPLEX, set_float_complex);
    add_type(MPI_BYTE, 1, BYTES, set_uint8);
    add_type(MPI_C_BOOL, sizeof(_Bool), LOGICAL, set_bool);
    add_type(MPI_2INT, sizeof(struct set_2int_pair), PAIR, set_2int);
    add_type(MPI_DOUBLE_INT, sizeof(struct set_double_int_pair), PAIR, set_double_int);
    add_type(MPI_FLOAT_INT, sizeof(struct set_float_int_pair), PAIR, set_float_int);
    add_type(MPI_LONG_INT, sizeof(struct set_long_int_pair), PAIR, set_long_int);
    add_type(MPI_SHORT_INT, sizeof(struct set_short_int_pair), PAIR, set_short_int);
}

static void input(const struct type *type, void *array, int rank, int count)
{
    memset(array, 0, (size_t)count * type->size); /* gaps in pairs compare equal */
    for (int i = 0; i < count; i++)
        type->set(array, i, type->kind == LOGICAL ? digit(rank, i) - 1 : digit(rank, i));
}

/* What the reduction must give, folded from the last rank to the first. */
static void fold(const struct type *type, MPI_Op op, void *result, void *scratch, int count)
{
    input(type, result, world.size - 1, count);
    for (int rank = world.size - 2; rank >= 0; rank--) {
        input(type, scratch, rank, count);
        if (count > 0)
            MPI_Reduce_local(scratch, result, count, type->type, op);
    }
}

static bool is_same(const struct type *type, const unsigned char *a, const unsigned char *b,
                    int count)
{
    int width;
    MPI_Type_size(type->type, &width); /* pairs: value and index, without the gap behind */
    if (type->type == MPI_LONG_DOUBLE)
        width = 10;
    for (int i = 0; i < count; i++) {
        const unsigned char *x = a + (size_t)i * type->size, *y = b + (size_t)i * type->size;
        if (type->kind == PAIR) { /* a gap may stand between value and index */
            size_t place = type->type == MPI_SHORT_INT ? 4 : type->size - (type->size > 8 ? 8 : 4);
            size_t value = (size_t)width - sizeof(int);
            if (memcmp(x, y, value) != 0 || memcmp(x + place, y + place, sizeof(int)) != 0)
                return false;
        } else if (memcmp(x, y, (size_t)width) != 0) {
            return false;
        }
    }
    return true;
}

static void reduce_one(const struct type *type, MPI_Op op, int count, int root, MPI_Comm comm)
{
    size_t size = (size_t)count * type->size + 1;
    unsigned char *mine = malloc(size), *expected = malloc(size), *result = malloc(size);
    fold(type, op, expected, result, count);
    input(type, mine, world.rank, count);
    memset(result, 0, size);
    MPI_Allreduce(mine, result, count, type->type, op, comm);
    CHECK(is_same(type, result, expected, count));
    memcpy(result, mine, size - 1);
    MPI_Allreduce(MPI_IN_PLACE, result, count, type->type, op, comm);
    CHECK(is_same(type, result, expected, count));
    memset(result, 0, size);
    MPI_Reduce(mine, world.rank == root ? result : NULL, count, type->type, op, root, comm);
    CHECK(world.rank != root || is_same(type, result, expected, count));
    memcpy(result, mine, size - 1);
    bool is_root = world.rank == root;
    MPI_Reduce(is_root ? MPI_IN_PLACE : mine, is_root ? result : NULL, count, type->type, op, root,
               comm);
    CHECK(!is_root || is_same(type, result, expected, count));
    free(mine), free(expected), free(result);
}

static void predefined_reductions(void)
{
    const struct {
        MPI_Op op;
        int kinds;
    } ops[] = {{MPI_SUM, WHOLE | REAL | COMPLEX},
               {MPI_PROD, WHOLE | REAL | COMPLEX},
               {MPI_MAX, WHOLE | REAL},
               {MPI_MIN, WHOLE | REAL},
               {MPI_LAND, WHOLE | LOGICAL},
               {MPI_LOR, WHOLE | LOGICAL},
               {MPI_LXOR, WHOLE | LOGICAL},
               {MPI_BAND, WHOLE | BYTES},
               {MPI_BOR, WHOLE | BYTES},
               {MPI_BXOR, WHOLE | BYTES},
               {MPI_MAXLOC, PAIR},
               {MPI_MINLOC, PAIR}};
    fill_types();
    for (size_t o = 0; o < sizeof ops / sizeof *ops; o++)
        for (int t = 0; t < n_types; t++)
            if (ops[o].kinds & (int)types[t].kind)
                for (int c = 0; c < 3; c++)
                    reduce_one(&types[t], ops[o].op, counts[c], (int)(o + (size_t)t) % world.size,
                               MPI_COMM_WORLD);
}

static void reductions_of_all_sizes_and_roots(void)
{
    MPI_Comm dup;
    fill_types();
    MPI_Comm_dup(MPI_COMM_WORLD, &dup);
    for (int c = 0; c < N_COUNTS; c++)
        for (int root = 0; root < world.size; root++) {
            reduce_one(&types[2], MPI_SUM, counts[c], root, MPI_COMM_WORLD);
            reduce_one(&types[9], MPI_MAX, counts[c], root, dup);
        }
    reduce_one(&types[9], MPI_SUM, 3 << 20, 0, dup);
    MPI_Comm_free(&dup);
}

/* Two-by-two matrices modulo 2^32: their product does not commute. */
static void multiply(void *in, void *inout, int *length, MPI_Datatype *type)
{
    const uint32_t *a = in;
    uint32_t *b = inout;
    for (int i = 0; i < *length; i++, a += 4, b += 4) {
        uint32_t p = a[0] * b[0] + a[1] * b[2], q = a[0] * b[1] + a[1] * b[3];
        uint32_t r = a[2] * b[0] + a[3] * b[2], s = a[2] * b[1] + a[3] * b[3];
        b[0] = p, b[1] = q, b[2] = r, b[3] = s;
    }
}

static void set_matrix(void *array, int i, int value)
{
    uint32_t *m = (uint32_t *)array + 4 * (size_t)i;
    m[0] = (uint32_t)value, m[1] = (uint32_t)i, m[2] = 3, m[3] = (uint32_t)(value + i);
}

/* Sums of pairs that stand apart in memory: length counts elements of the derived type. */
static void add_spaced(void *in, void *inout, int *length, MPI_Datatype *type)
{
    for (int i = 0; i < *length; i++)
        ((int *)inout)[2 * i] += ((int *)in)[2 * i];
}

static void set_spaced(void *array, int i, int value)
{
    ((int *)array)[2 * i] = value;
}

static void user_operations(void)
{
    MPI_Op product, sum;
    struct type matrix = {.size = 16, .kind = WHOLE, .set = set_matrix};
    struct type spaced = {.size = 8, .kind = WHOLE, .set = set_spaced};
    MPI_Type_contiguous(4, MPI_UINT32_T, &matrix.type);
    MPI_Type_create_resized(MPI_INT, 0, 8, &spaced.type);
    MPI_Type_commit(&matrix.type);
    MPI_Type_commit(&spaced.type);
    MPI_Op_create(multiply, 0, &product);
    MPI_Op_create(add_spaced, 1, &sum);
    for (int c = 0; c < N_COUNTS; c++)
        for (int root = 0; root < world.size; root += 2) {
            reduce_one(&matrix, product, counts[c], root, MPI_COMM_WORLD);
            reduce_one(&spaced, sum, counts[c], root, MPI_COMM_WORLD);
        }
    MPI_Op_free(&product);
    MPI_Op_free(&sum);
    MPI_Type_free(&matrix.type);
    MPI_Type_free(&spaced.type);
}

/* Sums that depend on the order have the same bits on every rank. */
static void same_bits_everywhere(void)
{
    enum { N = 5000 };
    double *in = malloc(N * sizeof *in), *out = malloc(N * sizeof *out);
    for (int repeat = 0; repeat < 3; repeat++) {
        for (int i = 0; i < N; i++)
            in[i] = ((world.rank * 7919 + i * 104729) % 10007 - 5000) / 3.0 * (i % 5 ? 1.0 : 1e15);
        MPI_Allreduce(in, out, N, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
        if (world.rank != 0)
            MPI_Send(out, N, MPI_DOUBLE, 0, TAG, MPI_COMM_WORLD);
        for (int other = 1; world.rank == 0 && other < world.size; other++) {
            MPI_Recv(in, N, MPI_DOUBLE, other, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            CHECK(memcmp(in, out, N * sizeof *in) == 0);
        }
    }
    free(in), free(out);
}

static void broadcasts(void)
{
    MPI_Datatype spaced; /* every second int */
    MPI_Type_create_resized(MPI_INT, 0, 2 * sizeof(int), &spaced);
    MPI_Type_commit(&spaced);
    for (int c = 0; c < N_COUNTS; c++)
        for (int root = 0; root < world.size; root++) {
            int count = counts[c], *data = malloc((size_t)(2 * count + 1) * sizeof(int));
            bool is_spaced = (world.rank + root) % 2; /* layouts differ, signatures do not */
            int step = is_spaced ? 2 : 1;
            for (int i = 0; i < 2 * count + 1; i++)
                data[i] = -1;
            for (int i = 0; world.rank == root && i < count; i++)
                data[i * step] = root * 100000 + i;
            MPI_Bcast(data, count, is_spaced ? spaced : MPI_INT, root, MPI_COMM_WORLD);
            for (int i = 0; i < count; i++)
                CHECK(data[i * step] == root * 100000 + i && (step == 1 || data[2 * i + 1] == -1));
            CHECK(data[2 * count] == -1);
            free(data);
        }
    MPI_Type_free(&spaced);
}

static int gathered(int rank, int i)
{
    return rank * 1000003 + i;
}

static bool is_gathered(const int *all, int count, int step)
{
    for (int rank = 0; rank < world.size; rank++)
        for (int i = 0; i < count; i++)
            if (all[((size_t)rank * (size_t)count + (size_t)i) * (size_t)step] != gathered(rank, i))
                return false;
    return true;
}

static void gather_one(int count, int root, MPI_Datatype spaced)
{
    size_t n = (size_t)count * (size_t)world.size;
    int *mine = malloc((size_t)(count + 1) * sizeof(int)), *all = calloc(2 * n + 1, sizeof(int));
    bool is_root = world.rank == root;
    for (int i = 0; i < count; i++)
        mine[i] = gathered(world.rank, i);
    MPI_Gather(mine, count, MPI_INT, is_root ? all : NULL, is_root ? count : -5,
               is_root ? MPI_INT : MPI_DATATYPE_NULL, root, MPI_COMM_WORLD);
    CHECK(!is_root || is_gathered(all, count, 1));
    memset(all, 0, (2 * n + 1) * sizeof(int));
    MPI_Gather(mine, count, MPI_INT, all, count, spaced, root, MPI_COMM_WORLD);
    CHECK(!is_root || is_gathered(all, count, 2));
    memset(all, 0, (2 * n + 1) * sizeof(int));
    memcpy(all + (size_t)world.rank * (size_t)count, mine, (size_t)count * sizeof(int));
    MPI_Gather(is_root ? MPI_IN_PLACE : mine, count, MPI_INT, all, count, MPI_INT, root,
               MPI_COMM_WORLD);
    CHECK(!is_root || is_gathered(all, count, 1));
    memset(all, 0, (2 * n + 1) * sizeof(int));
    MPI_Allgather(mine, count, MPI_INT, all, count, spaced, MPI_COMM_WORLD);
    CHECK(is_gathered(all, count, 2));
    memset(all, 0, (2 * n + 1) * sizeof(int));
    memcpy(all + (size_t)world.rank * (size_t)count, mine, (size_t)count * sizeof(int));
    MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, all, count, MPI_INT, MPI_COMM_WORLD);
    CHECK(is_gathered(all, count, 1));
    free(mine), free(all);
}

static void gathers(void)
{
    MPI_Datatype spaced;
    MPI_Type_create_resized(MPI_INT, 0, 2 * sizeof(int), &spaced);
    MPI_Type_commit(&spaced);
    for (int c = 0; c < N_COUNTS; c++)
        for (int root = 0; root < world.size; root++)
            gather_one(counts[c], root, spaced);
    MPI_Type_free(&spaced);
}

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Nobody leaves a barrier before all have come. The ranks share a clock: one machine. */
static void barriers(void)
{
    for (int late = 0; late < world.size; late++)
        for (int repeat = 0; repeat < 20; repeat++) {
            if (world.rank == late)
                for (double until = now_s() + 0.002; now_s() < until;)
                    continue;
            double times[2] = {now_s(), 0};
            MPI_Barrier(MPI_COMM_WORLD);
            times[1] = now_s();
            if (world.rank != 0)
                MPI_Send(times, 2, MPI_DOUBLE, 0, TAG, MPI_COMM_WORLD);
            double last_in = times[0], first_out = times[1];
            for (int other = 1; world.rank == 0 && other < world.size; other++) {
                MPI_Recv(times, 2, MPI_DOUBLE, other, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
                last_in = times[0] > last_in ? times[0] : last_in;
                first_out = times[1] < first_out ? times[1] : first_out;
            }
            CHECK(world.rank != 0 || last_in <= first_out);
        }
}

/* Many of them in a row, on several communicators, with messages under way between the calls; no
 * wildcard receive of the program may ever see what collectives send. */
static void mixed_with_messages(void)
{
    enum { N = 300 };
    MPI_Comm dup;
    int next = (world.rank + 1) % world.size, before = (world.rank + world.size - 1) % world.size;
    MPI_Comm_dup(MPI_COMM_WORLD, &dup);
    for (int i = 0; i < N; i++) {
        int in = -1, out = i * 64 + world.rank, sum = 0, word = i;
        MPI_Comm comm = i % 2 ? dup : MPI_COMM_WORLD;
        MPI_Status status;
        MPI_Request requests[2];
        MPI_Irecv(&in, 1, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, comm, &requests[0]);
        MPI_Isend(&out, 1, MPI_INT, next, i, comm, &requests[1]);
        MPI_Allreduce(&world.rank, &sum, 1, MPI_INT, MPI_SUM, comm);
        MPI_Bcast(&word, 1, MPI_INT, i % world.size, i % 3 ? comm : dup);
        CHECK(sum == world.size * (world.size - 1) / 2 && word == i);
        MPI_Wait(&requests[0], &status);
        MPI_Wait(&requests[1], MPI_STATUS_IGNORE);
        CHECK(in == i * 64 + before && status.MPI_TAG == i && status.MPI_SOURCE == before);
        MPI_Barrier(comm);
    }
    MPI_Comm_free(&dup);
}

const struct mpi_case cases[] = {
    {"barriers", barriers, false},
    {"broadcasts", broadcasts, false},
    {"gathers", gathers, false},
    {"predefined_reductions", predefined_reductions, false},
    {"reductions_of_all_sizes_and_roots", reductions_of_all_sizes_and_roots, false},
    {"user_operations", user_operations, false},
    {"same_bits_everywhere", same_bits_everywhere, false},
    {"mixed_with_messages", mixed_with_messages, false},
    {NULL, NULL, false},
};
