/* SPDX-License-Identifier: BSD-3-Clause */
/* Grids and graphs over sites, against what their definition says. */
#include "cases.h"

#include "draw.h"

#include <stdlib.h>

enum { MAX_EDGES = 8 * MAX_WORLD };

/* A compiler that sees the constants warns that nothing lies there. */
static int *volatile unweighted = MPI_UNWEIGHTED;
static int *volatile weights_empty = MPI_WEIGHTS_EMPTY;

static void check_grid(MPI_Comm grid, int n_dims, const int *dims, const int *periods)
{
    int type, n, got_dims[4], got_periods[4], coords[4], rank, size, product = 1;
    MPI_Topo_test(grid, &type);
    CHECK(type == MPI_CART);
    MPI_Cartdim_get(grid, &n);
    CHECK(n == n_dims);
    MPI_Cart_get(grid, 4, got_dims, got_periods, coords);
    MPI_Comm_rank(grid, &rank);
    MPI_Comm_size(grid, &size);
    for (int i = 0; i < n; i++) {
        CHECK(got_dims[i] == dims[i] && !got_periods[i] == !periods[i]);
        product *= dims[i];
    }
    CHECK(size == product);
    for (int other = 0; other < size; other++) {
        int place = 0, found = -1;
        MPI_Cart_coords(grid, other, 4, got_dims);
        for (int i = 0; i < n; i++)
            place = place * dims[i] + got_dims[i];
        CHECK(place == other);
        MPI_Cart_rank(grid, got_dims, &found);
        CHECK(found == other);
        if (other == rank)
            for (int i = 0; i < n; i++)
                CHECK(coords[i] == got_dims[i]);
    }
}

/* Everyone's rank goes one step along a dimension and must come from where the shift says. */
static void check_shift(MPI_Comm grid, int n_dims)
{
    int rank;
    MPI_Comm_rank(grid, &rank);
    for (int i = 0; i < n_dims; i++)
        for (int step = -2; step <= 2; step++) {
            int from, to, token = -1;
            MPI_Cart_shift(grid, i, step, &from, &to);
            MPI_Sendrecv(&rank, 1, MPI_INT, to, 4, &token, 1, MPI_INT, from, 4, grid,
                         MPI_STATUS_IGNORE);
            CHECK(token == (from == MPI_PROC_NULL ? -1 : from));
        }
}

static void grids(void)
{
    for (int kind = 0; kind < 4; kind++) {
        int dims[2] = {0, 0}, periods[2] = {kind & 1, kind >> 1 & 1};
        MPI_Comm grid, twin;
        MPI_Dims_create(world.size, 2, dims);
        MPI_Cart_create(MPI_COMM_WORLD, 2, dims, periods, 1, &grid);
        check_grid(grid, 2, dims, periods);
        check_shift(grid, 2);
        MPI_Comm_dup(grid, &twin);
        check_grid(twin, 2, dims, periods);
        MPI_Comm_free(&twin);
        MPI_Comm_free(&grid);
    }
}

/* A grid that leaves the last rank out. */
static void smaller_grid(void)
{
    int dims[1] = {world.size - 1}, periods[1] = {1};
    MPI_Comm grid;
    if (world.size < 2)
        return;
    MPI_Cart_create(MPI_COMM_WORLD, 1, dims, periods, 0, &grid);
    CHECK((grid == MPI_COMM_NULL) == (world.rank == world.size - 1));
    if (grid == MPI_COMM_NULL)
        return;
    check_grid(grid, 1, dims, periods);
    check_shift(grid, 1);
    MPI_Comm_free(&grid);
}

/* Rows and columns of a grid: sums along them. */
static void slices(void)
{
    int dims[2] = {0, 0}, periods[2] = {0, 1}, coords[2], rank;
    MPI_Comm grid;
    MPI_Dims_create(world.size, 2, dims);
    MPI_Cart_create(MPI_COMM_WORLD, 2, dims, periods, 0, &grid);
    MPI_Comm_rank(grid, &rank);
    MPI_Cart_coords(grid, rank, 2, coords);
    for (int kept = 0; kept < 2; kept++) {
        int remains[2] = {kept == 0, kept == 1}, sum, expected = 0;
        MPI_Comm slice;
        MPI_Cart_sub(grid, remains, &slice);
        check_grid(slice, 1, &dims[kept], &periods[kept]);
        check_shift(slice, 1);
        MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, slice);
        for (int i = 0; i < dims[kept]; i++)
            expected += kept ? coords[0] * dims[1] + i : i * dims[1] + coords[1];
        CHECK(sum == expected);
        MPI_Comm_free(&slice);
    }
    MPI_Comm_free(&grid);
}

/* Everyone alone, on a grid of no dimensions. */
static void points(void)
{
    int dims[1] = {world.size}, periods[1] = {1}, remains[1] = {0}, n_dims = -1, size, type, rank;
    MPI_Comm grid, point, empty;
    MPI_Cart_create(MPI_COMM_WORLD, 1, dims, periods, 0, &grid);
    MPI_Cart_sub(grid, remains, &point);
    MPI_Comm_size(point, &size);
    MPI_Topo_test(point, &type);
    MPI_Cartdim_get(point, &n_dims);
    CHECK(size == 1 && type == MPI_CART && n_dims == 0);
    MPI_Comm_free(&point);
    MPI_Comm_free(&grid);
    MPI_Cart_create(MPI_COMM_WORLD, 0, dims, periods, 0, &empty);
    CHECK((empty != MPI_COMM_NULL) == (world.rank == 0));
    MPI_Cart_map(MPI_COMM_WORLD, 0, dims, periods, &rank);
    CHECK(world.n_sites == 1 || rank == (world.rank == 0 ? 0 : MPI_UNDEFINED));
    if (empty != MPI_COMM_NULL)
        MPI_Comm_free(&empty);
}

/* All ranks, those of different sites in turns. */
static MPI_Comm interleaved(void)
{
    int place = 0;
    MPI_Comm comm;
    for (int rank = 0; rank < world.rank; rank++)
        place += world.site[rank] == world.site[world.rank];
    MPI_Comm_split(MPI_COMM_WORLD, 0, place * world.n_sites + world.site[world.rank], &comm);
    return comm;
}

static void sites_of(MPI_Comm comm, int *sites)
{
    MPI_Allgather(&world.site[world.rank], 1, MPI_INT, sites, 1, MPI_INT, comm);
}

/* How many steps of a grid lead to another site. */
static int cut_of_grid(MPI_Comm grid, const int *sites, int n_dims, const int *dims,
                       const int *periods)
{
    int size, cut = 0, coords[4], next;
    MPI_Comm_size(grid, &size);
    for (int rank = 0; rank < size; rank++)
        for (int i = 0; i < n_dims; i++) {
            MPI_Cart_coords(grid, rank, n_dims, coords);
            if (++coords[i] == dims[i] && !periods[i])
                continue;
            MPI_Cart_rank(grid, coords, &next);
            cut += sites[rank] != sites[next];
        }
    return cut;
}

static void reordered_grid(MPI_Comm comm, int n_dims, const int *dims, const int *periods,
                           bool must_gain)
{
    int before[MAX_WORLD], after[MAX_WORLD], rank, mapped;
    MPI_Comm plain, grid;
    MPI_Cart_create(comm, n_dims, dims, periods, 0, &plain);
    sites_of(plain, before);
    MPI_Cart_create(comm, n_dims, dims, periods, 1, &grid);
    sites_of(grid, after);
    check_grid(grid, n_dims, dims, periods);
    check_shift(grid, n_dims);
    MPI_Comm_rank(grid, &rank);
    MPI_Cart_map(comm, n_dims, dims, periods, &mapped);
    CHECK(mapped == rank);
    int cut_before = cut_of_grid(plain, before, n_dims, dims, periods);
    int cut_after = cut_of_grid(grid, after, n_dims, dims, periods);
    CHECK(cut_after <= cut_before && (cut_after < cut_before || !must_gain));
    MPI_Comm_free(&plain);
    MPI_Comm_free(&grid);
}

/* Neighbours come to one site where that is possible, and nothing gets worse. */
static void reordered_grids(void)
{
    MPI_Comm comm = interleaved();
    int ring[1] = {world.size}, dims[3] = {0}, periods[3] = {1, 0, 1};
    int of_site[MAX_WORLD] = {0}, n_larger = 0;
    for (int rank = 0; rank < world.size; rank++)
        n_larger += ++of_site[world.site[rank]] == 2;
    bool can_gain = n_larger > 1;
    reordered_grid(comm, 1, ring, periods, can_gain);
    reordered_grid(MPI_COMM_WORLD, 1, ring, periods, false);
    for (int n_dims = 1; n_dims <= 3; n_dims++) {
        dims[0] = dims[1] = dims[2] = 0;
        MPI_Dims_create(world.size, n_dims, dims);
        reordered_grid(comm, n_dims, dims, periods, false);
        reordered_grid(MPI_COMM_WORLD, n_dims, dims, periods, false);
    }
    MPI_Comm_free(&comm);
}

/* Edges of a graph, the same on all ranks. */
struct edges {
    int n, ends[MAX_EDGES][2], weights[MAX_EDGES];
};

static void draw_edges(struct edges *edges, int n_nodes, uint64_t *state)
{
    edges->n = draw_below(state, 4 * n_nodes);
    for (int i = 0; i < edges->n; i++) {
        edges->ends[i][0] = draw_below(state, n_nodes);
        edges->ends[i][1] = draw_below(state, n_nodes);
        edges->weights[i] = draw_below(state, 9);
    }
}

static long cut_of_edges(const struct edges *edges, const int *sites, bool is_weighted)
{
    long cut = 0;
    for (int i = 0; i < edges->n; i++)
        if (sites[edges->ends[i][0]] != sites[edges->ends[i][1]])
            cut += is_weighted ? edges->weights[i] : 1;
    return cut;
}

/* The other ends of a node's edges, and their weights. */
static int list_edges(const struct edges *edges, int end, int node, int *list, int *weights)
{
    int n = 0;
    for (int i = 0; i < edges->n; i++)
        if (edges->ends[i][end] == node) {
            weights[n] = edges->weights[i];
            list[n++] = edges->ends[i][1 - end];
        }
    return n;
}

static void check_graph(MPI_Comm graph, int n_nodes, const int *index, const int *edges)
{
    int type, n, m, got_index[MAX_WORLD], got_edges[MAX_EDGES];
    int n_edges = n_nodes > 0 ? index[n_nodes - 1] : 0;
    MPI_Topo_test(graph, &type);
    MPI_Graphdims_get(graph, &n, &m);
    CHECK(type == MPI_GRAPH && n == n_nodes && m == n_edges);
    MPI_Graph_get(graph, MAX_WORLD, MAX_EDGES, got_index, got_edges);
    for (int i = 0; i < n_nodes; i++)
        CHECK(got_index[i] == index[i]);
    for (int i = 0; i < n_edges; i++)
        CHECK(got_edges[i] == edges[i]);
    for (int node = 0; node < n_nodes; node++) {
        int first = node > 0 ? index[node - 1] : 0;
        MPI_Graph_neighbors_count(graph, node, &n);
        MPI_Graph_neighbors(graph, node, MAX_EDGES, got_edges);
        CHECK(n == index[node] - first);
        for (int i = 0; i < n; i++)
            CHECK(got_edges[i] == edges[first + i]);
    }
}

static void one_graph(MPI_Comm comm, uint64_t *state)
{
    struct edges edges;
    int index[MAX_WORLD], list[MAX_EDGES], weights[MAX_EDGES], sites[MAX_WORLD], n_list = 0;
    int size, rank, mapped, n_nodes;
    MPI_Comm graph, twin;
    MPI_Comm_size(comm, &size);
    MPI_Comm_rank(comm, &rank);
    n_nodes = once_in(state, 3) ? 1 + draw_below(state, size) : size;
    draw_edges(&edges, n_nodes, state);
    for (int node = 0; node < n_nodes; node++) {
        n_list += list_edges(&edges, 0, node, list + n_list, weights);
        index[node] = n_list;
    }
    bool is_reordered = once_in(state, 2);
    sites_of(comm, sites);
    long before = cut_of_edges(&edges, sites, false);
    MPI_Graph_create(comm, n_nodes, index, list, is_reordered, &graph);
    MPI_Graph_map(comm, n_nodes, index, list, &mapped);
    CHECK((graph == MPI_COMM_NULL) ==
          (is_reordered && world.n_sites > 1 ? mapped == MPI_UNDEFINED : rank >= n_nodes));
    if (graph == MPI_COMM_NULL)
        return;
    int newrank;
    MPI_Comm_rank(graph, &newrank);
    CHECK(newrank == (is_reordered && world.n_sites > 1 ? mapped : rank));
    check_graph(graph, n_nodes, index, list);
    sites_of(graph, sites);
    CHECK(cut_of_edges(&edges, sites, false) <= before);
    MPI_Comm_dup(graph, &twin);
    check_graph(twin, n_nodes, index, list);
    MPI_Comm_free(&twin);
    MPI_Comm_free(&graph);
}

static void graphs(void)
{
    uint64_t state = 1;
    MPI_Comm comm = interleaved();
    for (int i = 0; i < 12; i++)
        one_graph(i % 2 ? comm : MPI_COMM_WORLD, &state);
    MPI_Comm_free(&comm);
}

struct pair {
    int peer, weight;
};

static int by_peer(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    return x->peer != y->peer ? x->peer - y->peer : x->weight - y->weight;
}

/* The same edges, in any order; weights NULL: none. */
static void check_list(const int *got, const int *got_weights, const int *list, const int *weights,
                       int n)
{
    struct pair a[MAX_EDGES], b[MAX_EDGES];
    for (int i = 0; i < n; i++) {
        a[i] = (struct pair){got[i], weights ? got_weights[i] : 0};
        b[i] = (struct pair){list[i], weights ? weights[i] : 0};
    }
    qsort(a, (size_t)n, sizeof *a, by_peer);
    qsort(b, (size_t)n, sizeof *b, by_peer);
    for (int i = 0; i < n; i++)
        CHECK(a[i].peer == b[i].peer && a[i].weight == b[i].weight);
}

static void check_dist_graph(MPI_Comm graph, const struct edges *edges, bool is_weighted)
{
    int type, n_in, n_out, flag, rank, list[MAX_EDGES], weights[MAX_EDGES];
    int in[MAX_EDGES], in_weights[MAX_EDGES], out[MAX_EDGES], out_weights[MAX_EDGES];
    MPI_Topo_test(graph, &type);
    MPI_Comm_rank(graph, &rank);
    MPI_Dist_graph_neighbors_count(graph, &n_in, &n_out, &flag);
    CHECK(type == MPI_DIST_GRAPH && !flag == !is_weighted);
    MPI_Dist_graph_neighbors(graph, n_in, in, in_weights, n_out, out, out_weights);
    CHECK(list_edges(edges, 1, rank, list, weights) == n_in);
    check_list(in, in_weights, list, is_weighted ? weights : NULL, n_in);
    CHECK(list_edges(edges, 0, rank, list, weights) == n_out);
    check_list(out, out_weights, list, is_weighted ? weights : NULL, n_out);
}

static MPI_Comm make_adjacent(MPI_Comm comm, const struct edges *edges, bool is_weighted,
                              bool is_reordered)
{
    int in[MAX_EDGES], in_weights[MAX_EDGES], out[MAX_EDGES], out_weights[MAX_EDGES], rank;
    MPI_Comm graph;
    MPI_Comm_rank(comm, &rank);
    int n_in = list_edges(edges, 1, rank, in, in_weights);
    int n_out = list_edges(edges, 0, rank, out, out_weights);
    MPI_Dist_graph_create_adjacent(comm, n_in, in,
                                   !is_weighted ? unweighted
                                   : n_in       ? in_weights
                                                : weights_empty,
                                   n_out, out,
                                   !is_weighted ? unweighted
                                   : n_out      ? out_weights
                                                : weights_empty,
                                   MPI_INFO_NULL, is_reordered, &graph);
    return graph;
}

/* Every edge is said by some rank, not always an end of it. */
static MPI_Comm make_scattered(MPI_Comm comm, const struct edges *edges, bool is_weighted,
                               bool is_reordered)
{
    int sources[MAX_EDGES], degrees[MAX_EDGES], targets[MAX_EDGES], weights[MAX_EDGES];
    int rank, size, n = 0;
    MPI_Comm graph;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
    for (int i = 0; i < edges->n; i++)
        if ((i + edges->weights[i]) % size == rank) {
            sources[n] = edges->ends[i][0];
            degrees[n] = 1;
            targets[n] = edges->ends[i][1];
            weights[n++] = edges->weights[i];
        }
    MPI_Dist_graph_create(comm, n, sources, degrees, targets,
                          !is_weighted ? unweighted
                          : n          ? weights
                                       : weights_empty,
                          MPI_INFO_NULL, is_reordered, &graph);
    return graph;
}

static void one_dist_graph(MPI_Comm comm, uint64_t *state)
{
    struct edges edges;
    int size, sites[MAX_WORLD];
    MPI_Comm graph, twin;
    MPI_Comm_size(comm, &size);
    draw_edges(&edges, size, state);
    /* Open MPI 4.1 itself hangs now and then in MPI_Dist_graph_create, and its reordering can fail
     * where ranks have no processors of their own. */
    bool is_weighted = once_in(state, 2), is_adjacent = once_in(state, 2) || world.n_sites == 1;
    bool is_reordered = once_in(state, 2) && world.n_sites > 1;
    sites_of(comm, sites);
    long before = cut_of_edges(&edges, sites, is_weighted);
    graph = (is_adjacent ? make_adjacent : make_scattered)(comm, &edges, is_weighted, is_reordered);
    check_dist_graph(graph, &edges, is_weighted);
    sites_of(graph, sites);
    CHECK(cut_of_edges(&edges, sites, is_weighted) <= before);
    MPI_Comm_dup(graph, &twin);
    check_dist_graph(twin, &edges, is_weighted);
    MPI_Comm_free(&twin);
    MPI_Comm_free(&graph);
}

static void dist_graphs(void)
{
    uint64_t state = 2;
    MPI_Comm comm = interleaved();
    for (int i = 0; i < 16; i++)
        one_dist_graph(i % 2 ? comm : MPI_COMM_WORLD, &state);
    MPI_Comm_free(&comm);
}

/* What only one rank says wrong, all hear of. */
static void wrong_graphs(void)
{
    int index[2] = {1, 2}, edges[2] = {1, 0}, wrong[2] = {1, -1}, n, class;
    int source[1] = {world.rank}, degree[1] = {1}, target[1] = {world.rank ? 0 : world.size};
    MPI_Comm graph;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Error_class(MPI_Graph_create(MPI_COMM_WORLD, world.size + 1, index, edges, 0, &graph),
                    &class);
    CHECK(class == MPI_ERR_ARG);
    MPI_Error_class(MPI_Graph_create(MPI_COMM_WORLD, 2, NULL, edges, 0, &graph), &class);
    CHECK(class == MPI_ERR_ARG);
    MPI_Graph_create(MPI_COMM_WORLD, 0, index, edges, 0, &graph);
    CHECK(graph == MPI_COMM_NULL);
    MPI_Error_class(MPI_Graph_neighbors_count(MPI_COMM_WORLD, 0, &n), &class);
    CHECK(class == MPI_ERR_TOPOLOGY);
    if (world.n_sites > 1) {
        MPI_Error_class(MPI_Graph_create(MPI_COMM_WORLD, 2, index, wrong, 0, &graph), &class);
        CHECK(class == MPI_ERR_ARG);
        MPI_Error_class(MPI_Dist_graph_create(MPI_COMM_WORLD, 1, source, degree, target, unweighted,
                                              MPI_INFO_NULL, 0, &graph),
                        &class);
        CHECK(class == MPI_ERR_ARG);
    }
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
}

static void wrong_grids(void)
{
    int dims[1] = {world.size + 1}, periods[1] = {0}, class, n_dims;
    MPI_Comm grid;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Error_class(MPI_Cart_create(MPI_COMM_WORLD, 1, dims, periods, 0, &grid), &class);
    CHECK(class == MPI_ERR_DIMS || class == MPI_ERR_ARG);
    MPI_Error_class(MPI_Cartdim_get(MPI_COMM_WORLD, &n_dims), &class);
    CHECK(class == MPI_ERR_TOPOLOGY);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
}

/* Two groups have no topology. */
static void intercommunicators(void)
{
    int dims[1] = {1}, periods[1] = {0}, index[1] = {0}, edges[1] = {0}, class;
    MPI_Comm half, inter, made;
    if (world.size < 2)
        return;
    MPI_Comm_split(MPI_COMM_WORLD, world.rank % 2, world.rank, &half);
    MPI_Intercomm_create(half, 0, MPI_COMM_WORLD, !(world.rank % 2), 1, &inter);
    MPI_Comm_set_errhandler(inter, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Error_class(MPI_Cart_create(inter, 1, dims, periods, 0, &made), &class);
    CHECK(class == MPI_ERR_COMM);
    MPI_Error_class(MPI_Graph_create(inter, 1, index, edges, 0, &made), &class);
    CHECK(class == MPI_ERR_COMM);
    MPI_Error_class(MPI_Dist_graph_create_adjacent(inter, 0, NULL, weights_empty, 0, NULL,
                                                   weights_empty, MPI_INFO_NULL, 0, &made),
                    &class);
    CHECK(class == MPI_ERR_COMM);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
    MPI_Comm_free(&inter);
    MPI_Comm_free(&half);
}

const struct mpi_case cases[] = {{"grids", grids, false},
                                 {"smaller_grid", smaller_grid, false},
                                 {"slices", slices, false},
                                 {"points", points, false},
                                 {"reordered_grids", reordered_grids, false},
                                 {"graphs", graphs, false},
                                 {"dist_graphs", dist_graphs, false},
                                 {"wrong_grids", wrong_grids, false},
                                 {"wrong_graphs", wrong_graphs, false},
                                 {"intercommunicators", intercommunicators, false},
                                 {NULL, NULL, false}};
