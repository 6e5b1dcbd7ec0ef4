/* SPDX-License-Identifier: BSD-3-Clause */
/* Every collective of MPI_COMM_WORLD, and of the ring of its ranks, as a call without arguments,
 * for programs that count or time them. Each rank's block is every_count integers; what comes out
 * is not looked at. */
#ifndef EVERY_H
#define EVERY_H

#include <mpi.h>
#include <stdbool.h>

/* Starts it; request NULL: the blocking form, to its end. */
typedef void (*every_fn)(int root, MPI_Request *request);

struct collective {
    const char *name; /* as MPI calls it */
    every_fn run;
    bool waits_for_all; /* no rank can be done before all have entered */
};

extern const struct collective every[]; /* ends with a NULL name */

void every_open(int count);
void every_close(void);

#endif
