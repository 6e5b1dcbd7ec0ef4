/* SPDX-License-Identifier: BSD-3-Clause */
/* Every rank of the first half of MPI_COMM_WORLD sends to its partner in the second half, all at
 * once, and gets as much from there: bulk_pairs BYTES. Says how long the last one took. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    int rank, size, length = argc > 1 ? atoi(argv[1]) : 1;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    char *out = calloc((size_t)length, 1), *in = calloc((size_t)length, 1);
    int partner = (rank + size / 2) % size;
    double mine = 0, most = 0;
    for (int i = 0; i < 2; i++) { /* the first opens the paths */
        int n = i ? length : 1;
        MPI_Barrier(MPI_COMM_WORLD);
        mine = MPI_Wtime();
        MPI_Sendrecv(out, n, MPI_BYTE, partner, 1, in, n, MPI_BYTE, partner, 1, MPI_COMM_WORLD,
                     MPI_STATUS_IGNORE);
        mine = MPI_Wtime() - mine;
    }
    MPI_Reduce(&mine, &most, 1, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
    if (rank == 0)
        printf("took %.4f s\n", most);
    free(out);
    free(in);
    MPI_Finalize();
    return 0;
}
