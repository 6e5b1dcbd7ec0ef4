/* SPDX-License-Identifier: BSD-3-Clause */
/* The timed exchanges of the ping-pong suite, between the driving rank and one other. Both call
 * the same function; every message is checked, by its first and last byte while time is taken and
 * in full by measure_check. A wrong byte ends the job. */
#ifndef WSP_BENCH_MEASURE_H
#define WSP_BENCH_MEASURE_H

#include <stddef.h>

struct exchange {
    int partner; /* rank of MPI_COMM_WORLD */
    int first;   /* the driving side */
    size_t size; /* bytes of one message, >= 1 */
    long n;      /* messages, or round trips */
    char *out;   /* measure_memory bytes each */
    char *in;
};

/* Messages in flight at once for messages of this size, and the memory that they need. */
int measure_window(size_t size);
size_t measure_memory(size_t max_size);

/* One message each way, every byte checked. */
void measure_check(const struct exchange *x);

/* n round trips of MPI_Send and MPI_Recv with its status. Seconds. */
double measure_round_trips(const struct exchange *x);

/* n messages from the first side in windows of MPI_Isend against posted MPI_Irecv; with both != 0
 * the other way as well at the same time. Seconds. */
double measure_windows(const struct exchange *x, int both);

#endif
