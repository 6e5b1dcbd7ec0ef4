/* SPDX-License-Identifier: BSD-3-Clause */
/* What goes wrong and is told: messages too long, arguments that mean nothing, functions that do
 * not work over sites. */
#include "cases.h"

#if defined(OPEN_MPI) && __has_include(<mpi-ext.h>)
#include <mpi-ext.h>
#endif
#include <stdlib.h>
#include <string.h>

enum { TAG = 3 };

/* Too long a message gives an error and the first bytes at most, and harms nothing else. */
static void truncation_scene(int from, int to)
{
    static const int lengths[] = {20, 65536, 65537, 1 << 20};
    enum { CAPACITY = 10, GUARD = 64 };
    unsigned char *out = malloc(1 << 20), in[CAPACITY + GUARD];
    fill(out, 1 << 20, 1);
    return_errors(true);
    /* A long one at home is the host's own: Open MPI 4.1 writes beyond the buffer. */
    int n = world.site[from] == world.site[to] ? 2 : 8;
    for (int i = 0; i < n; i++) {
        int source = i % 2 ? MPI_ANY_SOURCE : from, value = -1;
        MPI_Status status;
        if (world.rank == from) {
            MPI_Send(out, lengths[i / 2], MPI_BYTE, to, TAG, MPI_COMM_WORLD);
            MPI_Send(&i, 1, MPI_INT, to, TAG, MPI_COMM_WORLD);
        }
        if (world.rank != to)
            continue;
        memset(in, 0, sizeof in);
        int code = MPI_Recv(in, CAPACITY, MPI_BYTE, source, TAG, MPI_COMM_WORLD, &status);
        CHECK(class_of(code) == MPI_ERR_TRUNCATE);
        CHECK(status.MPI_SOURCE == from && status.MPI_TAG == TAG);
        for (int k = CAPACITY; k < CAPACITY + GUARD; k++)
            CHECK(in[k] == 0);
        code = MPI_Recv(&value, 1, MPI_INT, source, TAG, MPI_COMM_WORLD, &status);
        CHECK(code == MPI_SUCCESS && value == i);
    }
    return_errors(false);
    free(out);
}

static void truncation(void)
{
    for_pairs(truncation_scene);
}

/* One of several requests fails: the array says which. */
static void error_in_status_scene(int from, int to)
{
    enum { N = 3 };
    int out[2] = {1, 2}, in[N] = {-1, -1, -1};
    MPI_Request requests[N];
    MPI_Status statuses[N];
    return_errors(true);
    for (int i = 0; world.rank == to && i < N; i++)
        MPI_Irecv(&in[i], 1, MPI_INT, from, TAG + i, MPI_COMM_WORLD, &requests[i]);
    MPI_Barrier(MPI_COMM_WORLD);
    for (int i = 0; world.rank == from && i < N; i++)
        MPI_Send(out, i == 1 ? 2 : 1, MPI_INT, to, TAG + i, MPI_COMM_WORLD);
    if (world.rank == to) {
        int code = MPI_Waitall(N, requests, statuses);
        CHECK(class_of(code) == MPI_ERR_IN_STATUS);
        CHECK(class_of(statuses[1].MPI_ERROR) == MPI_ERR_TRUNCATE);
        for (int i = 0; i < N; i += 2) /* done, or still to be waited for */
            if (statuses[i].MPI_ERROR == MPI_ERR_PENDING)
                MPI_Wait(&requests[i], MPI_STATUS_IGNORE);
            else
                CHECK(statuses[i].MPI_ERROR == MPI_SUCCESS);
        CHECK(in[0] == 1 && in[2] == 1);
    }
    return_errors(false);
}

static void error_in_status(void)
{
    for_pairs(error_in_status_scene);
}

static void bad_arguments(void)
{
    int value = 0;
    MPI_Request request;
    return_errors(true);
    CHECK(class_of(MPI_Send(&value, 1, MPI_INT, world.size, 0, MPI_COMM_WORLD)) == MPI_ERR_RANK);
    CHECK(class_of(MPI_Send(&value, 1, MPI_INT, -7, 0, MPI_COMM_WORLD)) == MPI_ERR_RANK);
    CHECK(class_of(MPI_Irecv(&value, 1, MPI_INT, world.size, 0, MPI_COMM_WORLD, &request)) ==
          MPI_ERR_RANK);
    for (int dest = 0; dest < world.size; dest++) {
        CHECK(class_of(MPI_Send(&value, -1, MPI_INT, dest, 0, MPI_COMM_WORLD)) == MPI_ERR_COUNT);
        CHECK(class_of(MPI_Send(&value, 1, MPI_INT, dest, -5, MPI_COMM_WORLD)) == MPI_ERR_TAG);
        CHECK(class_of(MPI_Send(&value, 1, MPI_DATATYPE_NULL, dest, 0, MPI_COMM_WORLD)) ==
              MPI_ERR_TYPE);
    }
    return_errors(false);
}

/* What cannot be done over sites says so; nothing works on the home part alone. */
static void refused_functions(void)
{
    void *memory;
    MPI_Win window = (MPI_Win)&memory; /* not what the refusals leave */
    MPI_File file = (MPI_File)&memory;
    if (world.n_sites < 2) {
        skip("one site");
        return;
    }
    return_errors(true);
    CHECK(class_of(MPI_Win_allocate(8, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &memory, &window)) ==
          MPI_ERR_UNSUPPORTED_OPERATION);
    int code = MPI_File_open(MPI_COMM_WORLD, "/dev/null", MPI_MODE_RDONLY, MPI_INFO_NULL, &file);
    CHECK(class_of(code) == MPI_ERR_UNSUPPORTED_OPERATION);
    CHECK(window == MPI_WIN_NULL && file == MPI_FILE_NULL);
    return_errors(false);
}

/* Persistent collectives, an extension of the host, are refused between sites and good inside. */
static void extensions(void)
{
#ifdef OMPI_HAVE_MPI_EXT_PCOLLREQ
    int value = 1, sum = 0, n_home;
    MPI_Request request;
    if (world.n_sites > 1) {
        return_errors(true);
        int code = MPIX_Allreduce_init(&value, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD,
                                       MPI_INFO_NULL, &request);
        CHECK(class_of(code) == MPI_ERR_UNSUPPORTED_OPERATION && request == MPI_REQUEST_NULL);
        return_errors(false);
    }
    if (world.home == MPI_COMM_NULL)
        return;
    MPI_Comm_size(world.home, &n_home);
    MPIX_Allreduce_init(&value, &sum, 1, MPI_INT, MPI_SUM, world.home, MPI_INFO_NULL, &request);
    for (int i = 0; i < 3; i++, value++) {
        MPI_Start(&request);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
        CHECK(sum == value * n_home);
    }
    MPI_Request_free(&request);
#else
    skip("a host without them");
#endif
}

const struct mpi_case cases[] = {
    {"extensions", extensions, false},
    {"truncation", truncation, false},
    {"error_in_status", error_in_status, false},
    {"bad_arguments", bad_arguments, false},
    {"refused_functions", refused_functions, false},
    {NULL, NULL, false},
};
