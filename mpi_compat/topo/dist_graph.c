/* SPDX-License-Identifier: BSD-3-Clause */
/* What can be asked of a distributed graph: MPI_Dist_graph_neighbors_count, _neighbors. */
#include "host/error.h"
#include "topo/topo.h"
#include "wide.h"

#include <stdlib.h>

static const struct wsp_dist_graph *edges_of(MPI_Comm handle)
{
    const struct wsp_topology *topology = wsp_topology_find(handle, WSP_TOPOLOGY_DIST_GRAPH);
    return topology ? &topology->dist : NULL;
}

int wide_Dist_graph_neighbors_count(MPI_Comm handle, int *n_in, int *n_out, int *is_weighted)
{
    const struct wsp_dist_graph *own = edges_of(handle);
    if (!own)
        return MPI_ERR_TOPOLOGY;
    if (!n_in || !n_out || !is_weighted)
        return wsp_raise(handle, MPI_ERR_ARG);
    *n_in = own->n_in;
    *n_out = own->n_out;
    *is_weighted = own->is_weighted;
    return MPI_SUCCESS;
}

/* As many as there is room for. Without weights the program's list of them is left alone. */
static void copy(const int *peers, const int *weights, int n, int n_max, int *to, int *to_weights)
{
    bool has_weights = weights && to_weights != MPI_UNWEIGHTED;
    for (int i = 0; i < n && i < n_max; i++) {
        to[i] = peers[i];
        if (has_weights)
            to_weights[i] = weights[i];
    }
}

int wide_Dist_graph_neighbors(MPI_Comm handle, int max_in, int sources[], int sourceweights[],
                              int max_out, int targets[], int targetweights[])
{
    const struct wsp_dist_graph *own = edges_of(handle);
    if (!own)
        return MPI_ERR_TOPOLOGY;
    if (max_in < 0 || max_out < 0 || (max_in > 0 && (!sources || !sourceweights)) ||
        (max_out > 0 && (!targets || !targetweights)))
        return wsp_raise(handle, MPI_ERR_ARG);
    copy(own->in, own->is_weighted ? own->in_weights : NULL, own->n_in, max_in, sources,
         sourceweights);
    copy(own->out, own->is_weighted ? own->out_weights : NULL, own->n_out, max_out, targets,
         targetweights);
    return MPI_SUCCESS;
}
