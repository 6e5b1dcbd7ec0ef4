/* SPDX-License-Identifier: BSD-3-Clause */
/* Stands for MPICH's library in a program's list of needed libraries; nothing calls it. */
__attribute__((visibility("default"))) int MPI_Init(int *argc, char ***argv);

int MPI_Init(int *argc, char ***argv)
{
    return argc && argv ? 0 : 1;
}
