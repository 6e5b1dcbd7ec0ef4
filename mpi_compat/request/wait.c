/* SPDX-License-Identifier: BSD-3-Clause */
/* MPI_Wait, _Test, _Request_get_status, _Request_free, _Cancel: one request. */
#include "host/error.h"
#include "host/host.h"
#include "host/route.h"
#include "request/progress.h"
#include "request/request.h"
#include "request/wildcard.h"
#include "wide.h"

static int finish(struct wsp_request *request, MPI_Request *handle, MPI_Status *status)
{
    struct wsp_failure failure = {0};
    int code = wsp_request_take(request, handle, status, &failure);
    wsp_failure_raise(&failure);
    return code;
}

static int wait_host(MPI_Request *handle, MPI_Status *status)
{
    return wsp_must_drive() ? wsp_drive_host(handle, status) : host.Wait(handle, status);
}

int wide_Wait(MPI_Request *handle, MPI_Status *status)
{
    struct wsp_request *request = handle ? wsp_request_of(*handle) : NULL;
    if (!request)
        return wait_host(handle, status);
    if (request->kind == WSP_REQUEST_NOTE) {
        wsp_note_hide(request);
        int code = wait_host(handle, status);
        wsp_note_settle(request, *handle, status);
        return code;
    }
    struct wsp_pause pause = {0};
    while (!wsp_request_is_done(request))
        wsp_progress(&pause);
    return finish(request, handle, status);
}

int wide_Test(MPI_Request *handle, int *flag, MPI_Status *status)
{
    struct wsp_request *request = handle && flag ? wsp_request_of(*handle) : NULL;
    if (!request || request->kind == WSP_REQUEST_NOTE) {
        wsp_progress_glance();
        if (request)
            wsp_note_hide(request);
        int code = host.Test(handle, flag, status);
        if (request && (*flag || code))
            wsp_note_settle(request, *handle, status);
        else if (request)
            wsp_note_show(request);
        return code;
    }
    if (!wsp_request_is_done(request))
        wsp_progress_once();
    *flag = wsp_request_is_done(request);
    return *flag ? finish(request, handle, status) : MPI_SUCCESS;
}

int wide_Request_get_status(MPI_Request handle, int *flag, MPI_Status *status)
{
    struct wsp_request *request = flag ? wsp_request_of(handle) : NULL;
    if (!request || request->kind == WSP_REQUEST_NOTE) {
        wsp_progress_glance();
        int code = host.Request_get_status(handle, flag, status);
        if (request && *flag)
            wsp_status_translate(request->comm, status);
        return code;
    }
    if (!wsp_request_is_done(request))
        wsp_progress_once();
    *flag = wsp_request_is_done(request);
    if (*flag)
        wsp_request_peek(request, status);
    return MPI_SUCCESS;
}

int wide_Request_free(MPI_Request *handle)
{
    struct wsp_request *request = handle ? wsp_request_of(*handle) : NULL;
    if (!request)
        return host.Request_free(handle);
    if (request->kind == WSP_REQUEST_NOTE) {
        wsp_note_hide(request);
        int code = host.Request_free(handle);
        if (code)
            wsp_note_show(request);
        else
            wsp_request_delete(request);
        return code;
    }
    if (request->kind == WSP_REQUEST_COLL) /* MPI-3.1, 5.12 */
        return wsp_raise(MPI_COMM_WORLD, MPI_ERR_REQUEST);
    wsp_request_abandon(request);
    *handle = MPI_REQUEST_NULL;
    return MPI_SUCCESS;
}

int wide_Cancel(MPI_Request *handle)
{
    struct wsp_request *request = handle ? wsp_request_of(*handle) : NULL;
    if (!request || request->kind == WSP_REQUEST_NOTE)
        return host.Cancel(handle);
    if (request->kind == WSP_REQUEST_COLL) /* the host, too, raises it on no other communicator */
        return wsp_raise(MPI_COMM_WORLD, MPI_ERR_REQUEST);
    wsp_wildcard_settle();
    wsp_request_cancel(request);
    return MPI_SUCCESS;
}
