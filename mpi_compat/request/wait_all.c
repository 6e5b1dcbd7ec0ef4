/* SPDX-License-Identifier: BSD-3-Clause */
/* MPI_Waitall and MPI_Testall over mixed arrays. */
#include "host/error.h"
#include "host/host.h"
#include "host/route.h"
#include "request/batch.h"
#include "request/progress.h"
#include "wide.h"

static bool all_wide_done(const struct wsp_batch *batch)
{
    for (int i = 0; i < batch->count; i++) {
        struct wsp_request *request = wsp_batch_wide(batch, i);
        if (request && !wsp_request_is_done(request))
            return false;
    }
    return true;
}

/* Takes what is complete everywhere; host_code is what the host said of its part. At most one
 * error handler is called: by the host, or by us if it called none. */
static int take_all(struct wsp_batch *batch, int host_code, MPI_Status *statuses)
{
    int code = host_code;
    struct wsp_failure failure = {0};
    for (int k = 0; k < batch->n_host; k++) {
        MPI_Status *from = &batch->statuses[k];
        MPI_Status *status = wsp_status_at(statuses, batch->position[k]);
        if (host_code != MPI_SUCCESS && from->MPI_ERROR == MPI_ERR_PENDING) {
            if (status != MPI_STATUS_IGNORE)
                status->MPI_ERROR = MPI_ERR_PENDING; /* the rest stays as it was */
            continue;
        }
        if (host_code == MPI_SUCCESS)
            from->MPI_ERROR = MPI_SUCCESS;
        wsp_batch_return(batch, k, from, status);
    }
    for (int i = 0; i < batch->count; i++) {
        struct wsp_request *request = wsp_batch_wide(batch, i);
        MPI_Status *status = wsp_status_at(statuses, i);
        if (!request)
            continue;
        int one = wsp_request_take(request, &batch->program[i], status, &failure);
        if (status != MPI_STATUS_IGNORE)
            status->MPI_ERROR = one;
        if (one)
            code = MPI_ERR_IN_STATUS;
    }
    if (host_code == MPI_SUCCESS)
        wsp_failure_raise(&failure);
    wsp_failure_drop(&failure);
    return code;
}

static bool has_failure(const struct wsp_batch *batch)
{
    for (int i = 0; i < batch->count; i++) {
        struct wsp_request *request = wsp_batch_wide(batch, i);
        if (request && wsp_request_has_failed(request))
            return true;
    }
    return false;
}

/* Takes what is complete of the host's part in one call, which raises one error at most. Others are
 * pending, or idle. */
static int take_of_host(struct wsp_batch *batch, MPI_Status *statuses)
{
    int n = 0, is_over;
    int code = host.Testsome(batch->n_host, batch->host, &n, batch->indices, batch->statuses);
    for (int k = 0; statuses != MPI_STATUSES_IGNORE && k < batch->n_host; k++) {
        MPI_Status *status = &statuses[batch->position[k]];
        if (batch->host[k] == MPI_REQUEST_NULL)
            continue;
        host.Request_get_status(batch->host[k], &is_over, status);
        status->MPI_ERROR = is_over ? MPI_SUCCESS : MPI_ERR_PENDING;
    }
    for (int i = 0; n != MPI_UNDEFINED && i < n; i++) {
        int k = batch->indices[i];
        MPI_Status *status = wsp_status_at(statuses, batch->position[k]);
        if (!code)
            batch->statuses[i].MPI_ERROR = MPI_SUCCESS;
        wsp_batch_return(batch, k, &batch->statuses[i], status);
    }
    wsp_batch_return_freed(batch);
    return code;
}

/* The host's Waitall returns when one has failed, and what is not complete then is pending. */
static int take_with_failure(struct wsp_batch *batch, MPI_Status *statuses)
{
    struct wsp_failure failure = {0};
    bool is_raised = batch->n_host > 0 && take_of_host(batch, statuses) != MPI_SUCCESS;
    for (int i = 0; i < batch->count; i++) {
        struct wsp_request *request = wsp_batch_wide(batch, i);
        MPI_Status *status = wsp_status_at(statuses, i);
        if (!request)
            continue;
        int code = MPI_ERR_PENDING;
        if (wsp_request_is_done(request))
            code = wsp_request_take(request, &batch->program[i], status, &failure);
        if (status != MPI_STATUS_IGNORE)
            status->MPI_ERROR = code;
    }
    if (!is_raised)
        wsp_failure_raise(&failure);
    wsp_failure_drop(&failure);
    return MPI_ERR_IN_STATUS;
}

static void empty_null_statuses(const struct wsp_batch *batch, MPI_Status *statuses)
{
    if (statuses == MPI_STATUSES_IGNORE)
        return;
    for (int i = 0; i < batch->count; i++)
        if (batch->program[i] == MPI_REQUEST_NULL) {
            wsp_status_empty(&statuses[i]);
            statuses[i].MPI_ERROR = MPI_SUCCESS;
        }
}

/* Waits for the host's part; nothing wide is open any more but wildcards elsewhere. */
static int wait_hosts(struct wsp_batch *batch)
{
    if (batch->n_host == 0)
        return MPI_SUCCESS;
    if (!wsp_must_drive())
        return host.Waitall(batch->n_host, batch->host, batch->statuses);
    struct wsp_pause pause = {.hears_host = true};
    for (;;) {
        int are_done = 0;
        int code = host.Testall(batch->n_host, batch->host, &are_done, batch->statuses);
        if (code || are_done)
            return code;
        wsp_progress(&pause);
    }
}

int wide_Waitall(int count, MPI_Request *requests, MPI_Status *statuses)
{
    struct wsp_batch batch;
    if (count <= 0 || !requests)
        return host.Waitall(count, requests, statuses);
    if (wsp_batch_open(&batch, count, requests))
        return wsp_raise(MPI_COMM_WORLD, MPI_ERR_NO_MEM);
    struct wsp_pause pause = {.hears_host = batch.n_host > 0};
    while (batch.n_active > 0 && !all_wide_done(&batch) && !has_failure(&batch))
        wsp_progress(&pause);
    empty_null_statuses(&batch, statuses);
    int code = has_failure(&batch) ? take_with_failure(&batch, statuses)
                                   : take_all(&batch, wait_hosts(&batch), statuses);
    wsp_batch_close(&batch);
    return code;
}

int wide_Testall(int count, MPI_Request *requests, int *flag, MPI_Status *statuses)
{
    struct wsp_batch batch;
    if (count <= 0 || !requests || !flag)
        return host.Testall(count, requests, flag, statuses);
    if (wsp_batch_open(&batch, count, requests))
        return wsp_raise(MPI_COMM_WORLD, MPI_ERR_NO_MEM);
    if (!all_wide_done(&batch))
        wsp_progress_once();
    else
        wsp_progress_glance();
    int code = MPI_SUCCESS;
    *flag = all_wide_done(&batch);
    if (*flag && batch.n_host > 0)
        code = host.Testall(batch.n_host, batch.host, flag, batch.statuses);
    if (*flag || code) {
        empty_null_statuses(&batch, statuses);
        code = take_all(&batch, code, statuses);
    }
    wsp_batch_close(&batch);
    return code;
}
