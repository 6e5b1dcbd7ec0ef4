/* SPDX-License-Identifier: BSD-3-Clause */
/* Ends of jobs: by an error, by MPI_Abort, or in order with things left undone. */
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int rank, size;

static void by_error(int culprit)
{
    MPI_Comm comm;
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm_set_name(comm, "the last one");
    if (rank == culprit)
        MPI_Send(&rank, 1, MPI_INT, size, 0, comm);
    MPI_Barrier(comm);
    printf("still here\n");
}

/* On a communicator that not all are in. */
static void by_abort(int culprit)
{
    MPI_Comm comm;
    bool is_in = rank == 0 || rank == size - 1;
    MPI_Comm_split(MPI_COMM_WORLD, is_in, 0, &comm);
    if (rank == culprit)
        MPI_Abort(comm, 7);
    MPI_Barrier(MPI_COMM_WORLD);
    printf("still here\n");
}

/* Receives that nothing comes for, a message that nobody receives, requests that are idle or freed,
 * a communicator, a group and a type that are not freed, and a buffer that is still attached. */
static void with_rest(int other)
{
    static char memory[100 + MPI_BSEND_OVERHEAD];
    static int words[4];
    int peer = rank == other ? 0 : other;
    MPI_Comm comm;
    MPI_Group group;
    MPI_Datatype type;
    MPI_Request request;
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm_group(comm, &group);
    MPI_Type_vector(2, 1, 2, MPI_INT, &type);
    MPI_Buffer_attach(memory, sizeof memory);
    MPI_Irecv(&words[0], 1, MPI_INT, peer, 1, comm, &request);
    MPI_Irecv(&words[1], 1, MPI_INT, MPI_ANY_SOURCE, 2, comm, &request);
    MPI_Irecv(&words[2], 1, MPI_INT, MPI_ANY_SOURCE, 3, MPI_COMM_WORLD, &request);
    MPI_Recv_init(&words[3], 1, MPI_INT, MPI_ANY_SOURCE, 4, comm, &request);
    MPI_Start(&request);
    MPI_Send_init(&rank, 1, MPI_INT, peer, 5, comm, &request);
    MPI_Isend(&rank, 1, MPI_INT, peer, 6, comm, &request);
    MPI_Request_free(&request);
    MPI_Bsend(&rank, 1, MPI_INT, peer, 7, MPI_COMM_WORLD);
    MPI_Barrier(MPI_COMM_WORLD);
}

bool end_job(const char *how, int who)
{
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (strcmp(how, "fatal") == 0)
        by_error(who);
    else if (strcmp(how, "abort") == 0)
        by_abort(who);
    else if (strcmp(how, "leave") == 0)
        with_rest(who);
    else
        return false;
    return true;
}
