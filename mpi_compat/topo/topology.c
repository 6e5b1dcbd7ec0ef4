/* SPDX-License-Identifier: BSD-3-Clause */
#include "topo/topo.h"

#include "host/error.h"
#include "host/home.h"
#include "host/host.h"
#include "wide.h"

#include <stdlib.h>
#include <string.h>

/* A description with room for n_ints behind it, and the place where they begin. */
static struct wsp_topology *allocate(enum wsp_topology_kind kind, size_t n_ints, int **ints)
{
    struct wsp_topology *topology = calloc(1, sizeof *topology + n_ints * sizeof **ints);
    if (!topology)
        return NULL;
    topology->kind = kind;
    *ints = (int *)(topology + 1);
    return topology;
}

/* Lays a list down and moves on to the next. */
static int *put(int **ints, const int *list, int n)
{
    int *place = *ints;
    if (n > 0)
        memcpy(place, list, (size_t)n * sizeof *list);
    *ints += n;
    return place;
}

struct wsp_topology *wsp_topology_of_grid(const struct wsp_grid *grid)
{
    int *ints;
    struct wsp_topology *topology = allocate(WSP_TOPOLOGY_GRID, 2 * (size_t)grid->n_dims, &ints);
    if (!topology)
        return NULL;
    topology->grid = (struct wsp_grid){.n_dims = grid->n_dims,
                                       .dims = put(&ints, grid->dims, grid->n_dims),
                                       .periods = put(&ints, grid->periods, grid->n_dims)};
    for (int i = 0; i < grid->n_dims; i++)
        topology->grid.periods[i] = grid->periods[i] != 0;
    return topology;
}

struct wsp_topology *wsp_topology_of_graph(const struct wsp_graph *graph)
{
    int *ints;
    size_t n_ints = (size_t)graph->n_nodes + (size_t)graph->n_edges;
    struct wsp_topology *topology = allocate(WSP_TOPOLOGY_GRAPH, n_ints, &ints);
    if (!topology)
        return NULL;
    topology->graph = (struct wsp_graph){.n_nodes = graph->n_nodes,
                                         .n_edges = graph->n_edges,
                                         .index = put(&ints, graph->index, graph->n_nodes),
                                         .edges = put(&ints, graph->edges, graph->n_edges)};
    return topology;
}

struct wsp_topology *wsp_topology_of_dist_graph(const struct wsp_dist_graph *dist)
{
    int *ints;
    size_t n_ints = 2 * ((size_t)dist->n_in + (size_t)dist->n_out);
    struct wsp_topology *topology = allocate(WSP_TOPOLOGY_DIST_GRAPH, n_ints, &ints);
    if (!topology)
        return NULL;
    topology->dist =
        (struct wsp_dist_graph){.is_weighted = dist->is_weighted,
                                .n_in = dist->n_in,
                                .n_out = dist->n_out,
                                .in = put(&ints, dist->in, dist->n_in),
                                .in_weights = put(&ints, dist->in_weights, dist->n_in),
                                .out = put(&ints, dist->out, dist->n_out),
                                .out_weights = put(&ints, dist->out_weights, dist->n_out)};
    return topology;
}

struct wsp_topology *wsp_topology_copy(const struct wsp_topology *topology)
{
    switch (topology->kind) {
    case WSP_TOPOLOGY_GRID:
        return wsp_topology_of_grid(&topology->grid);
    case WSP_TOPOLOGY_GRAPH:
        return wsp_topology_of_graph(&topology->graph);
    default:
        return wsp_topology_of_dist_graph(&topology->dist);
    }
}

/* The host refuses null lists, even empty ones: ours never are. A distributed graph has all members
 * of its parent and so spans sites as it does. */
static int attach_at_host(MPI_Comm split, const struct wsp_topology *topology, MPI_Comm *made)
{
    int code = wsp_home_enter(split);
    if (code)
        return code;
    if (topology->kind == WSP_TOPOLOGY_GRID)
        return host.Cart_create(split, topology->grid.n_dims, topology->grid.dims,
                                topology->grid.periods, 0, made);
    return host.Graph_create(split, topology->graph.n_nodes, topology->graph.index,
                             topology->graph.edges, 0, made);
}

/* The communicator is the host's own: the host's topology on another that replaces it. */
static int replace_at_host(MPI_Comm split, const struct wsp_topology *topology, MPI_Comm *made)
{
    int code = attach_at_host(split, topology, made);
    host.Comm_free(&split);
    return code;
}

int wsp_topology_create(MPI_Comm parent, int color, int newrank, struct wsp_topology *topology,
                        MPI_Comm *made)
{
    MPI_Comm split;
    *made = MPI_COMM_NULL;
    if (!topology)
        return wsp_raise(parent, MPI_ERR_NO_MEM);
    int code =
        wide_Comm_split(parent, newrank == MPI_UNDEFINED ? MPI_UNDEFINED : color, newrank, &split);
    struct wsp_comm *comm = code || split == MPI_COMM_NULL ? NULL : wsp_comm_of(split);
    if (comm) {
        comm->topology = topology;
        *made = split;
        return MPI_SUCCESS;
    }
    if (!code && split != MPI_COMM_NULL)
        code = replace_at_host(split, topology, made);
    free(topology);
    return code;
}

const struct wsp_topology *wsp_topology_find(MPI_Comm handle, enum wsp_topology_kind kind)
{
    const struct wsp_topology *topology = wsp_comm_of(handle)->topology;
    if (topology && topology->kind == kind)
        return topology;
    wsp_raise(handle, MPI_ERR_TOPOLOGY);
    return NULL;
}

int wide_Topo_test(MPI_Comm handle, int *status)
{
    static const int answers[] = {[WSP_TOPOLOGY_GRID] = MPI_CART,
                                  [WSP_TOPOLOGY_GRAPH] = MPI_GRAPH,
                                  [WSP_TOPOLOGY_DIST_GRAPH] = MPI_DIST_GRAPH};
    const struct wsp_topology *topology = wsp_comm_of(handle)->topology;
    *status = topology ? answers[topology->kind] : MPI_UNDEFINED;
    return MPI_SUCCESS;
}

static int neighbours_in_grid(const struct wsp_grid *grid, int rank, struct wsp_neighbours *who)
{
    int n = 2 * grid->n_dims;
    who->memory = malloc(((size_t)(n + grid->n_dims) + 1) * sizeof(int));
    if (!who->memory)
        return MPI_ERR_NO_MEM;
    int *coords = who->memory + n;
    wsp_grid_coords(grid, rank, coords);
    for (int i = 0; i < n; i++) {
        int here = coords[i / 2];
        coords[i / 2] += i % 2 ? 1 : -1;
        int there = wsp_grid_rank(grid, coords);
        who->memory[i] = there < 0 ? MPI_PROC_NULL : there;
        coords[i / 2] = here;
    }
    who->n_in = who->n_out = n;
    who->in = who->out = who->memory;
    who->is_grid = true;
    return MPI_SUCCESS;
}

int wsp_topology_neighbours(const struct wsp_comm *comm, struct wsp_neighbours *who)
{
    const struct wsp_topology *topology = comm->topology;
    *who = (struct wsp_neighbours){0};
    if (!topology)
        return MPI_ERR_TOPOLOGY;
    if (topology->kind == WSP_TOPOLOGY_GRID)
        return neighbours_in_grid(&topology->grid, comm->rank, who);
    if (topology->kind == WSP_TOPOLOGY_GRAPH) {
        who->n_in = who->n_out = wsp_graph_degree(&topology->graph, comm->rank);
        who->in = who->out = topology->graph.edges + wsp_graph_first(&topology->graph, comm->rank);
        return MPI_SUCCESS;
    }
    who->n_in = topology->dist.n_in;
    who->in = topology->dist.in;
    who->n_out = topology->dist.n_out;
    who->out = topology->dist.out;
    return MPI_SUCCESS;
}
