/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls collectives between the odd and the even ranks, with each even rank as the root once, so
 * that a test can look at what travelled: between INTEGERS. */
#include <mpi.h>

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    MPI_Comm local, comm;
    int rank, size;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    int count = argc > 1 ? atoi(argv[1]) : 1, is_odd = rank % 2, n_even = (size + 1) / 2;
    MPI_Comm_split(MPI_COMM_WORLD, is_odd, rank, &local);
    MPI_Intercomm_create(local, 0, MPI_COMM_WORLD, !is_odd, 1, &comm);
    int *in = calloc((size_t)(count * size), sizeof *in);
    int *out = calloc((size_t)(count * size), sizeof *out);
    for (int even = 0; even < n_even; even++) {
        int root = is_odd ? even : rank == 2 * even ? MPI_ROOT : MPI_PROC_NULL;
        MPI_Bcast(in, count, MPI_INT, root, comm);
        MPI_Scatter(in, count, MPI_INT, out, count, MPI_INT, root, comm);
        MPI_Gather(in, count, MPI_INT, out, count, MPI_INT, root, comm);
        MPI_Reduce(in, out, count, MPI_INT, MPI_SUM, root, comm);
    }
    MPI_Allgather(in, count, MPI_INT, out, count, MPI_INT, comm);
    MPI_Allreduce(in, out, count, MPI_INT, MPI_SUM, comm);
    free(in);
    free(out);
    MPI_Comm_free(&local);
    MPI_Comm_free(&comm);
    MPI_Finalize();
    return 0;
}
