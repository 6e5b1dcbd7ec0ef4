/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls every collective, and its nonblocking form, with each rank as the root once, so that a test
 * can look at what travelled: counted INTEGERS. */
#include "every.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    int rank, size;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    every_open(argc > 1 ? atoi(argv[1]) : 1);
    for (const struct collective *c = every; c->name; c++)
        for (int root = 0; root < size; root++) {
            MPI_Request request;
            c->run(root, NULL);
            c->run(root, &request);
            MPI_Wait(&request, MPI_STATUS_IGNORE);
        }
    every_close();
    MPI_Finalize();
    if (rank == 0)
        puts("counted: right");
    return 0;
}
