/* SPDX-License-Identifier: BSD-3-Clause */
/* MPI_Sendrecv and MPI_Sendrecv_replace: a receive and a send started together, after the host has
 * looked at the arguments. */
#include "host/error.h"
#include "host/host.h"
#include "p2p/p2p.h"
#include "type/type.h"
#include "wide.h"

#include <stdlib.h>

static int start_receive(const struct wsp_arguments *a, struct wsp_comm *comm, MPI_Comm handle,
                         MPI_Request *request)
{
    return comm ? wsp_irecv(a, comm, request) : wsp_host_irecv(a, a->peer, handle, request);
}

static int start_send(const struct wsp_arguments *a, struct wsp_comm *comm, MPI_Comm handle,
                      MPI_Request *request)
{
    return comm ? wsp_isend(a, comm, request) : wsp_host_isend(a, a->peer, handle, request);
}

static int source_to_check(MPI_Comm comm, int source)
{
    return source == MPI_ANY_SOURCE ? MPI_PROC_NULL : wsp_peer_to_check(comm, source);
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
    int code = host.Sendrecv(sendbuf, sendcount, sendtype, wsp_peer_to_check(comm, dest), sendtag,
                             recvbuf, recvcount, recvtype, source_to_check(comm, source), recvtag,
                             comm, MPI_STATUS_IGNORE);
    return code ? code : exchange(&sent, &received, comm, status);
}

int wide_Sendrecv_replace(void *buf, int count, MPI_Datatype type, int dest, int sendtag,
                          int source, int recvtag, MPI_Comm comm, MPI_Status *status)
{
    struct wsp_arguments received = {
        .buffer = buf, .count = count, .type = type, .peer = source, .tag = recvtag};
    int code =
        host.Sendrecv_replace(buf, count, type, wsp_peer_to_check(comm, dest), sendtag,
                              source_to_check(comm, source), recvtag, comm, MPI_STATUS_IGNORE);
    if (code)
        return code;
    struct wsp_layout layout;
    code = wsp_type_describe(type, &layout);
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
