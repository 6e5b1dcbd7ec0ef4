/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtual topologies of spanning communicators. A topology belongs to its communicator and dies
 * with it; one of a communicator that lies inside a site is the host's. */
#ifndef WSP_MPI_TOPO_TOPO_H
#define WSP_MPI_TOPO_TOPO_H

#include "comm/comm.h"

#include <mpi.h>

/* A Cartesian grid; ranks count in row-major order (MPI-3.1 7.5.1). */
struct wsp_topology {
    int n_dims;
    int *dims;    /* n_dims */
    int *periods; /* n_dims; 0 or 1 */
};

/* A copy on the heap of a grid's description; NULL when out of memory. */
struct wsp_topology *wsp_topology_new(int n_dims, const int *dims, const int *periods);
void wsp_topology_free(struct wsp_topology **topology);

/* The grid of a spanning communicator, or NULL with MPI_ERR_TOPOLOGY raised on it. */
const struct wsp_topology *wsp_topology_of(MPI_Comm handle);

#endif
