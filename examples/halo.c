/* SPDX-License-Identifier: BSD-3-Clause */
/* Halo exchange on a ring of ranks with Isend, Irecv and Waitall. Each rank owns a piece of one
 * long periodic line of cells and needs the edges of both neighbours; widths from one cell to more
 * than any eager limit. Each halo cell is checked. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { TO_LEFT = 1, TO_RIGHT = 2, MAX_WIDTH = 1 << 16 };

/* The value of a cell of the whole line at one step. */
static double cell_value(long cell, int step)
{
    return (double)cell * 1.5 + step * 0.25;
}

/* cells: [halo from the left | own | halo from the right]. */
static void exchange(double *cells, int own, int width, int left, int right)
{
    MPI_Request requests[4];
    double *mine = cells + width;
    MPI_Irecv(cells, width, MPI_DOUBLE, left, TO_RIGHT, MPI_COMM_WORLD, &requests[0]);
    MPI_Irecv(mine + own, width, MPI_DOUBLE, right, TO_LEFT, MPI_COMM_WORLD, &requests[1]);
    MPI_Isend(mine, width, MPI_DOUBLE, left, TO_LEFT, MPI_COMM_WORLD, &requests[2]);
    MPI_Isend(mine + own - width, width, MPI_DOUBLE, right, TO_RIGHT, MPI_COMM_WORLD, &requests[3]);
    MPI_Waitall(4, requests, MPI_STATUSES_IGNORE);
}

/* Counts the halo cells that are not what the neighbours put there. */
static long count_wrong(const double *cells, int own, int width, long first, long n_cells, int step)
{
    long wrong = 0;
    for (int i = 0; i < width; i++) {
        long left_cell = (first - width + i + n_cells) % n_cells;
        long right_cell = (first + own + i) % n_cells;
        wrong += cells[i] != cell_value(left_cell, step);
        wrong += cells[width + own + i] != cell_value(right_cell, step);
    }
    return wrong;
}

int main(int argc, char **argv)
{
    int rank, size, exchanges = 0;
    long wrong = 0, all_wrong = 0;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    const int own = MAX_WIDTH;
    const long first = (long)rank * own, n_cells = (long)size * own;
    double *cells = malloc(3 * sizeof *cells * MAX_WIDTH);
    if (!cells)
        MPI_Abort(MPI_COMM_WORLD, 1);

    for (int width = 1; width <= MAX_WIDTH; width *= 4)
        for (int step = 0; step < 10; step++, exchanges++) {
            for (int i = 0; i < own; i++)
                cells[width + i] = cell_value(first + i, step);
            exchange(cells, own, width, (rank + size - 1) % size, (rank + 1) % size);
            wrong += count_wrong(cells, own, width, first, n_cells, step);
        }
    MPI_Allreduce(&wrong, &all_wrong, 1, MPI_LONG, MPI_SUM, MPI_COMM_WORLD);
    if (rank == 0)
        printf("halo: %d ranks, %d exchanges, %ld wrong cells\n", size, exchanges, all_wrong);
    free(cells);
    MPI_Finalize();
    return all_wrong != 0;
}
