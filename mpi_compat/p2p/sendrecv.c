/* SPDX-License-Identifier: BSD-3-Clause */
/* MPI_Sendrecv and MPI_Sendrecv_replace: a receive and a send started together. */
#include "host/error.h"
#include "host/host.h"
#include "p2p/p2p.h"
#include "type/type.h"
#include "wide.h"

#include <stdlib.h>

static int start_receive(const struct wsp_arguments *a, struct wsp_comm *comm, MPI_Comm handle,
                         MPI_Request *request)
{
    if (comm)
        return wsp_irecv(a, comm, request);
    return host.Irecv((void *)a->buffer, a->count, a->type, a->peer, a->tag, handle, request);
}

static int start_send(const struct wsp_arguments *a, struct wsp_comm *comm, MPI_Comm handle,
                      MPI_Request *request)
{
    if (comm)
        return wsp_isend(a, comm, request);
    return host.Isend(a->buffer, a->count, a->type, a->peer, a->tag, handle, request);
}

static int exchange(const struct wsp_arguments *sent, const struct wsp_arguments *received,
                    MPI_Comm handle, MPI_Status *status)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    MPI_Request in = MPI_REQUEST_NULL, out = MPI_REQUEST_NULL;
    int code = start_receive(received, comm, handle, &in);
    if (code)
        return code;
    code = start_send(sent, comm, handle, &out);
    if (code) {
        wide_Cancel(&in);
        wide_Wait(&in, MPI_STATUS_IGNORE);
        return code;
    }
    code = wide_Wait(&in, status);
    int sent_code = wide_Wait(&out, MPI_STATUS_IGNORE);
    return code ? code : sent_code;
}

int wide_Sendrecv(const void *sendbuf, int sendcount, MPI_Datatype sendtype, int dest, int sendtag,
                  void *recvbuf, int recvcount, MPI_Datatype recvtype, int source, int recvtag,
                  MPI_Comm comm, MPI_Status *status)
{
    struct wsp_arguments sent = {
        .buffer = sendbuf, .count = sendcount, .type = sendtype, .peer = dest, .tag = sendtag};
    struct wsp_arguments received = {
        .buffer = recvbuf, .count = recvcount, .type = recvtype, .peer = source, .tag = recvtag};
    return exchange(&sent, &received, comm, status);
}

int wide_Sendrecv_replace(void *buf, int count, MPI_Datatype type, int dest, int sendtag,
                          int source, int recvtag, MPI_Comm comm, MPI_Status *status)
{
    struct wsp_arguments received = {
        .buffer = buf, .count = count, .type = type, .peer = source, .tag = recvtag};
    struct wsp_layout layout;
    int code = count < 0 ? MPI_ERR_COUNT : wsp_type_describe(type, &layout);
    if (code)
        return wsp_raise(comm, code);
    uint64_t length = layout.size * (uint64_t)count;
    void *copy = malloc(length ? length : 1);
    if (!copy)
        return wsp_raise(comm, MPI_ERR_NO_MEM);
    struct wsp_arguments sent = {.buffer = copy, .peer = dest, .tag = sendtag};
    bool is_derived = false;
    code = wsp_type_pack(buf, count, type, copy, length);
    if (!code)
        code = wsp_type_of_bytes(length, &sent.type, &sent.count, &is_derived);
    code = code ? wsp_raise(comm, code) : exchange(&sent, &received, comm, status);
    if (is_derived)
        host.Type_free(&sent.type);
    free(copy);
    return code;
}
