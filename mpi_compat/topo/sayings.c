/* SPDX-License-Identifier: BSD-3-Clause */
#include "topo/sayings.h"

#include "coll/coll.h"

#include <limits.h>
#include <stdlib.h>

struct notice {
    int32_t code, n_ints;
};

/* Where each rank's ints stand; the first error of anyone. */
static int count(struct wsp_comm *comm, int code, int n_ints, struct wsp_sayings *all, int *counts)
{
    struct notice mine = {code, n_ints};
    struct notice *notices = malloc((size_t)comm->size * sizeof *notices);
    int64_t n = 0;
    code = notices && counts && all->first
               ? wsp_coll_allgather_bytes(comm, &mine, sizeof mine, notices)
               : MPI_ERR_NO_MEM;
    for (int rank = 0; !code && rank < comm->size; rank++) {
        code = notices[rank].code;
        counts[rank] = notices[rank].n_ints;
        n += counts[rank];
        all->first[rank + 1] = (int)n;
        if (!code && n > INT_MAX)
            code = MPI_ERR_NO_MEM;
    }
    free(notices);
    return code;
}

int wsp_sayings_open(struct wsp_sayings *all, struct wsp_comm *comm, int code, const int *ints,
                     int n_ints)
{
    size_t n_ranks = (size_t)comm->size + 1;
    int *counts = malloc(n_ranks * sizeof *counts);
    *all = (struct wsp_sayings){.first = calloc(n_ranks, sizeof *all->first)};
    code = count(comm, code, n_ints, all, counts);
    int n = code ? 0 : all->first[comm->size];
    if (!code && !(all->ints = malloc(((size_t)n + 1) * sizeof *all->ints)))
        code = MPI_ERR_NO_MEM;
    if (!code && n > 0)
        code = wsp_coll_allgatherv_ints(comm, ints, n_ints, all->ints, counts, all->first);
    free(counts);
    return code;
}

void wsp_sayings_close(struct wsp_sayings *all)
{
    free(all->ints);
    free(all->first);
}
