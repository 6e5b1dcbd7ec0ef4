/* SPDX-License-Identifier: BSD-3-Clause */
/* Two pairs of ranks of one MPI job over the same link; two ranks at each site.
 *
 *     wan-pairs - beside SIZE DISCARD TIME   pair 0 exchanges 8 bytes, alone and then while pair 1
 *                                            streams messages of SIZE bytes
 *     wan-pairs - both SIZE DISCARD TIME     both stream
 *     wan-pairs - first SIZE                 pair 1's first message and a short answer; sites that
 *                                            meet as MPI starts do so between the ranks of pair 0
 *
 * As in traffic.c, the first DISCARD seconds do not count and the next TIME do. Each side that
 * measures prints one JSON object. */
#include "channel.h"
#include "flow.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define IDLE_S  3
#define TAG     9 /* of the word that the stream may begin */
#define POLL_NS 2000000

struct times {
    double discard, time;
};

static void stream(bool drives, size_t size, struct times times)
{
    if (drives) {
        flow_stream_out(size, false, times.discard + times.time);
        return;
    }
    struct flow_record record = flow_stream_in(size, false);
    flow_print_stream(&record, size, times.discard, times.time);
    free(record.at);
}

/* Asks now and then: a receive that spins would take a core from what is measured meanwhile. */
static void await_word(int from)
{
    char word;
    for (int is_there = 0; !is_there;) {
        nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
        MPI_Iprobe(from, TAG, MPI_COMM_WORLD, &is_there, MPI_STATUS_IGNORE);
    }
    MPI_Recv(&word, 1, MPI_BYTE, from, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static void first_message(bool drives, int rank, char *data, size_t size)
{
    if (rank % 2 == 0) {
        await_word(rank + 1);
        return;
    }
    flow_first(drives, data, size, flow_now());
    MPI_Send("", 1, MPI_BYTE, rank - 1, TAG, MPI_COMM_WORLD);
}

static void pingpong(bool drives, int neighbour, struct times times)
{
    double *trips = flow_trips_room();
    size_t n = flow_trips(drives, 8, IDLE_S, trips);
    double idle = trips[n / 2];
    MPI_Send("", 1, MPI_BYTE, neighbour, TAG, MPI_COMM_WORLD);
    flow_trips(drives, 8, times.discard, trips);
    n = flow_trips(drives, 8, times.time, trips);
    if (drives)
        printf("{\"idle_ms\": %.6f, \"round_trip_ms\": %.6f, \"p90_ms\": %.6f, "
               "\"times_idle\": %.4f, \"round_trips\": %zu}\n",
               idle * 1e3, trips[n / 2] * 1e3, trips[n * 9 / 10] * 1e3, trips[n / 2] / idle, n);
    free(trips);
}

static int usage(void)
{
    fprintf(stderr, "usage: wan-pairs - beside|both SIZE DISCARD TIME | first SIZE\n");
    return 2;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return usage();
    bool is_first = argc == 4 && strcmp(argv[2], "first") == 0;
    bool is_beside = argc == 6 && strcmp(argv[2], "beside") == 0;
    bool is_both = argc == 6 && strcmp(argv[2], "both") == 0;
    size_t size = strtoull(argv[3], NULL, 10);
    if ((!is_first && !is_beside && !is_both) || size < 8)
        return usage();
    struct times times = {0};
    if (!is_first)
        times = (struct times){.discard = atof(argv[4]), .time = atof(argv[5])};
    char *data = is_first ? flow_room(size) : NULL;
    bool drives = channel_open(argv[1]);
    int rank, n_ranks;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &n_ranks);
    if (n_ranks != 4)
        flow_die("two pairs are four ranks");
    if (is_first) {
        first_message(drives, rank, data, size);
    } else if (is_beside && rank % 2 == 0) {
        pingpong(drives, rank + 1, times);
    } else {
        if (is_beside)
            await_word(rank - 1);
        stream(drives, size, times);
    }
    fflush(stdout);
    channel_close();
    free(data);
    return 0;
}
