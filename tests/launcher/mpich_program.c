/* SPDX-License-Identifier: BSD-3-Clause */
/* A program that needs libmpich.so.12. */
int MPI_Init(int *argc, char ***argv);

int main(int argc, char **argv)
{
    return MPI_Init(&argc, &argv);
}
