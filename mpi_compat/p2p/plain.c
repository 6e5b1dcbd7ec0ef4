/* SPDX-License-Identifier: BSD-3-Clause */
/* The host's sends and receives, by what the program passed. */
#include "host/host.h"
#include "p2p/p2p.h"

static int tag_of(const struct wsp_arguments *a, MPI_Comm handle)
{
    return wsp_comm_of(handle) ? wsp_tag_everywhere(a->tag) : a->tag;
}

int wsp_host_send(const struct wsp_arguments *a, int peer, MPI_Comm handle)
{
    typeof(host.Send) const calls[] = {[WSP_MODE_STANDARD] = host.Send,
                                       [WSP_MODE_BUFFERED] = host.Bsend,
                                       [WSP_MODE_SYNCHRONOUS] = host.Ssend,
                                       [WSP_MODE_READY] = host.Rsend};
    return calls[a->mode](a->buffer, a->count, a->type, peer, tag_of(a, handle), handle);
}

int wsp_host_isend(const struct wsp_arguments *a, int peer, MPI_Comm handle, MPI_Request *request)
{
    typeof(host.Isend) const calls[] = {[WSP_MODE_STANDARD] = host.Isend,
                                        [WSP_MODE_BUFFERED] = host.Ibsend,
                                        [WSP_MODE_SYNCHRONOUS] = host.Issend,
                                        [WSP_MODE_READY] = host.Irsend};
    return calls[a->mode](a->buffer, a->count, a->type, peer, tag_of(a, handle), handle, request);
}

int wsp_host_send_init(const struct wsp_arguments *a, int peer, MPI_Comm handle,
                       MPI_Request *request)
{
    typeof(host.Isend) const calls[] = {[WSP_MODE_STANDARD] = host.Send_init,
                                        [WSP_MODE_BUFFERED] = host.Bsend_init,
                                        [WSP_MODE_SYNCHRONOUS] = host.Ssend_init,
                                        [WSP_MODE_READY] = host.Rsend_init};
    return calls[a->mode](a->buffer, a->count, a->type, peer, tag_of(a, handle), handle, request);
}

int wsp_host_recv(const struct wsp_arguments *a, int peer, MPI_Comm handle, MPI_Status *status)
{
    return host.Recv((void *)a->buffer, a->count, a->type, peer, tag_of(a, handle), handle, status);
}

int wsp_host_irecv(const struct wsp_arguments *a, int peer, MPI_Comm handle, MPI_Request *request)
{
    return host.Irecv((void *)a->buffer, a->count, a->type, peer, tag_of(a, handle), handle,
                      request);
}

int wsp_host_recv_init(const struct wsp_arguments *a, int peer, MPI_Comm handle,
                       MPI_Request *request)
{
    return host.Recv_init((void *)a->buffer, a->count, a->type, peer, tag_of(a, handle), handle,
                          request);
}

int wsp_peer_to_check(MPI_Comm handle, int rank)
{
    const struct wsp_comm *comm = wsp_comm_of(handle);
    int size = comm ? comm->n_peers : 0, is_inter = 0;
    if (!comm && handle != MPI_COMM_NULL && host.Comm_test_inter(handle, &is_inter) == MPI_SUCCESS)
        (is_inter ? host.Comm_remote_size : host.Comm_size)(handle, &size);
    if (rank >= 0 && rank < size)
        return MPI_PROC_NULL;
    return rank < 0 || !comm ? rank : INT_MAX;
}
