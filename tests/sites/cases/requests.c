/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests one by one: inactive ones, arrays of all kinds, asked about, freed before their end. */
#include "cases.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

enum { TAG = 3 };

static bool is_empty(const MPI_Status *status)
{
    int count;
    MPI_Get_count(status, MPI_BYTE, &count);
    return status->MPI_SOURCE == MPI_ANY_SOURCE && status->MPI_TAG == MPI_ANY_TAG && count == 0;
}

/* Arrays with nothing active in them. */
static void inactive_requests(void)
{
    enum { N = 3 };
    int value, index = 7, flag = 0, n_done = 7, indices[N], other = (world.rank + 1) % world.size;
    MPI_Status statuses[N];
    MPI_Request requests[N] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL, MPI_REQUEST_NULL};
    MPI_Recv_init(&value, 1, MPI_INT, other, TAG, MPI_COMM_WORLD, &requests[1]);
    MPI_Send_init(&value, 1, MPI_INT, other, TAG, MPI_COMM_WORLD, &requests[2]);
    MPI_Waitall(N, requests, statuses);
    for (int i = 0; i < N; i++)
        CHECK(is_empty(&statuses[i]));
    MPI_Waitany(N, requests, &index, &statuses[0]);
    CHECK(index == MPI_UNDEFINED && is_empty(&statuses[0]));
    MPI_Waitsome(N, requests, &n_done, indices, statuses);
    CHECK(n_done == MPI_UNDEFINED);
    MPI_Testsome(N, requests, &n_done, indices, statuses);
    CHECK(n_done == MPI_UNDEFINED);
    MPI_Testany(N, requests, &index, &flag, &statuses[0]);
    CHECK(flag && index == MPI_UNDEFINED && is_empty(&statuses[0]));
    flag = 0;
    MPI_Testall(N, requests, &flag, MPI_STATUSES_IGNORE);
    CHECK(flag);
    for (int i = 0; i < N; i++) {
        flag = 0;
        MPI_Test(&requests[i], &flag, &statuses[0]);
        CHECK(flag && is_empty(&statuses[0]));
        MPI_Wait(&requests[i], &statuses[0]);
        CHECK(is_empty(&statuses[0]));
        flag = 0;
        MPI_Request_get_status(requests[i], &flag, &statuses[0]);
        CHECK(flag && is_empty(&statuses[0]));
    }
    MPI_Request_free(&requests[1]);
    MPI_Request_free(&requests[2]);
    CHECK(requests[1] == MPI_REQUEST_NULL && requests[2] == MPI_REQUEST_NULL);
}

/* Receives from everyone, home and wide, with idle entries between; each ends once. */
static void mixed_arrays(void)
{
    enum { KINDS = 6 };
    int n = 3 * world.size, values[3 * MAX_WORLD], idle;
    MPI_Request requests[3 * MAX_WORLD];
    for (int kind = 0; kind < KINDS; kind++) {
        int n_left = world.size, index, flag, n_done, indices[3 * MAX_WORLD];
        MPI_Status statuses[3 * MAX_WORLD];
        for (int i = 0; i < n; i++) {
            requests[i] = MPI_REQUEST_NULL;
            if (i % 3 == 1)
                MPI_Recv_init(&idle, 1, MPI_INT, i / 3, TAG + 1, MPI_COMM_WORLD, &requests[i]);
            if (i % 3 == 2)
                MPI_Irecv(&values[i], 1, MPI_INT, i / 3, TAG, MPI_COMM_WORLD, &requests[i]);
        }
        MPI_Request sends[MAX_WORLD];
        for (int other = 0; other < world.size; other++)
            MPI_Isend(&world.rank, 1, MPI_INT, other, TAG, MPI_COMM_WORLD, &sends[other]);
        while (n_left > 0) {
            n_done = 1, flag = 1;
            if (kind == 0)
                MPI_Waitany(n, requests, indices, statuses);
            else if (kind == 1)
                MPI_Waitsome(n, requests, &n_done, indices, statuses);
            else if (kind == 2)
                MPI_Testsome(n, requests, &n_done, indices, statuses);
            else if (kind == 3)
                MPI_Testany(n, requests, indices, &flag, statuses);
            else if (kind == 4)
                MPI_Waitall(n, requests, statuses);
            else
                MPI_Testall(n, requests, &flag, statuses);
            if (kind >= 4 && flag) {
                for (index = 0; index < n; index++)
                    CHECK(index % 3 == 2 ? statuses[index].MPI_SOURCE == index / 3
                                         : is_empty(&statuses[index]));
                n_left = 0;
            }
            for (int i = 0; kind < 4 && flag && i < n_done; i++, n_left--) {
                CHECK(indices[i] % 3 == 2 && values[indices[i]] == indices[i] / 3);
                CHECK(statuses[i].MPI_SOURCE == indices[i] / 3);
                CHECK(requests[indices[i]] == MPI_REQUEST_NULL);
            }
            sched_yield();
        }
        MPI_Waitall(world.size, sends, MPI_STATUSES_IGNORE);
        for (int i = 1; i < n; i += 3)
            MPI_Request_free(&requests[i]);
    }
}

/* Asking leaves the request as it is. */
static void get_status_scene(int from, int to)
{
    int value = 0, flag = 0;
    MPI_Status asked, waited;
    MPI_Request request;
    if (world.rank == from)
        MPI_Send(&from, 1, MPI_INT, to, TAG, MPI_COMM_WORLD);
    if (world.rank != to)
        return;
    MPI_Irecv(&value, 1, MPI_INT, MPI_ANY_SOURCE, TAG, MPI_COMM_WORLD, &request);
    while (!flag) {
        MPI_Request_get_status(request, &flag, &asked);
        sched_yield();
    }
    CHECK(request != MPI_REQUEST_NULL && value == from && asked.MPI_SOURCE == from);
    MPI_Request_get_status(request, &flag, MPI_STATUS_IGNORE);
    CHECK(flag);
    MPI_Wait(&request, &waited);
    CHECK(request == MPI_REQUEST_NULL && waited.MPI_SOURCE == from && waited.MPI_TAG == TAG);
}

static void request_get_status(void)
{
    for_pairs(get_status_scene);
}

static void free_send_scene(int from, int to)
{
    static int data[1000];
    MPI_Request request;
    for (int i = 0; world.rank == from && i < 1000; i++)
        data[i] = i;
    if (world.rank == from) {
        MPI_Isend(data, 1000, MPI_INT, to, TAG, MPI_COMM_WORLD, &request);
        MPI_Request_free(&request);
        CHECK(request == MPI_REQUEST_NULL);
        MPI_Send_init(data, 1000, MPI_INT, to, TAG, MPI_COMM_WORLD, &request);
        MPI_Start(&request);
        MPI_Request_free(&request);
    }
    for (int k = 0; world.rank == to && k < 2; k++) {
        int in[1000];
        MPI_Recv(in, 1000, MPI_INT, from, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        for (int i = 0; i < 1000; i++)
            CHECK(in[i] == i);
    }
    MPI_Barrier(MPI_COMM_WORLD);
}

static void free_active_send(void)
{
    for_pairs(free_send_scene);
}

/* Persistent requests are started after the program has freed their communicator. */
static void outlive_scene(int from, int to)
{
    static int (*const inits[])(const void *, int, MPI_Datatype, int, int, MPI_Comm,
                                MPI_Request *) = {MPI_Send_init, MPI_Bsend_init, MPI_Ssend_init};
    static char memory[1000];
    MPI_Buffer_attach(memory, sizeof memory);
    for (int mode = 0; mode < 3; mode++) {
        int value = -1;
        MPI_Comm own;
        MPI_Request request = MPI_REQUEST_NULL;
        MPI_Comm_dup(MPI_COMM_WORLD, &own);
        if (world.rank == from)
            inits[mode](&value, 1, MPI_INT, to, TAG, own, &request);
        else if (world.rank == to)
            MPI_Recv_init(&value, 1, MPI_INT, from, TAG, own, &request);
        MPI_Comm_free(&own);
        for (int round = 0; round < 2 && request != MPI_REQUEST_NULL; round++) {
            value = world.rank == from ? 10 * mode + round : -1;
            MPI_Start(&request);
            MPI_Wait(&request, MPI_STATUS_IGNORE);
            CHECK(value == 10 * mode + round);
        }
        if (request != MPI_REQUEST_NULL)
            MPI_Request_free(&request);
    }
    void *detached;
    int size;
    MPI_Buffer_detach(&detached, &size);
}

static void persistent_outlives_its_communicator(void)
{
    for_pairs(outlive_scene);
}

static long sleeps_of_this_thread(void)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

/* Where nothing but the wide area can have news, a wait of 300 ms sleeps seldom and for long. */
static void alone_at_its_site(void)
{
    enum { WAIT_US = 300000, SLEEPS_MAX = 60 };
    int other = wide_partner(world.rank);
    for (int rank = 0; rank < world.size; rank++)
        if (home_partner(rank) >= 0)
            other = -1;
    if (other < 0 || world.size != 2) {
        skip("not two ranks, each alone at its site");
        return;
    }
    for (int waits = 0; waits < 2; waits++) {
        MPI_Barrier(MPI_COMM_WORLD);
        if (world.rank != waits) {
            usleep(WAIT_US);
            send_int(world.rank, other, TAG);
            continue;
        }
        long n = sleeps_of_this_thread();
        CHECK(receive_int(other, TAG) == other);
        CHECK(sleeps_of_this_thread() - n < SLEEPS_MAX);
    }
}

const struct mpi_case cases[] = {
    {"inactive_requests", inactive_requests, false},
    {"mixed_arrays", mixed_arrays, false},
    {"request_get_status", request_get_status, false},
    {"free_active_send", free_active_send, false},
    {"persistent_outlives_its_communicator", persistent_outlives_its_communicator, false},
    {"alone_at_its_site", alone_at_its_site, false},
    {NULL, NULL, false},
};
