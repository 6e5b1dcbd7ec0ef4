/* SPDX-License-Identifier: BSD-3-Clause */
/* A token goes round all ranks; each adds its own rank number. Rank 0 checks the sum. */
#include <mpi.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    enum { ROUNDS = 10, TAG = 7 };
    int rank, size, bad = 0;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    int next = (rank + 1) % size, before = (rank + size - 1) % size;
    long token = 0, sum = (long)size * (size - 1) / 2;

    for (int round = 1; round <= ROUNDS; round++) {
        if (rank == 0) {
            MPI_Request sending;
            MPI_Isend(&token, 1, MPI_LONG, next, TAG, MPI_COMM_WORLD, &sending);
            long returned;
            MPI_Recv(&returned, 1, MPI_LONG, before, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            MPI_Wait(&sending, MPI_STATUS_IGNORE);
            token = returned;
            if (token != round * sum)
                bad = 1;
        } else {
            MPI_Recv(&token, 1, MPI_LONG, before, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            token += rank;
            MPI_Send(&token, 1, MPI_LONG, next, TAG, MPI_COMM_WORLD);
        }
    }
    if (rank == 0)
        printf("ring: %d ranks, %d rounds, token %ld, expected %ld: %s\n", size, ROUNDS, token,
               ROUNDS * sum, bad ? "WRONG" : "right");
    MPI_Finalize();
    return bad;
}
