/* SPDX-License-Identifier: BSD-3-Clause */
/* What can be asked of a grid: MPI_Topo_test, MPI_Cartdim_get, MPI_Cart_get, _rank, _coords,
 * _shift. */
#include "host/error.h"
#include "host/host.h"
#include "topo/topo.h"
#include "wide.h"

#include <stdlib.h>
#include <string.h>

struct wsp_topology *wsp_topology_new(int n_dims, const int *dims, const int *periods)
{
    struct wsp_topology *topology = calloc(1, sizeof *topology);
    if (!topology)
        return NULL;
    size_t bytes = ((size_t)n_dims + 1) * sizeof *dims;
    topology->n_dims = n_dims;
    topology->dims = malloc(bytes);
    topology->periods = malloc(bytes);
    if (!topology->dims || !topology->periods)
        wsp_topology_free(&topology);
    for (int i = 0; topology && i < n_dims; i++) {
        topology->dims[i] = dims[i];
        topology->periods[i] = periods[i] != 0;
    }
    return topology;
}

void wsp_topology_free(struct wsp_topology **topology)
{
    if (*topology) {
        free((*topology)->dims);
        free((*topology)->periods);
    }
    free(*topology);
    *topology = NULL;
}

const struct wsp_topology *wsp_topology_of(MPI_Comm handle)
{
    const struct wsp_topology *topology = wsp_comm_of(handle)->topology;
    if (!topology)
        wsp_raise(handle, MPI_ERR_TOPOLOGY);
    return topology;
}

static void coords_of(const struct wsp_topology *grid, int rank, int *coords)
{
    for (int i = grid->n_dims - 1; i >= 0; i--) {
        coords[i] = rank % grid->dims[i];
        rank /= grid->dims[i];
    }
}

/* The rank at these coordinates, wrapped where the grid is periodic; -1 if they lie outside. */
static int rank_at(const struct wsp_topology *grid, const int *coords)
{
    int rank = 0;
    for (int i = 0; i < grid->n_dims; i++) {
        int at = coords[i], n = grid->dims[i];
        if (grid->periods[i])
            at = (at % n + n) % n;
        if (at < 0 || at >= n)
            return -1;
        rank = rank * n + at;
    }
    return rank;
}

int wide_Topo_test(MPI_Comm handle, int *status)
{
    *status = wsp_comm_of(handle)->topology ? MPI_CART : MPI_UNDEFINED;
    return MPI_SUCCESS;
}

int wide_Cartdim_get(MPI_Comm handle, int *n_dims)
{
    const struct wsp_topology *grid = wsp_topology_of(handle);
    if (!grid)
        return MPI_ERR_TOPOLOGY;
    *n_dims = grid->n_dims;
    return MPI_SUCCESS;
}

int wide_Cart_get(MPI_Comm handle, int max_dims, int dims[], int periods[], int coords[])
{
    const struct wsp_topology *grid = wsp_topology_of(handle);
    if (!grid)
        return MPI_ERR_TOPOLOGY;
    if (max_dims < grid->n_dims)
        return wsp_raise(handle, MPI_ERR_ARG);
    for (int i = 0; i < grid->n_dims; i++) {
        dims[i] = grid->dims[i];
        periods[i] = grid->periods[i];
    }
    coords_of(grid, wsp_comm_of(handle)->rank, coords);
    return MPI_SUCCESS;
}

int wide_Cart_rank(MPI_Comm handle, const int coords[], int *rank)
{
    const struct wsp_topology *grid = wsp_topology_of(handle);
    if (!grid)
        return MPI_ERR_TOPOLOGY;
    int at = rank_at(grid, coords);
    if (at < 0)
        return wsp_raise(handle, MPI_ERR_ARG);
    *rank = at;
    return MPI_SUCCESS;
}

int wide_Cart_coords(MPI_Comm handle, int rank, int max_dims, int coords[])
{
    const struct wsp_topology *grid = wsp_topology_of(handle);
    if (!grid)
        return MPI_ERR_TOPOLOGY;
    if (rank < 0 || rank >= wsp_comm_of(handle)->size)
        return wsp_raise(handle, MPI_ERR_RANK);
    if (max_dims < grid->n_dims)
        return wsp_raise(handle, MPI_ERR_ARG);
    coords_of(grid, rank, coords);
    return MPI_SUCCESS;
}

int wide_Cart_shift(MPI_Comm handle, int direction, int displacement, int *source, int *dest)
{
    const struct wsp_topology *grid = wsp_topology_of(handle);
    if (!grid)
        return MPI_ERR_TOPOLOGY;
    if (direction < 0 || direction >= grid->n_dims)
        return wsp_raise(handle, MPI_ERR_ARG);
    int *coords = malloc(((size_t)grid->n_dims + 1) * sizeof *coords);
    if (!coords)
        return wsp_raise(handle, MPI_ERR_NO_MEM);
    coords_of(grid, wsp_comm_of(handle)->rank, coords);
    int here = coords[direction], n = grid->dims[direction], to, from;
    /* Beyond the grid's length a shift is the same as its remainder; this keeps the sum in range.
     */
    int step = grid->periods[direction] ? displacement % n : displacement;
    bool is_far = step >= n || step <= -n;
    coords[direction] = here + (is_far ? n : step);
    to = rank_at(grid, coords);
    coords[direction] = here - (is_far ? n : step);
    from = rank_at(grid, coords);
    free(coords);
    *dest = to < 0 ? MPI_PROC_NULL : to;
    *source = from < 0 ? MPI_PROC_NULL : from;
    return MPI_SUCCESS;
}
