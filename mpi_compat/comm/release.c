/* SPDX-License-Identifier: BSD-3-Clause */
/* MPI_Comm_free and MPI_Comm_disconnect. */
#include "comm/comm.h"
#include "host/host.h"
#include "request/progress.h"
#include "request/request.h"
#include "wide.h"

int wide_Comm_free(MPI_Comm *handle)
{
    struct wsp_comm *comm = wsp_comm_of(*handle);
    if (comm == wsp_comm_world)
        return host.Comm_free(handle);
    int code = wsp_comm_close(comm);
    if (!code)
        *handle = MPI_COMM_NULL;
    return code;
}

int wide_Comm_disconnect(MPI_Comm *handle)
{
    struct wsp_comm *comm = wsp_comm_of(*handle);
    if (comm == wsp_comm_world)
        return host.Comm_disconnect(handle);
    struct wsp_pause pause = {0};
    while (wsp_request_reap() && atomic_load(&comm->n_references) > 1)
        wsp_progress(&pause);
    return wide_Comm_free(handle);
}
