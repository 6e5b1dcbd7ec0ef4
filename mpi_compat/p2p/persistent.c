/* SPDX-License-Identifier: BSD-3-Clause */
/* Persistent sends and receives: MPI_Send_init and its kin, MPI_Start, MPI_Startall. */
#include "host/error.h"
#include "host/host.h"
#include "p2p/p2p.h"
#include "request/request.h"
#include "wide.h"

/* Makes an idle request of ours that keeps its arguments, the type included. *handle comes as the
 * host's request that the check of the arguments has made. */
static int init_ours(enum wsp_request_kind kind, const struct wsp_arguments *arguments,
                     MPI_Comm comm, MPI_Request *handle)
{
    host.Request_free(handle);
    struct wsp_request *request = wsp_request_new(kind, wsp_comm_of(comm), MPI_REQUEST_NULL);
    if (!request)
        return wsp_raise(comm, MPI_ERR_NO_MEM);
    request->home_comm = comm;
    request->arguments = *arguments;
    request->is_persistent = true;
    request->uses_handle = request->comm != NULL;
    if (request->uses_handle)
        atomic_fetch_add(&request->comm->n_handle_users, 1);
    request->is_active = false;
    int code = wsp_hold_type(&request->arguments);
    if (code) {
        wsp_request_delete(request);
        return wsp_raise(comm, code);
    }
    *handle = request->handle;
    return MPI_SUCCESS;
}

static int init_send(const struct wsp_arguments *arguments, MPI_Comm handle, MPI_Request *request)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    int home_rank, code;
    switch (wsp_way_to(comm, arguments->peer, &home_rank)) {
    case WSP_WAY_HOME:
        return wsp_host_send_init(arguments, home_rank, handle, request);
    case WSP_WAY_WIDE:
        code = wsp_host_send_init(arguments, MPI_PROC_NULL, handle, request);
        return code ? code : init_ours(WSP_REQUEST_SEND, arguments, handle, request);
    default:
        return wsp_host_send_init(arguments, home_rank, handle, request);
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
    int code = wsp_host_send_init(arguments, wsp_peer_to_check(comm, dest), comm, request);
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
    int code = wsp_host_recv_init(a, home_rank, comm->handle, handle);
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
        return wsp_host_recv_init(&arguments, home_rank, handle, request);
    default:
        code = wsp_host_recv_init(&arguments, MPI_PROC_NULL, handle, request);
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
        code = wsp_bsend(&request->arguments, request->comm, wsp_request_comm(request));
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
    struct wsp_request *request = handle ? wsp_request_of(*handle) : NULL;
    if (!request || request->kind == WSP_REQUEST_NOTE)
        return host.Start(handle);
    /* Of a request that is not persistent the host knows no communicator. */
    return request->is_persistent ? start_ours(request)
                                  : wsp_raise(MPI_COMM_WORLD, MPI_ERR_REQUEST);
}

/* One after the other: receives must be posted in the order of the array on both sides. */
int wide_Startall(int count, MPI_Request *handles)
{
    if (count < 0 || !handles)
        return host.Startall(count, handles);
    for (int i = 0; i < count; i++) {
        int code = wide_Start(&handles[i]);
        if (code)
            return code;
    }
    return MPI_SUCCESS;
}
