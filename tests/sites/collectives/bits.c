/* SPDX-License-Identifier: BSD-3-Clause */
#include "bits.h"

#include "call.h"
#include "draw.h"

#include <complex.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TAG = 7, REPEATS = 2, MAX_UNITS = 300000 };

/* Numbers of any magnitude. */
#define SETTER(real_type, name)                                                                    \
    static void set_##name(void *at, uint64_t number, enum operation op)                           \
    {                                                                                              \
        *(real_type *)at = (real_type)ldexp((double)(int64_t)number / 3, (int)(number % 60) - 90); \
    }
SETTER(float, float)
SETTER(double, double)
SETTER(long double, long_double)

static void set_float_complex(void *at, uint64_t number, enum operation op)
{
    set_float(at, number, op);
    set_float((float *)at + 1, ~number << 7, op);
}

static void set_double_complex(void *at, uint64_t number, enum operation op)
{
    set_double(at, number, op);
    set_double((double *)at + 1, ~number << 7, op);
}

/* Clears what a long double does not use. */
static void normalise_long_double(void *at)
{
    if (__LDBL_MANT_DIG__ == 64)
        memset((char *)at + 10, 0, sizeof(long double) - 10);
}

enum { N_TYPES = 5, DOUBLE = 1 };
static const struct element types[N_TYPES] = {
    {"MPI_FLOAT", MPI_FLOAT, sizeof(float), 0, set_float, NULL, NULL},
    {"MPI_DOUBLE", MPI_DOUBLE, sizeof(double), 0, set_double, NULL, NULL},
    {"MPI_LONG_DOUBLE", MPI_LONG_DOUBLE, sizeof(long double), 0, set_long_double, NULL,
     normalise_long_double},
    {"MPI_C_FLOAT_COMPLEX", MPI_C_FLOAT_COMPLEX, sizeof(float complex), 0, set_float_complex, NULL,
     NULL},
    {"MPI_C_DOUBLE_COMPLEX", MPI_C_DOUBLE_COMPLEX, sizeof(double complex), 0, set_double_complex,
     NULL, NULL},
};

/* The user's: commutes, and rounds. */
static void add_and_scale(void *in, void *inout, int *n, MPI_Datatype *type)
{
    const double *a = in;
    double *b = inout;
    for (int i = 0; i < *n; i++)
        b[i] = (a[i] + b[i]) * 0.7;
}

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Comes late by chance: as the clock says, so that no two runs are alike. */
static void be_late(void)
{
    double start = now_s();
    uint64_t state = (uint64_t)(start * 1e9) + (uint64_t)world.rank;
    if (once_in(&state, 3))
        for (double end = start + 1e-6 * draw_below(&state, 400); now_s() < end;)
            continue;
}

static int draw_count(uint64_t *state, int most)
{
    static const int limits[] = {1, 4, 64, 2000, 20000, MAX_UNITS};
    int limit = limits[once_in(state, 20) ? 5 : draw_below(state, 5)];
    return 1 + draw_below(state, limit < most ? limit : most);
}

/* is_users: the operation becomes the user's. */
static void plan(struct call *call, const struct group *group, uint64_t state, bool *is_users)
{
    memset(call, 0, sizeof *call);
    call->group = group;
    call->kind = (enum kind)(FIRST_REDUCTION + draw_below(&state, REDUCE_LOCAL - FIRST_REDUCTION));
    call->id = draw(&state);
    call->root = draw_below(&state, group->size);
    call->in_place = once_in(&state, 3);
    call->is_blocking = once_in(&state, 2);
    call->request = MPI_REQUEST_NULL;
    *is_users = once_in(&state, 4);
    int type = *is_users ? DOUBLE : draw_below(&state, N_TYPES);
    call->signature = (struct signature){1, {&types[type]}};
    call->operation = once_in(&state, 4) ? PROD : SUM;
    bool scatters = call->kind == REDUCE_SCATTER || call->kind == REDUCE_SCATTER_BLOCK;
    call->limit = draw_count(&state, scatters ? MAX_UNITS / group->size : MAX_UNITS);
}

static uint64_t digest(const struct call *call)
{
    const struct element *type = call->signature.fields[0];
    uint64_t hash = 1;
    if (!call->in.is_used || (call->kind == EXSCAN && call->group->rank == 0))
        return 0;
    for (int i = 0; i < call_units(call, 0, call->group->rank); i++) {
        unsigned char *at = box_at(&call->in.box, i * (ptrdiff_t)type->size);
        if (type->normalise)
            type->normalise(at);
        for (size_t k = 0; k < type->size; k++)
            hash = (hash ^ at[k]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static uint64_t reduce(struct call *call, MPI_Op users)
{
    call_open(call);
    call->op = users != MPI_OP_NULL ? users : call->op;
    be_late();
    int code = call_start(call);
    if (!call->is_blocking && code == MPI_SUCCESS) {
        be_late();
        code = MPI_Wait(&call->request, MPI_STATUS_IGNORE);
    }
    call_check_code(call, code);
    uint64_t bits = digest(call);
    call_close(call);
    return bits;
}

/* Each rank's digest must be like that of the group's first rank. */
static void compare_ranks(const struct call *call, uint64_t bits)
{
    const struct group *group = call->group;
    if (group->rank > 0)
        MPI_Send(&bits, 1, MPI_UINT64_T, group->world[0], TAG, world.reference);
    for (int rank = 1; group->rank == 0 && rank < group->size; rank++) {
        uint64_t theirs;
        MPI_Recv(&theirs, 1, MPI_UINT64_T, group->world[rank], TAG, world.reference,
                 MPI_STATUS_IGNORE);
        if (theirs != bits)
            call_fail(call, "ranks have other bits than the first");
    }
}

static uint64_t run_round(uint64_t state, MPI_Op users)
{
    static struct call call;
    const struct group *group = &world.groups[draw_below(&state, N_GROUPS)];
    bool is_users;
    if (group->comm == MPI_COMM_NULL || group->is_home)
        return 0; /* between sites the bits are ours to keep */
    plan(&call, group, draw(&state) + (uint64_t)group->color, &is_users);
    uint64_t bits = 0;
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        struct call again = call;
        uint64_t now = reduce(&again, is_users ? users : MPI_OP_NULL);
        if (repeat > 0 && now != bits)
            call_fail(&call, "other bits when it was repeated");
        bits = now;
    }
    if (call.kind == ALLREDUCE)
        compare_ranks(&call, bits);
    return bits;
}

static void report(uint64_t all, int n_rounds)
{
    if (world.rank != 0) {
        MPI_Send(&all, 1, MPI_UINT64_T, 0, TAG, world.reference);
        return;
    }
    for (int rank = 1; rank < world.size; rank++) {
        uint64_t theirs;
        MPI_Recv(&theirs, 1, MPI_UINT64_T, rank, TAG, world.reference, MPI_STATUS_IGNORE);
        all = all * 31 + theirs;
    }
    printf("reference: %d ranks, bits of %d reductions: digest %016llx: right\n", world.size,
           n_rounds, (unsigned long long)all);
}

void bits_compare(uint64_t seed, int n_rounds, void (*begin_round)(int round))
{
    MPI_Op users;
    uint64_t all = 0;
    MPI_Op_create(add_and_scale, 1, &users);
    for (int round = 0; round < n_rounds; round++) {
        begin_round(round);
        all = all * 31 + run_round(seed * UINT64_C(0x9e6c63d0876a9a47) + (uint64_t)round, users);
    }
    report(all, n_rounds);
    MPI_Op_free(&users);
}
