/* SPDX-License-Identifier: BSD-3-Clause */
/* MPI_Cart_create and MPI_Cart_sub on spanning communicators. The ranks of a site follow each other
 * in row-major order as they do in the communicator, so neighbours along the last dimensions are
 * at one site already; ranks are not reordered. */
#include "host/error.h"
#include "host/home.h"
#include "host/host.h"
#include "topo/topo.h"
#include "wide.h"

#include <stdlib.h>

/* Gives a split-off communicator its grid: ours if it spans sites, else the host's. */
static int lay_out(MPI_Comm parent, MPI_Comm split, int n_dims, const int *dims, const int *periods,
                   MPI_Comm *made)
{
    struct wsp_comm *comm = wsp_comm_of(split);
    if (!comm) {
        int code = wsp_home_enter(split);
        if (!code)
            code = host.Cart_create(split, n_dims, dims, periods, 0, made);
        host.Comm_free(&split);
        return code;
    }
    comm->topology = wsp_topology_new(n_dims, dims, periods);
    if (!comm->topology)
        return wsp_raise(parent, MPI_ERR_NO_MEM);
    *made = split;
    return MPI_SUCCESS;
}

/* How many ranks the grid has, or -1 if it is none or larger than size. */
static int grid_size(int size, int n_dims, const int *dims, const int *periods)
{
    int64_t n = 1;
    if (n_dims < 0 || (n_dims > 0 && (!dims || !periods)))
        return -1;
    for (int i = 0; i < n_dims; i++) {
        if (dims[i] <= 0)
            return -1;
        n *= dims[i];
        if (n > size)
            return -1;
    }
    return (int)n;
}

int wide_Cart_create(MPI_Comm handle, int n_dims, const int dims[], const int periods[],
                     int reorder, MPI_Comm *made)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    int n = grid_size(comm->size, n_dims, dims, periods);
    if (n < 0)
        return wsp_raise(handle, MPI_ERR_DIMS);
    MPI_Comm split;
    int code = wide_Comm_split(handle, comm->rank < n ? 0 : MPI_UNDEFINED, comm->rank, &split);
    if (code)
        return code;
    if (split != MPI_COMM_NULL)
        return lay_out(handle, split, n_dims, dims, periods, made);
    *made = MPI_COMM_NULL;
    return MPI_SUCCESS;
}

/* The dimensions that remain, and the ranks' colour (place in the dropped ones) and key. */
struct slice {
    int n_dims, *dims, *periods;
    int color, key;
};

static void cut(const struct wsp_topology *grid, const int *remains, const int *coords,
                struct slice *slice)
{
    for (int i = 0; i < grid->n_dims; i++) {
        if (remains[i]) {
            slice->dims[slice->n_dims] = grid->dims[i];
            slice->periods[slice->n_dims++] = grid->periods[i];
            slice->key = slice->key * grid->dims[i] + coords[i];
        } else {
            slice->color = slice->color * grid->dims[i] + coords[i];
        }
    }
}

int wide_Cart_sub(MPI_Comm handle, const int remains[], MPI_Comm *made)
{
    const struct wsp_topology *grid = wsp_topology_of(handle);
    if (!grid)
        return MPI_ERR_TOPOLOGY;
    size_t n = (size_t)grid->n_dims + 1;
    int *memory = malloc(5 * n * sizeof *memory);
    if (!memory)
        return wsp_raise(handle, MPI_ERR_NO_MEM);
    struct slice slice = {.dims = memory, .periods = memory + n};
    int *coords = memory + 2 * n;
    MPI_Comm split;
    int code = wide_Cart_get(handle, grid->n_dims, memory + 3 * n, memory + 4 * n, coords);
    cut(grid, remains, coords, &slice);
    if (!code)
        code = wide_Comm_split(handle, slice.color, slice.key, &split);
    if (!code)
        code = lay_out(handle, split, slice.n_dims, slice.dims, slice.periods, made);
    free(memory);
    return code;
}
