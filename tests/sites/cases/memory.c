/* SPDX-License-Identifier: BSD-3-Clause */
/* A rank that has no memory for what passes through it: the others get the error, nobody waits. */
#include "cases.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The host's and the shim's malloc is this one. */
static size_t limit = SIZE_MAX;
void *__libc_malloc(size_t n);

__attribute__((visibility("default"))) void *malloc(size_t n)
{
    return n <= limit ? __libc_malloc(n) : NULL;
}

enum { BLOCK = 8 << 20, SMALL = 4 << 20 };

static char *mine, *all;
static MPI_Datatype gaps; /* a block with a byte between each two */

static void open_memory(void)
{
    limit = SIZE_MAX;
    mine = malloc(2 * (size_t)BLOCK);
    all = malloc(2 * (size_t)BLOCK * (size_t)world.size);
    MPI_Type_vector(BLOCK, 1, 2, MPI_BYTE, &gaps);
    MPI_Type_commit(&gaps);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
}

static void close_memory(void)
{
    limit = SIZE_MAX;
    free(mine), free(all);
    MPI_Type_free(&gaps);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
}

/* The first rank of the second site, which has two. */
static int far_leader(void)
{
    int leader = 0;
    while (leader < world.size && world.site[leader] == 0)
        leader++;
    return leader;
}

static int gather(bool is_v, MPI_Datatype type, int count)
{
    int counts[MAX_WORLD], places[MAX_WORLD];
    for (int rank = 0; rank < world.size; rank++) {
        counts[rank] = count;
        places[rank] = rank * count;
    }
    if (is_v)
        return class_of(
            MPI_Gatherv(mine, BLOCK, MPI_BYTE, all, counts, places, type, 0, MPI_COMM_WORLD));
    return class_of(MPI_Gather(mine, BLOCK, MPI_BYTE, all, count, type, 0, MPI_COMM_WORLD));
}

static int scatter(bool is_v, MPI_Datatype type, int count)
{
    int counts[MAX_WORLD], places[MAX_WORLD];
    for (int rank = 0; rank < world.size; rank++) {
        counts[rank] = count;
        places[rank] = rank * count;
    }
    if (is_v)
        return class_of(
            MPI_Scatterv(all, counts, places, type, mine, BLOCK, MPI_BYTE, 0, MPI_COMM_WORLD));
    return class_of(MPI_Scatter(all, count, type, mine, BLOCK, MPI_BYTE, 0, MPI_COMM_WORLD));
}

static void leader_without_memory(void)
{
    int leader = far_leader();
    if (leader == world.size) {
        skip("one site");
        return;
    }
    open_memory();
    for (int is_v = 0; is_v < 2; is_v++) {
        limit = world.rank == leader ? SMALL : SIZE_MAX;
        bool hears = world.rank == leader || world.rank == 0;
        CHECK(gather(is_v, MPI_BYTE, BLOCK) == (hears ? MPI_ERR_NO_MEM : MPI_SUCCESS));
        bool is_far = world.site[world.rank] == world.site[leader];
        CHECK(scatter(is_v, MPI_BYTE, BLOCK) == (is_far ? MPI_ERR_NO_MEM : MPI_SUCCESS));
        limit = SIZE_MAX;
        memset(mine, world.rank, BLOCK);
        CHECK(gather(is_v, MPI_BYTE, BLOCK) == MPI_SUCCESS);
        for (int rank = 0; world.rank == 0 && rank < world.size; rank++)
            CHECK(all[(size_t)rank * BLOCK] == rank && all[(size_t)(rank + 1) * BLOCK - 1] == rank);
    }
    close_memory();
}

static void root_without_memory(void)
{
    if (far_leader() == world.size) {
        skip("one site");
        return;
    }
    open_memory();
    for (int is_v = 0; is_v < 2; is_v++) {
        limit = world.rank == 0 ? SMALL : SIZE_MAX;
        CHECK(gather(is_v, gaps, 1) == (world.rank == 0 ? MPI_ERR_NO_MEM : MPI_SUCCESS));
        bool is_near = world.site[world.rank] == 0 && world.rank != 0;
        CHECK(scatter(is_v, gaps, 1) == (is_near ? MPI_SUCCESS : MPI_ERR_NO_MEM));
        limit = SIZE_MAX;
        MPI_Barrier(MPI_COMM_WORLD);
    }
    close_memory();
}

const struct mpi_case cases[] = {{"leader_without_memory", leader_without_memory, false},
                                 {"root_without_memory", root_without_memory, false},
                                 {NULL, NULL, false}};
