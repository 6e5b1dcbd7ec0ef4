/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages one by one: of no length, to nobody, to oneself, buffered, probed, in order, of counts
 * that their receiver does not ask for. */
#include "cases.h"

#include <stdlib.h>
#include <string.h>

enum { TAG = 3 };

static bool is_null_process(const MPI_Status *status)
{
    int count;
    MPI_Get_count(status, MPI_BYTE, &count);
    return status->MPI_SOURCE == MPI_PROC_NULL && status->MPI_TAG == MPI_ANY_TAG && count == 0;
}

static void zero_length_scene(int from, int to)
{
    int count = -1;
    char byte = 9;
    MPI_Status status;
    if (world.rank == from) {
        MPI_Send(NULL, 0, MPI_BYTE, to, TAG, MPI_COMM_WORLD);
        MPI_Ssend(&byte, 0, MPI_INT, to, TAG, MPI_COMM_WORLD);
    }
    for (int i = 0; world.rank == to && i < 2; i++) {
        MPI_Recv(i ? &byte : NULL, i, MPI_INT, MPI_ANY_SOURCE, TAG, MPI_COMM_WORLD, &status);
        MPI_Get_count(&status, MPI_INT, &count);
        CHECK(count == 0 && byte == 9 && status.MPI_SOURCE == from);
    }
}

static void zero_length(void)
{
    for_pairs(zero_length_scene);
}

static void null_process(void)
{
    int value = 5, flag = 0;
    MPI_Status status;
    MPI_Request requests[2];
    MPI_Message message;
    MPI_Comm comm = MPI_COMM_WORLD;
    MPI_Send(&value, 1, MPI_INT, MPI_PROC_NULL, TAG, comm);
    MPI_Ssend(&value, 1, MPI_INT, MPI_PROC_NULL, TAG, comm);
    MPI_Recv(&value, 1, MPI_INT, MPI_PROC_NULL, TAG, comm, &status);
    CHECK(is_null_process(&status));
    MPI_Isend(&value, 1, MPI_INT, MPI_PROC_NULL, TAG, comm, &requests[0]);
    MPI_Irecv(&value, 1, MPI_INT, MPI_PROC_NULL, MPI_ANY_TAG, comm, &requests[1]);
    MPI_Wait(&requests[1], &status);
    CHECK(is_null_process(&status));
    MPI_Wait(&requests[0], &status);
    MPI_Sendrecv(&value, 1, MPI_INT, MPI_PROC_NULL, TAG, &value, 1, MPI_INT, MPI_PROC_NULL, TAG,
                 comm, &status);
    CHECK(is_null_process(&status));
    MPI_Sendrecv_replace(&value, 1, MPI_INT, MPI_PROC_NULL, TAG, MPI_PROC_NULL, TAG, comm, &status);
    CHECK(is_null_process(&status));
    MPI_Probe(MPI_PROC_NULL, TAG, comm, &status);
    CHECK(is_null_process(&status));
    MPI_Iprobe(MPI_PROC_NULL, TAG, comm, &flag, &status);
    CHECK(flag && is_null_process(&status));
    MPI_Mprobe(MPI_PROC_NULL, TAG, comm, &message, &status);
    CHECK(message == MPI_MESSAGE_NO_PROC && is_null_process(&status));
    MPI_Mrecv(&value, 1, MPI_INT, &message, &status);
    CHECK(message == MPI_MESSAGE_NULL && is_null_process(&status));
    MPI_Recv_init(&value, 1, MPI_INT, MPI_PROC_NULL, TAG, comm, &requests[0]);
    MPI_Start(&requests[0]);
    MPI_Wait(&requests[0], &status);
    CHECK(is_null_process(&status));
    MPI_Request_free(&requests[0]);
    CHECK(value == 5);
}

/* A shift along a line whose ends are null processes. */
static void sendrecv_line(void)
{
    int below = world.rank + 1 < world.size ? world.rank + 1 : MPI_PROC_NULL;
    int above = world.rank > 0 ? world.rank - 1 : MPI_PROC_NULL;
    int out = world.rank, in = -1;
    MPI_Sendrecv(&out, 1, MPI_INT, below, TAG, &in, 1, MPI_INT, above, TAG, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE);
    CHECK(in == (above == MPI_PROC_NULL ? -1 : above));
    MPI_Sendrecv_replace(&out, 1, MPI_INT, below, TAG, above, TAG, MPI_COMM_WORLD,
                         MPI_STATUS_IGNORE);
    CHECK(out == (above == MPI_PROC_NULL ? world.rank : above));
}

static void to_self(void)
{
    int out = 41, in = 0, flag = 0;
    MPI_Request request;
    MPI_Status status;
    MPI_Isend(&out, 1, MPI_INT, world.rank, TAG, MPI_COMM_WORLD, &request);
    MPI_Probe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
    CHECK(status.MPI_SOURCE == world.rank && status.MPI_TAG == TAG);
    MPI_Recv(&in, 1, MPI_INT, MPI_ANY_SOURCE, TAG, MPI_COMM_WORLD, &status);
    CHECK(in == 41 && status.MPI_SOURCE == world.rank);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    MPI_Irecv(&in, 1, MPI_INT, MPI_ANY_SOURCE, TAG, MPI_COMM_WORLD, &request);
    MPI_Test(&request, &flag, MPI_STATUS_IGNORE);
    CHECK(!flag);
    out = 42;
    MPI_Ssend(&out, 1, MPI_INT, world.rank, TAG, MPI_COMM_WORLD);
    MPI_Wait(&request, &status);
    CHECK(in == 42 && status.MPI_SOURCE == world.rank);
    MPI_Sendrecv(&out, 1, MPI_INT, 0, TAG, &in, 1, MPI_INT, 0, TAG, MPI_COMM_SELF, &status);
    CHECK(status.MPI_SOURCE == 0);
}

/* For wide messages only: in Open MPI 4.1 a detach after such an error at home hangs. */
static void bsend_beyond_buffer(int to, void *buffer, const void *data, int length)
{
    void *detached;
    int size;
    MPI_Buffer_attach(buffer, 1000 + MPI_BSEND_OVERHEAD);
    return_errors(true);
    int code = MPI_Bsend(data, length, MPI_BYTE, to, TAG, MPI_COMM_WORLD);
    CHECK(class_of(code) == MPI_ERR_BUFFER);
    return_errors(false);
    MPI_Buffer_detach(&detached, &size);
    CHECK(detached == buffer && size == 1000 + MPI_BSEND_OVERHEAD);
}

/* Buffered sends: too small a buffer is an error, and detaching waits for all of it. */
static void bsend_scene(int from, int to)
{
    enum { N = 20, LENGTH = 70000 };
    int size = N * (LENGTH + MPI_BSEND_OVERHEAD);
    unsigned char *data = malloc(LENGTH), *buffer = malloc((size_t)size), *detached;
    if (world.rank == from) {
        if (world.site[from] != world.site[to])
            bsend_beyond_buffer(to, buffer, data, LENGTH);
        MPI_Buffer_attach(buffer, N * (LENGTH + MPI_BSEND_OVERHEAD));
        for (int i = 0; i < N; i++) {
            fill(data, LENGTH, i);
            MPI_Bsend(data, LENGTH, MPI_BYTE, to, TAG, MPI_COMM_WORLD);
        }
        MPI_Buffer_detach(&detached, &size);
        CHECK(detached == buffer && size == N * (LENGTH + MPI_BSEND_OVERHEAD));
        memset(buffer, 0xee, (size_t)size);
    }
    for (int i = 0; world.rank == to && i < N; i++) {
        MPI_Recv(data, LENGTH, MPI_BYTE, from, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        CHECK(is_filled(data, LENGTH, i));
    }
    MPI_Barrier(MPI_COMM_WORLD);
    free(buffer), free(data);
}

static void buffered_sends(void)
{
    for_pairs(bsend_scene);
}

static void probe_scene(int from, int to)
{
    int count, flag = 0, first = -1, second = -1;
    MPI_Status status;
    MPI_Message message = MPI_MESSAGE_NULL;
    MPI_Request request;
    if (world.rank == from)
        for (int i = 0; i < 2; i++)
            MPI_Send(&i, 1, MPI_INT, to, TAG + i, MPI_COMM_WORLD);
    if (world.rank != to)
        return;
    MPI_Probe(from, TAG + 1, MPI_COMM_WORLD, &status); /* the second, before the first */
    MPI_Get_count(&status, MPI_INT, &count);
    CHECK(status.MPI_SOURCE == from && status.MPI_TAG == TAG + 1 && count == 1);
    for (int i = 0; i < 2; i++) { /* probing takes nothing */
        MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &flag, &status);
        CHECK(flag && status.MPI_TAG == TAG && status.MPI_SOURCE == from);
    }
    MPI_Improbe(MPI_ANY_SOURCE, TAG, MPI_COMM_WORLD, &flag, &message, &status);
    CHECK(flag && message != MPI_MESSAGE_NULL && status.MPI_TAG == TAG);
    MPI_Iprobe(MPI_ANY_SOURCE, TAG, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE);
    CHECK(!flag); /* it belongs to the handle now */
    MPI_Recv(&second, 1, MPI_INT, from, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
    CHECK(second == 1 && status.MPI_TAG == TAG + 1);
    MPI_Imrecv(&first, 1, MPI_INT, &message, &request);
    CHECK(message == MPI_MESSAGE_NULL);
    MPI_Wait(&request, &status);
    CHECK(first == 0 && status.MPI_TAG == TAG && status.MPI_SOURCE == from);
}

static void probes(void)
{
    for_pairs(probe_scene);
}

/* Large before small and small before large: none overtakes. */
static void order_scene(int from, int to)
{
    enum { N = 40, LENGTH = 300000 };
    unsigned char *data = malloc((size_t)N * LENGTH);
    MPI_Request requests[N];
    for (int i = 0; world.rank == from && i < N; i++) {
        fill(data + (size_t)i * LENGTH, LENGTH, i);
        MPI_Isend(data + (size_t)i * LENGTH, i % 3 ? i : LENGTH, MPI_BYTE, to, TAG, MPI_COMM_WORLD,
                  &requests[i]);
    }
    if (world.rank == from)
        MPI_Waitall(N, requests, MPI_STATUSES_IGNORE);
    for (int i = 0; world.rank == to && i < N; i++) {
        int count;
        MPI_Status status;
        MPI_Recv(data, LENGTH, MPI_BYTE, i % 2 ? from : MPI_ANY_SOURCE, TAG, MPI_COMM_WORLD,
                 &status);
        MPI_Get_count(&status, MPI_BYTE, &count);
        CHECK(count == (i % 3 ? i : LENGTH) && is_filled(data, (size_t)count, i));
    }
    MPI_Barrier(MPI_COMM_WORLD);
    free(data);
}

static void order_of_large_and_small(void)
{
    for_pairs(order_scene);
}

static void odd_counts_scene(int from, int to)
{
    char data[6] = {0};
    int count, elements;
    MPI_Status status;
    if (world.rank == from)
        MPI_Send(data, 6, MPI_BYTE, to, TAG, MPI_COMM_WORLD);
    if (world.rank != to)
        return;
    MPI_Recv(data, 6, MPI_BYTE, from, TAG, MPI_COMM_WORLD, &status);
    MPI_Get_count(&status, MPI_INT, &count);
    CHECK(count == MPI_UNDEFINED);
    MPI_Get_count(&status, MPI_SHORT, &count);
    MPI_Get_elements(&status, MPI_BYTE, &elements);
    CHECK(count == 3 && elements == 6);
}

static void odd_counts(void)
{
    for_pairs(odd_counts_scene);
}

const struct mpi_case cases[] = {
    {"zero_length", zero_length, false},
    {"null_process", null_process, false},
    {"sendrecv_line", sendrecv_line, false},
    {"to_self", to_self, false},
    {"buffered_sends", buffered_sends, false},
    {"probes", probes, false},
    {"order_of_large_and_small", order_of_large_and_small, false},
    {"odd_counts", odd_counts, false},
    {NULL, NULL, false},
};
