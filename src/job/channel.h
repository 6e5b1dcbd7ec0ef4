/* SPDX-License-Identifier: BSD-3-Clause */
/* A control channel: one connection on which both sides proved the job key, and messages of a type
 * and a length go both ways. Used between leaders and the coordinator and within the liveness tree.
 * All of it, callbacks too, runs under the lock of the loop's owner. */
#ifndef WSP_JOB_CHANNEL_H
#define WSP_JOB_CHANNEL_H

#include "base/err.h"
#include "job/message.h"
#include "net/loop.h"
#include "wire/handshake.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wsp_channel;

/* Each may close the channel. */
struct wsp_channel_handler {
    /* Both sides are proven; messages may be sent. */
    void (*opened)(void *user, struct wsp_channel *channel);
    void (*message)(void *user, struct wsp_channel *channel, enum wsp_message_type type,
                    const uint8_t *bytes, size_t length);
    /* The connection is over; only wsp_channel_close may follow. Not called after a close of our
     * own. WSP_ERR_EOF, RESET, REFUSED, UNREACHABLE, TIMEOUT, UNTRUSTED, VERSION, PROTOCOL, ... */
    void (*ended)(void *user, struct wsp_channel *channel, wsp_err err);
};

struct wsp_channel_config {
    struct wsp_loop *loop;
    const struct wsp_proof_key *key; /* outlives the channel */
    enum wsp_purpose purpose;
    uint64_t nonce;        /* our incarnation; an acceptor takes callers of it or of 0 only */
    uint64_t remote_nonce; /* the one dialled; 0: any */
    uint32_t rank, remote_rank;
    const struct wsp_channel_handler *handler;
    void *user;
};

/* Takes over a socket that is connecting (dialler) or accepted; on failure it is closed. */
wsp_err wsp_channel_dial(const struct wsp_channel_config *config, int fd,
                         struct wsp_channel **channel) WSP_MUST_USE;
wsp_err wsp_channel_accept(const struct wsp_channel_config *config, int fd,
                           struct wsp_channel **channel) WSP_MUST_USE;

/* Gives the channel to another handler. */
void wsp_channel_set_handler(struct wsp_channel *channel, const struct wsp_channel_handler *handler,
                             void *user);

/* Takes the channel off its loop, which may then be closed, and puts it on another. Not from
 * within a callback. */
void wsp_channel_unwatch(struct wsp_channel *channel);
wsp_err wsp_channel_watch(struct wsp_channel *channel, struct wsp_loop *loop) WSP_MUST_USE;

/* World rank that the other side gave itself; once opened. */
uint32_t wsp_channel_remote_rank(const struct wsp_channel *channel);

/* Queues a message and writes what can be written now. If that fails, `ended` follows from the
 * loop. Calls no handler. */
void wsp_channel_send(struct wsp_channel *channel, enum wsp_message_type type, const void *bytes,
                      size_t length);

/* Bytes that the system has not taken yet. */
size_t wsp_channel_unsent(const struct wsp_channel *channel);

/* The address of our side as text, without port; false for a Unix socket. */
bool wsp_channel_local_host(const struct wsp_channel *channel, char *host, size_t size);

/* In a forked child: closes the descriptor, so that the other side hears when the parent ends.
 * Nothing is sent on the channel any more. */
void wsp_channel_abandon(struct wsp_channel *channel);

/* Closes at once and frees; nulls *channel. */
void wsp_channel_close(struct wsp_channel **channel);

#endif
