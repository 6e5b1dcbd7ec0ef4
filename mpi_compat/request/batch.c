/* SPDX-License-Identifier: BSD-3-Clause */
#include "request/batch.h"

#include <stdlib.h>

static bool make_room(struct wsp_batch *batch)
{
    batch->memory = NULL;
    batch->known = batch->known_inline;
    batch->host = batch->host_inline;
    batch->statuses = batch->statuses_inline;
    batch->position = batch->position_inline;
    batch->indices = batch->indices_inline;
    if (batch->count <= WSP_BATCH_INLINE)
        return true;
    size_t n = (size_t)batch->count;
    size_t each = sizeof *batch->known + sizeof *batch->host + sizeof *batch->statuses +
                  sizeof *batch->position + sizeof *batch->indices;
    batch->memory = malloc(n * each);
    if (!batch->memory)
        return false;
    batch->known = batch->memory;
    batch->host = (MPI_Request *)(batch->known + n);
    batch->statuses = (MPI_Status *)(batch->host + n);
    batch->position = (int *)(batch->statuses + n);
    batch->indices = batch->position + n;
    return true;
}

int wsp_batch_open(struct wsp_batch *batch, int count, MPI_Request *requests)
{
    batch->count = count;
    batch->program = requests;
    batch->n_wide = batch->n_active = batch->n_host = 0;
    if (!make_room(batch))
        return MPI_ERR_NO_MEM;
    for (int i = 0; i < count; i++) {
        MPI_Request handle = requests[i];
        struct wsp_request *request = handle == MPI_REQUEST_NULL ? NULL : wsp_request_of(handle);
        batch->known[i] = request;
        if (request && request->kind != WSP_REQUEST_NOTE) {
            batch->n_wide++;
            batch->n_active += request->is_active;
        } else if (handle != MPI_REQUEST_NULL) {
            if (request)
                wsp_note_hide(request);
            batch->position[batch->n_host] = i;
            batch->host[batch->n_host++] = handle;
        }
    }
    return MPI_SUCCESS;
}

void wsp_batch_close(struct wsp_batch *batch)
{
    for (int k = 0; k < batch->n_host; k++)
        if (batch->known[batch->position[k]])
            wsp_note_show(batch->known[batch->position[k]]);
    free(batch->memory);
}

struct wsp_request *wsp_batch_wide(const struct wsp_batch *batch, int position)
{
    struct wsp_request *request = batch->known[position];
    return request && request->kind != WSP_REQUEST_NOTE ? request : NULL;
}

void wsp_batch_return(struct wsp_batch *batch, int k, const MPI_Status *from, MPI_Status *status)
{
    int position = batch->position[k];
    if (status != MPI_STATUS_IGNORE)
        *status = *from;
    batch->program[position] = batch->host[k];
    if (batch->known[position])
        wsp_note_settle(batch->known[position], batch->host[k], status);
    if (batch->host[k] == MPI_REQUEST_NULL)
        batch->known[position] = NULL;
}

void wsp_batch_return_freed(struct wsp_batch *batch)
{
    for (int k = 0; k < batch->n_host; k++)
        if (batch->host[k] == MPI_REQUEST_NULL &&
            batch->program[batch->position[k]] != MPI_REQUEST_NULL)
            wsp_batch_return(batch, k, &batch->statuses[k], MPI_STATUS_IGNORE);
}
