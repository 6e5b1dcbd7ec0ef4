/* SPDX-License-Identifier: BSD-3-Clause */
#include "every.h"

#include <stdlib.h>
#include <string.h>

static int n_ranks, n_each;
static int *in, *out;        /* a block for each rank */
static int *counts, *displs; /* in elements */
static int *byte_displs;
static MPI_Aint *places; /* in bytes, too */
static MPI_Datatype *types;
static MPI_Comm ring; /* of all ranks in order */

void every_open(int count)
{
    MPI_Comm_size(MPI_COMM_WORLD, &n_ranks);
    int is_periodic = 1;
    n_each = count;
    size_t n = (size_t)n_ranks;
    in = calloc(n * (size_t)count + 1, sizeof *in);
    out = calloc(n * (size_t)count + 1, sizeof *out);
    counts = calloc(n, sizeof *counts);
    displs = calloc(n, sizeof *displs);
    byte_displs = calloc(n, sizeof *byte_displs);
    places = calloc(n, sizeof *places);
    types = calloc(n, sizeof(MPI_Datatype));
    for (int i = 0; i < n_ranks; i++) {
        counts[i] = count;
        displs[i] = i * count;
        byte_displs[i] = i * count * (int)sizeof *in;
        places[i] = byte_displs[i];
        types[i] = MPI_INT;
    }
    MPI_Cart_create(MPI_COMM_WORLD, 1, &n_ranks, &is_periodic, 0, &ring);
}

void every_close(void)
{
    free(in);
    free(out);
    free(counts);
    free(displs);
    free(byte_displs);
    free(places);
    free(types);
    MPI_Comm_free(&ring);
}

#define WORLD MPI_COMM_WORLD
/* A function of this name that calls MPI_`name`, or MPI_I`small` where there is a request. */
#define EVERY(name, small, ...) EVERY_ON(WORLD, name, small, __VA_ARGS__)
#define EVERY_ON(comm, name, small, ...)                                                           \
    static void run_##small(int root, MPI_Request *request)                                        \
    {                                                                                              \
        (void)root;                                                                                \
        if (request)                                                                               \
            MPI_I##small(__VA_ARGS__, comm, request);                                              \
        else                                                                                       \
            MPI_##name(__VA_ARGS__, comm);                                                         \
    }

static void run_barrier(int root, MPI_Request *request)
{
    (void)root;
    if (request)
        MPI_Ibarrier(WORLD, request);
    else
        MPI_Barrier(WORLD);
}

EVERY(Bcast, bcast, in, n_each, MPI_INT, root)
EVERY(Gather, gather, in, n_each, MPI_INT, out, n_each, MPI_INT, root)
EVERY(Gatherv, gatherv, in, n_each, MPI_INT, out, counts, displs, MPI_INT, root)
EVERY(Scatter, scatter, in, n_each, MPI_INT, out, n_each, MPI_INT, root)
EVERY(Scatterv, scatterv, in, counts, displs, MPI_INT, out, n_each, MPI_INT, root)
EVERY(Allgather, allgather, in, n_each, MPI_INT, out, n_each, MPI_INT)
EVERY(Allgatherv, allgatherv, in, n_each, MPI_INT, out, counts, displs, MPI_INT)
EVERY(Alltoall, alltoall, in, n_each, MPI_INT, out, n_each, MPI_INT)
EVERY(Alltoallv, alltoallv, in, counts, displs, MPI_INT, out, counts, displs, MPI_INT)
EVERY(Alltoallw, alltoallw, in, counts, byte_displs, types, out, counts, byte_displs, types)
EVERY(Reduce, reduce, in, out, n_each, MPI_INT, MPI_SUM, root)
EVERY(Allreduce, allreduce, in, out, n_each, MPI_INT, MPI_SUM)
EVERY(Reduce_scatter_block, reduce_scatter_block, in, out, n_each, MPI_INT, MPI_SUM)
EVERY(Reduce_scatter, reduce_scatter, in, out, counts, MPI_INT, MPI_SUM)
EVERY(Scan, scan, in, out, n_each, MPI_INT, MPI_SUM)
EVERY(Exscan, exscan, in, out, n_each, MPI_INT, MPI_SUM)
EVERY_ON(ring, Neighbor_allgather, neighbor_allgather, in, n_each, MPI_INT, out, n_each, MPI_INT)
EVERY_ON(ring, Neighbor_allgatherv, neighbor_allgatherv, in, n_each, MPI_INT, out, counts, displs,
         MPI_INT)
EVERY_ON(ring, Neighbor_alltoall, neighbor_alltoall, in, n_each, MPI_INT, out, n_each, MPI_INT)
EVERY_ON(ring, Neighbor_alltoallv, neighbor_alltoallv, in, counts, displs, MPI_INT, out, counts,
         displs, MPI_INT)
EVERY_ON(ring, Neighbor_alltoallw, neighbor_alltoallw, in, counts, places, types, out, counts,
         places, types)

const struct collective every[] = {
    {"Barrier", run_barrier, true},
    {"Bcast", run_bcast, false},
    {"Gather", run_gather, false},
    {"Gatherv", run_gatherv, false},
    {"Scatter", run_scatter, false},
    {"Scatterv", run_scatterv, false},
    {"Allgather", run_allgather, true},
    {"Allgatherv", run_allgatherv, true},
    {"Alltoall", run_alltoall, true},
    {"Alltoallv", run_alltoallv, true},
    {"Alltoallw", run_alltoallw, true},
    {"Reduce", run_reduce, false},
    {"Allreduce", run_allreduce, true},
    {"Scan", run_scan, false},
    {"Reduce_scatter", run_reduce_scatter, true},
    {"Reduce_scatter_block", run_reduce_scatter_block, true},
    {"Exscan", run_exscan, false},
    {"Neighbor_allgather", run_neighbor_allgather, false},
    {"Neighbor_allgatherv", run_neighbor_allgatherv, false},
    {"Neighbor_alltoall", run_neighbor_alltoall, false},
    {"Neighbor_alltoallv", run_neighbor_alltoallv, false},
    {"Neighbor_alltoallw", run_neighbor_alltoallw, false},
    {NULL, NULL, false},
};
