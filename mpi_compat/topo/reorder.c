/* SPDX-License-Identifier: BSD-3-Clause */
#include "topo/reorder.h"

#include "host/error.h"

#include <stdlib.h>

static int within(int rank, int n)
{
    return rank < n ? rank : MPI_UNDEFINED;
}

int wsp_rank_kept(const struct wsp_comm *comm, int n)
{
    return within(comm->rank, n);
}

static wsp_err place(const struct wsp_comm *comm, const struct wsp_topology_traffic *traffic,
                     int *sites, int *positions)
{
    if (!traffic->edges || !sites || !positions)
        return WSP_ERR_NO_MEMORY;
    for (int p = 0; p < comm->n_parts; p++)
        for (int i = 0; i < comm->parts[p].n_ranks; i++)
            sites[comm->parts[p].ranks[i]] = p;
    const struct wsp_placement placement = {.n = comm->size,
                                            .n_sites = comm->n_parts,
                                            .sites = sites,
                                            .edges = traffic->edges,
                                            .n_edges = traffic->n_edges,
                                            .n_dims = traffic->n_dims,
                                            .coords = traffic->coords};
    return wsp_placement_find(&placement, positions);
}

int wsp_rank_chosen(const struct wsp_comm *comm, struct wsp_topology_traffic *traffic, int n,
                    int *newrank)
{
    size_t bytes = (size_t)comm->size * sizeof(int);
    int *sites = malloc(bytes), *positions = malloc(bytes);
    wsp_err err = place(comm, traffic, sites, positions);
    if (err == WSP_OK)
        *newrank = within(positions[comm->rank], n);
    free(sites);
    free(positions);
    free(traffic->edges);
    free(traffic->coords);
    return wsp_mpi_class(err);
}
