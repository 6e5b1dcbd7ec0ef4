/* SPDX-License-Identifier: BSD-3-Clause */
/* Large and small messages both ways between each rank and its opposite, every byte checked.
 *
 *     bulk [ROUNDS [BYTES]] */
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { N_SMALL = 16 };

static void fill(uint64_t *words, size_t n, int from, int round)
{
    for (size_t i = 0; i < n; i++)
        words[i] = (i + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)from << 32 ^ (uint64_t)round;
}

static void check(const uint64_t *words, size_t n, int from, int round)
{
    for (size_t i = 0; i < n; i++)
        if (words[i] !=
            ((i + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)from << 32 ^ (uint64_t)round)) {
            fprintf(stderr, "bulk: round %d from rank %d: word %zu is wrong\n", round, from, i);
            MPI_Abort(MPI_COMM_WORLD, 2);
        }
}

int main(int argc, char **argv)
{
    int rank, size, rounds = argc > 1 ? atoi(argv[1]) : 20;
    size_t n = (argc > 2 ? strtoull(argv[2], NULL, 10) : 4 << 20) / sizeof(uint64_t);
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    int other = size - 1 - rank;
    uint64_t *out = malloc(n * sizeof *out), *in = malloc(n * sizeof *in), small[N_SMALL];
    for (int round = 0; round < rounds; round++) {
        MPI_Request requests[2 + N_SMALL];
        fill(out, n, rank, round);
        MPI_Irecv(in, (int)n, MPI_UINT64_T, other, 0, MPI_COMM_WORLD, &requests[0]);
        for (int i = 0; i < N_SMALL; i++)
            MPI_Irecv(&small[i], 1, MPI_UINT64_T, other, 1 + i, MPI_COMM_WORLD, &requests[2 + i]);
        MPI_Isend(out, (int)n, MPI_UINT64_T, other, 0, MPI_COMM_WORLD, &requests[1]);
        for (int i = 0; i < N_SMALL; i++)
            MPI_Send(&out[i], 1, MPI_UINT64_T, other, 1 + i, MPI_COMM_WORLD);
        MPI_Waitall(2 + N_SMALL, requests, MPI_STATUSES_IGNORE);
        check(in, n, other, round);
        check(small, N_SMALL, other, round);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0)
        printf("bulk: %d rounds of %zu bytes both ways: right\n", rounds, n * sizeof *out);
    free(out);
    free(in);
    return MPI_Finalize();
}
