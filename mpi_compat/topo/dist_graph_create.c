/* SPDX-License-Identifier: BSD-3-Clause */
/* MPI_Dist_graph_create and MPI_Dist_graph_create_adjacent: each rank says a part of the graph, and
 * knows its own edges in the end. An error in what one of them says is everyone's, and then nobody
 * makes the communicator. */
#include "host/error.h"
#include "topo/reorder.h"
#include "topo/sayings.h"
#include "topo/topo.h"
#include "wide.h"

#include <limits.h>
#include <stdlib.h>

static bool is_unweighted(const int *weights)
{
    return weights == MPI_UNWEIGHTED;
}

/* Are these ranks, with weights? NULL lists are refused as the host does. */
static int check_edges(int size, int n, const int *peers, const int *weights)
{
    if (n < 0 || (n > 0 && (!peers || !weights)))
        return MPI_ERR_ARG;
    for (int i = 0; i < n; i++)
        if (peers[i] < 0 || peers[i] >= size || (!is_unweighted(weights) && weights[i] < 0))
            return MPI_ERR_ARG;
    return MPI_SUCCESS;
}

static int finish(MPI_Comm handle, int code, int newrank, struct wsp_topology *topology,
                  MPI_Comm *made)
{
    if (!code)
        return wsp_topology_create(handle, 0, newrank, topology, made);
    free(topology);
    *made = MPI_COMM_NULL;
    return wsp_raise(handle, code);
}

/* MPI_Dist_graph_create: what is said is a list of edges. */
enum { SOURCE, TARGET, WEIGHT, N_OF_EDGE };

static int check_sayings(int size, int n, const int *sources, const int *degrees,
                         const int *targets, const int *weights, int *n_edges)
{
    int64_t sum = 0;
    *n_edges = 0;
    if (n < 0 || (n > 0 && (!sources || !degrees || !targets || !weights)))
        return MPI_ERR_ARG;
    for (int i = 0; i < n; i++) {
        if (sources[i] < 0 || sources[i] >= size || degrees[i] < 0)
            return MPI_ERR_ARG;
        sum += degrees[i];
    }
    if (sum > INT_MAX / N_OF_EDGE)
        return MPI_ERR_NO_MEM;
    int code = n > 0 ? check_edges(size, (int)sum, targets, weights) : MPI_SUCCESS;
    if (!code)
        *n_edges = (int)sum;
    return code;
}

static void list_edges(int n, const int *sources, const int *degrees, const int *targets,
                       const int *weights, int (*edges)[N_OF_EDGE])
{
    int n_edges = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < degrees[i]; j++, n_edges++) {
            edges[n_edges][SOURCE] = sources[i];
            edges[n_edges][TARGET] = targets[n_edges];
            edges[n_edges][WEIGHT] = is_unweighted(weights) ? 1 : weights[n_edges];
        }
}

static int choose_rank(const struct wsp_comm *comm, const int (*edges)[N_OF_EDGE], int n,
                       int *newrank)
{
    struct wsp_topology_traffic traffic = {.edges =
                                               malloc(((size_t)n + 1) * sizeof *traffic.edges)};
    for (int i = 0; traffic.edges && i < n; i++)
        traffic.edges[traffic.n_edges++] =
            (struct wsp_edge){edges[i][SOURCE], edges[i][TARGET], edges[i][WEIGHT]};
    return wsp_rank_chosen(comm, &traffic, comm->size, newrank);
}

/* A rank's own edges out of all, in the order of who said them. */
static struct wsp_topology *select_edges(const int (*edges)[N_OF_EDGE], int n, int rank,
                                         bool is_weighted)
{
    struct wsp_dist_graph own = {.is_weighted = is_weighted};
    for (int i = 0; i < n; i++) {
        own.n_in += edges[i][TARGET] == rank;
        own.n_out += edges[i][SOURCE] == rank;
    }
    size_t n_in = (size_t)own.n_in, n_out = (size_t)own.n_out;
    int *memory = malloc((2 * (n_in + n_out) + 1) * sizeof *memory);
    if (!memory)
        return NULL;
    own.in = memory;
    own.in_weights = own.in + n_in;
    own.out = own.in_weights + n_in;
    own.out_weights = own.out + n_out;
    for (int i = 0, in = 0, out = 0; i < n; i++) {
        if (edges[i][TARGET] == rank) {
            own.in[in] = edges[i][SOURCE];
            own.in_weights[in++] = edges[i][WEIGHT];
        }
        if (edges[i][SOURCE] == rank) {
            own.out[out] = edges[i][TARGET];
            own.out_weights[out++] = edges[i][WEIGHT];
        }
    }
    struct wsp_topology *topology = wsp_topology_of_dist_graph(&own);
    free(memory);
    return topology;
}

int wide_Dist_graph_create(MPI_Comm handle, int n, const int sources[], const int degrees[],
                           const int targets[], const int weights[], MPI_Info info, int reorder,
                           MPI_Comm *made)
{
    if (wsp_comm_of(handle)->inter)
        return wsp_raise(MPI_COMM_WORLD, MPI_ERR_COMM);
    struct wsp_comm *comm = wsp_comm_of(handle);
    struct wsp_topology *topology = NULL;
    struct wsp_sayings all;
    int n_mine, newrank = comm->rank;
    (void)info; /* none is understood */
    int code = check_sayings(comm->size, n, sources, degrees, targets, weights, &n_mine);
    int(*mine)[N_OF_EDGE] = malloc(((size_t)n_mine + 1) * sizeof *mine);
    if (!code && mine)
        list_edges(n, sources, degrees, targets, weights, mine);
    code = wsp_sayings_open(&all, comm, code || mine ? code : MPI_ERR_NO_MEM, (int *)mine,
                            n_mine * N_OF_EDGE);
    free(mine);
    if (!code) {
        const int(*edges)[N_OF_EDGE] = (const int(*)[N_OF_EDGE])all.ints;
        int n_edges = all.first[comm->size] / N_OF_EDGE;
        if (reorder)
            code = choose_rank(comm, edges, n_edges, &newrank);
        topology = select_edges(edges, n_edges, newrank, !is_unweighted(weights));
    }
    wsp_sayings_close(&all);
    return finish(handle, code, newrank, topology, made);
}

/* MPI_Dist_graph_create_adjacent: what is said is both lists of a rank, with weights. */
enum { N_IN, N_OUT, LISTS };

static int *append(int *to, int n, const int *list)
{
    for (int i = 0; i < n; i++)
        to[i] = is_unweighted(list) ? 1 : list[i];
    return to + n;
}

/* Both lists on the heap, and how many ints they are; NULL when out of memory. */
static int *say_lists(const struct wsp_dist_graph *own, int *n_ints)
{
    int64_t n = LISTS + 2 * ((int64_t)own->n_in + own->n_out);
    int *said = n > INT_MAX ? NULL : malloc((size_t)n * sizeof *said);
    if (!said)
        return NULL;
    said[N_IN] = own->n_in;
    said[N_OUT] = own->n_out;
    int *end = append(said + LISTS, own->n_in, own->in);
    end = append(end, own->n_in, own->in_weights);
    end = append(end, own->n_out, own->out);
    append(end, own->n_out, own->out_weights);
    *n_ints = (int)n;
    return said;
}

static struct wsp_dist_graph lists_of(int *said)
{
    struct wsp_dist_graph own = {.n_in = said[N_IN], .n_out = said[N_OUT], .in = said + LISTS};
    own.in_weights = own.in + own.n_in;
    own.out = own.in_weights + own.n_in;
    own.out_weights = own.out + own.n_out;
    return own;
}

/* An edge is said at both of its ends; those that go out are counted. */
static int choose_adjacent(const struct wsp_comm *comm, const struct wsp_sayings *all, int *newrank)
{
    size_t n = (size_t)all->first[comm->size];
    struct wsp_topology_traffic traffic = {.edges = malloc((n + 1) * sizeof *traffic.edges)};
    for (int rank = 0; traffic.edges && rank < comm->size; rank++) {
        struct wsp_dist_graph own = lists_of(all->ints + all->first[rank]);
        for (int i = 0; i < own.n_out; i++)
            traffic.edges[traffic.n_edges++] =
                (struct wsp_edge){rank, own.out[i], own.out_weights[i]};
    }
    return wsp_rank_chosen(comm, &traffic, comm->size, newrank);
}

int wide_Dist_graph_create_adjacent(MPI_Comm handle, int n_in, const int sources[],
                                    const int sourceweights[], int n_out, const int targets[],
                                    const int targetweights[], MPI_Info info, int reorder,
                                    MPI_Comm *made)
{
    if (wsp_comm_of(handle)->inter)
        return wsp_raise(MPI_COMM_WORLD, MPI_ERR_COMM);
    struct wsp_comm *comm = wsp_comm_of(handle);
    const struct wsp_dist_graph given = {.n_in = n_in,
                                         .n_out = n_out,
                                         .in = (int *)sources,
                                         .in_weights = (int *)sourceweights,
                                         .out = (int *)targets,
                                         .out_weights = (int *)targetweights};
    struct wsp_topology *topology = NULL;
    struct wsp_sayings all;
    int *mine = NULL, n_mine = 0, newrank = comm->rank;
    (void)info; /* none is understood */
    int code = check_edges(comm->size, n_in, sources, sourceweights);
    if (!code)
        code = check_edges(comm->size, n_out, targets, targetweights);
    if (!code && !(mine = say_lists(&given, &n_mine)))
        code = MPI_ERR_NO_MEM;
    code = wsp_sayings_open(&all, comm, code, mine, reorder ? n_mine : 0);
    if (!code && reorder)
        code = choose_adjacent(comm, &all, &newrank);
    if (!code) {
        /* Who takes another's rank takes its edges too. */
        struct wsp_dist_graph own = lists_of(reorder ? all.ints + all.first[newrank] : mine);
        own.is_weighted = !is_unweighted(sourceweights) || !is_unweighted(targetweights);
        topology = wsp_topology_of_dist_graph(&own);
    }
    free(mine);
    wsp_sayings_close(&all);
    return finish(handle, code, newrank, topology, made);
}
