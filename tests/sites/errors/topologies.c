/* SPDX-License-Identifier: BSD-3-Clause */
/* Grids and graphs that cannot be, and questions to communicators that have none. */
#include "probe.h"

#include <stdlib.h>

static void wrong_grids(const struct stage *stage)
{
    MPI_Comm comm = stage->comm;
    int n = stage->size;
    int large[2] = {n, 2}, negative[2] = {-1, n}, zero[2] = {0, n}, good[2] = {n, 1},
        periods[2] = {0, 0};
    MAKE("cart large", MPI_Cart_create(comm, 2, large, periods, 0, &made));
    MAKE("cart negative", MPI_Cart_create(comm, 2, negative, periods, 0, &made));
    MAKE("cart zero", MPI_Cart_create(comm, 2, zero, periods, 0, &made));
    MAKE("cart dimensions", MPI_Cart_create(comm, -1, good, periods, 0, &made));
    MAKE("cart no sizes", MPI_Cart_create(comm, 2, NULL, periods, 0, &made));
    MAKE("cart no periods", MPI_Cart_create(comm, 2, good, NULL, 0, &made));
    MAKE("cart reorder", MPI_Cart_create(comm, 2, good, periods, 2, &made));
    PROBE("cart to nowhere", MPI_Cart_create(comm, 2, good, periods, 0, NULL));
    MAKE("cart null", MPI_Cart_create(MPI_COMM_NULL, 2, good, periods, 0, &made));
}

static void wrong_graphs(const struct stage *stage)
{
    MPI_Comm comm = stage->comm;
    int n = stage->size, index[2] = {1, 2}, edges[2] = {1, 0}, far[2] = {1, n + 3};
    int one = 1, to = n + 1, weight = 1, rank = stage->rank, minus = -1;
    MAKE("graph large", MPI_Graph_create(comm, n + 1, index, edges, 0, &made));
    MAKE("graph negative", MPI_Graph_create(comm, -1, index, edges, 0, &made));
    MAKE("graph far edge", MPI_Graph_create(comm, 2, index, far, 0, &made));
    MAKE("graph no index", MPI_Graph_create(comm, 2, NULL, edges, 0, &made));
    MAKE("dist_graph count",
         MPI_Dist_graph_create(comm, -1, &rank, &one, &to, &weight, MPI_INFO_NULL, 0, &made));
    MAKE("dist_graph degree",
         MPI_Dist_graph_create(comm, 1, &rank, &minus, &to, &weight, MPI_INFO_NULL, 0, &made));
    MAKE("dist_graph far",
         MPI_Dist_graph_create(comm, 1, &rank, &one, &to, &weight, MPI_INFO_NULL, 0, &made));
    MAKE("adjacent degree", MPI_Dist_graph_create_adjacent(comm, -1, &rank, &weight, 0, NULL, NULL,
                                                           MPI_INFO_NULL, 0, &made));
    MAKE("adjacent far", MPI_Dist_graph_create_adjacent(comm, 1, &to, &weight, 0, NULL, NULL,
                                                        MPI_INFO_NULL, 0, &made));
}

/* Questions to a communicator without a topology. */
static void no_topology(const struct stage *stage)
{
    MPI_Comm comm = stage->comm;
    int a[4] = {0}, b[4] = {0}, c[4] = {0}, n = 0;
    PROBE("topo_test", MPI_Topo_test(comm, &n));
    PROBE("topo_test null", MPI_Topo_test(MPI_COMM_NULL, &n));
    PROBE("no grid, dim", MPI_Cartdim_get(comm, &n));
    PROBE("no grid, get", MPI_Cart_get(comm, 2, a, b, c));
    PROBE("no grid, rank", MPI_Cart_rank(comm, a, &n));
    PROBE("no grid, coords", MPI_Cart_coords(comm, 0, 2, a));
    PROBE("no grid, shift", MPI_Cart_shift(comm, 0, 1, &n, a));
    MAKE("no grid, sub", MPI_Cart_sub(comm, a, &made));
    PROBE("no graph, dims", MPI_Graphdims_get(comm, &n, a));
    PROBE("no graph, get", MPI_Graph_get(comm, 2, 2, a, b));
    PROBE("no graph, neighbors", MPI_Graph_neighbors(comm, 0, 2, a));
    PROBE("no graph, count", MPI_Graph_neighbors_count(comm, 0, &n));
    PROBE("no dist_graph, count", MPI_Dist_graph_neighbors_count(comm, a, b, c));
    PROBE("no dist_graph, neighbors", MPI_Dist_graph_neighbors(comm, 1, a, b, 1, c, a));
    PROBE("no grid, neighbours", MPI_Neighbor_allgather(a, 1, MPI_INT, b, 1, MPI_INT, comm));
    PROBE("no grid, alltoall", MPI_Neighbor_alltoall(a, 1, MPI_INT, b, 1, MPI_INT, comm));
}

static void wrong_questions(const struct stage *stage)
{
    int n = stage->size, dims[2] = {n, 1}, periods[2] = {0, 1}, a[2] = {0}, far[2] = {n, 0},
        below[2] = {-1, 0}, b[2], c[2], rank = -5;
    MPI_Comm grid;
    MPI_Cart_create(stage->comm, 2, dims, periods, 0, &grid);
    PROBE("get few", MPI_Cart_get(grid, 1, a, b, c));
    PROBE("get nowhere", MPI_Cart_get(grid, 2, NULL, b, c));
    PROBE("rank far", MPI_Cart_rank(grid, far, &rank));
    PROBE("rank below", MPI_Cart_rank(grid, below, &rank));
    PROBE("rank of none", MPI_Cart_rank(grid, NULL, &rank));
    PROBE("coords beyond", MPI_Cart_coords(grid, n, 2, a));
    PROBE("coords negative", MPI_Cart_coords(grid, -1, 2, a));
    PROBE("coords few", MPI_Cart_coords(grid, 0, 1, a));
    PROBE("coords nowhere", MPI_Cart_coords(grid, 0, 2, NULL));
    PROBE("shift direction", MPI_Cart_shift(grid, 2, 1, a, b));
    PROBE("shift negative", MPI_Cart_shift(grid, -1, 1, a, b));
    PROBE("shift nowhere", MPI_Cart_shift(grid, 0, 1, NULL, b));
    PROBE("dim nowhere", MPI_Cartdim_get(grid, NULL));
    PROBE("graph of a grid", MPI_Graphdims_get(grid, a, b));
    MPI_Comm_free(&grid);
}

void probe_topologies(const struct stage *stage)
{
    wrong_grids(stage);
    wrong_graphs(stage);
    no_topology(stage);
    wrong_questions(stage);
}
