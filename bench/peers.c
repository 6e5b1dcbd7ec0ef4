/* SPDX-License-Identifier: BSD-3-Clause */
/* What peers cost: every rank of the first half of MPI_COMM_WORLD exchanges 8 bytes with every rank
 * of the other half; then, with an argument, messages of so many bytes with its own partner. Prints
 * what a rank needs in the middle of all: memory and descriptors before, with idle pairs, with one
 * active, and the time of MPI_Init and of the first exchange. bench/cost runs it over numbers of
 * ranks. */
#include <dirent.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BEFORE, IDLE, ACTIVE, STAGES };

static double resident_kib(void)
{
    long pages = 0, resident = 0;
    FILE *in = fopen("/proc/self/statm", "r");
    if (!in || fscanf(in, "%ld %ld", &pages, &resident) != 2)
        resident = 0;
    if (in)
        fclose(in);
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1024;
}

static double open_descriptors(void)
{
    int n = 0;
    DIR *all = opendir("/proc/self/fd");
    while (all && readdir(all))
        n++;
    if (all)
        closedir(all);
    return n;
}

static void meet_all(int rank, int size)
{
    int half = size / 2, first = rank < half ? half : 0;
    for (int i = 0; i < half; i++) {
        int peer = first + (rank + i) % half;
        if (rank >= half)
            peer = first + (rank - i % half + half) % half;
        double out = rank, in = -1;
        MPI_Sendrecv(&out, 1, MPI_DOUBLE, peer, 1, &in, 1, MPI_DOUBLE, peer, 1, MPI_COMM_WORLD,
                     MPI_STATUS_IGNORE);
        if ((int)in != peer)
            MPI_Abort(MPI_COMM_WORLD, 1);
    }
}

static void send_large(int rank, int size, int bytes)
{
    int half = size / 2, peer = (rank + half) % size;
    char *data = calloc(1, (size_t)bytes);
    for (int i = 0; data && i < 4; i++) {
        if (rank < half)
            MPI_Send(data, bytes, MPI_BYTE, peer, 2, MPI_COMM_WORLD);
        else
            MPI_Recv(data, bytes, MPI_BYTE, peer, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    }
    free(data);
}

int main(int argc, char **argv)
{
    int rank, size;
    double kib[STAGES], descriptors[STAGES];
    double start = MPI_Wtime();
    MPI_Init(&argc, &argv);
    double init = MPI_Wtime() - start;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    kib[BEFORE] = resident_kib();
    descriptors[BEFORE] = open_descriptors();
    start = MPI_Wtime();
    meet_all(rank, size);
    MPI_Barrier(MPI_COMM_WORLD);
    double met = MPI_Wtime() - start;
    kib[IDLE] = resident_kib();
    descriptors[IDLE] = open_descriptors();
    if (argc > 1)
        send_large(rank, size, atoi(argv[1]));
    kib[ACTIVE] = resident_kib();
    descriptors[ACTIVE] = open_descriptors();
    if (rank == size / 4)
        printf("{\"ranks\": %d, \"init_s\": %.3f, \"met_s\": %.3f, \"kib\": [%.0f, %.0f, %.0f], "
               "\"descriptors\": [%.0f, %.0f, %.0f]}\n",
               size, init, met, kib[BEFORE], kib[IDLE], kib[ACTIVE], descriptors[BEFORE],
               descriptors[IDLE], descriptors[ACTIVE]);
    MPI_Finalize();
    return 0;
}
