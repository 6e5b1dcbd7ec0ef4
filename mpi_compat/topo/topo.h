/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtual topologies of spanning communicators. A topology belongs to its communicator and dies
 * with it; one of a communicator that lies inside a site is the host's. */
#ifndef WSP_MPI_TOPO_TOPO_H
#define WSP_MPI_TOPO_TOPO_H

#include "comm/comm.h"

#include <mpi.h>
#include <stdbool.h>

enum wsp_topology_kind { WSP_TOPOLOGY_GRID, WSP_TOPOLOGY_GRAPH, WSP_TOPOLOGY_DIST_GRAPH };

/* A Cartesian grid; ranks count in row-major order (MPI-3.1 7.5.1). */
struct wsp_grid {
    int n_dims;
    int *dims;    /* n_dims */
    int *periods; /* n_dims; 0 or 1 */
};

/* A graph that every rank knows as a whole (MPI-3.1 7.5.3). */
struct wsp_graph {
    int n_nodes, n_edges;
    int *index; /* n_nodes; where the neighbours of each node end */
    int *edges; /* n_edges; neighbours of node 0, of node 1, ... */
};

/* The edges of this rank alone (MPI-3.1 7.5.4). */
struct wsp_dist_graph {
    bool is_weighted;
    int n_in, n_out;
    int *in, *in_weights;   /* n_in; weights are 1 where there are none */
    int *out, *out_weights; /* n_out */
};

/* One piece of memory: the lists stand behind the description. */
struct wsp_topology {
    enum wsp_topology_kind kind;
    union {
        struct wsp_grid grid;
        struct wsp_graph graph;
        struct wsp_dist_graph dist;
    };
};

/* Copies on the heap; NULL when out of memory. free() ends them. Periods become 0 or 1. */
struct wsp_topology *wsp_topology_of_grid(const struct wsp_grid *grid);
struct wsp_topology *wsp_topology_of_graph(const struct wsp_graph *graph);
struct wsp_topology *wsp_topology_of_dist_graph(const struct wsp_dist_graph *dist);
struct wsp_topology *wsp_topology_copy(const struct wsp_topology *topology);

/* Splits off a communicator of this colour and topology (taken over; NULL: was out of memory), in
 * which this process gets that rank, or has no part with MPI_UNDEFINED. Inside one site it is the
 * host's, with the host's topology. Collective over the parent; MPI code, raised. */
int wsp_topology_create(MPI_Comm parent, int color, int newrank, struct wsp_topology *topology,
                        MPI_Comm *made);

/* The topology of a spanning communicator, or NULL with MPI_ERR_TOPOLOGY raised on it. */
const struct wsp_topology *wsp_topology_find(MPI_Comm handle, enum wsp_topology_kind kind);

/* Coordinates of a rank; and the rank at coordinates, wrapped where the grid is periodic, or -1 if
 * they lie outside. */
void wsp_grid_coords(const struct wsp_grid *grid, int rank, int *coords);
int wsp_grid_rank(const struct wsp_grid *grid, const int *coords);

/* Where the neighbours of a node begin in graph->edges, and how many there are. */
int wsp_graph_first(const struct wsp_graph *graph, int node);
int wsp_graph_degree(const struct wsp_graph *graph, int node);

/* Whom this rank receives from and sends to in neighbourhood collectives, in the order of the
 * blocks (MPI-3.1 7.6): MPI_PROC_NULL where a grid ends. */
struct wsp_neighbours {
    int n_in, n_out;
    int *in, *out;
    bool is_grid; /* blocks 2i and 2i + 1 are the two directions of dimension i: what is sent one
                     way comes from the other, which tells where both lead to the same rank */
    int *memory;  /* behind the lists; to be freed */
};

/* MPI code, not raised: MPI_ERR_TOPOLOGY if the communicator has none. */
int wsp_topology_neighbours(const struct wsp_comm *comm, struct wsp_neighbours *neighbours);

#endif
