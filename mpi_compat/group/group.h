/* SPDX-License-Identifier: BSD-3-Clause */
/* Spanning groups: the world ranks of their members. The program's handle is a host group of the
 * home members (of MPI_COMM_SELF's where there are none, so that each has a handle of its own); a
 * group that is not in the table is a home group and the host's business. Operations run on lists
 * of world ranks, and a result that is all home becomes a plain host group again. */
#ifndef WSP_MPI_GROUP_GROUP_H
#define WSP_MPI_GROUP_GROUP_H

#include "init/job.h"

#include <mpi.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* How many spanning groups there are; read without a lock. */
extern atomic_int wsp_group_n_spanning;

bool wsp_group_is_listed(MPI_Group handle);

static inline bool wsp_group_is_spanning(MPI_Group handle)
{
    return atomic_load_explicit(&wsp_group_n_spanning, memory_order_relaxed) > 0 &&
           wsp_group_is_listed(handle);
}

/* The members of any group as world ranks: a copy, the caller's to free. size 0: world is NULL.
 * MPI error code, not raised. */
struct wsp_members {
    int size;
    uint32_t *world;
};
int wsp_group_members(MPI_Group handle, struct wsp_members *members);

/* A handle for a list of members, which stays the caller's: spanning, plain or MPI_GROUP_EMPTY. */
int wsp_group_make(const struct wsp_members *members, MPI_Group *handle);

/* A host group of the home members, in their order: MPI_GROUP_EMPTY if there are none. The caller
 * frees it, also when it is empty. */
int wsp_group_of_home(const struct wsp_members *members, MPI_Group *handle);

/* Where a world rank stands in a list, or -1. */
int wsp_members_find(const struct wsp_members *members, uint32_t world);

/* Forgets a spanning group's handle. */
void wsp_group_unlist(MPI_Group handle);

void wsp_group_fini(void);

#endif
