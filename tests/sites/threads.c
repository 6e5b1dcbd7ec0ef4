/* SPDX-License-Identifier: BSD-3-Clause */
/* MPI_THREAD_MULTIPLE: several threads of each rank exchange messages and run collectives at once,
 * each on a communicator of its own, and all together on one by tags; and each makes
 * intercommunicators, whose leaders are not those of the others. A communicator is freed while its
 * delete callback waits for another thread's call.
 *
 *     threads [ROUNDS] */
#include <mpi.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N_THREADS = 4, MAX_LENGTH = 100000, SHARED_TAG = 1000 };

static int rank, size, n_rounds = 60;
static MPI_Comm shared;

struct worker {
    int index;
    pthread_t thread;
    MPI_Comm own;
};

static void check(int holds, const char *what, const struct worker *worker, int round)
{
    if (holds)
        return;
    fprintf(stderr, "threads: WRONG: rank %d, thread %d, round %d: %s\n", rank, worker->index,
            round, what);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

static int length_of(int source, int round)
{
    static const int lengths[] = {1, 100, 16384, 65000, MAX_LENGTH};
    return lengths[(source + round) % 5] / 4;
}

static void fill(int *data, int source, int dest, int thread, int round)
{
    for (int i = 0; i < length_of(source, round); i++)
        data[i] = i ^ (source << 24 | dest << 16 | thread << 12 | round);
}

/* Everyone to everyone: named sources on the own communicator, wildcards among the threads' tags on
 * the shared one. */
static void exchange(const struct worker *worker, MPI_Comm comm, int tag, int round, int *data)
{
    MPI_Request requests[64];
    int *expected = data + (size_t)2 * (size_t)size * MAX_LENGTH / 4;
    for (int other = 0; other < size; other++) {
        int *out = data + (size_t)other * MAX_LENGTH / 4;
        fill(out, rank, other, worker->index, round);
        MPI_Isend(out, length_of(rank, round), MPI_INT, other, tag, comm, &requests[other]);
    }
    for (int k = 0; k < size; k++) {
        int *in = data + (size_t)(size + k) * MAX_LENGTH / 4, count;
        MPI_Status status;
        MPI_Recv(in, MAX_LENGTH / 4, MPI_INT, comm == shared ? MPI_ANY_SOURCE : k, tag, comm,
                 &status);
        MPI_Get_count(&status, MPI_INT, &count);
        check(count == length_of(status.MPI_SOURCE, round), "count", worker, round);
        fill(expected, status.MPI_SOURCE, rank, worker->index, round);
        check(memcmp(in, expected, (size_t)count * sizeof *in) == 0, "data", worker, round);
    }
    MPI_Waitall(size, requests, MPI_STATUSES_IGNORE);
}

/* Between the even and the odd ranks. */
static void make_inter(const struct worker *worker, int round)
{
    int side = rank % 2, n_local, n_remote, sum, value = worker->index + 1;
    MPI_Comm local, inter;
    MPI_Comm_split(worker->own, side, rank, &local);
    MPI_Comm_size(local, &n_local);
    n_remote = size - n_local;
    int remote_leader = worker->index % n_remote * 2 + !side;
    MPI_Intercomm_create(local, worker->index % n_local, worker->own, remote_leader, 9, &inter);
    MPI_Allreduce(&value, &sum, 1, MPI_INT, MPI_SUM, inter);
    check(sum == n_remote * value, "allreduce between groups", worker, round);
    MPI_Comm_free(&inter);
    MPI_Comm_free(&local);
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    int *data = malloc((size_t)(2 * size + 1) * MAX_LENGTH), sum;
    for (int round = 0; round < n_rounds; round++) {
        exchange(worker, worker->own, 7, round, data);
        MPI_Allreduce(&worker->index, &sum, 1, MPI_INT, MPI_SUM, worker->own);
        check(sum == size * worker->index, "allreduce", worker, round);
        exchange(worker, shared, SHARED_TAG + worker->index, round, data);
        make_inter(worker, round);
        MPI_Barrier(worker->own); /* a wildcard must not meet the next round's messages */
    }
    free(data);
    return NULL;
}

/* What a delete callback and another thread have to do with each other. */
static struct {
    MPI_Comm doomed, other;
    atomic_bool is_called, is_answered;
} quarrel;

/* As if it waited for a lock that the other thread holds. */
static int wait_for_other(MPI_Comm comm, int keyval, void *value, void *extra)
{
    int n = 0;
    (void)keyval, (void)value, (void)extra;
    MPI_Comm_size(comm, &n);
    atomic_store(&quarrel.is_called, true);
    while (!atomic_load(&quarrel.is_answered))
        usleep(100);
    return n == size ? MPI_SUCCESS : MPI_ERR_OTHER;
}

static void *answer(void *nothing)
{
    int n = 0;
    while (!atomic_load(&quarrel.is_called))
        usleep(100);
    MPI_Comm_size(quarrel.other, &n);
    atomic_store(&quarrel.is_answered, n == size);
    return nothing;
}

static void free_beside_another(void)
{
    int keyval;
    pthread_t thread;
    MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, wait_for_other, &keyval, NULL);
    MPI_Comm_dup(MPI_COMM_WORLD, &quarrel.doomed);
    MPI_Comm_dup(MPI_COMM_WORLD, &quarrel.other);
    MPI_Comm_set_attr(quarrel.doomed, keyval, &quarrel);
    if (pthread_create(&thread, NULL, answer, NULL) != 0)
        MPI_Abort(MPI_COMM_WORLD, 1);
    MPI_Comm_free(&quarrel.doomed);
    pthread_join(thread, NULL);
    MPI_Comm_free(&quarrel.other);
    MPI_Comm_free_keyval(&keyval);
}

int main(int argc, char **argv)
{
    struct worker workers[N_THREADS];
    int provided;

    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (argc > 1)
        n_rounds = atoi(argv[1]);
    if (provided < MPI_THREAD_MULTIPLE || size > 64) {
        if (rank == 0)
            printf("threads: skipped: the host MPI gives no MPI_THREAD_MULTIPLE\n");
        MPI_Finalize();
        return 77;
    }
    alarm(120);
    MPI_Comm_dup(MPI_COMM_WORLD, &shared);
    for (int i = 0; i < N_THREADS; i++) {
        workers[i].index = i;
        MPI_Comm_dup(MPI_COMM_WORLD, &workers[i].own);
    }
    for (int i = 0; i < N_THREADS; i++)
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            MPI_Abort(MPI_COMM_WORLD, 1);
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        MPI_Comm_free(&workers[i].own);
    }
    MPI_Comm_free(&shared);
    free_beside_another();
    if (rank == 0)
        printf("threads: %d ranks, %d threads each, %d rounds: right\n", size, N_THREADS, n_rounds);
    MPI_Finalize();
    return 0;
}
