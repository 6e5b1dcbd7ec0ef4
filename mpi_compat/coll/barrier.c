/* SPDX-License-Identifier: BSD-3-Clause */
/* All enter at home, the leaders tell each other at once, the leaders let their site go: one
 * one-way delay whatever the number of sites. */
#include "coll/coll.h"

#include "coll/phase.h"
#include "wide.h"

static int tell_leaders(struct wsp_schedule *s)
{
    struct wsp_comm *comm = s->comm;
    if (!wsp_comm_is_leader(comm) || s->err != MPI_SUCCESS)
        return MPI_SUCCESS;
    int err = wsp_schedule_open_exchange(s, 2 * comm->n_parts);
    for (int p = 0; err == MPI_SUCCESS && p < comm->n_parts; p++) {
        if (p == comm->part)
            continue;
        wsp_exchange_send(&s->exchange, comm->parts[p].ranks[0], NULL, 0);
        wsp_exchange_receive(&s->exchange, comm->parts[p].ranks[0], NULL, 0);
    }
    return err;
}

static int let_go(struct wsp_schedule *s)
{
    return wsp_phase_bcast(s, 0, NULL, 0, MPI_BYTE, 0);
}

static const struct wsp_step steps[] = {
    {wsp_phase_enter, false}, {tell_leaders, false}, {let_go, true}, {NULL, false}};

static int start(struct wsp_comm *comm, MPI_Request *request)
{
    struct wsp_schedule *s = wsp_schedule_new(sizeof *s, comm, steps, NULL);
    return s ? wsp_schedule_run(s, request) : wsp_schedule_refuse(comm, MPI_ERR_NO_MEM);
}

int wsp_coll_barrier(struct wsp_comm *comm)
{
    struct wsp_schedule *s = wsp_schedule_new(sizeof *s, comm, steps, NULL);
    if (!s)
        return MPI_ERR_NO_MEM;
    s->is_quiet = true;
    return wsp_schedule_run(s, NULL);
}

int wide_Barrier(MPI_Comm handle)
{
    return start(wsp_comm_of(handle), NULL);
}

int wide_Ibarrier(MPI_Comm handle, MPI_Request *request)
{
    return start(wsp_comm_of(handle), request);
}
