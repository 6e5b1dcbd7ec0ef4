/* SPDX-License-Identifier: BSD-3-Clause */
#include "measure.h"

#include <mpi.h>
#include <stdint.h>
#include <stdio.h>

#define WINDOW_MAX   64
#define WINDOW_MIN   2
#define WINDOW_BYTES ((size_t)32 << 20)

enum { TAG_CHECK = 10, TAG_PING, TAG_WINDOW, TAG_ACK };

int measure_window(size_t size)
{
    size_t fits = WINDOW_BYTES / size;
    return fits > WINDOW_MAX ? WINDOW_MAX : fits < WINDOW_MIN ? WINDOW_MIN : (int)fits;
}

size_t measure_memory(size_t max_size)
{
    size_t windows = WINDOW_MIN * max_size;
    return windows > WINDOW_BYTES ? windows : WINDOW_BYTES;
}

static void wrong(const char *what, size_t size, long i)
{
    fprintf(stderr, "pingpong: wrong data in %s, size %zu, message %ld\n", what, size, i);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

static unsigned char pattern(size_t i, size_t seed)
{
    uint64_t x = (i + 1) * UINT64_C(0x9e3779b97f4a7c15) + seed * UINT64_C(0xbf58476d1ce4e5b9);
    return (unsigned char)(x >> 56);
}

static void fill(char *bytes, size_t size, size_t seed)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)pattern(i, seed);
}

static void verify(const char *bytes, size_t size, size_t seed)
{
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)bytes[i] != pattern(i, seed))
            wrong("check", size, (long)i);
}

void measure_check(const struct exchange *x)
{
    int length, size = (int)x->size;
    MPI_Status status;
    fill(x->out, x->size, x->size + (size_t)x->first);
    fill(x->in, x->size, 0);
    if (x->first)
        MPI_Send(x->out, size, MPI_BYTE, x->partner, TAG_CHECK, MPI_COMM_WORLD);
    MPI_Recv(x->in, size, MPI_BYTE, x->partner, TAG_CHECK, MPI_COMM_WORLD, &status);
    if (!x->first)
        MPI_Send(x->out, size, MPI_BYTE, x->partner, TAG_CHECK, MPI_COMM_WORLD);
    MPI_Get_count(&status, MPI_BYTE, &length);
    if (length != size || status.MPI_SOURCE != x->partner || status.MPI_TAG != TAG_CHECK)
        wrong("status", x->size, 0);
    verify(x->in, x->size, x->size + (size_t)!x->first);
}

static inline void stamp(char *message, size_t size, long i)
{
    message[0] = message[size - 1] = (char)i;
}

static inline void expect(const char *message, size_t size, long i)
{
    if (message[0] != (char)i || message[size - 1] != (char)i)
        wrong("exchange", size, i);
}

double measure_round_trips(const struct exchange *x)
{
    const int size = (int)x->size;
    MPI_Status status;
    double start = MPI_Wtime();
    for (long i = 0; i < x->n; i++) {
        stamp(x->out, x->size, i);
        if (x->first)
            MPI_Send(x->out, size, MPI_BYTE, x->partner, TAG_PING, MPI_COMM_WORLD);
        MPI_Recv(x->in, size, MPI_BYTE, x->partner, TAG_PING, MPI_COMM_WORLD, &status);
        if (status.MPI_SOURCE != x->partner)
            wrong("status", x->size, i);
        expect(x->in, x->size, i);
        if (!x->first)
            MPI_Send(x->out, size, MPI_BYTE, x->partner, TAG_PING, MPI_COMM_WORLD);
    }
    return MPI_Wtime() - start;
}

/* Each message of a window has its own place; those of one window carry its number. */
double measure_windows(const struct exchange *x, int both)
{
    const int window = measure_window(x->size), size = (int)x->size;
    const int sends = x->first || both, receives = !x->first || both;
    MPI_Request requests[2 * WINDOW_MAX];
    double start = MPI_Wtime();
    for (long i = 0; i < x->n; i += window) {
        int n_requests = 0;
        for (int k = 0; receives && k < window; k++)
            MPI_Irecv(x->in + (size_t)k * x->size, size, MPI_BYTE, x->partner, TAG_WINDOW,
                      MPI_COMM_WORLD, &requests[n_requests++]);
        for (int k = 0; sends && k < window; k++) {
            stamp(x->out + (size_t)k * x->size, x->size, i / window + k);
            MPI_Isend(x->out + (size_t)k * x->size, size, MPI_BYTE, x->partner, TAG_WINDOW,
                      MPI_COMM_WORLD, &requests[n_requests++]);
        }
        MPI_Waitall(n_requests, requests, MPI_STATUSES_IGNORE);
        for (int k = 0; receives && k < window; k++)
            expect(x->in + (size_t)k * x->size, x->size, i / window + k);
        /* The receiver says when the next window may come, so that it finds posted receives. */
        if (receives)
            MPI_Send(NULL, 0, MPI_BYTE, x->partner, TAG_ACK, MPI_COMM_WORLD);
        if (sends)
            MPI_Recv(NULL, 0, MPI_BYTE, x->partner, TAG_ACK, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    }
    return MPI_Wtime() - start;
}
