/* SPDX-License-Identifier: BSD-3-Clause */
/* Processes that one rank spawns by itself: they are at home there, no part of the job, and make
 * plain calls of the host (guest.c). */
#include "cases.h"

#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { N_GUESTS = 2 };

static MPI_Comm spawn(void)
{
    char path[4096], guest[4200];
    MPI_Comm guests;
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    CHECK(length > 0);
    path[length] = '\0';
    snprintf(guest, sizeof guest, "%s/guest", dirname(path));
    MPI_Comm_spawn(guest, MPI_ARGV_NULL, N_GUESTS, MPI_INFO_NULL, 0, MPI_COMM_SELF, &guests,
                   MPI_ERRCODES_IGNORE);
    return guests;
}

/* As guest.c, from the other side. */
static void entertain(MPI_Comm guests)
{
    int value = 17, sum = 0, n = 0;
    MPI_Comm together, shared;
    MPI_Barrier(guests);
    MPI_Bcast(&value, 1, MPI_INT, MPI_ROOT, guests);
    MPI_Allreduce(&value, &sum, 1, MPI_INT, MPI_SUM, guests);
    CHECK(sum == 18 * N_GUESTS);
    MPI_Intercomm_merge(guests, 0, &together);
    MPI_Comm_size(together, &n);
    CHECK(n == 1 + N_GUESTS);
    MPI_Allreduce(&value, &sum, 1, MPI_INT, MPI_SUM, together);
    CHECK(sum == 17 + 18 * N_GUESTS);
    MPI_Comm_split_type(together, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &shared);
    MPI_Comm_size(shared, &n);
    CHECK(n == 1 + N_GUESTS);
    MPI_Comm_free(&shared);
    MPI_Barrier(together);
    MPI_Comm_free(&together);
}

/* One rank after another has guests, while the others wait in a collective between sites. */
static void collectives_with_guests(void)
{
    for (int host = 0; host < world.size; host += 2) {
        int word = -1;
        MPI_Request request = MPI_REQUEST_NULL;
        if (world.rank == host) {
            MPI_Comm guests = spawn();
            entertain(guests);
            MPI_Comm_disconnect(&guests);
            word = host;
        }
        MPI_Ibcast(&word, 1, MPI_INT, host, MPI_COMM_WORLD, &request);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
        CHECK(word == host);
    }
}

const struct mpi_case cases[] = {
    {"collectives_with_guests", collectives_with_guests, false},
    {NULL, NULL, false},
};
