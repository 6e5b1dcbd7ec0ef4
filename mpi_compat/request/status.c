/* SPDX-License-Identifier: BSD-3-Clause */
/* Statuses of wide operations, in the host's own form. */
#include "host/host.h"
#include "request/request.h"

void wsp_status_fill(MPI_Status *status, int source, int tag, uint64_t length, bool is_cancelled)
{
    if (status == MPI_STATUS_IGNORE)
        return;
    /* Bytes, not items of the type: the hosts count those differently (host-facts). */
    host.Status_set_elements_x(status, MPI_BYTE, (MPI_Count)length);
    host.Status_set_cancelled(status, is_cancelled);
    status->MPI_SOURCE = source;
    status->MPI_TAG = tag;
}

void wsp_status_empty(MPI_Status *status)
{
    wsp_status_fill(status, MPI_ANY_SOURCE, MPI_ANY_TAG, 0, false);
}

void wsp_note_settle(struct wsp_request *note, MPI_Request handle, MPI_Status *status)
{
    if (handle == MPI_REQUEST_NULL || note->is_persistent)
        wsp_status_translate(note->comm, status);
    if (handle == MPI_REQUEST_NULL)
        wsp_request_delete(note);
    else
        wsp_note_show(note);
}
