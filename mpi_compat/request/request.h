/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests that the shim knows of. A wide request's handle is an idle persistent request of the
 * host, out of a pool; a home receive on a spanning communicator is the host's own request with a
 * note beside it, because the source in its status must be translated.
 *
 * An object belongs to the thread that completes or frees its handle. Handles are looked up in one
 * map, locked under MPI_THREAD_MULTIPLE. An object whose handle was freed while the operation was
 * under way is an orphan, reaped when it is done. */
#ifndef WSP_MPI_REQUEST_REQUEST_H
#define WSP_MPI_REQUEST_REQUEST_H

#include "comm/comm.h"
#include "match/match.h"

#include <mpi.h>
#include <stdatomic.h>
#include <stdbool.h>

enum wsp_request_kind {
    WSP_REQUEST_NOTE,    /* a home receive: the host's request */
    WSP_REQUEST_SEND,    /* a wide send */
    WSP_REQUEST_RECEIVE, /* a receive from a wide source, or from any source */
    WSP_REQUEST_MESSAGE, /* MPI_Imrecv of a wide message */
    WSP_REQUEST_COLL     /* a collective on a spanning communicator */
};

enum wsp_send_mode { WSP_MODE_STANDARD, WSP_MODE_BUFFERED, WSP_MODE_SYNCHRONOUS, WSP_MODE_READY };

/* What the program passed; kept for persistent requests and for unpacking. */
struct wsp_arguments {
    const void *buffer; /* of a receive: written to */
    int count;
    MPI_Datatype type; /* a duplicate while is_type_held */
    int peer, tag;
    enum wsp_send_mode mode;
    bool is_type_held;
};

struct wsp_request {
    enum wsp_request_kind kind;
    MPI_Request handle;
    struct wsp_comm *comm; /* held; NULL: a buffered send on the home communicator home_comm */
    MPI_Comm home_comm;
    bool is_persistent, is_active;
    bool uses_handle; /* counted in the communicator's n_handle_users */
    bool is_cancelled;
    bool is_hidden; /* a note out of the map, see wsp_note_hide */
    struct wsp_arguments arguments;
    void *packed; /* packed bytes where the type is not contiguous; malloc'ed */

    struct wsp_op op;         /* sends; of a collective only `done` */
    struct wsp_posted posted; /* receives */

    /* Receives from any source: the half that is posted at the host. */
    struct wsp_node open_node; /* in the list of those not settled */
    MPI_Request half;          /* MPI_REQUEST_NULL: none, or settled for the wide half */
    bool is_home_done;         /* the host's half has a message (or was cancelled by the program) */
    bool is_half_cancelled;    /* MPI_Cancel was called on it */
    struct wsp_node orphan_node;

    int coll_code; /* how a collective ended; written before its op is done */
    bool is_coll_raised;
};

/* How many requests the map holds. */
extern atomic_int wsp_request_n_known_;
static inline int wsp_request_n_known(void)
{
    return atomic_load_explicit(&wsp_request_n_known_, memory_order_relaxed);
}

/* The communicator whose error handler hears of the request. */
static inline MPI_Comm wsp_request_comm(const struct wsp_request *request)
{
    return request->comm ? request->comm->handle : request->home_comm;
}

/* A new object of this kind on comm (held; may be NULL, see above), with a handle from the pool
 * (but for notes, whose handle is given). NULL when out of memory. */
struct wsp_request *wsp_request_new(enum wsp_request_kind kind, struct wsp_comm *comm,
                                    MPI_Request note_handle);
/* Gives back the object, its handle and what it holds. The operation must be over. */
void wsp_request_delete(struct wsp_request *request);

/* The object of a handle, or NULL for a plain request of the host. */
struct wsp_request *wsp_request_of(MPI_Request handle);

/* The op of a wide send or receive. */
struct wsp_op *wsp_request_op(struct wsp_request *request);

/* Is it complete? Does not drive. Not for notes. */
bool wsp_request_is_done(struct wsp_request *request);

/* The first error of a call that completes requests: its one call of an error handler is still to
 * come. Zeroed: none. The communicator is held, so that the handler can see it although the request
 * is gone. */
struct wsp_failure {
    int code;
    MPI_Comm handle;
    struct wsp_comm *comm; /* NULL: handle is a home communicator */
};

/* Calls the error handler if there is a failure, which is none afterwards. Returns its code. */
int wsp_failure_raise(struct wsp_failure *failure);
/* Lets go of a failure for which the host has called a handler. */
void wsp_failure_drop(struct wsp_failure *failure);

/* Takes the outcome of a complete one: status (may be MPI_STATUS_IGNORE) and the error code, which
 * is noted in *failure if it is the first and has not been raised yet. Unpacks. The object is idle
 * (persistent, and without an error: the host frees such a one) or deleted afterwards, *handle set
 * so. Not for notes. */
int wsp_request_take(struct wsp_request *request, MPI_Request *handle, MPI_Status *status,
                     struct wsp_failure *failure);

/* True if it is complete with an error. Not for notes. */
bool wsp_request_has_failed(struct wsp_request *request);

/* Fills a status only, for MPI_Request_get_status of a complete one. */
void wsp_request_peek(struct wsp_request *request, MPI_Status *status);

/* Before a call of the host that may end a note's request: from then on another thread may get its
 * handle for a request of its own, so under MPI_THREAD_MULTIPLE the note leaves the map. Afterwards
 * wsp_note_settle, or wsp_note_show if the request lives on. */
void wsp_note_hide(struct wsp_request *note);
void wsp_note_show(struct wsp_request *note);

/* After the host has completed requests: translates the status of a note and, unless the request
 * lives on (persistent, or not complete: *handle is not null), deletes the note. */
void wsp_note_settle(struct wsp_request *note, MPI_Request handle, MPI_Status *status);

/* MPI_Request_free: at once if it is over, else it becomes an orphan. */
void wsp_request_abandon(struct wsp_request *request);
/* Deletes the orphans that are over; returns whether some are left. */
bool wsp_request_reap(void);

/* MPI_Cancel of a wide one; also of one that is complete already (nothing happens). */
void wsp_request_cancel(struct wsp_request *request);

/* Translates the source in the status of a home receive on comm. */
static inline void wsp_status_translate(const struct wsp_comm *comm, MPI_Status *status)
{
    if (status != MPI_STATUS_IGNORE && status->MPI_SOURCE >= 0)
        status->MPI_SOURCE = wsp_peer_at_home(comm, status->MPI_SOURCE);
}

/* Fills the status of a wide receive of length bytes; MPI_ERROR is left alone. */
void wsp_status_fill(MPI_Status *status, int source, int tag, uint64_t length, bool is_cancelled);
/* The empty status (MPI-3.1 3.7.3), likewise. */
void wsp_status_empty(MPI_Status *status);

/* Frees the pool; before the host's finalize. */
void wsp_request_fini(void);

#endif
