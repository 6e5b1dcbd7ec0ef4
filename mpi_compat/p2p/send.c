/* SPDX-License-Identifier: BSD-3-Clause */
/* MPI_Send and its modes, blocking and not. */
#include "host/error.h"
#include "host/host.h"
#include "host/route.h"
#include "p2p/p2p.h"
#include "request/progress.h"
#include "type/type.h"
#include "wide.h"

#include <stdlib.h>

int wsp_payload_of(const struct wsp_arguments *arguments, const void **data, uint64_t *length,
                   void **packed)
{
    struct wsp_layout layout;
    int code = wsp_type_describe(arguments->type, &layout);
    if (code)
        return code;
    *packed = NULL;
    *length = layout.size * (uint64_t)arguments->count;
    *data = (const char *)arguments->buffer + layout.true_lb;
    if (layout.is_contiguous || *length == 0)
        return MPI_SUCCESS;
    *packed = malloc(*length);
    if (!*packed)
        return MPI_ERR_NO_MEM;
    *data = *packed;
    code = wsp_type_pack(arguments->buffer, arguments->count, arguments->type, *packed, *length);
    if (code) {
        free(*packed);
        *packed = NULL;
    }
    return code;
}

/* Hands a payload to the link. */
static void hand_over(struct wsp_comm *comm, const struct wsp_arguments *arguments,
                      const void *data, uint64_t length, struct wsp_op *op)
{
    bool is_sync = arguments->mode == WSP_MODE_SYNCHRONOUS;
    struct wsp_envelope envelope = {.context = comm->context,
                                    .source = comm->own_rank,
                                    .tag = arguments->tag,
                                    .length = length,
                                    .flags = is_sync ? WSP_ENVELOPE_SYNC : 0};
    wsp_wide_send(comm, comm->peer_base + arguments->peer, &envelope, data,
                  is_sync ? WSP_SEND_SYNC : 0, op);
}

int wsp_send_start(struct wsp_request *request)
{
    const void *data;
    uint64_t length;
    request->op = (struct wsp_op){0};
    int code = wsp_payload_of(&request->arguments, &data, &length, &request->packed);
    if (!code)
        hand_over(request->comm, &request->arguments, data, length, &request->op);
    return code;
}

/* A blocking wide send needs no request. */
static int send_wide(const struct wsp_arguments *arguments, struct wsp_comm *comm)
{
    const void *data;
    uint64_t length;
    void *packed;
    int code = wsp_host_send(arguments, MPI_PROC_NULL, comm->handle);
    if (code)
        return code;
    code = wsp_payload_of(arguments, &data, &length, &packed);
    if (code)
        return wsp_raise(comm->handle, code);
    struct wsp_op op = {0}, *ops[] = {&op};
    hand_over(comm, arguments, data, length, &op);
    code = wsp_mpi_class(wsp_drive_ops(ops, 1));
    free(packed);
    return code ? wsp_raise(comm->handle, code) : code;
}

/* The host's blocking send, or its nonblocking one driven where a wildcard may need this thread. */
static int send_home(const struct wsp_arguments *a, int home_rank, MPI_Comm handle)
{
    if (!wsp_must_drive())
        return wsp_host_send(a, home_rank, handle);
    MPI_Request request = MPI_REQUEST_NULL;
    int code = wsp_host_isend(a, home_rank, handle, &request);
    return code ? code : wsp_drive_host(&request, MPI_STATUS_IGNORE);
}

static int send_any(const struct wsp_arguments *arguments, MPI_Comm handle)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    int home_rank;
    if (!comm)
        return send_home(arguments, arguments->peer, handle);
    switch (wsp_way_to(comm, arguments->peer, &home_rank)) {
    case WSP_WAY_HOME:
        return send_home(arguments, home_rank, handle);
    case WSP_WAY_WIDE:
        return send_wide(arguments, comm);
    default:
        return wsp_host_send(arguments, home_rank, handle);
    }
}

static int start_wide(const struct wsp_arguments *arguments, struct wsp_comm *comm,
                      MPI_Request *handle)
{
    int code = wsp_host_isend(arguments, MPI_PROC_NULL, comm->handle, handle);
    if (code)
        return code;
    struct wsp_request *request = wsp_request_new(WSP_REQUEST_SEND, comm, MPI_REQUEST_NULL);
    if (!request)
        return wsp_raise(comm->handle, MPI_ERR_NO_MEM);
    request->arguments = *arguments;
    code = wsp_send_start(request);
    if (code) {
        wsp_request_delete(request);
        return wsp_raise(comm->handle, code);
    }
    *handle = request->handle;
    return MPI_SUCCESS;
}

int wsp_isend(const struct wsp_arguments *arguments, struct wsp_comm *comm, MPI_Request *handle)
{
    int home_rank;
    switch (wsp_way_to(comm, arguments->peer, &home_rank)) {
    case WSP_WAY_HOME:
        return wsp_host_isend(arguments, home_rank, comm->handle, handle);
    case WSP_WAY_WIDE:
        return start_wide(arguments, comm, handle);
    default:
        return wsp_host_isend(arguments, home_rank, comm->handle, handle);
    }
}

#define ARGUMENTS(mode_)                                                                           \
    (&(struct wsp_arguments){                                                                      \
        .buffer = buf, .count = count, .type = type, .peer = dest, .tag = tag, .mode = mode_})

int wide_Send(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm)
{
    return send_any(ARGUMENTS(WSP_MODE_STANDARD), comm);
}

int wide_Ssend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm)
{
    return send_any(ARGUMENTS(WSP_MODE_SYNCHRONOUS), comm);
}

int wide_Rsend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm)
{
    return send_any(ARGUMENTS(WSP_MODE_READY), comm);
}

int wide_Isend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
               MPI_Request *request)
{
    return wsp_isend(ARGUMENTS(WSP_MODE_STANDARD), wsp_comm_of(comm), request);
}

int wide_Issend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
                MPI_Request *request)
{
    return wsp_isend(ARGUMENTS(WSP_MODE_SYNCHRONOUS), wsp_comm_of(comm), request);
}

int wide_Irsend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
                MPI_Request *request)
{
    return wsp_isend(ARGUMENTS(WSP_MODE_READY), wsp_comm_of(comm), request);
}
