/* SPDX-License-Identifier: BSD-3-Clause */
/* Does a message travel while its receiver computes and calls no MPI? Two ranks; prints one JSON
 * object.
 *
 *     wan-overlap - overlap ALONE_MS COMPUTE_MS TIME
 *
 * Finds the size of a message that takes ALONE_MS from the receiver's asking for it to its end of
 * MPI_Wait; then the receiver computes for COMPUTE_MS of wall-clock before it waits. In turn:
 * alone, computing alone, both; for about TIME seconds. */
#include "median.h"

#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAG        7
#define SIZE_MAX_B ((size_t)256 << 20)
#define TRIES      8 /* to find the size: each takes the time of a message */
#define ROUNDS_MAX 1000

static char *data;
static volatile double sink;

/* Sends what it is asked for, until that is nothing. */
static void answer(void)
{
    for (;;) {
        uint64_t size;
        MPI_Recv(&size, sizeof size, MPI_BYTE, 1, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        if (size == 0)
            return;
        MPI_Send(data, (int)size, MPI_BYTE, 1, TAG, MPI_COMM_WORLD);
    }
}

/* Works for so long; returns how much it got done. */
static double compute(double seconds)
{
    double start = MPI_Wtime(), x = 1, n = 0;
    while (MPI_Wtime() - start < seconds) {
        for (int i = 0; i < 5000; i++)
            x = x * 0.999999 + 0.5;
        n++;
    }
    sink = x;
    return n;
}

/* Time of one message, which the receiver computes beside; *work is what it got done. */
static double receive(size_t size, double seconds, double *work)
{
    MPI_Request request;
    uint64_t wanted = size;
    double start = MPI_Wtime();
    MPI_Irecv(data, (int)size, MPI_BYTE, 0, TAG, MPI_COMM_WORLD, &request);
    MPI_Send(&wanted, sizeof wanted, MPI_BYTE, 0, TAG, MPI_COMM_WORLD);
    *work = seconds > 0 ? compute(seconds) : 0;
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    return MPI_Wtime() - start;
}

/* The path finds its pace meanwhile. */
static size_t find_size(double alone, double warm_s)
{
    size_t size = (size_t)1 << 20;
    double work, samples[TRIES], begin = MPI_Wtime();
    while (MPI_Wtime() - begin < warm_s) {
        for (int i = 0; i < TRIES; i++)
            samples[i] = receive(size, 0, &work);
        sort_values(samples, TRIES);
        double scale = alone / samples[TRIES / 2];
        scale = scale > 2 ? 2 : scale < 0.5 ? 0.5 : scale;
        size = (size_t)((double)size * scale);
        size = size > SIZE_MAX_B ? SIZE_MAX_B : size < 8 ? 8 : size;
    }
    return size;
}

static void ask(double alone, double seconds, double time)
{
    static double alones[ROUNDS_MAX], wholes[ROUNDS_MAX], rates[ROUNDS_MAX];
    size_t size = find_size(alone, time / 3);
    double end = MPI_Wtime() + time * 2 / 3;
    size_t n = 0;
    for (; n < ROUNDS_MAX && (n < 5 || MPI_Wtime() < end); n++) {
        double work, none;
        alones[n] = receive(size, 0, &none);
        double idle = compute(seconds);
        wholes[n] = receive(size, seconds, &work);
        rates[n] = work / idle;
    }
    const uint64_t nothing = 0;
    MPI_Send(&nothing, sizeof nothing, MPI_BYTE, 0, TAG, MPI_COMM_WORLD);
    sort_values(alones, n);
    sort_values(wholes, n);
    sort_values(rates, n);
    printf("{\"size\": %zu, \"alone_ms\": %.3f, \"whole_ms\": %.3f, \"whole_p90_ms\": %.3f, "
           "\"rate_of_idle\": %.4f, \"rate_p10\": %.4f, \"rounds\": %zu}\n",
           size, alones[n / 2] * 1e3, wholes[n / 2] * 1e3, wholes[n * 9 / 10] * 1e3, rates[n / 2],
           rates[n / 10], n);
}

int main(int argc, char **argv)
{
    int rank, n_ranks;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &n_ranks);
    data = malloc(SIZE_MAX_B);
    if (argc != 6 || n_ranks != 2 || !data) {
        fprintf(stderr, "usage: wan-overlap - overlap ALONE_MS COMPUTE_MS TIME, on two ranks\n");
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    if (rank == 0)
        answer();
    else
        ask(atof(argv[3]) / 1e3, atof(argv[4]) / 1e3, atof(argv[5]));
    fflush(stdout);
    MPI_Finalize();
    return 0;
}
