/* SPDX-License-Identifier: BSD-3-Clause */
/* New ranks for the members of a communicator that gets a topology; private to topo/. */
#ifndef WSP_MPI_TOPO_REORDER_H
#define WSP_MPI_TOPO_REORDER_H

#include "comm/comm.h"
#include "topo/placement.h"

#include <mpi.h>

/* What goes between the nodes of a topology. */
struct wsp_topology_traffic {
    struct wsp_edge *edges; /* malloc'ed; NULL: was out of memory */
    size_t n_edges;
    int n_dims;  /* of a grid; else 0 */
    int *coords; /* malloc'ed; n_dims of each rank of the communicator */
};

/* This process's rank in a topology of n nodes, or MPI_UNDEFINED where it has none: its own. */
int wsp_rank_kept(const struct wsp_comm *comm, int n);

/* The same, chosen so that sites talk less if they can; all ranks choose alike without a word.
 * Frees what the traffic holds. MPI code, not raised. */
int wsp_rank_chosen(const struct wsp_comm *comm, struct wsp_topology_traffic *traffic, int n,
                    int *newrank);

#endif
