/* SPDX-License-Identifier: BSD-3-Clause */
/* Two-level collectives on spanning communicators, for use inside the shim. */
#ifndef WSP_MPI_COLL_COLL_H
#define WSP_MPI_COLL_COLL_H

#include "comm/comm.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Returns on each rank after every rank has entered. MPI error code, not raised. */
int wsp_coll_barrier(struct wsp_comm *comm);

/* Every rank gives n bytes and gets those of all, in rank order, in all (n * size bytes). MPI error
 * code, not raised. */
int wsp_coll_allgather_bytes(struct wsp_comm *comm, const void *mine, uint64_t n, void *all);

/* Drives while a MPI_Comm_idup of this handle, home or spanning, has the host's collectives on it
 * for itself: before each other collective of the host on it. Costs a load while there is none. */
void wsp_coll_await_idup(MPI_Comm handle);
/* Would a MPI_Comm_idup that begins now have to wait for another? */
bool wsp_coll_is_held_up(MPI_Comm handle);

/* Every rank gives n ints and gets those of all, counts[r] of rank r at all + displacements[r]. MPI
 * error code, not raised. */
int wsp_coll_allgatherv_ints(struct wsp_comm *comm, const int *mine, int n, int *all,
                             const int *counts, const int *displacements);

/* Lets the collectives under way go on as far as they can; true if anything was done. Called by
 * the joint loop; costs a load while there are none. */
bool wsp_coll_progress(void);
extern atomic_int wsp_coll_n_running; /* read without a lock */

#endif
