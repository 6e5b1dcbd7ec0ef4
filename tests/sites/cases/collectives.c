/* SPDX-License-Identifier: BSD-3-Clause */
/* Collectives and time: nobody leaves a barrier early, and messages of the program never meet those
 * of collectives. What collectives compute, the program `reference` looks at. */
#include "cases.h"

#include <time.h>

enum { TAG = 2 };

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Nobody leaves a barrier before all have come. The ranks share a clock: one machine. */
static void barriers(void)
{
    for (int late = 0; late < world.size; late++)
        for (int repeat = 0; repeat < 20; repeat++) {
            if (world.rank == late)
                for (double until = now_s() + 0.002; now_s() < until;)
                    continue;
            double times[2] = {now_s(), 0};
            MPI_Barrier(MPI_COMM_WORLD);
            times[1] = now_s();
            if (world.rank != 0)
                MPI_Send(times, 2, MPI_DOUBLE, 0, TAG, MPI_COMM_WORLD);
            double last_in = times[0], first_out = times[1];
            for (int other = 1; world.rank == 0 && other < world.size; other++) {
                MPI_Recv(times, 2, MPI_DOUBLE, other, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
                last_in = times[0] > last_in ? times[0] : last_in;
                first_out = times[1] < first_out ? times[1] : first_out;
            }
            CHECK(world.rank != 0 || last_in <= first_out);
        }
}

/* Many of them in a row, on several communicators, with messages under way between the calls; no
 * wildcard receive of the program may ever see what collectives send. */
static void mixed_with_messages(void)
{
    enum { N = 300 };
    MPI_Comm dup;
    int next = (world.rank + 1) % world.size, before = (world.rank + world.size - 1) % world.size;
    MPI_Comm_dup(MPI_COMM_WORLD, &dup);
    for (int i = 0; i < N; i++) {
        int in = -1, out = i * 64 + world.rank, sum = 0, word = i;
        MPI_Comm comm = i % 2 ? dup : MPI_COMM_WORLD;
        MPI_Status status;
        MPI_Request requests[2];
        MPI_Irecv(&in, 1, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, comm, &requests[0]);
        MPI_Isend(&out, 1, MPI_INT, next, i, comm, &requests[1]);
        MPI_Allreduce(&world.rank, &sum, 1, MPI_INT, MPI_SUM, comm);
        MPI_Bcast(&word, 1, MPI_INT, i % world.size, i % 3 ? comm : dup);
        CHECK(sum == world.size * (world.size - 1) / 2 && word == i);
        MPI_Wait(&requests[0], &status);
        MPI_Wait(&requests[1], MPI_STATUS_IGNORE);
        CHECK(in == i * 64 + before && status.MPI_TAG == i && status.MPI_SOURCE == before);
        MPI_Barrier(comm);
    }
    MPI_Comm_free(&dup);
}

const struct mpi_case cases[] = {
    {"barriers", barriers, false},
    {"mixed_with_messages", mixed_with_messages, false},
    {NULL, NULL, false},
};
