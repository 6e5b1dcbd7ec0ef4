/* SPDX-License-Identifier: BSD-3-Clause */
/* Graphs that every rank knows as a whole: MPI_Graph_create, MPI_Graph_map, and what can be asked
 * of them. */
#include "host/error.h"
#include "topo/reorder.h"
#include "topo/topo.h"
#include "wide.h"

#include <stdlib.h>
#include <string.h>

int wsp_graph_first(const struct wsp_graph *graph, int node)
{
    return node > 0 ? graph->index[node - 1] : 0;
}

int wsp_graph_degree(const struct wsp_graph *graph, int node)
{
    return graph->index[node] - wsp_graph_first(graph, node);
}

static const struct wsp_graph *graph_of(MPI_Comm handle)
{
    const struct wsp_topology *topology = wsp_topology_find(handle, WSP_TOPOLOGY_GRAPH);
    return topology ? &topology->graph : NULL;
}

/* Sets the number of edges. Unlike the host, says so if the lists describe no graph. MPI code. */
static int check(int size, struct wsp_graph *graph)
{
    if (graph->n_nodes < 0 || graph->n_nodes > size ||
        (graph->n_nodes > 0 && (!graph->index || !graph->edges)))
        return MPI_ERR_ARG;
    for (int node = 0; node < graph->n_nodes; node++)
        if (wsp_graph_degree(graph, node) < 0)
            return MPI_ERR_ARG;
    graph->n_edges = graph->n_nodes > 0 ? graph->index[graph->n_nodes - 1] : 0;
    for (int i = 0; i < graph->n_edges; i++)
        if (graph->edges[i] < 0 || graph->edges[i] >= graph->n_nodes)
            return MPI_ERR_ARG;
    return MPI_SUCCESS;
}

static int choose_rank(const struct wsp_comm *comm, const struct wsp_graph *graph, int *newrank)
{
    struct wsp_topology_traffic traffic = {
        .edges = malloc(((size_t)graph->n_edges + 1) * sizeof *traffic.edges)};
    for (int node = 0; traffic.edges && node < graph->n_nodes; node++)
        for (int i = wsp_graph_first(graph, node); i < graph->index[node]; i++)
            traffic.edges[traffic.n_edges++] = (struct wsp_edge){node, graph->edges[i], 1};
    return wsp_rank_chosen(comm, &traffic, graph->n_nodes, newrank);
}

int wide_Graph_create(MPI_Comm handle, int n_nodes, const int index[], const int edges[],
                      int reorder, MPI_Comm *made)
{
    if (wsp_comm_of(handle)->inter)
        return wsp_raise(MPI_COMM_WORLD, MPI_ERR_COMM);
    const struct wsp_comm *comm = wsp_comm_of(handle);
    struct wsp_graph graph = {.n_nodes = n_nodes, .index = (int *)index, .edges = (int *)edges};
    int newrank = wsp_rank_kept(comm, n_nodes), code = check(comm->size, &graph);
    if (!code && reorder)
        code = choose_rank(comm, &graph, &newrank);
    if (code)
        return wsp_raise(handle, code);
    return wsp_topology_create(handle, 0, newrank, wsp_topology_of_graph(&graph), made);
}

int wide_Graph_map(MPI_Comm handle, int n_nodes, const int index[], const int edges[], int *newrank)
{
    if (wsp_comm_of(handle)->inter)
        return wsp_raise(MPI_COMM_WORLD, MPI_ERR_COMM);
    const struct wsp_comm *comm = wsp_comm_of(handle);
    struct wsp_graph graph = {.n_nodes = n_nodes, .index = (int *)index, .edges = (int *)edges};
    int code = n_nodes == 0 ? MPI_ERR_ARG : check(comm->size, &graph);
    if (!code)
        code = choose_rank(comm, &graph, newrank);
    return code ? wsp_raise(handle, code) : MPI_SUCCESS;
}

int wide_Graphdims_get(MPI_Comm handle, int *n_nodes, int *n_edges)
{
    const struct wsp_graph *graph = graph_of(handle);
    if (!graph)
        return MPI_ERR_TOPOLOGY;
    if (!n_nodes || !n_edges)
        return wsp_raise(handle, MPI_ERR_ARG);
    *n_nodes = graph->n_nodes;
    *n_edges = graph->n_edges;
    return MPI_SUCCESS;
}

/* As many as there is room for. */
static void copy(const int *from, int n, int n_max, int *to)
{
    for (int i = 0; i < n && i < n_max; i++)
        to[i] = from[i];
}

int wide_Graph_get(MPI_Comm handle, int max_index, int max_edges, int index[], int edges[])
{
    const struct wsp_graph *graph = graph_of(handle);
    if (!graph)
        return MPI_ERR_TOPOLOGY;
    if (max_index < 0 || max_edges < 0 || !index || !edges)
        return wsp_raise(handle, MPI_ERR_ARG);
    copy(graph->index, graph->n_nodes, max_index, index);
    copy(graph->edges, graph->n_edges, max_edges, edges);
    return MPI_SUCCESS;
}

int wide_Graph_neighbors_count(MPI_Comm handle, int rank, int *n)
{
    const struct wsp_graph *graph = graph_of(handle);
    if (!graph)
        return MPI_ERR_TOPOLOGY;
    if (rank < 0 || rank >= graph->n_nodes)
        return wsp_raise(handle, MPI_ERR_RANK);
    *n = wsp_graph_degree(graph, rank);
    return MPI_SUCCESS;
}

int wide_Graph_neighbors(MPI_Comm handle, int rank, int max_neighbors, int neighbors[])
{
    const struct wsp_graph *graph = graph_of(handle);
    if (!graph)
        return MPI_ERR_TOPOLOGY;
    if (rank < 0 || rank >= graph->n_nodes)
        return wsp_raise(handle, MPI_ERR_RANK);
    if (max_neighbors < 0 || (max_neighbors > 0 && !neighbors))
        return wsp_raise(handle, MPI_ERR_ARG);
    copy(graph->edges + wsp_graph_first(graph, rank), wsp_graph_degree(graph, rank), max_neighbors,
         neighbors);
    return MPI_SUCCESS;
}
