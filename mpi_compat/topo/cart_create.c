/* SPDX-License-Identifier: BSD-3-Clause */
/* MPI_Cart_create, MPI_Cart_map and MPI_Cart_sub on spanning communicators. */
#include "host/error.h"
#include "topo/reorder.h"
#include "topo/topo.h"
#include "wide.h"

#include <stdlib.h>

/* Sets how many ranks the grid has; it must fit into the communicator. MPI code. */
static int check(int size, const struct wsp_grid *grid, int *n_ranks)
{
    int64_t n = 1;
    if (grid->n_dims < 0 || (grid->n_dims > 0 && (!grid->dims || !grid->periods)))
        return MPI_ERR_ARG;
    for (int i = 0; i < grid->n_dims; i++) {
        if (grid->dims[i] <= 0)
            return MPI_ERR_DIMS;
        n *= grid->dims[i];
        if (n > size)
            return MPI_ERR_ARG;
    }
    *n_ranks = (int)n;
    return MPI_SUCCESS;
}

/* An edge from each rank of the grid to the next in each dimension; ranks that are left over have
 * none, and lie behind the grid in every dimension. */
static void lay_edges(const struct wsp_grid *grid, int n, int size,
                      struct wsp_topology_traffic *traffic)
{
    size_t n_dims = (size_t)grid->n_dims;
    traffic->n_dims = grid->n_dims;
    traffic->edges = malloc(((size_t)n * n_dims + 1) * sizeof *traffic->edges);
    traffic->coords = malloc(((size_t)size * n_dims + 1) * sizeof *traffic->coords);
    if (!traffic->edges || !traffic->coords) {
        free(traffic->edges);
        traffic->edges = NULL;
        return;
    }
    for (int rank = 0; rank < size; rank++) {
        int *coords = traffic->coords + (size_t)rank * n_dims;
        if (rank < n)
            wsp_grid_coords(grid, rank, coords);
        for (int i = 0; i < grid->n_dims; i++) {
            if (rank >= n) {
                coords[i] = grid->dims[i];
                continue;
            }
            coords[i]++;
            int next = wsp_grid_rank(grid, coords);
            coords[i]--;
            if (next >= 0)
                traffic->edges[traffic->n_edges++] = (struct wsp_edge){rank, next, 1};
        }
    }
}

static int choose_rank(const struct wsp_comm *comm, const struct wsp_grid *grid, int n,
                       int *newrank)
{
    struct wsp_topology_traffic traffic = {0};
    lay_edges(grid, n, comm->size, &traffic);
    return wsp_rank_chosen(comm, &traffic, n, newrank);
}

int wide_Cart_create(MPI_Comm handle, int n_dims, const int dims[], const int periods[],
                     int reorder, MPI_Comm *made)
{
    if (wsp_comm_of(handle)->inter)
        return wsp_raise(MPI_COMM_WORLD, MPI_ERR_COMM);
    const struct wsp_comm *comm = wsp_comm_of(handle);
    const struct wsp_grid grid = {n_dims, (int *)dims, (int *)periods};
    int n, code = check(comm->size, &grid, &n);
    int newrank = code ? 0 : wsp_rank_kept(comm, n);
    if (!code && reorder)
        code = choose_rank(comm, &grid, n, &newrank);
    if (code)
        return wsp_raise(handle, code);
    return wsp_topology_create(handle, 0, newrank, wsp_topology_of_grid(&grid), made);
}

int wide_Cart_map(MPI_Comm handle, int n_dims, const int dims[], const int periods[], int *newrank)
{
    if (wsp_comm_of(handle)->inter)
        return wsp_raise(MPI_COMM_WORLD, MPI_ERR_COMM);
    const struct wsp_comm *comm = wsp_comm_of(handle);
    const struct wsp_grid grid = {n_dims, (int *)dims, (int *)periods};
    int n, code = check(comm->size, &grid, &n);
    if (!code)
        code = choose_rank(comm, &grid, n, newrank);
    return code ? wsp_raise(handle, code) : MPI_SUCCESS;
}

/* The dimensions that remain; a rank's colour (its place in those that are dropped) and its rank in
 * what remains. */
static struct wsp_topology *cut(const struct wsp_grid *grid, const int *remains, int rank,
                                int *color, int *newrank)
{
    struct wsp_topology *slice = wsp_topology_of_grid(grid);
    int steps[2] = {1, 1}, places[2] = {0, 0};
    for (int i = grid->n_dims - 1; i >= 0; i--) {
        int is_kept = remains[i] != 0;
        places[is_kept] += rank % grid->dims[i] * steps[is_kept];
        steps[is_kept] *= grid->dims[i];
        rank /= grid->dims[i];
    }
    *color = places[0];
    *newrank = places[1];
    if (!slice)
        return NULL;
    slice->grid.n_dims = 0;
    for (int i = 0; i < grid->n_dims; i++)
        if (remains[i]) {
            slice->grid.dims[slice->grid.n_dims] = grid->dims[i];
            slice->grid.periods[slice->grid.n_dims++] = grid->periods[i];
        }
    return slice;
}

int wide_Cart_sub(MPI_Comm handle, const int remains[], MPI_Comm *made)
{
    const struct wsp_topology *topology = wsp_topology_find(handle, WSP_TOPOLOGY_GRID);
    int color, newrank;
    if (!topology)
        return MPI_ERR_TOPOLOGY;
    if (!remains)
        return wsp_raise(handle, MPI_ERR_ARG);
    struct wsp_topology *slice =
        cut(&topology->grid, remains, wsp_comm_of(handle)->rank, &color, &newrank);
    return wsp_topology_create(handle, color, newrank, slice, made);
}
