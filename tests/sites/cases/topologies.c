/* SPDX-License-Identifier: BSD-3-Clause */
/* Grids over sites, against what their definition says. */
#include "cases.h"

/* The host cannot make a grid of no dimensions (Open MPI 4.1.4), so tests keep one at least. */
static void check_grid(MPI_Comm grid, int n_dims, const int *dims, const int *periods)
{
    int type, n, got_dims[4], got_periods[4], coords[4], rank, size, product = 1;
    MPI_Topo_test(grid, &type);
    CHECK(type == MPI_CART);
    MPI_Cartdim_get(grid, &n);
    CHECK(n == n_dims);
    MPI_Cart_get(grid, 4, got_dims, got_periods, coords);
    MPI_Comm_rank(grid, &rank);
    MPI_Comm_size(grid, &size);
    for (int i = 0; i < n; i++) {
        CHECK(got_dims[i] == dims[i] && !got_periods[i] == !periods[i]);
        product *= dims[i];
    }
    CHECK(size == product);
    for (int other = 0; other < size; other++) {
        int place = 0, found = -1;
        MPI_Cart_coords(grid, other, 4, got_dims);
        for (int i = 0; i < n; i++)
            place = place * dims[i] + got_dims[i];
        CHECK(place == other);
        MPI_Cart_rank(grid, got_dims, &found);
        CHECK(found == other);
        if (other == rank)
            for (int i = 0; i < n; i++)
                CHECK(coords[i] == got_dims[i]);
    }
}

/* Everyone's rank goes one step along a dimension and must come from where the shift says. */
static void check_shift(MPI_Comm grid, int n_dims)
{
    int rank;
    MPI_Comm_rank(grid, &rank);
    for (int i = 0; i < n_dims; i++)
        for (int step = -2; step <= 2; step++) {
            int from, to, token = -1;
            MPI_Cart_shift(grid, i, step, &from, &to);
            MPI_Sendrecv(&rank, 1, MPI_INT, to, 4, &token, 1, MPI_INT, from, 4, grid,
                         MPI_STATUS_IGNORE);
            CHECK(token == (from == MPI_PROC_NULL ? -1 : from));
        }
}

static void grids(void)
{
    for (int kind = 0; kind < 4; kind++) {
        int dims[2] = {0, 0}, periods[2] = {kind & 1, kind >> 1 & 1};
        MPI_Comm grid, twin;
        MPI_Dims_create(world.size, 2, dims);
        MPI_Cart_create(MPI_COMM_WORLD, 2, dims, periods, 1, &grid);
        check_grid(grid, 2, dims, periods);
        check_shift(grid, 2);
        MPI_Comm_dup(grid, &twin);
        check_grid(twin, 2, dims, periods);
        MPI_Comm_free(&twin);
        MPI_Comm_free(&grid);
    }
}

/* A grid that leaves the last rank out. */
static void smaller_grid(void)
{
    int dims[1] = {world.size - 1}, periods[1] = {1};
    MPI_Comm grid;
    if (world.size < 2)
        return;
    MPI_Cart_create(MPI_COMM_WORLD, 1, dims, periods, 0, &grid);
    CHECK((grid == MPI_COMM_NULL) == (world.rank == world.size - 1));
    if (grid == MPI_COMM_NULL)
        return;
    check_grid(grid, 1, dims, periods);
    check_shift(grid, 1);
    MPI_Comm_free(&grid);
}

/* Rows and columns of a grid: sums along them. */
static void slices(void)
{
    int dims[2] = {0, 0}, periods[2] = {0, 1}, coords[2], rank;
    MPI_Comm grid;
    MPI_Dims_create(world.size, 2, dims);
    MPI_Cart_create(MPI_COMM_WORLD, 2, dims, periods, 0, &grid);
    MPI_Comm_rank(grid, &rank);
    MPI_Cart_coords(grid, rank, 2, coords);
    for (int kept = 0; kept < 2; kept++) {
        int remains[2] = {kept == 0, kept == 1}, sum, expected = 0;
        MPI_Comm slice;
        MPI_Cart_sub(grid, remains, &slice);
        check_grid(slice, 1, &dims[kept], &periods[kept]);
        check_shift(slice, 1);
        MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, slice);
        for (int i = 0; i < dims[kept]; i++)
            expected += kept ? coords[0] * dims[1] + i : i * dims[1] + coords[1];
        CHECK(sum == expected);
        MPI_Comm_free(&slice);
    }
    MPI_Comm_free(&grid);
}

static void wrong_grids(void)
{
    int dims[1] = {world.size + 1}, periods[1] = {0}, class, n_dims;
    MPI_Comm grid;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Error_class(MPI_Cart_create(MPI_COMM_WORLD, 1, dims, periods, 0, &grid), &class);
    CHECK(class == MPI_ERR_DIMS || class == MPI_ERR_ARG);
    MPI_Error_class(MPI_Cartdim_get(MPI_COMM_WORLD, &n_dims), &class);
    CHECK(class == MPI_ERR_TOPOLOGY);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
}

const struct mpi_case cases[] = {{"grids", grids, false},
                                 {"smaller_grid", smaller_grid, false},
                                 {"slices", slices, false},
                                 {"wrong_grids", wrong_grids, false},
                                 {NULL, NULL, false}};
