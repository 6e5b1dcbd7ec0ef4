/* SPDX-License-Identifier: BSD-3-Clause */
/* The link of a process: all its paths, their sockets and the I/O thread. Wide messages with
 * envelopes go in and come out; paths open when two ranks first talk.
 *
 * One lock guards the link, its ends and what the layer above keeps with them (matching). Unless
 * said otherwise the caller holds it (wsp_link_lock). Handlers run under it, in the thread that
 * drives the sockets at the moment: they must neither block nor call MPI. */
#ifndef WSP_LINK_LINK_H
#define WSP_LINK_LINK_H

#include "base/err.h"
#include "net/loop.h"
#include "path/end.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct wsp_link;

#define WSP_KEY_BYTES 32
#define WSP_HOST_MAX  64

/* Where a process listens, and which incarnation of it. */
struct wsp_endpoint {
    char host[WSP_HOST_MAX]; /* address or name, NUL-terminated */
    uint16_t port;
    uint64_t nonce;
};

/* One wide send or receive. Embedded in its owner's request and kept until done. The link writes
 * err and length, then done with release order; complete (may be NULL) is called right after,
 * under the lock, at which the op may be freed or reused. */
struct wsp_op {
    atomic_bool done;
    wsp_err err;
    uint64_t length; /* receives: bytes of the message, may exceed the capacity */
    void (*complete)(struct wsp_op *op);
    struct wsp_tx *tx; /* the link's, for cancel */
    uint32_t peer;     /* the link's */
};

struct wsp_link_handler {
    /* The next message of rank `source` in order; answer with wsp_link_accept now or later. */
    void (*arrived)(void *user, uint32_t source, struct wsp_rx *rx,
                    const struct wsp_envelope *envelope);
    /* As in struct wsp_end_handler. */
    bool (*withdraw)(void *user, uint32_t source, struct wsp_rx *rx);
    /* No message to or from this rank will travel any more; its ops have been answered, its
     * unmatched rx are to be forgotten. Called once per rank. */
    void (*peer_lost)(void *user, uint32_t rank, wsp_err err);
};

struct wsp_link_config {
    uint8_t key[WSP_KEY_BYTES]; /* job key */
    char job[64];               /* job name, part of every proof */
    const char *ports;          /* as WIDESPAN_PORTS; NULL: nobody can dial this process */
    const struct wsp_link_handler *handler;
    void *user;
};

/* Binds a listener on all addresses and draws an incarnation nonce; what dials it now waits in the
 * backlog. No lock needed. */
wsp_err wsp_link_open(const struct wsp_link_config *config, struct wsp_link **link) WSP_MUST_USE;

/* Fills port and nonce (not host). */
void wsp_link_endpoint(const struct wsp_link *link, struct wsp_endpoint *endpoint);

/* Names this process and the others (endpoints copied; the own entry and those of home ranks,
 * which have an empty host, are never dialled) and starts the I/O thread. No lock needed. */
wsp_err wsp_link_start(struct wsp_link *link, uint32_t rank, uint32_t n_ranks,
                       const struct wsp_endpoint *endpoints) WSP_MUST_USE;

struct wsp_share; /* link/share.h */
/* Before wsp_link_start: what this machine's processes share of rank r's site is in of_ranks[r],
 * which outlives the link; the array (from malloc) is the link's from here on. Without this each
 * path has its own. */
void wsp_link_share(struct wsp_link *link, struct wsp_share **of_ranks);

void wsp_link_lock(struct wsp_link *link);
void wsp_link_unlock(struct wsp_link *link);

/* The event loop, for the layers above to add descriptors of their own; wake the link after
 * changing it from outside a callback. */
struct wsp_loop *wsp_link_loop(struct wsp_link *link);

/* Sends envelope->length bytes at data to rank dest; data stays the caller's and unchanged until
 * op is done. flags: enum wsp_send_flag. Errors (also of a lost peer) are in the op. */
void wsp_link_send(struct wsp_link *link, uint32_t dest, const struct wsp_envelope *envelope,
                   const void *data, unsigned flags, struct wsp_op *op);
/* Tries to take a send back; op ends with WSP_ERR_CANCELLED or as it would have. */
void wsp_link_cancel(struct wsp_link *link, struct wsp_op *op);
/* Lets an arrived message land. If it is longer than capacity, op ends with WSP_ERR_TRUNCATED and
 * the first capacity bytes in place. */
void wsp_link_accept(struct wsp_link *link, uint32_t source, struct wsp_rx *rx, void *buffer,
                     uint64_t capacity, struct wsp_op *op);

/* True if the peer is lost for good. */
bool wsp_link_is_lost(const struct wsp_link *link, uint32_t rank);
/* Ends everything with a peer that the job declared dead. */
void wsp_link_declare_lost(struct wsp_link *link, uint32_t rank);

/* Under the lock: in a child that this process forks, `forked` closes the descriptors that others
 * watch on the link's loop; NULL: there are none. */
void wsp_link_on_fork(struct wsp_link *link, void (*forked)(void *user), void *user);

/* Without the lock: drives the sockets from the calling thread for one round, waiting up to
 * timeout_ns for something to happen. Returns true if anything happened. If another thread drives
 * already, waits for it instead. */
bool wsp_link_progress(struct wsp_link *link, uint64_t timeout_ns);
/* Without the lock: true while large payloads move, so that a thread that waits does better to
 * sleep until there is much to read or to write than to look every moment. */
bool wsp_link_is_streaming(const struct wsp_link *link);
/* Without the lock: makes a thread that waits in wsp_link_progress return. */
void wsp_link_wake(struct wsp_link *link);

/* Without the lock: closes all paths in order, draining what was sent, for at most timeout_ns.
 * WSP_ERR_TIMEOUT if something was not acknowledged in time. */
wsp_err wsp_link_drain(struct wsp_link *link, uint64_t timeout_ns) WSP_MUST_USE;
/* Without the lock: stops the I/O thread and frees everything; ops under way end with CLOSED. */
void wsp_link_close(struct wsp_link **link);

/* Counters of the whole process. */
struct wsp_link_stats {
    struct wsp_end_stats sum; /* over all paths; rtt_ns the largest */
    uint64_t paths_opened, paths_lost;
    uint64_t strangers_silent, strangers_garbage, strangers_wrong_key, strangers_evicted;
    uint64_t handshakes_done, descriptors_peak;
};
void wsp_link_get_stats(struct wsp_link *link, struct wsp_link_stats *stats);

/* The path to a rank, as long as the link lives, also when it is over. */
struct wsp_link_path {
    uint64_t bytes_sent;
    struct wsp_end_tuning tuning;
};
/* False if there never was one. */
bool wsp_link_get_path(const struct wsp_link *link, uint32_t rank, struct wsp_link_path *path);
/* The counters, what tuning chose for each path, and the bytes of each stream as one JSON object
 * without a newline; takes the lock itself. */
void wsp_link_print_stats(struct wsp_link *link, FILE *out);

#endif
