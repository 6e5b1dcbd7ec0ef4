/* SPDX-License-Identifier: BSD-3-Clause */
/* When a wrapper goes straight to the host: the condition for each route of functions.tbl. */
#ifndef WSP_MPI_HOST_ROUTE_H
#define WSP_MPI_HOST_ROUTE_H

#include "coll/coll.h"
#include "comm/comm.h"
#include "group/group.h"
#include "host/home.h"
#include "match/match.h"
#include "request/request.h"

/* > 0 while a host function that calls MPI by public names runs in this thread. */
extern _Thread_local int wsp_nested __attribute__((tls_model("initial-exec")));

#define WSP_IS_STRAIGHT() (__builtin_expect(!wsp_job.is_wide, 1) || wsp_nested > 0)

/* Anything else on a home communicator. */
#define WSP_ROUTE_comm(comm) (WSP_IS_STRAIGHT() || !wsp_comm_of(comm))

/* Groups: the host's unless one of them is spanning. */
#define WSP_ROUTE_group(group) (WSP_IS_STRAIGHT() || !wsp_group_is_spanning(group))

/* Calls that start something and return: the host's as they are on a home communicator. */
#define WSP_ROUTE_p2p_start(comm) WSP_ROUTE_comm(comm)

/* Calls that may block in the host: only while no wildcard may need this thread meanwhile. */
#define WSP_ROUTE_p2p_blocking(comm)                                                               \
    (WSP_IS_STRAIGHT() || (!wsp_must_drive() && !wsp_comm_of(comm)))

/* The same for a message to or from one rank, which is replaced by the host's rank for it. */
#define WSP_ROUTE_peer_start(comm, peer, tag, receives)                                            \
    (WSP_IS_STRAIGHT() || wsp_is_home_peer(comm, peer, tag, receives))
#define WSP_ROUTE_peer_block(comm, peer, tag, receives)                                            \
    (WSP_IS_STRAIGHT() || (!wsp_must_drive() && wsp_is_home_peer(comm, peer, tag, receives)))

/* What can be said of it without a call of our own, which would cost small messages: of a message
 * in MPI_COMM_WORLD. Where this is false WSP_ROUTE_ looks closer. */
#define WSP_QUICK_peer_start(comm, peer, tag, receives)                                            \
    (WSP_IS_STRAIGHT() ||                                                                          \
     ((comm) == MPI_COMM_WORLD && wsp_is_home_rank(wsp_comm_world, peer, tag, receives)))
#define WSP_QUICK_peer_block(comm, peer, tag, receives)                                            \
    (WSP_IS_STRAIGHT() || (!wsp_must_drive() && (comm) == MPI_COMM_WORLD &&                        \
                           wsp_is_home_rank(wsp_comm_world, peer, tag, receives)))

/* Collectives: every rank must choose alike, so on any communicator of a wide job they are driven;
 * save where guests take part, who do not choose. */
#define WSP_ROUTE_coll(comm) (WSP_IS_STRAIGHT() || wsp_home_has_guests(comm))

/* Collectives of some members: they too must not sleep in the host. */
#define WSP_ROUTE_members() WSP_IS_STRAIGHT()

/* Requests: the host's in one call while nothing of ours is outstanding nor may become so. */
#define WSP_ROUTE_request()                                                                        \
    (WSP_IS_STRAIGHT() || (wsp_request_n_known() == 0 && !wsp_job.is_threaded))

/* Message handles of ours exist only in a wide job. */
#define WSP_ROUTE_message() WSP_IS_STRAIGHT()

/* Buffered sends are all ours in a wide job: MPI_Buffer_detach must not sleep in the host. */
#define WSP_ROUTE_buffered() WSP_IS_STRAIGHT()

/* Init, Finalize, Abort and the like are always seen. */
#define WSP_ROUTE_always() 0

/* True while a blocking call of the host could keep this thread from work that only it can do. */
static inline bool wsp_must_drive(void)
{
    return wsp_job.is_threaded ||
           atomic_load_explicit(&wsp_match_n_open, memory_order_relaxed) > 0 ||
           atomic_load_explicit(&wsp_coll_n_running, memory_order_relaxed) > 0;
}

/* True if the host serves a message to or from this peer of a spanning communicator by itself: to a
 * rank at home; of a receive only where the status needs no translation. Sets *peer to what the
 * host calls it. What is wrong with an argument, and wildcards, are for others to see. */
static inline bool wsp_is_home_rank(const struct wsp_comm *comm, int *peer, int tag, bool receives)
{
    if (*peer < 0 || *peer >= comm->n_peers || tag > wsp_job.tag_ub)
        return false;
    int home = comm->home[comm->peer_base + *peer];
    if (home < 0 || (receives && home != *peer))
        return false;
    *peer = home;
    return true;
}

/* The same of any communicator. */
static inline bool wsp_is_home_peer(MPI_Comm handle, int *peer, int tag, bool receives)
{
    const struct wsp_comm *comm = wsp_comm_of(handle);
    return !comm || wsp_is_home_rank(comm, peer, tag, receives);
}

#endif
