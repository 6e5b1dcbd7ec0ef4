/* SPDX-License-Identifier: BSD-3-Clause */
/* Time of one call of each collective on the communicator of rank 0's site, for any MPI.
 *
 *     collectives [--sizes BYTES,...] [--time SECONDS] [--repeat N] [--json FILE]
 *
 * BYTES is what one rank gives to another (Bcast, Gather, Alltoall ...) or what is combined (Reduce
 * ...). Ranks of other sites sleep between looks for the end, and so leave the processors alone. */
#include "median.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SIZES_MAX  16
#define REPEAT_MAX 64
#define TAG_END    1

static MPI_Comm home;
static int home_rank, n_home;
static char *out, *in;       /* n_home blocks of the largest size each */
static int *counts, *places; /* n_home */

static void barrier(int n)
{
    MPI_Barrier(home);
}

static void bcast(int n)
{
    MPI_Bcast(out, n, MPI_BYTE, 0, home);
}

static void reduce(int n)
{
    MPI_Reduce(out, in, n / 8, MPI_DOUBLE, MPI_SUM, 0, home);
}

static void allreduce(int n)
{
    MPI_Allreduce(out, in, n / 8, MPI_DOUBLE, MPI_SUM, home);
}

static void gather(int n)
{
    MPI_Gather(out, n, MPI_BYTE, in, n, MPI_BYTE, 0, home);
}

static void scatter(int n)
{
    MPI_Scatter(out, n, MPI_BYTE, in, n, MPI_BYTE, 0, home);
}

static void allgather(int n)
{
    MPI_Allgather(out, n, MPI_BYTE, in, n, MPI_BYTE, home);
}

static void alltoall(int n)
{
    MPI_Alltoall(out, n, MPI_BYTE, in, n, MPI_BYTE, home);
}

static void reduce_scatter_block(int n)
{
    MPI_Reduce_scatter_block(out, in, n / 8, MPI_DOUBLE, MPI_SUM, home);
}

/* The v forms with even counts. */
static int *each(int n)
{
    for (int i = 0; i < n_home; i++) {
        counts[i] = n;
        places[i] = i * n;
    }
    return counts;
}

static void gatherv(int n)
{
    MPI_Gatherv(out, n, MPI_BYTE, in, each(n), places, MPI_BYTE, 0, home);
}

static void scatterv(int n)
{
    MPI_Scatterv(out, each(n), places, MPI_BYTE, in, n, MPI_BYTE, 0, home);
}

static void allgatherv(int n)
{
    MPI_Allgatherv(out, n, MPI_BYTE, in, each(n), places, MPI_BYTE, home);
}

static void alltoallv(int n)
{
    MPI_Alltoallv(out, each(n), places, MPI_BYTE, in, counts, places, MPI_BYTE, home);
}

static void reduce_scatter(int n)
{
    MPI_Reduce_scatter(out, in, each(n / 8), MPI_DOUBLE, MPI_SUM, home);
}

static void exscan(int n)
{
    MPI_Exscan(out, in, n / 8, MPI_DOUBLE, MPI_SUM, home);
}

static void scan(int n)
{
    MPI_Scan(out, in, n / 8, MPI_DOUBLE, MPI_SUM, home);
}

static const struct collective {
    const char *name;
    void (*call)(int n);
    bool has_payload;
} collectives[] = {
    {"Barrier", barrier, false},
    {"Bcast", bcast, true},
    {"Reduce", reduce, true},
    {"Allreduce", allreduce, true},
    {"Gather", gather, true},
    {"Gatherv", gatherv, true},
    {"Scatter", scatter, true},
    {"Scatterv", scatterv, true},
    {"Allgather", allgather, true},
    {"Allgatherv", allgatherv, true},
    {"Alltoall", alltoall, true},
    {"Alltoallv", alltoallv, true},
    {"Scan", scan, true},
    {"Exscan", exscan, true},
    {"Reduce_scatter", reduce_scatter, true},
    {"Reduce_scatter_block", reduce_scatter_block, true},
};
#define N_COLLECTIVES ((int)(sizeof collectives / sizeof *collectives))

struct settings {
    const char *json;
    int sizes[SIZES_MAX];
    int n_sizes, repeat;
    double time_s;
};

static void die(const char *what)
{
    fprintf(stderr, "collectives: %s\n", what);
    MPI_Abort(MPI_COMM_WORLD, 1);
    abort();
}

/* Microseconds a call, on the slowest rank. */
static double run(const struct collective *c, int size, long n)
{
    double mine, slowest;
    MPI_Barrier(home);
    double start = MPI_Wtime();
    for (long i = 0; i < n; i++)
        c->call(size);
    mine = (MPI_Wtime() - start) / (double)n * 1e6;
    MPI_Allreduce(&mine, &slowest, 1, MPI_DOUBLE, MPI_MAX, home);
    return slowest;
}

/* The median over the repeats, each of which lasts about time_s / repeat seconds. */
static double measure(const struct collective *c, int size, const struct settings *set)
{
    double values[REPEAT_MAX];
    run(c, size, 3); /* opens connections, touches memory */
    double n = set->time_s / set->repeat / (run(c, size, 3) * 1e-6);
    long times = n < 1 ? 1 : n > 1e7 ? 10000000 : (long)n;
    for (int i = 0; i < set->repeat; i++)
        values[i] = run(c, size, times);
    return median_of(values, (size_t)set->repeat);
}

static void write_row(FILE *json, bool *is_first, const char *name, int size, double us)
{
    if (json)
        fprintf(json, "%s\n  {\"collective\": \"%s\", \"bytes\": %d, \"us\": %.6g}",
                *is_first ? "" : ",", name, size, us);
    *is_first = false;
}

static void measure_all(const struct settings *set)
{
    FILE *json = home_rank == 0 && set->json ? fopen(set->json, "w") : NULL;
    bool is_first = true;
    if (home_rank == 0 && set->json && !json)
        die("cannot write the JSON file");
    if (json)
        fprintf(json, "[");
    for (int k = 0; k < N_COLLECTIVES; k++)
        for (int i = 0; i < (collectives[k].has_payload ? set->n_sizes : 1); i++) {
            int size = collectives[k].has_payload ? set->sizes[i] : 0;
            double us = measure(&collectives[k], size, set);
            if (home_rank == 0)
                printf("%-22s %10d bytes %12.3f us\n", collectives[k].name, size, us);
            write_row(json, &is_first, collectives[k].name, size, us);
        }
    if (json) {
        fprintf(json, "\n]\n");
        fclose(json);
    }
}

/* Ranks of other sites wait for the end without keeping a processor busy. */
static void wait_for_end(void)
{
    const struct timespec nap = {.tv_nsec = 10000000};
    for (int is_there = 0; !is_there; nanosleep(&nap, NULL))
        MPI_Iprobe(0, TAG_END, MPI_COMM_WORLD, &is_there, MPI_STATUS_IGNORE);
    MPI_Recv(NULL, 0, MPI_BYTE, 0, TAG_END, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static void tell_the_others(int n_ranks, const int *is_home)
{
    for (int i = 0; i < n_ranks; i++)
        if (!is_home[i])
            MPI_Send(NULL, 0, MPI_BYTE, i, TAG_END, MPI_COMM_WORLD);
}

static bool parse_sizes(struct settings *set, char *list)
{
    set->n_sizes = 0;
    for (char *word = strtok(list, ","); word; word = strtok(NULL, ",")) {
        int size = atoi(word);
        if (size < 8 || size % 8 || set->n_sizes == SIZES_MAX)
            return false;
        set->sizes[set->n_sizes++] = size;
    }
    return set->n_sizes > 0;
}

static bool parse(int argc, char **argv, struct settings *set)
{
    for (int i = 1; i < argc; i += 2) {
        char *value = argv[i + 1];
        if (i + 1 >= argc)
            return false;
        if (strcmp(argv[i], "--json") == 0)
            set->json = value;
        else if (strcmp(argv[i], "--time") == 0)
            set->time_s = atof(value);
        else if (strcmp(argv[i], "--repeat") == 0)
            set->repeat = atoi(value);
        else if (strcmp(argv[i], "--sizes") != 0 || !parse_sizes(set, value))
            return false;
    }
    return set->repeat >= 1 && set->repeat <= REPEAT_MAX && set->time_s > 0;
}

int main(int argc, char **argv)
{
    struct settings set = {.sizes = {8, 4096, 1048576}, .n_sizes = 3, .repeat = 5, .time_s = 0.25};
    int rank, n_ranks;
    if (!parse(argc, argv, &set)) {
        fprintf(stderr, "usage: collectives [--sizes BYTES,...] [--time SECONDS] [--repeat N] "
                        "[--json FILE]\n       BYTES in multiples of 8\n");
        return 2;
    }
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &n_ranks);
    /* Other sites may lie on this machine, too: the site is told by its communicator. */
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &home);
    MPI_Comm_rank(home, &home_rank);
    MPI_Comm_size(home, &n_home);

    int is_with_first = rank == 0;
    MPI_Bcast(&is_with_first, 1, MPI_INT, 0, home);
    int *is_home = calloc((size_t)n_ranks, sizeof *is_home);
    size_t largest = 8;
    for (int i = 0; i < set.n_sizes; i++)
        largest = (size_t)set.sizes[i] > largest ? (size_t)set.sizes[i] : largest;
    out = calloc((size_t)n_home, largest);
    in = calloc((size_t)n_home, largest);
    counts = calloc((size_t)n_home, sizeof *counts);
    places = calloc((size_t)n_home, sizeof *places);
    if (!is_home || !out || !in || !counts || !places)
        die("out of memory");
    MPI_Allgather(&is_with_first, 1, MPI_INT, is_home, 1, MPI_INT, MPI_COMM_WORLD);
    if (is_with_first)
        measure_all(&set);
    else
        wait_for_end();
    if (rank == 0)
        tell_the_others(n_ranks, is_home);
    MPI_Comm_free(&home);
    free(out);
    free(in);
    free(counts);
    free(places);
    free(is_home);
    MPI_Finalize();
    return 0;
}
