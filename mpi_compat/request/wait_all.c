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
 * error handler is called: the host's own, or ours if it called none. */
static int take_all(struct wsp_batch *batch, int host_code, MPI_Status *statuses)
{
    int code = host_code;
    MPI_Comm to_raise = MPI_COMM_NULL;
    for (int k = 0; k < batch->n_host; k++) {
        MPI_Status *from = &batch->statuses[k];
        if (host_code == MPI_SUCCESS)
            from->MPI_ERROR = MPI_SUCCESS;
        wsp_batch_return(batch, k, from, wsp_status_at(statuses, batch->position[k]));
    }
    for (int i = 0; i < batch->count; i++) {
        struct wsp_request *request = wsp_batch_wide(batch, i);
        MPI_Status *status = wsp_status_at(statuses, i);
        if (!request)
            continue;
        int one = wsp_request_take(request, &batch->program[i], status, &to_raise);
        if (status != MPI_STATUS_IGNORE)
            status->MPI_ERROR = one;
        if (one)
            code = MPI_ERR_IN_STATUS;
    }
    if (to_raise != MPI_COMM_NULL && host_code == MPI_SUCCESS)
        wsp_raise(to_raise, MPI_ERR_IN_STATUS);
    return code;
}

static void empty_null_statuses(const struct wsp_batch *batch, MPI_Status *statuses)
{
    if (statuses == MPI_STATUSES_IGNORE)
        return;
    for (int i = 0; i < batch->count; i++)
        if (batch->program[i] == MPI_REQUEST_NULL)
            wsp_status_empty(&statuses[i]);
}

/* Waits for the host's part; nothing wide is open any more but wildcards elsewhere. */
static int wait_hosts(struct wsp_batch *batch)
{
    if (batch->n_host == 0)
        return MPI_SUCCESS;
    if (!wsp_must_drive())
        return host.Waitall(batch->n_host, batch->host, batch->statuses);
    struct wsp_pause pause = {0};
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
    if (count <= 0)
        return host.Waitall(count, requests, statuses);
    if (wsp_batch_open(&batch, count, requests))
        return wsp_raise(MPI_COMM_WORLD, MPI_ERR_NO_MEM);
    struct wsp_pause pause = {0};
    while (batch.n_active > 0 && !all_wide_done(&batch))
        wsp_progress(&pause);
    empty_null_statuses(&batch, statuses);
    int code = take_all(&batch, wait_hosts(&batch), statuses);
    wsp_batch_close(&batch);
    return code;
}

int wide_Testall(int count, MPI_Request *requests, int *flag, MPI_Status *statuses)
{
    struct wsp_batch batch;
    if (count <= 0)
        return host.Testall(count, requests, flag, statuses);
    if (wsp_batch_open(&batch, count, requests))
        return wsp_raise(MPI_COMM_WORLD, MPI_ERR_NO_MEM);
    struct wsp_pause pause = {0};
    if (!all_wide_done(&batch))
        wsp_progress(&pause);
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
