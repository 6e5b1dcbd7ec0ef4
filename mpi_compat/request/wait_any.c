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
        MPI_Comm to_raise = MPI_COMM_NULL;
        *code = wsp_request_take(wsp_batch_wide(batch, position), &batch->program[position], status,
                                 &to_raise);
        *index = position;
        if (to_raise != MPI_COMM_NULL)
            wsp_raise(to_raise, *code);
        return true;
    }
    int k = MPI_UNDEFINED, is_done = batch->n_host == 0;
    MPI_Status from;
    if (batch->n_host > 0)
        *code = host.Testany(batch->n_host, batch->host, &k, &is_done, &from);
    if (k != MPI_UNDEFINED && (is_done || *code)) {
        *index = batch->position[k];
        wsp_batch_return(batch, k, &from, status);
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
    if (count <= 0)
        return host.Waitany(count, requests, index, status);
    if (wsp_batch_open(&batch, count, requests))
        return wsp_raise(MPI_COMM_WORLD, MPI_ERR_NO_MEM);
    int code = MPI_SUCCESS;
    struct wsp_pause pause = {0};
    while (!any_once(&batch, index, status, &code))
        wsp_progress(&pause);
    wsp_batch_close(&batch);
    return code;
}

int wide_Testany(int count, MPI_Request *requests, int *index, int *flag, MPI_Status *status)
{
    struct wsp_batch batch;
    if (count <= 0)
        return host.Testany(count, requests, index, flag, status);
    if (wsp_batch_open(&batch, count, requests))
        return wsp_raise(MPI_COMM_WORLD, MPI_ERR_NO_MEM);
    int code = MPI_SUCCESS;
    struct wsp_pause pause = {0};
    *flag = any_once(&batch, index, status, &code);
    if (!*flag) {
        wsp_progress(&pause);
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
    MPI_Comm to_raise;
};

static void harvest_wide(struct wsp_batch *batch, struct harvest *harvest)
{
    for (int i = 0; i < batch->count; i++) {
        struct wsp_request *request = wsp_batch_wide(batch, i);
        if (!request || !request->is_active || !wsp_request_is_done(request))
            continue;
        MPI_Status *status = wsp_status_at(harvest->statuses, harvest->n);
        int one = wsp_request_take(request, &batch->program[i], status, &harvest->to_raise);
        if (status != MPI_STATUS_IGNORE)
            status->MPI_ERROR = one;
        if (one)
            harvest->code = MPI_ERR_IN_STATUS;
        harvest->indices[harvest->n++] = i;
    }
}

/* Returns false if the host has no active request. */
static bool harvest_host(struct wsp_batch *batch, struct harvest *harvest)
{
    int n = MPI_UNDEFINED;
    if (batch->n_host > 0) {
        int code = host.Testsome(batch->n_host, batch->host, &n, batch->indices, batch->statuses);
        if (code) {
            harvest->code = code;
            harvest->to_raise = MPI_COMM_NULL; /* the host has called the handler */
        }
    }
    for (int k = 0; n != MPI_UNDEFINED && k < n; k++) {
        MPI_Status *status = wsp_status_at(harvest->statuses, harvest->n);
        wsp_batch_return(batch, batch->indices[k], &batch->statuses[k], status);
        if (status != MPI_STATUS_IGNORE && harvest->code == MPI_SUCCESS)
            status->MPI_ERROR = MPI_SUCCESS;
        harvest->indices[harvest->n++] = batch->position[batch->indices[k]];
    }
    return n != MPI_UNDEFINED;
}

/* One look; true if the call can return. */
static bool some_once(struct wsp_batch *batch, struct harvest *harvest, int *outcount)
{
    harvest_wide(batch, harvest);
    bool is_host_active = harvest_host(batch, harvest);
    if (harvest->to_raise != MPI_COMM_NULL)
        wsp_raise(harvest->to_raise, harvest->code);
    *outcount = harvest->n;
    if (harvest->n == 0 && !is_host_active && batch->n_active == 0)
        *outcount = MPI_UNDEFINED;
    return *outcount != 0 || harvest->code;
}

int wide_Waitsome(int count, MPI_Request *requests, int *outcount, int *indices,
                  MPI_Status *statuses)
{
    struct wsp_batch batch;
    if (count <= 0)
        return host.Waitsome(count, requests, outcount, indices, statuses);
    if (wsp_batch_open(&batch, count, requests))
        return wsp_raise(MPI_COMM_WORLD, MPI_ERR_NO_MEM);
    struct harvest harvest = {.indices = indices, .statuses = statuses, .to_raise = MPI_COMM_NULL};
    struct wsp_pause pause = {0};
    while (!some_once(&batch, &harvest, outcount))
        wsp_progress(&pause);
    wsp_batch_close(&batch);
    return harvest.code;
}

int wide_Testsome(int count, MPI_Request *requests, int *outcount, int *indices,
                  MPI_Status *statuses)
{
    struct wsp_batch batch;
    if (count <= 0)
        return host.Testsome(count, requests, outcount, indices, statuses);
    if (wsp_batch_open(&batch, count, requests))
        return wsp_raise(MPI_COMM_WORLD, MPI_ERR_NO_MEM);
    struct harvest harvest = {.indices = indices, .statuses = statuses, .to_raise = MPI_COMM_NULL};
    struct wsp_pause pause = {0};
    if (!some_once(&batch, &harvest, outcount)) {
        wsp_progress(&pause);
        some_once(&batch, &harvest, outcount);
    }
    wsp_batch_close(&batch);
    return harvest.code;
}
