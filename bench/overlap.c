/* SPDX-License-Identifier: BSD-3-Clause */
/* Does a wide message make progress while the program computes and calls no MPI?
 *
 *     overlap [--alone MILLISECONDS] [--compute MILLISECONDS] [--rounds N] [--json FILE]
 *
 * Rank 0 and rank 1 are at different sites. First the size of a message is found that takes --alone
 * (80) from MPI_Irecv to its completion, a word that tells the sender to begin included. Then, N
 * times: the receiver computes for --compute (100) of wall-clock between MPI_Irecv and MPI_Wait;
 * and the same with the sender between MPI_Isend and MPI_Wait. Prints medians: the message alone,
 * the whole of both kinds, and the rate of computing compared with that of an idle machine. */
#include "median.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX 256
#define SIZE_LIMIT ((size_t)512 << 20)
#define N_FITTED   12

enum { TAG_GO = 1, TAG_DATA, TAG_SIZE };

static int rank;
static char *data;
static volatile uint64_t sink;

/* Computes for so long; returns how many steps a second it made. */
static double compute(double seconds)
{
    double start = MPI_Wtime(), now = start;
    uint64_t x = 1, n = 0;
    while (now - start < seconds) {
        for (int i = 0; i < 20000; i++)
            x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        n++;
        now = MPI_Wtime();
    }
    sink = x;
    return (double)n / (now - start);
}

struct outcome {
    double whole_s, rate;
};

static struct outcome receive(size_t size, double compute_s)
{
    struct outcome outcome = {0};
    MPI_Request request;
    MPI_Barrier(MPI_COMM_WORLD); /* the sender is ready */
    double start = MPI_Wtime();
    MPI_Irecv(data, (int)size, MPI_BYTE, !rank, TAG_DATA, MPI_COMM_WORLD, &request);
    MPI_Send(NULL, 0, MPI_BYTE, !rank, TAG_GO, MPI_COMM_WORLD);
    if (compute_s > 0)
        outcome.rate = compute(compute_s);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    outcome.whole_s = MPI_Wtime() - start;
    if (data[0] != 1 || data[size - 1] != 1)
        MPI_Abort(MPI_COMM_WORLD, 1);
    data[0] = data[size - 1] = 0;
    return outcome;
}

static struct outcome send(size_t size, double compute_s)
{
    struct outcome outcome = {0};
    MPI_Request request;
    memset(data, 1, size);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Recv(NULL, 0, MPI_BYTE, !rank, TAG_GO, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    double start = MPI_Wtime();
    MPI_Isend(data, (int)size, MPI_BYTE, !rank, TAG_DATA, MPI_COMM_WORLD, &request);
    if (compute_s > 0)
        outcome.rate = compute(compute_s);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    outcome.whole_s = MPI_Wtime() - start;
    return outcome;
}

/* The receiver decides on the size of each message; 0 ends it. */
static size_t agree(size_t size)
{
    uint64_t word = size;
    MPI_Bcast(&word, sizeof word, MPI_BYTE, 1, MPI_COMM_WORLD);
    return word;
}

static double exchange(size_t size)
{
    return (rank == 1 ? receive(size, 0) : send(size, 0)).whole_s;
}

/* The size that takes so long alone: by proportion, again and again, for the path learns. */
static size_t fit(double alone_s)
{
    size_t size = (size_t)1 << 20;
    double best_off = 1;
    size_t best = size;
    for (int i = 0; i < N_FITTED; i++) {
        agree(size);
        exchange(size);
        double seconds = exchange(size), ratio = alone_s / seconds;
        double off = ratio > 1 ? ratio - 1 : 1 / ratio - 1;
        if (off < best_off || i < N_FITTED / 2) {
            best = size;
            best_off = off;
        }
        ratio = ratio > 4 ? 4 : ratio < 0.25 ? 0.25 : ratio;
        size = (size_t)((double)size * ratio);
        size = size < 1024 ? 1024 : size > SIZE_LIMIT ? SIZE_LIMIT : size;
    }
    agree(0);
    return best;
}

static size_t follow(void)
{
    for (size_t size; (size = agree(0)) > 0;) {
        exchange(size);
        exchange(size);
    }
    return 0;
}

static double tell(double value)
{
    MPI_Bcast(&value, 1, MPI_DOUBLE, 0, MPI_COMM_WORLD);
    return value;
}

int main(int argc, char **argv)
{
    double alone_s = 0.08, compute_s = 0.1, alone[ROUNDS_MAX], whole[2][ROUNDS_MAX],
           rate[2][ROUNDS_MAX];
    int rounds = 15, n_ranks;
    const char *json = NULL;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &n_ranks);
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--alone") == 0)
            alone_s = atof(argv[i + 1]) / 1e3;
        else if (strcmp(argv[i], "--compute") == 0)
            compute_s = atof(argv[i + 1]) / 1e3;
        else if (strcmp(argv[i], "--rounds") == 0)
            rounds = atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--json") == 0)
            json = argv[i + 1];
    }
    if (n_ranks != 2 || rounds < 1 || rounds > ROUNDS_MAX)
        MPI_Abort(MPI_COMM_WORLD, 2);
    data = calloc(1, SIZE_LIMIT);
    if (!data)
        MPI_Abort(MPI_COMM_WORLD, 1);
    size_t size = agree(rank == 1 ? fit(alone_s) : follow());
    double idle[2] = {0};
    for (int who = 0; who < 2; who++) { /* one at a time: the machine may be the same */
        MPI_Barrier(MPI_COMM_WORLD);
        if (rank == who)
            idle[who] = compute(0.5);
    }
    for (int i = 0; i < rounds; i++) {
        alone[i] = exchange(size);
        struct outcome o = rank == 1 ? receive(size, compute_s) : send(size, 0);
        whole[0][i] = o.whole_s, rate[0][i] = o.rate / (rank == 1 ? idle[1] : 1);
        o = rank == 1 ? receive(size, 0) : send(size, compute_s);
        whole[1][i] = o.whole_s, rate[1][i] = o.rate / (rank == 0 ? idle[0] : 1);
    }
    size_t n = (size_t)rounds;
    double of_sender[] = {tell(median_of(whole[1], n)), tell(median_of(rate[1], n))};
    if (rank == 1) {
        double values[] = {median_of(alone, n) * 1e3, median_of(whole[0], n) * 1e3,
                           median_of(rate[0], n), of_sender[0] * 1e3, of_sender[1]};
        printf("%zu bytes alone %.1f ms; receiver computes %.0f ms: whole %.1f ms at %.3f of its "
               "rate; sender computes: whole %.1f ms at %.3f\n",
               size, values[0], compute_s * 1e3, values[1], values[2], values[3], values[4]);
        FILE *file = json ? fopen(json, "w") : NULL;
        if (file) {
            fprintf(file,
                    "{\"bytes\": %zu, \"alone_ms\": %.3f, \"compute_ms\": %.1f, "
                    "\"receiver_whole_ms\": %.3f, \"receiver_rate\": %.4f, "
                    "\"sender_whole_ms\": %.3f, \"sender_rate\": %.4f}\n",
                    size, values[0], compute_s * 1e3, values[1], values[2], values[3], values[4]);
            fclose(file);
        }
    }
    free(data);
    MPI_Finalize();
    return 0;
}
