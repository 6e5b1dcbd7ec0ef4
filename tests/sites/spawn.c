/* SPDX-License-Identifier: BSD-3-Clause */
/* Processes that a site's ranks start on their home communicator: a job of the host's own beside
 * the wide one. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORD = 42 };

static void expect(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "spawn: WRONG: %s\n", what);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

static void be_child(MPI_Comm parent)
{
    int size, word = 0;
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    expect(size == 1, "a child is alone in its world");
    MPI_Bcast(&word, 1, MPI_INT, 0, parent);
    expect(word == WORD, "what the child was told");
    word++;
    MPI_Send(&word, 1, MPI_INT, 0, 0, parent);
    MPI_Comm_disconnect(&parent);
}

static void be_parent(char *program)
{
    int rank, size, home_rank, word = WORD, answer = WORD + 1;
    MPI_Comm home, children;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &home);
    MPI_Comm_rank(home, &home_rank);
    MPI_Comm_spawn(program, MPI_ARGV_NULL, 1, MPI_INFO_NULL, 0, home, &children,
                   MPI_ERRCODES_IGNORE);
    MPI_Bcast(&word, 1, MPI_INT, home_rank == 0 ? MPI_ROOT : MPI_PROC_NULL, children);
    if (home_rank == 0)
        MPI_Recv(&answer, 1, MPI_INT, 0, 0, children, MPI_STATUS_IGNORE);
    expect(answer == WORD + 1, "what the child answered");
    MPI_Comm_disconnect(&children);
    MPI_Comm_free(&home);
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0)
        printf("spawn: %d ranks: right\n", size);
}

int main(int argc, char **argv)
{
    MPI_Comm parent;
    MPI_Init(&argc, &argv);
    MPI_Comm_get_parent(&parent);
    if (parent == MPI_COMM_NULL)
        be_parent(argv[0]);
    else
        be_child(parent);
    MPI_Finalize();
    return 0;
}
