/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls every collective, and its nonblocking form, with each rank as the root once, and sends from
 * the first rank to the last in every way, so that a test can look at what travelled: counted
 * INTEGERS. */
#include "every.h"

#include <stdio.h>
#include <stdlib.h>

enum { TAG = 1, ROOM = 1 << 16 };

static void send_in_every_way(int count, int to)
{
    static char room[ROOM];
    int *data = calloc((size_t)count, sizeof *data), size = ROOM;
    MPI_Request requests[2];
    void *detached;
    MPI_Send(data, count, MPI_INT, to, TAG, MPI_COMM_WORLD);
    MPI_Ssend(data, count, MPI_INT, to, TAG, MPI_COMM_WORLD);
    MPI_Buffer_attach(room, ROOM);
    MPI_Bsend(data, count, MPI_INT, to, TAG, MPI_COMM_WORLD);
    MPI_Buffer_detach(&detached, &size);
    MPI_Isend(data, count, MPI_INT, to, TAG, MPI_COMM_WORLD, &requests[0]);
    MPI_Send_init(data, count, MPI_INT, to, TAG, MPI_COMM_WORLD, &requests[1]);
    MPI_Start(&requests[1]);
    MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
    MPI_Request_free(&requests[1]);
    free(data);
}

static void receive_in_every_way(int count, int from)
{
    int *data = calloc((size_t)count, sizeof *data);
    MPI_Request requests[2];
    MPI_Message message;
    MPI_Recv(data, count, MPI_INT, from, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Recv(data, count, MPI_INT, MPI_ANY_SOURCE, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Mprobe(from, TAG, MPI_COMM_WORLD, &message, MPI_STATUS_IGNORE);
    MPI_Mrecv(data, count, MPI_INT, &message, MPI_STATUS_IGNORE);
    MPI_Irecv(data, count, MPI_INT, from, TAG, MPI_COMM_WORLD, &requests[0]);
    MPI_Wait(&requests[0], MPI_STATUS_IGNORE);
    MPI_Recv_init(data, count, MPI_INT, from, TAG, MPI_COMM_WORLD, &requests[1]);
    MPI_Start(&requests[1]);
    MPI_Wait(&requests[1], MPI_STATUS_IGNORE);
    MPI_Request_free(&requests[1]);
    free(data);
}

int main(int argc, char **argv)
{
    int rank, size;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    int count = argc > 1 ? atoi(argv[1]) : 1;
    every_open(count);
    for (const struct collective *c = every; c->name; c++)
        for (int root = 0; root < size; root++) {
            MPI_Request request;
            c->run(root, NULL);
            c->run(root, &request);
            MPI_Wait(&request, MPI_STATUS_IGNORE);
        }
    every_close();
    if (rank == 0)
        send_in_every_way(count, size - 1);
    if (rank == size - 1)
        receive_in_every_way(count, 0);
    MPI_Finalize();
    if (rank == 0)
        puts("counted: right");
    return 0;
}
