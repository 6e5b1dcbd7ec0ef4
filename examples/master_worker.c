/* SPDX-License-Identifier: BSD-3-Clause */
/* Rank 0 hands out ranges of numbers to whoever asks (MPI_ANY_SOURCE) and adds up how many primes
 * the workers found in them. The total is known. */
#include <mpi.h>
#include <stdio.h>

enum { LIMIT = 200000, CHUNK = 1000, PRIMES = 17984 };
enum { TAG_RESULT = 1, TAG_WORK = 2, TAG_STOP = 3 };

static int is_prime(int n)
{
    for (int d = 2; d * d <= n; d++)
        if (n % d == 0)
            return 0;
    return n >= 2;
}

static int count_primes(int first)
{
    int count = 0;
    for (int n = first; n < first + CHUNK; n++)
        count += is_prime(n);
    return count;
}

static void work(void)
{
    int first, found = 0;
    MPI_Status status;
    for (;;) {
        MPI_Send(&found, 1, MPI_INT, 0, TAG_RESULT, MPI_COMM_WORLD);
        MPI_Recv(&first, 1, MPI_INT, 0, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
        if (status.MPI_TAG == TAG_STOP)
            return;
        found = count_primes(first);
    }
}

/* A worker's first message asks for work and reports nothing found. */
static int lead(int n_workers)
{
    int total = 0, next = 0, found;
    MPI_Status status;
    for (; n_workers == 0 && next < LIMIT; next += CHUNK)
        total += count_primes(next);
    while (n_workers > 0) {
        MPI_Recv(&found, 1, MPI_INT, MPI_ANY_SOURCE, TAG_RESULT, MPI_COMM_WORLD, &status);
        total += found;
        int tag = next < LIMIT ? TAG_WORK : TAG_STOP;
        MPI_Send(&next, 1, MPI_INT, status.MPI_SOURCE, tag, MPI_COMM_WORLD);
        if (tag == TAG_WORK)
            next += CHUNK;
        else
            n_workers--;
    }
    return total;
}

int main(int argc, char **argv)
{
    int rank, size, bad = 0;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (rank == 0) {
        int total = lead(size - 1);
        bad = total != PRIMES;
        printf("master_worker: %d ranks, %d primes below %d, expected %d: %s\n", size, total, LIMIT,
               PRIMES, bad ? "WRONG" : "right");
    } else {
        work();
    }
    MPI_Finalize();
    return bad;
}
