/* SPDX-License-Identifier: BSD-3-Clause */
/* All enter at home, the leaders tell each other at once, the leaders let their site go: one
 * one-way delay whatever the number of sites. */
#include "coll/coll.h"

#include "coll/exchange.h"
#include "coll/phase.h"
#include "host/error.h"
#include "wide.h"

static int tell_leaders(struct wsp_comm *comm, uint32_t tag)
{
    struct wsp_exchange exchange;
    int err = wsp_exchange_open(&exchange, comm, tag, 2 * comm->n_parts);
    if (err != MPI_SUCCESS)
        return err;
    for (int p = 0; p < comm->n_parts; p++) {
        if (p == comm->part)
            continue;
        wsp_exchange_send(&exchange, comm->parts[p].ranks[0], NULL, 0);
        wsp_exchange_receive(&exchange, comm->parts[p].ranks[0], NULL, 0);
    }
    return wsp_exchange_finish(&exchange);
}

int wsp_coll_barrier(struct wsp_comm *comm)
{
    uint32_t tag = wsp_coll_draw_tag(comm);
    int err = wsp_phase_enter(comm);
    if (err == MPI_SUCCESS && wsp_comm_is_leader(comm))
        err = tell_leaders(comm, tag);
    return wsp_phase_bcast(comm, 0, err, NULL, 0, MPI_BYTE, 0);
}

int wide_Barrier(MPI_Comm handle)
{
    int err = wsp_coll_barrier(wsp_comm_of(handle));
    return err == MPI_SUCCESS ? err : wsp_raise(handle, err);
}
