/* SPDX-License-Identifier: BSD-3-Clause */
/* What cases/guests.c spawns. */
#include <mpi.h>

int main(int argc, char **argv)
{
    int value = 0, sum = 0;
    MPI_Comm parent, together, shared;
    MPI_Init(&argc, &argv);
    MPI_Comm_get_parent(&parent);
    MPI_Barrier(parent);
    MPI_Bcast(&value, 1, MPI_INT, 0, parent);
    value++;
    MPI_Allreduce(&value, &sum, 1, MPI_INT, MPI_SUM, parent);
    MPI_Intercomm_merge(parent, 1, &together);
    MPI_Allreduce(&value, &sum, 1, MPI_INT, MPI_SUM, together);
    MPI_Comm_split_type(together, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &shared);
    MPI_Comm_free(&shared);
    MPI_Barrier(together);
    MPI_Comm_free(&together);
    MPI_Comm_disconnect(&parent);
    return MPI_Finalize();
}
