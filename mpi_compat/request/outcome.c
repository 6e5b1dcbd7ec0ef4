/* SPDX-License-Identifier: BSD-3-Clause */
/* How a wide request ends: completion, cancellation, freeing. */
#include "host/error.h"
#include "host/host.h"
#include "request/request.h"
#include "request/wildcard.h"
#include "type/type.h"

#include <pthread.h>
#include <stdlib.h>

static struct wsp_list orphans = {{&orphans.head, &orphans.head}};
static pthread_mutex_t orphan_mutex = PTHREAD_MUTEX_INITIALIZER;

struct wsp_op *wsp_request_op(struct wsp_request *request)
{
    return request->kind == WSP_REQUEST_SEND || request->kind == WSP_REQUEST_COLL
               ? &request->op
               : &request->posted.op;
}

static bool is_op_done(struct wsp_request *request)
{
    return atomic_load_explicit(&wsp_request_op(request)->done, memory_order_acquire);
}

bool wsp_request_is_done(struct wsp_request *request)
{
    if (!request->is_active || is_op_done(request))
        return true;
    if (request->half == MPI_REQUEST_NULL)
        return false;
    wsp_wildcard_look(request);
    return is_op_done(request);
}

/* Bytes that stand in the receive's buffer. */
static uint64_t landed_bytes(const struct wsp_posted *posted)
{
    return posted->op.length < posted->capacity ? posted->op.length : posted->capacity;
}

void wsp_request_peek(struct wsp_request *request, MPI_Status *status)
{
    if (!request->is_active || request->kind == WSP_REQUEST_COLL) {
        wsp_status_empty(status);
    } else if (request->kind == WSP_REQUEST_SEND) {
        wsp_status_fill(status, MPI_ANY_SOURCE, MPI_ANY_TAG, 0,
                        request->op.err == WSP_ERR_CANCELLED);
    } else if (request->is_home_done) {
        int is_over;
        host.Request_get_status(request->half, &is_over, status);
        wsp_status_translate(request->comm, status);
    } else if (request->is_cancelled) {
        wsp_status_fill(status, MPI_ANY_SOURCE, MPI_ANY_TAG, 0, true);
    } else {
        const struct wsp_posted *posted = &request->posted;
        /* The whole length, as the host has it: also of what was cut off. */
        wsp_status_fill(status, posted->envelope.source, posted->envelope.tag, posted->op.length,
                        false);
    }
}

/* A home half that is too long: that is known before the host is asked to complete it and raises
 * the error, which in a call of several requests has its own time. */
static bool is_half_cut(struct wsp_request *request, MPI_Status *status)
{
    int is_over;
    MPI_Count length = 0;
    host.Request_get_status(request->half, &is_over, status);
    host.Get_elements_x(status, MPI_BYTE, &length);
    return (uint64_t)length > request->posted.capacity;
}

static int take_half(struct wsp_request *request, MPI_Status *status, bool *is_raised)
{
    MPI_Status own;
    if (is_half_cut(request, &own)) {
        wsp_request_peek(request, status);
        host.Request_free(&request->half);
        return MPI_ERR_TRUNCATE;
    }
    *is_raised = true;
    int code = host.Wait(&request->half, status);
    wsp_status_translate(request->comm, status);
    return code;
}

static int take_receive(struct wsp_request *request, MPI_Status *status, bool *is_raised)
{
    if (request->is_home_done)
        return take_half(request, status, is_raised);
    wsp_request_peek(request, status);
    if (request->is_cancelled)
        return MPI_SUCCESS;
    const struct wsp_posted *posted = &request->posted;
    int code = wsp_mpi_class(posted->op.err);
    if (request->packed && (!code || posted->op.err == WSP_ERR_TRUNCATED)) {
        int failed = wsp_type_unpack(request->packed, landed_bytes(posted),
                                     (void *)request->arguments.buffer, request->arguments.count,
                                     request->arguments.type);
        code = code ? code : failed;
    }
    return code;
}

static void note_failure(struct wsp_failure *failure, struct wsp_request *request, int code)
{
    if (failure->code)
        return;
    *failure = (struct wsp_failure){
        .code = code,
        .handle = wsp_request_comm(request),
        .comm = request->comm ? wsp_comm_hold(request->comm) : NULL,
    };
}

void wsp_failure_drop(struct wsp_failure *failure)
{
    struct wsp_comm *comm = failure->comm;
    *failure = (struct wsp_failure){0};
    if (comm)
        wsp_comm_release(comm);
}

int wsp_failure_raise(struct wsp_failure *failure)
{
    int code = failure->code;
    if (code)
        wsp_raise(failure->handle, code);
    wsp_failure_drop(failure);
    return code;
}

bool wsp_request_has_failed(struct wsp_request *request)
{
    if (!request->is_active || !wsp_request_is_done(request))
        return false;
    if (request->kind == WSP_REQUEST_COLL)
        return request->coll_code != MPI_SUCCESS;
    if (!request->is_home_done || request->kind == WSP_REQUEST_SEND)
        return !request->is_cancelled && wsp_mpi_class(wsp_request_op(request)->err);
    MPI_Status status;
    return is_half_cut(request, &status);
}

int wsp_request_take(struct wsp_request *request, MPI_Request *handle, MPI_Status *status,
                     struct wsp_failure *failure)
{
    int code = MPI_SUCCESS;
    bool is_raised = false;
    if (!request->is_active || request->kind == WSP_REQUEST_SEND) {
        wsp_request_peek(request, status);
        if (request->is_active && request->op.err != WSP_ERR_CANCELLED)
            code = wsp_mpi_class(request->op.err);
    } else if (request->kind == WSP_REQUEST_COLL) {
        wsp_status_empty(status);
        code = request->coll_code;
        is_raised = request->is_coll_raised;
    } else {
        code = take_receive(request, status, &is_raised);
    }
    if (code && !is_raised)
        note_failure(failure, request, code);
    if (request->is_persistent && !code) {
        free(request->packed);
        request->packed = NULL;
        request->is_active = false;
    } else {
        wsp_request_delete(request);
        *handle = MPI_REQUEST_NULL;
    }
    return code;
}

void wsp_request_cancel(struct wsp_request *request)
{
    if (wsp_request_is_done(request))
        return;
    if (request->kind == WSP_REQUEST_SEND) {
        wsp_link_lock(wsp_job.link);
        if (!atomic_load(&request->op.done))
            wsp_link_cancel(wsp_job.link, &request->op);
        wsp_link_unlock(wsp_job.link);
    } else if (request->half != MPI_REQUEST_NULL) {
        wsp_wildcard_cancel(request);
    } else if (request->kind == WSP_REQUEST_RECEIVE) {
        wsp_link_lock(wsp_job.link);
        bool is_out =
            !atomic_load(&request->posted.op.done) && wsp_match_withdraw(&request->posted);
        wsp_link_unlock(wsp_job.link);
        if (is_out) {
            request->is_cancelled = true;
            atomic_store_explicit(&request->posted.op.done, true, memory_order_release);
        }
    }
}

void wsp_request_abandon(struct wsp_request *request)
{
    request->is_persistent = false;
    if (wsp_request_is_done(request)) {
        MPI_Request handle = request->handle;
        struct wsp_failure failure = {0};
        wsp_request_take(request, &handle, MPI_STATUS_IGNORE, &failure);
        wsp_failure_drop(&failure); /* nobody waits for it, so nobody hears of it */
        return;
    }
    wsp_request_reap();
    pthread_mutex_lock(&orphan_mutex);
    wsp_list_push_back(&orphans, &request->orphan_node);
    pthread_mutex_unlock(&orphan_mutex);
}

static struct wsp_request *next_finished_orphan(void)
{
    struct wsp_request *found = NULL;
    pthread_mutex_lock(&orphan_mutex);
    WSP_LIST_EACH(node, &orphans)
    {
        struct wsp_request *request = WSP_CONTAINER(node, struct wsp_request, orphan_node);
        if (!wsp_request_is_done(request))
            continue;
        wsp_node_remove(node);
        found = request;
        break;
    }
    pthread_mutex_unlock(&orphan_mutex);
    return found;
}

bool wsp_request_reap(void)
{
    struct wsp_request *request;
    while ((request = next_finished_orphan()))
        wsp_request_abandon(request);
    return !wsp_list_is_empty(&orphans);
}
