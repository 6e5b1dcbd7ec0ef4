/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths: reliable, ordered message channels between two processes, each over several TCP streams.
 *
 * One side listens, the other opens. Messages keep their bounds and, for one tag, their order.
 * Streams that break are made again; what they carried is sent again; each message is delivered
 * once. An MPI program needs none of this.
 *
 * Threads: every function may be called from any thread, unless it says otherwise. A thread of the
 * library carries on with transfers while the program computes. After a fork only the parent may
 * use its paths.
 *
 * Options that are not set here are taken from the WIDESPAN_* variables of the environment, which
 * are read when the first path or listener is made; `widespan info` lists them. */
#ifndef WIDESPAN_PATH_H
#define WIDESPAN_PATH_H

#include <widespan/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A path to one other process. Owned by who opened or accepted it, until wsp_path_close. */
struct wsp_path;

/* A place where others may open paths to. Owned by who opened it, until wsp_listener_close. */
struct wsp_listener;

/* A send or receive under way. Owned by who started it, until a wait or test that ends it. */
struct wsp_request;

#define WSP_PATH_KEY_BYTES 32
#define WSP_FOREVER        UINT64_MAX /* as a timeout: none */
#define WSP_ANY_TAG        UINT64_MAX /* as the tag of a receive: the next message, whatever its tag */

/* Zero stands for the default in every field but the first. */
struct wsp_path_options {
    size_t size;      /* sizeof(struct wsp_path_options) */
    uint32_t streams; /* TCP streams that this side sends large messages on, 1 to 256; 0: their
                       * number is found by traffic */
    uint32_t segment_bytes; /* largest piece that travels whole on one stream, 4 KiB to 16 MiB; 0:
                             * found by traffic */
    uint64_t connect_ms;    /* how long a path may take to open */
    uint64_t outage_ms;     /* how long it may be without a working stream */
    uint32_t paths;         /* listener: paths open at a time, 1 to 65536; default 64 */
};

/* How a message ended. */
struct wsp_path_status {
    uint64_t tag;
    uint64_t length; /* bytes of the message; more than the buffer has if it was cut */
};

/* Counts since the path was opened. Fields are only ever added at the end. */
struct wsp_path_stats {
    size_t size; /* set by the caller to sizeof(struct wsp_path_stats) */
    uint64_t messages_sent, messages_received;
    uint64_t bytes_sent, bytes_received; /* of messages, each byte once */
    uint64_t segments_sent, segments_received, segments_replayed;
    uint64_t streams_opened, streams_lost;
    uint64_t round_trip_ns; /* smoothed; 0: not known yet */
    /* What was chosen for large messages, when they last flowed. */
    uint64_t streams;     /* that they are sent on */
    uint64_t pace_bps;    /* bits a second that they leave at; 0: not held back */
    uint64_t goodput_bps; /* bits a second that arrived; 0: not measured */
    const char *limit;    /* what keeps them from being faster; a constant string */
};

/* Opens a path to a listener and waits until it stands.
 *   address  "HOST:PORT" or "[HOST]:PORT"; a name or numeric
 *   name     what both sides call this, at most 63 bytes; part of the proof of the key
 *   key      32 secret bytes that the listener has too; copied
 *   options  NULL: the defaults
 *   path     set on success
 * WSP_ERR_INVALID  an argument is none
 * WSP_ERR_CONFIG   a WIDESPAN_* variable cannot be used
 * WSP_ERR_UNTRUSTED  the other side has another key or name
 * WSP_ERR_VERSION, _REFUSED, _UNREACHABLE, _TIMEOUT  no path within connect_ms, and why
 * WSP_ERR_BUSY     the listener has as many paths as it may, also after connect_ms
 * WSP_ERR_NO_MEMORY, _BUSY, _IO  this process lacks memory or descriptors */
WSP_PUBLIC wsp_err wsp_path_open(const char *address, const char *name,
                                 const uint8_t key[WSP_PATH_KEY_BYTES],
                                 const struct wsp_path_options *options, struct wsp_path **path);

/* Closes a path: what was sent goes out, what was not received is read away, and the other side's
 * close is waited for, timeout_ms at most. The path is gone in any case and *path NULL; requests
 * under way end with WSP_ERR_CLOSED and are still to be waited for. No other thread may be in a
 * call on this path. *path may be NULL.
 * WSP_ERR_TIMEOUT  not everything that was sent is known to have arrived
 * and the error of the path if it was lost before */
WSP_PUBLIC wsp_err wsp_path_close(struct wsp_path **path, uint64_t timeout_ms);

/* Listens on all addresses of this machine.
 *   ports    "0" (the system chooses), "PORT" or "LOW-HIGH" (the first free one)
 *   name, key, options  as for wsp_path_open
 * WSP_ERR_INVALID, _CONFIG (also: ports is no range)
 * WSP_ERR_BUSY  all these ports are taken
 * WSP_ERR_NO_MEMORY, _IO */
WSP_PUBLIC wsp_err wsp_listener_open(const char *ports, const char *name,
                                     const uint8_t key[WSP_PATH_KEY_BYTES],
                                     const struct wsp_path_options *options,
                                     struct wsp_listener **listener);

/* The port it listens on. */
WSP_PUBLIC uint16_t wsp_listener_port(const struct wsp_listener *listener);

/* Takes the next path that was opened to the listener, waiting timeout_ms at most.
 * WSP_ERR_TIMEOUT  none came */
WSP_PUBLIC wsp_err wsp_listener_accept(struct wsp_listener *listener, uint64_t timeout_ms,
                                       struct wsp_path **path);

/* Takes no new paths from now on; those that were accepted stay, those that were not are refused.
 * Nulls *listener, which may be NULL. No other thread may be in a call on this listener. */
WSP_PUBLIC void wsp_listener_close(struct wsp_listener **listener);

/* Sends a message and returns when data may be changed again, which is no proof that it arrived.
 *   tag      anything but WSP_ANY_TAG
 *   data     length bytes, NULL if there are none
 * WSP_ERR_INVALID, and the error of a path that is lost */
WSP_PUBLIC wsp_err wsp_path_send(struct wsp_path *path, uint64_t tag, const void *data,
                                 size_t length);

/* Receives the next message with this tag, waiting as long as the path lives.
 *   buffer   room for capacity bytes
 *   status   may be NULL; set on success and on WSP_ERR_TRUNCATED
 * WSP_ERR_TRUNCATED  the message is longer; its first capacity bytes are in the buffer
 * and the error of a path that is lost */
WSP_PUBLIC wsp_err wsp_path_recv(struct wsp_path *path, uint64_t tag, void *buffer, size_t capacity,
                                 struct wsp_path_status *status);

/* The same without waiting. data must stay unchanged, buffer untouched, until *request has been
 * ended by a wait or test, where the errors are those of wsp_path_send and wsp_path_recv.
 * WSP_ERR_INVALID, WSP_ERR_NO_MEMORY: nothing was started, *request is not set */
WSP_PUBLIC wsp_err wsp_path_isend(struct wsp_path *path, uint64_t tag, const void *data,
                                  size_t length, struct wsp_request **request);
WSP_PUBLIC wsp_err wsp_path_irecv(struct wsp_path *path, uint64_t tag, void *buffer,
                                  size_t capacity, struct wsp_request **request);

/* Waits for a request, timeout_ms at most. Unless it returns WSP_ERR_TIMEOUT, the request has
 * ended with what is returned, is freed, and *request is NULL. status may be NULL. One thread at a
 * time per request. */
WSP_PUBLIC wsp_err wsp_request_wait(struct wsp_request **request, uint64_t timeout_ms,
                                    struct wsp_path_status *status);

/* Looks once, without waiting: WSP_ERR_AGAIN if the request is still under way, else as
 * wsp_request_wait. */
WSP_PUBLIC wsp_err wsp_request_test(struct wsp_request **request, struct wsp_path_status *status);

/* Fills as much of stats as stats->size says.
 * WSP_ERR_INVALID  size is too small to be any */
WSP_PUBLIC wsp_err wsp_path_get_stats(struct wsp_path *path, struct wsp_path_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
