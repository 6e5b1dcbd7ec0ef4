/* SPDX-License-Identifier: BSD-3-Clause */
/* MPI_Waitany, _Testany, _Waitsome, _Testsome over mixed arrays. */
#include "host/error.h"
#include "host/host.h"
#include "host/route.h"
#include "request/batch.h"
#include "request/progress.h"
#include "request/wildcard.h"
#include "wide.h"

/* The first wide request that is active and complete, or -1. */
static int first_done(const struct wsp_batch *batch)
{
    for (int i = 0; i < batch->count; i++) {
        struct wsp_request *request = wsp_batch_wide(batch, i);
        if (request && request->is_active && wsp_request_is_done(request))
            return i;
    }
    return -1;
}

/* One look. *index is MPI_UNDEFINED with true returned: nothing is active. */
static bool any_once(struct wsp_batch *batch, int *index, MPI_Status *status, int *code)
{
    int position = first_done(batch);
    if (position >= 0) {
        struct wsp_failure failure = {0};
        *code = wsp_request_take(wsp_batch_wide(batch, position), &batch->program[position], status,
                                 &failure);
        *index = position;
        wsp_failure_raise(&failure);
        return true;
    }
    int k = MPI_UNDEFINED, is_done = batch->n_host == 0;
    MPI_Status from = {.MPI_ERROR = status == MPI_STATUS_IGNORE ? MPI_SUCCESS : status->MPI_ERROR};
    if (batch->n_host > 0)
        *code = host.Testany(batch->n_host, batch->host, &k, &is_done, &from);
    if (k != MPI_UNDEFINED && (is_done || *code)) {
        *index = batch->position[k];
        wsp_batch_return(batch, k, &from, status);
        if (*code)
            wsp_batch_return_freed(batch);
        return true;
    }
    if (*code || (is_done && batch->n_active == 0)) {
        *index = MPI_UNDEFINED;
        wsp_status_empty(status);
        return true;
    }
    return false;
}

int wide_Waitany(int count, MPI_Request *requests, int *index, MPI_Status *status)
{
    struct wsp_batch batch;
    if (count <= 0 || !requests || !index)
        return host.Waitany(count, requests, index, status);
    if (wsp_batch_open(&batch, count, requests))
        return wsp_raise(MPI_COMM_WORLD, MPI_ERR_NO_MEM);
    int code = MPI_SUCCESS;
    struct wsp_pause pause = {.hears_host = batch.n_host > 0};
    while (!any_once(&batch, index, status, &code))
        wsp_progress(&pause);
    wsp_batch_close(&batch);
    return code;
}

int wide_Testany(int count, MPI_Request *requests, int *index, int *flag, MPI_Status *status)
{
    struct wsp_batch batch;
    if (count <= 0 || !requests || !index || !flag)
        return host.Testany(count, requests, index, flag, status);
    if (wsp_batch_open(&batch, count, requests))
        return wsp_raise(MPI_COMM_WORLD, MPI_ERR_NO_MEM);
    int code = MPI_SUCCESS;
    *flag = any_once(&batch, index, status, &code);
    if (!*flag) {
        wsp_progress_once();
        *flag = any_once(&batch, index, status, &code);
    }
    if (!*flag)
        *index = MPI_UNDEFINED;
    wsp_batch_close(&batch);
    return code;
}

/* What one call of MPI_Waitsome or _Testsome gathers. */
struct harvest {
    int n;
    int *indices;
    MPI_Status *statuses;
    int code;
    struct wsp_failure failure;
};

static void add(struct harvest *harvest, int position, int code)
{
    MPI_Status *status = wsp_status_at(harvest->statuses, harvest->n);
    if (status != MPI_STATUS_IGNORE)
        status->MPI_ERROR = code;
    harvest->indices[harvest->n++] = position;
}

static void harvest_wide(struct wsp_batch *batch, int position, struct harvest *harvest)
{
    MPI_Status *status = wsp_status_at(harvest->statuses, harvest->n);
    int code = wsp_request_take(wsp_batch_wide(batch, position), &batch->program[position], status,
                                &harvest->failure);
    if (code)
        harvest->code = MPI_ERR_IN_STATUS;
    add(harvest, position, code);
}

static void harvest_host(struct wsp_batch *batch, int k, int host_code, struct harvest *harvest)
{
    MPI_Status *from = &batch->statuses[k];
    int code = host_code ? from->MPI_ERROR : MPI_SUCCESS;
    wsp_batch_return(batch, batch->indices[k], from, wsp_status_at(harvest->statuses, harvest->n));
    add(harvest, batch->position[batch->indices[k]], code);
}

/* Takes all that is complete, in the order of the array. Returns false if the host has no active
 * request. */
static bool harvest_all(struct wsp_batch *batch, struct harvest *harvest)
{
    int n_host = MPI_UNDEFINED, k = 0;
    int code = MPI_SUCCESS;
    if (batch->n_host > 0)
        code = host.Testsome(batch->n_host, batch->host, &n_host, batch->indices, batch->statuses);
    int n = n_host == MPI_UNDEFINED ? 0 : n_host;
    for (int i = 0; i < batch->count; i++) {
        struct wsp_request *request = wsp_batch_wide(batch, i);
        if (request && request->is_active && wsp_request_is_done(request))
            harvest_wide(batch, i, harvest);
        else if (k < n && batch->position[batch->indices[k]] == i)
            harvest_host(batch, k++, code, harvest);
    }
    if (code) {
        harvest->code = code;
        wsp_batch_return_freed(batch);
        wsp_failure_drop(&harvest->failure); /* the host has called the handler */
    }
    return n_host != MPI_UNDEFINED;
}

/* One look; true if the call can return. */
static bool some_once(struct wsp_batch *batch, struct harvest *harvest, int *outcount)
{
    bool is_host_active = harvest_all(batch, harvest);
    wsp_failure_raise(&harvest->failure);
    *outcount = harvest->n;
    if (harvest->n == 0 && !is_host_active && batch->n_active == 0)
        *outcount = MPI_UNDEFINED;
    return *outcount != 0 || harvest->code;
}

int wide_Waitsome(int count, MPI_Request *requests, int *outcount, int *indices,
                  MPI_Status *statuses)
{
    struct wsp_batch batch;
    if (count <= 0 || !requests || !outcount || !indices)
        return host.Waitsome(count, requests, outcount, indices, statuses);
    if (wsp_batch_open(&batch, count, requests))
        return wsp_raise(MPI_COMM_WORLD, MPI_ERR_NO_MEM);
    struct harvest harvest = {.indices = indices, .statuses = statuses};
    struct wsp_pause pause = {.hears_host = batch.n_host > 0};
    while (!some_once(&batch, &harvest, outcount))
        wsp_progress(&pause);
    wsp_batch_close(&batch);
    return harvest.code;
}

int wide_Testsome(int count, MPI_Request *requests, int *outcount, int *indices,
                  MPI_Status *statuses)
{
    struct wsp_batch batch;
    if (count <= 0 || !requests || !outcount || !indices)
        return host.Testsome(count, requests, outcount, indices, statuses);
    if (wsp_batch_open(&batch, count, requests))
        return wsp_raise(MPI_COMM_WORLD, MPI_ERR_NO_MEM);
    struct harvest harvest = {.indices = indices, .statuses = statuses};
    if (!some_once(&batch, &harvest, outcount)) {
        wsp_progress_once();
        some_once(&batch, &harvest, outcount);
    }
    wsp_batch_close(&batch);
    return harvest.code;
}
