/* SPDX-License-Identifier: BSD-3-Clause */
/* The reference test of collectives: communicators that split the sites in odd ways. */
#ifndef COLLECTIVES_GROUPS_H
#define COLLECTIVES_GROUPS_H

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

enum { MAX_RANKS = 16, N_GROUPS = 12 };

/* What one rank knows of a communicator; MPI_COMM_NULL: it is not in it. */
struct group {
    const char *name;
    MPI_Comm comm;
    int color; /* tells apart what one split made */
    int rank, size;
    bool is_home;         /* all members at one site */
    int world[MAX_RANKS]; /* world rank of each member */
};

struct world {
    int rank, size, n_sites;
    int site[MAX_RANKS];
    MPI_Comm reference; /* a duplicate, for the messages of the reference */
    struct group groups[N_GROUPS];
};

extern struct world world;

/* Makes them; what is random in them follows from the seed. */
void groups_open(uint64_t seed);
void groups_close(void);

#endif
