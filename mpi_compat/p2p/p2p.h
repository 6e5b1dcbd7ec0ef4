/* SPDX-License-Identifier: BSD-3-Clause */
/* Point-to-point on spanning communicators: what the files of this room share. */
#ifndef WSP_MPI_P2P_P2P_H
#define WSP_MPI_P2P_P2P_H

#include "comm/comm.h"
#include "request/request.h"

#include <limits.h>
#include <mpi.h>

/* Where a rank argument leads. */
enum wsp_way {
    WSP_WAY_HOME, /* the host, with the home rank (also MPI_PROC_NULL as it is) */
    WSP_WAY_WIDE, /* another site */
    WSP_WAY_BOTH, /* MPI_ANY_SOURCE */
    WSP_WAY_ERROR /* no such rank */
};

/* The way to a rank of comm; *home_rank is set for WSP_WAY_HOME, and where there is no such rank to
 * one that the host finds wrong, too. */
static inline enum wsp_way wsp_way_to(const struct wsp_comm *comm, int rank, int *home_rank)
{
    if (rank >= 0 && rank < comm->n_peers) {
        *home_rank = comm->home[comm->peer_base + rank];
        return *home_rank >= 0 ? WSP_WAY_HOME : WSP_WAY_WIDE;
    }
    /* The host's communicator may have more ranks than the remote group of ours. */
    *home_rank = rank < 0 ? rank : INT_MAX;
    if (rank == MPI_PROC_NULL)
        return WSP_WAY_HOME;
    return rank == MPI_ANY_SOURCE ? WSP_WAY_BOTH : WSP_WAY_ERROR;
}

/* The tag on a spanning communicator, or one that the host refuses if some other site does. */
static inline int wsp_tag_everywhere(int tag)
{
    return tag > wsp_job.tag_ub || tag == WSP_ANY ? INT_MIN + 1 : tag;
}

/* True if the host has to say what is wrong with a probe; with no rank of ours it does. */
static inline bool wsp_is_probe_wrong(enum wsp_way way, int tag)
{
    return way == WSP_WAY_ERROR || (way == WSP_WAY_WIDE && tag < 0 && tag != MPI_ANY_TAG);
}

/* The world rank behind a rank argument that leads to a peer. */
static inline uint32_t wsp_world_of_peer(const struct wsp_comm *comm, int rank)
{
    return comm->world[comm->peer_base + rank];
}

/* Is a peer of another site lost (never MPI_ANY_SOURCE)? Under the link's lock. */
static inline bool wsp_is_peer_lost(const struct wsp_comm *comm, int rank)
{
    return rank >= 0 && wsp_link_is_lost(wsp_job.link, wsp_world_of_peer(comm, rank));
}

/* The tag of a receive as matching wants it. */
static inline int32_t wsp_match_tag(int tag)
{
    return tag == MPI_ANY_TAG ? WSP_ANY : tag;
}

/* The bytes of a message to send: the program's buffer, or *packed (malloc'ed, the caller's) where
 * the type is not contiguous. MPI error code. */
int wsp_payload_of(const struct wsp_arguments *arguments, const void **data, uint64_t *length,
                   void **packed);

/* Starts the wide send of an active request whose arguments are set. MPI error code. */
int wsp_send_start(struct wsp_request *request);
/* Starts the receive likewise: wide, or both halves where the peer is MPI_ANY_SOURCE. */
int wsp_receive_start(struct wsp_request *request);

/* The program may free its type while a message is under way, or before it starts again. MPI error
 * code. */
int wsp_hold_type(struct wsp_arguments *arguments);

/* Where a receive lands: the program's buffer, or request->packed where the type is not
 * contiguous; then the type is held. Fills posted's buffer and capacity. MPI error code. */
int wsp_landing_prepare(struct wsp_request *request);

/* Nonblocking calls whose comm is spanning, for use by the others. */
int wsp_isend(const struct wsp_arguments *arguments, struct wsp_comm *comm, MPI_Request *handle);
int wsp_irecv(const struct wsp_arguments *arguments, struct wsp_comm *comm, MPI_Request *handle);

/* The host's own calls, in the mode of the arguments, with a rank of its own for the peer. With
 * MPI_PROC_NULL they check the arguments and do nothing else, with a wrong rank they fail for it,
 * or for what the host finds wrong before: so all errors of arguments are the host's, raised by it.
 * (A persistent request that such a check has made is to be freed.) */
int wsp_host_send(const struct wsp_arguments *arguments, int peer, MPI_Comm comm);
int wsp_host_isend(const struct wsp_arguments *arguments, int peer, MPI_Comm comm,
                   MPI_Request *request);
int wsp_host_send_init(const struct wsp_arguments *arguments, int peer, MPI_Comm comm,
                       MPI_Request *request);
int wsp_host_recv(const struct wsp_arguments *arguments, int peer, MPI_Comm comm,
                  MPI_Status *status);
int wsp_host_irecv(const struct wsp_arguments *arguments, int peer, MPI_Comm comm,
                   MPI_Request *request);
int wsp_host_recv_init(const struct wsp_arguments *arguments, int peer, MPI_Comm comm,
                       MPI_Request *request);

/* The peer for a check where any may be given: MPI_PROC_NULL for a rank of comm (which may be a
 * home communicator), else what it is. */
int wsp_peer_to_check(MPI_Comm comm, int rank);

/* Buffered sends, home ones too: copies what is to be sent into memory accounted against the
 * attached buffer and sends it from there. The arguments were checked. comm: what the handle stands
 * for, also when the program has freed it; NULL: at home. MPI error code, raised (MPI_ERR_BUFFER:
 * no room). */
int wsp_bsend(const struct wsp_arguments *arguments, struct wsp_comm *comm, MPI_Comm handle);

/* Drives until every buffered send has left its memory. */
void wsp_bsend_drain(void);

#endif
