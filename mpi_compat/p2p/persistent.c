/* SPDX-License-Identifier: BSD-3-Clause */
/* Persistent sends and receives: MPI_Send_init and its kin, MPI_Start, MPI_Startall. */
#include "host/error.h"
#include "host/host.h"
#include "p2p/p2p.h"
#include "request/request.h"
#include "wide.h"

static int init_home(const struct wsp_arguments *a, int home_rank, MPI_Comm handle,
                     MPI_Request *request)
{
    typeof(host.Send_init) init = a->mode == WSP_MODE_SYNCHRONOUS ? host.Ssend_init
                                  : a->mode == WSP_MODE_READY     ? host.Rsend_init
                                                                  : host.Send_init;
    return init(a->buffer, a->count, a->type, home_rank, a->tag, handle, request);
}

/* Makes an idle request of ours that keeps its arguments, the type included. */
static int init_ours(enum wsp_request_kind kind, const struct wsp_arguments *arguments,
                     MPI_Comm comm, MPI_Request *handle)
{
    struct wsp_request *request = wsp_request_new(kind, wsp_comm_of(comm), MPI_REQUEST_NULL);
    if (!request)
        return wsp_raise(comm, MPI_ERR_NO_MEM);
    request->home_comm = comm;
    request->arguments = *arguments;
    request->is_persistent = true;
    request->is_active = false;
    int code = host.Type_dup(arguments->type, &request->arguments.type);
    if (code) {
        wsp_request_delete(request);
        return code;
    }
    request->arguments.is_type_held = true;
    *handle = request->handle;
    return MPI_SUCCESS;
}

static int init_send(const struct wsp_arguments *arguments, MPI_Comm handle, MPI_Request *request)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    int home_rank, code;
    switch (wsp_way_to(comm, arguments->peer, &home_rank)) {
    case WSP_WAY_HOME:
        return init_home(arguments, home_rank, handle, request);
    case WSP_WAY_WIDE:
        code = wsp_check_send(arguments, handle);
        return code ? code : init_ours(WSP_REQUEST_SEND, arguments, handle, request);
    default:
        return wsp_raise(handle, MPI_ERR_RANK);
    }
}

#define ARGUMENTS(mode_)                                                                           \
    (&(struct wsp_arguments){                                                                      \
        .buffer = buf, .count = count, .type = type, .peer = dest, .tag = tag, .mode = mode_})

int wide_Send_init(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
                   MPI_Request *request)
{
    return init_send(ARGUMENTS(WSP_MODE_STANDARD), comm, request);
}

int wide_Bsend_init(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
                    MPI_Request *request)
{
    const struct wsp_arguments *arguments = ARGUMENTS(WSP_MODE_BUFFERED);
    int code = wsp_check_send(arguments, comm);
    return code ? code : init_ours(WSP_REQUEST_SEND, arguments, comm, request);
}

int wide_Ssend_init(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
                    MPI_Request *request)
{
    return init_send(ARGUMENTS(WSP_MODE_SYNCHRONOUS), comm, request);
}

int wide_Rsend_init(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
                    MPI_Request *request)
{
    return init_send(ARGUMENTS(WSP_MODE_READY), comm, request);
}

static int init_home_receive(const struct wsp_arguments *a, int home_rank, struct wsp_comm *comm,
                             MPI_Request *handle)
{
    int code = host.Recv_init((void *)a->buffer, a->count, a->type, home_rank, a->tag, comm->handle,
                              handle);
    if (code || home_rank < 0)
        return code;
    struct wsp_request *note = wsp_request_new(WSP_REQUEST_NOTE, comm, *handle);
    if (!note)
        wsp_job_abort(1, "out of memory for the note beside a receive");
    note->is_persistent = true;
    return MPI_SUCCESS;
}

int wide_Recv_init(void *buf, int count, MPI_Datatype type, int source, int tag, MPI_Comm handle,
                   MPI_Request *request)
{
    struct wsp_arguments arguments = {
        .buffer = buf, .count = count, .type = type, .peer = source, .tag = tag};
    struct wsp_comm *comm = wsp_comm_of(handle);
    int home_rank, code;
    switch (wsp_way_to(comm, source, &home_rank)) {
    case WSP_WAY_HOME:
        return init_home_receive(&arguments, home_rank, comm, request);
    case WSP_WAY_ERROR:
        return wsp_raise(handle, MPI_ERR_RANK);
    default:
        code = wsp_check_receive(&arguments, handle);
        return code ? code : init_ours(WSP_REQUEST_RECEIVE, &arguments, handle, request);
    }
}

static int start_ours(struct wsp_request *request)
{
    int code;
    if (request->is_active)
        return wsp_raise(wsp_request_comm(request), MPI_ERR_REQUEST);
    request->is_active = true;
    if (request->kind == WSP_REQUEST_RECEIVE) {
        code = wsp_receive_start(request);
    } else if (request->arguments.mode == WSP_MODE_BUFFERED) {
        request->op = (struct wsp_op){.done = true};
        code = wsp_bsend(&request->arguments, wsp_request_comm(request));
        request->is_active = !code;
        return code;
    } else {
        code = wsp_send_start(request);
    }
    request->is_active = !code;
    return code ? wsp_raise(wsp_request_comm(request), code) : code;
}

int wide_Start(MPI_Request *handle)
{
    struct wsp_request *request = wsp_request_of(*handle);
    if (!request || request->kind == WSP_REQUEST_NOTE)
        return host.Start(handle);
    return request->is_persistent ? start_ours(request)
                                  : wsp_raise(wsp_request_comm(request), MPI_ERR_REQUEST);
}

/* One after the other: receives must be posted in the order of the array on both sides. */
int wide_Startall(int count, MPI_Request *handles)
{
    for (int i = 0; i < count; i++) {
        int code = wide_Start(&handles[i]);
        if (code)
            return code;
    }
    return MPI_SUCCESS;
}
