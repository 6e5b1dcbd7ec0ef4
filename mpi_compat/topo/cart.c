/* SPDX-License-Identifier: BSD-3-Clause */
/* What can be asked of a grid: MPI_Cartdim_get, MPI_Cart_get, _rank, _coords, _shift. */
#include "host/error.h"
#include "host/host.h"
#include "topo/topo.h"
#include "wide.h"

#include <stdlib.h>

void wsp_grid_coords(const struct wsp_grid *grid, int rank, int *coords)
{
    for (int i = grid->n_dims - 1; i >= 0; i--) {
        coords[i] = rank % grid->dims[i];
        rank /= grid->dims[i];
    }
}

int wsp_grid_rank(const struct wsp_grid *grid, const int *coords)
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

static const struct wsp_grid *grid_of(MPI_Comm handle)
{
    const struct wsp_topology *topology = wsp_topology_find(handle, WSP_TOPOLOGY_GRID);
    return topology ? &topology->grid : NULL;
}

int wide_Cartdim_get(MPI_Comm handle, int *n_dims)
{
    const struct wsp_grid *grid = grid_of(handle);
    if (!grid)
        return MPI_ERR_TOPOLOGY;
    *n_dims = grid->n_dims;
    return MPI_SUCCESS;
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* The first max_dims coordinates of a rank. */
static int copy_coords(const struct wsp_grid *grid, int rank, int max_dims, int *coords)
{
    size_t n = (size_t)grid->n_dims;
    int *all = malloc((n + 1) * sizeof *all);
    if (!all)
        return MPI_ERR_NO_MEM;
    wsp_grid_coords(grid, rank, all);
    for (int i = 0; i < smaller(max_dims, grid->n_dims); i++)
        coords[i] = all[i];
    free(all);
    return MPI_SUCCESS;
}

/* Lists that are too short get the first dimensions, as the host gives them. */
int wide_Cart_get(MPI_Comm handle, int max_dims, int dims[], int periods[], int coords[])
{
    const struct wsp_grid *grid = grid_of(handle);
    if (!grid)
        return MPI_ERR_TOPOLOGY;
    if (max_dims < 0 || (max_dims > 0 && (!dims || !periods || !coords)))
        return wsp_raise(handle, MPI_ERR_ARG);
    int code = copy_coords(grid, wsp_comm_of(handle)->rank, max_dims, coords);
    if (code)
        return wsp_raise(handle, code);
    for (int i = 0; i < smaller(max_dims, grid->n_dims); i++) {
        dims[i] = grid->dims[i];
        periods[i] = grid->periods[i];
    }
    return MPI_SUCCESS;
}

int wide_Cart_rank(MPI_Comm handle, const int coords[], int *rank)
{
    const struct wsp_grid *grid = grid_of(handle);
    if (!grid)
        return MPI_ERR_TOPOLOGY;
    int at = grid->n_dims > 0 && !coords ? -1 : wsp_grid_rank(grid, coords);
    if (at < 0)
        return wsp_raise(handle, MPI_ERR_ARG);
    *rank = at;
    return MPI_SUCCESS;
}

int wide_Cart_coords(MPI_Comm handle, int rank, int max_dims, int coords[])
{
    const struct wsp_grid *grid = grid_of(handle);
    if (!grid)
        return MPI_ERR_TOPOLOGY;
    if (rank < 0 || rank >= wsp_comm_of(handle)->size)
        return wsp_raise(handle, MPI_ERR_RANK);
    if (max_dims < 0 || (max_dims > 0 && !coords))
        return wsp_raise(handle, MPI_ERR_ARG);
    int code = copy_coords(grid, rank, max_dims, coords);
    return code ? wsp_raise(handle, code) : MPI_SUCCESS;
}

int wide_Cart_shift(MPI_Comm handle, int direction, int displacement, int *source, int *dest)
{
    const struct wsp_grid *grid = grid_of(handle);
    if (!grid)
        return MPI_ERR_TOPOLOGY;
    if (direction < 0 || direction >= grid->n_dims)
        return wsp_raise(handle, MPI_ERR_DIMS);
    int *coords = malloc(((size_t)grid->n_dims + 1) * sizeof *coords);
    if (!coords)
        return wsp_raise(handle, MPI_ERR_NO_MEM);
    wsp_grid_coords(grid, wsp_comm_of(handle)->rank, coords);
    int here = coords[direction], n = grid->dims[direction], to, from;
    /* Beyond the grid's length a shift is the same as its remainder; this keeps the sum in range.
     */
    int step = grid->periods[direction] ? displacement % n : displacement;
    bool is_far = step >= n || step <= -n;
    coords[direction] = here + (is_far ? n : step);
    to = wsp_grid_rank(grid, coords);
    coords[direction] = here - (is_far ? n : step);
    from = wsp_grid_rank(grid, coords);
    free(coords);
    *dest = to < 0 ? MPI_PROC_NULL : to;
    *source = from < 0 ? MPI_PROC_NULL : from;
    return MPI_SUCCESS;
}
