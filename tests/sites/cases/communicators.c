/* SPDX-License-Identifier: BSD-3-Clause */
/* Duplicates of communicators: apart from each other, alike, freed while in use. */
#include "cases.h"

#include <stdlib.h>

enum { TAG = 3, LAST = 4 };

/* Messages of one communicator never meet receives of another. */
static void dup_scene(int from, int to)
{
    MPI_Comm dup;
    int a = 1, b = 2, flag = 1;
    MPI_Comm_dup(MPI_COMM_WORLD, &dup);
    if (world.rank == from) {
        MPI_Send(&a, 1, MPI_INT, to, TAG, MPI_COMM_WORLD);
        MPI_Send(&b, 1, MPI_INT, to, TAG, dup);
        MPI_Send(&b, 1, MPI_INT, to, LAST, dup);
    }
    if (world.rank == to) {
        a = b = 0;
        MPI_Recv(&b, 1, MPI_INT, from, LAST, dup, MPI_STATUS_IGNORE);
        MPI_Iprobe(MPI_ANY_SOURCE, LAST, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE);
        CHECK(!flag);
        b = 0;
        MPI_Recv(&b, 1, MPI_INT, MPI_ANY_SOURCE, TAG, dup, MPI_STATUS_IGNORE);
        MPI_Recv(&a, 1, MPI_INT, MPI_ANY_SOURCE, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        CHECK(a == 1 && b == 2);
    }
    MPI_Comm_free(&dup);
    CHECK(dup == MPI_COMM_NULL);
}

static void communicators_apart(void)
{
    for_pairs(dup_scene);
}

static void communicator_compare(void)
{
    MPI_Comm dup, dup_of_dup;
    int result, size, rank;
    MPI_Comm_dup(MPI_COMM_WORLD, &dup);
    MPI_Comm_dup(dup, &dup_of_dup);
    MPI_Comm_size(dup_of_dup, &size);
    MPI_Comm_rank(dup_of_dup, &rank);
    CHECK(size == world.size && rank == world.rank);
    MPI_Comm_compare(MPI_COMM_WORLD, MPI_COMM_WORLD, &result);
    CHECK(result == MPI_IDENT);
    MPI_Comm_compare(MPI_COMM_WORLD, dup, &result);
    CHECK(result == MPI_CONGRUENT);
    MPI_Comm_compare(dup_of_dup, dup, &result);
    CHECK(result == MPI_CONGRUENT);
    MPI_Comm_compare(dup, MPI_COMM_SELF, &result);
    CHECK(result == (world.size == 1 ? MPI_CONGRUENT : MPI_UNEQUAL));
    MPI_Comm_free(&dup);
    MPI_Comm_free(&dup_of_dup);
}

/* A communicator may be freed while its receive still stands. */
static void free_communicator_scene(int from, int to)
{
    MPI_Comm dup;
    MPI_Request request = MPI_REQUEST_NULL;
    int value = world.rank;
    MPI_Comm_dup(MPI_COMM_WORLD, &dup);
    if (world.rank == to)
        MPI_Irecv(&value, 1, MPI_INT, from, TAG, dup, &request);
    if (world.rank == from)
        MPI_Isend(&value, 1, MPI_INT, to, TAG, dup, &request);
    MPI_Comm_free(&dup);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    CHECK(world.rank != to || value == from);
}

static void free_communicator_in_use(void)
{
    for_pairs(free_communicator_scene);
}

/* When some host has no communicators left, everyone is told, and those that there are still work.
 */
static void communicators_run_out(void)
{
    enum { MANY = 200000 };
    MPI_Comm *made = malloc(MANY * sizeof *made);
    int n = 0, code = MPI_SUCCESS, sum = 0;
    CHECK(made != NULL);
    return_errors(true);
    while (n < MANY && (code = MPI_Comm_dup(MPI_COMM_WORLD, &made[n])) == MPI_SUCCESS)
        n++;
    return_errors(false);
    CHECK(code != MPI_SUCCESS && n > 0);
    MPI_Allreduce(&n, &sum, 1, MPI_INT, MPI_SUM, made[n - 1]);
    CHECK(sum == n * world.size);
    for (int i = 0; i < n; i++)
        MPI_Comm_free(&made[i]);
    MPI_Comm_dup(MPI_COMM_WORLD, &made[0]);
    MPI_Comm_free(&made[0]);
    free(made);
}

const struct mpi_case cases[] = {
    {"communicators_apart", communicators_apart, false},
    {"communicator_compare", communicator_compare, false},
    {"free_communicator_in_use", free_communicator_in_use, false},
    {"communicators_run_out", communicators_run_out, true},
    {NULL, NULL, false},
};
