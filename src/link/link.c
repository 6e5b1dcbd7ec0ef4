/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of a link, its lock, and the way of messages into its paths. */
#include "link/emulator.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/opts.h"
#include "net/random.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEGMENT_BYTES    (256 * 1024)
#define EMULATED_STREAMS 4

void wsp_link_lock(struct wsp_link *link)
{
    pthread_mutex_lock(&link->lock);
}

void wsp_link_unlock(struct wsp_link *link)
{
    pthread_mutex_unlock(&link->lock);
}

void wsp_link_enter(struct wsp_link *link)
{
    link->depth++;
}

static void settle(struct wsp_link *link)
{
    struct wsp_node *node;
    do {
        while ((node = wsp_list_pop_front(&link->due)))
            wsp_stream_settle(WSP_CONTAINER(node, struct wsp_stream, due_node));
        while ((node = wsp_list_pop_front(&link->touched)))
            wsp_peer_settle(WSP_CONTAINER(node, struct wsp_peer, touched_node));
    } while (!wsp_list_is_empty(&link->due));
}

void wsp_link_leave(struct wsp_link *link)
{
    if (link->depth == 1) {
        settle(link);
        wsp_driver_check_deadline(link);
    }
    link->depth--;
}

void wsp_link_note_descriptor(struct wsp_link *link, int fd)
{
    /* Only counting and the fork handler suffer when memory is short. */
    if (wsp_map_put(&link->descriptors, (uint64_t)fd, link) != WSP_OK)
        return;
    if (link->descriptors.n_used > link->stats.descriptors_peak)
        link->stats.descriptors_peak = link->descriptors.n_used;
}

void wsp_link_close_descriptor(struct wsp_link *link, int fd)
{
    wsp_map_take(&link->descriptors, (uint64_t)fd);
    close(fd);
}

static wsp_err open_parts(struct wsp_link *link, const struct wsp_link_config *config)
{
    wsp_err err = wsp_proof_key_init(&link->key, config->key, config->job);
    if (!err)
        err = wsp_random_nonce(&link->nonce);
    if (!err)
        err = wsp_loop_open(&link->loop);
    if (!err)
        err = wsp_emulator_open(link);
    if (err)
        return err;
    if (!config->ports)
        return WSP_OK;
    err = wsp_tcp_listen(config->ports, &link->listener, &link->port);
    if (err)
        link->listener = -1;
    else
        wsp_link_note_descriptor(link, link->listener);
    return err;
}

/* What the user has set does not tune itself; nor does an emulated distance, of which the kernel
 * knows nothing. */
static void obey_hand(struct wsp_link *link)
{
    struct wsp_end_config *defaults = &link->end_defaults;
    bool is_emulated = *wsp_opt_text(WSP_OPT_EMULATE);
    if (is_emulated)
        defaults->tunes_streams = defaults->tunes_pace = defaults->tunes_segments = false;
    if (is_emulated)
        defaults->streams_first = EMULATED_STREAMS;
    if (wsp_opt_is_set(WSP_OPT_STREAMS)) {
        defaults->tunes_streams = false;
        defaults->streams_first = (unsigned)wsp_opt_number(WSP_OPT_STREAMS);
        link->by_hand |= WSP_HAND_STREAMS;
    }
    if (wsp_opt_is_set(WSP_OPT_SEGMENT)) {
        defaults->tunes_segments = false;
        defaults->segment_bytes = (uint32_t)wsp_opt_number(WSP_OPT_SEGMENT);
        link->by_hand |= WSP_HAND_SEGMENT;
    }
    if (wsp_opt_is_set(WSP_OPT_PACING)) {
        defaults->tunes_pace = false;
        defaults->pace_bps = wsp_opt_number(WSP_OPT_PACING) / 8;
        link->by_hand |= WSP_HAND_PACING;
    }
    if (wsp_opt_is_set(WSP_OPT_WINDOW))
        link->by_hand |= WSP_HAND_WINDOW;
}

wsp_err wsp_link_open(const struct wsp_link_config *config, struct wsp_link **out)
{
    struct wsp_link *link = calloc(1, sizeof *link);
    if (!link)
        return WSP_ERR_NO_MEMORY;
    pthread_mutex_init(&link->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&link->round_done, &attributes);
    pthread_condattr_destroy(&attributes);
    link->handler = *config->handler;
    link->user = config->user;
    link->listener = link->outer_epoll = link->io_wake = -1;
    link->window_bytes = (uint32_t)wsp_opt_number(WSP_OPT_WINDOW);
    link->end_defaults = (struct wsp_end_config){.streams_max = WSP_STREAMS_MAX,
                                                 .streams_first = 1,
                                                 .tunes_streams = true,
                                                 .tunes_pace = true,
                                                 .tunes_segments = true,
                                                 .tunes_credit = !wsp_opt_is_set(WSP_OPT_CREDIT),
                                                 .segment_bytes = SEGMENT_BYTES,
                                                 .credit_bytes = wsp_opt_number(WSP_OPT_CREDIT),
                                                 .eager_bytes = wsp_opt_number(WSP_OPT_EAGER),
                                                 .heartbeat_ns = wsp_opt_number(WSP_OPT_HEARTBEAT),
                                                 .outage_ns = wsp_opt_number(WSP_OPT_OUTAGE),
                                                 .connect_ns = wsp_opt_number(WSP_OPT_CONNECT_TIME),
                                                 .hold_timers = wsp_opt_number(WSP_OPT_HOLD_TIMERS),
                                                 .unexpected = &link->unexpected,
                                                 .replay = &link->replay,
                                                 .spares = &link->spares};
    obey_hand(link);
    link->unexpected.limit_bytes = wsp_opt_number(WSP_OPT_UNEXPECTED_MEMORY);
    link->replay.limit_bytes = wsp_opt_number(WSP_OPT_REPLAY_MEMORY);
    /* A thread that saw another link at this address must not take its happenings for ours. */
    static atomic_uint_fast32_t n_opened;
    link->happened = (uint64_t)(atomic_fetch_add(&n_opened, 1) + 1) << 32;
    wsp_list_init(&link->due);
    wsp_list_init(&link->touched);
    wsp_list_init(&link->guests);
    wsp_fork_add(link);
    wsp_err err = open_parts(link, config);
    if (err)
        wsp_link_close(&link);
    else
        *out = link;
    return err;
}

void wsp_link_endpoint(const struct wsp_link *link, struct wsp_endpoint *endpoint)
{
    endpoint->port = link->port;
    endpoint->nonce = link->nonce;
}

wsp_err wsp_link_start(struct wsp_link *link, uint32_t rank, uint32_t n_ranks,
                       const struct wsp_endpoint *endpoints)
{
    if (rank >= n_ranks || link->is_started)
        return WSP_ERR_INVALID;
    link->rank = rank;
    link->n_ranks = n_ranks;
    link->endpoints = malloc(n_ranks * sizeof *endpoints);
    link->peers = calloc(n_ranks, sizeof(struct wsp_peer *));
    if (!link->endpoints || !link->peers)
        return WSP_ERR_NO_MEMORY;
    memcpy(link->endpoints, endpoints, n_ranks * sizeof *endpoints);
    wsp_err err = wsp_hosts_load(link);
    if (err)
        return err;
    wsp_link_load_hints(link);
    wsp_link_lock(link);
    err = wsp_acceptor_start(link);
    if (!err)
        err = wsp_driver_start(link);
    link->is_started = !err;
    wsp_link_unlock(link);
    return err;
}

struct wsp_loop *wsp_link_loop(struct wsp_link *link)
{
    return link->loop;
}

/* True if the op is of a wsp_link_send under way: its caller looks for itself. */
static bool forget_sending(struct wsp_link *link, const struct wsp_op *op)
{
    struct wsp_sending *at = link->sending;
    while (at && at->op != op)
        at = at->outer;
    if (at)
        at->op = NULL;
    return at != NULL;
}

void wsp_link_finish_op(struct wsp_link *link, struct wsp_op *op, uint64_t length, wsp_err err)
{
    if (!forget_sending(link, op))
        wsp_driver_tell(link);
    op->err = err;
    op->length = length;
    op->tx = NULL;
    void (*complete)(struct wsp_op *) = op->complete;
    atomic_store_explicit(&op->done, true, memory_order_release);
    if (complete)
        complete(op);
}

wsp_err wsp_link_reach(struct wsp_link *link, uint32_t rank, struct wsp_peer **out)
{
    if (link->is_inert)
        return WSP_ERR_CLOSED;
    struct wsp_peer *peer = wsp_peer_get(link, rank);
    if (!peer)
        return rank < link->n_ranks ? WSP_ERR_NO_MEMORY : WSP_ERR_INVALID;
    if (peer->is_lost || peer->is_closed)
        return peer->is_lost ? peer->lost_err : WSP_ERR_CLOSED;
    if (!peer->end) {
        if (!peer->host)
            return WSP_ERR_UNREACHABLE;
        wsp_err err = wsp_peer_open(peer);
        if (err)
            return err;
        peer->is_dialler = true;
        wsp_end_start(peer->end, wsp_clock_now_ns());
    }
    *out = peer;
    return WSP_OK;
}

void wsp_link_send(struct wsp_link *link, uint32_t dest, const struct wsp_envelope *envelope,
                   const void *data, unsigned flags, struct wsp_op *op)
{
    struct wsp_sending sending = {.op = op, .outer = link->sending};
    struct wsp_tx *tx = NULL;
    struct wsp_peer *peer = NULL;
    wsp_link_enter(link);
    atomic_store_explicit(&op->done, false, memory_order_relaxed);
    op->tx = NULL;
    op->peer = dest;
    link->sending = &sending;
    wsp_err err = wsp_link_reach(link, dest, &peer);
    if (!err) {
        wsp_peer_touch(peer);
        err = wsp_end_send(peer->end, envelope, data, flags, op, wsp_clock_now_ns(), &tx);
    }
    if (err)
        wsp_link_finish_op(link, op, 0, err);
    else if (sending.op)
        op->tx = tx;
    /* Written at once where nothing is queued; done or not, the op may still end in there. */
    wsp_link_leave(link);
    link->sending = sending.outer;
}

void wsp_link_cancel(struct wsp_link *link, struct wsp_op *op)
{
    if (link->is_inert || !op->tx || op->peer >= link->n_ranks)
        return;
    struct wsp_peer *peer = link->peers[op->peer];
    if (!peer || !peer->end)
        return;
    wsp_link_enter(link);
    wsp_peer_touch(peer);
    wsp_end_cancel(peer->end, op->tx, wsp_clock_now_ns());
    wsp_link_leave(link);
}

void wsp_link_accept(struct wsp_link *link, uint32_t source, struct wsp_rx *rx, void *buffer,
                     uint64_t capacity, struct wsp_op *op)
{
    struct wsp_peer *peer = source < link->n_ranks ? link->peers[source] : NULL;
    wsp_link_enter(link);
    atomic_store_explicit(&op->done, false, memory_order_relaxed);
    op->tx = NULL;
    op->peer = source;
    if (peer && peer->end && !peer->is_lost && !link->is_inert) {
        wsp_peer_touch(peer);
        wsp_end_accept(peer->end, rx, buffer, capacity, op, wsp_clock_now_ns());
    } else {
        wsp_link_finish_op(link, op, 0, peer && peer->is_lost ? peer->lost_err : WSP_ERR_CLOSED);
    }
    wsp_link_leave(link);
}

void wsp_link_share(struct wsp_link *link, struct wsp_share **of_ranks)
{
    free(link->shares);
    link->shares = of_ranks;
}

bool wsp_link_is_lost(const struct wsp_link *link, uint32_t rank)
{
    return rank < link->n_ranks && link->peers[rank] && link->peers[rank]->is_lost;
}

void wsp_link_declare_lost(struct wsp_link *link, uint32_t rank)
{
    struct wsp_peer *peer = link->is_inert ? NULL : wsp_peer_get(link, rank);
    if (!peer)
        return;
    wsp_link_enter(link);
    wsp_peer_declare_lost(peer, WSP_ERR_PEER_LOST);
    wsp_link_leave(link);
}

static void free_peers(struct wsp_link *link)
{
    /* All are answered before any is freed: a handler may still look at others. */
    for (uint32_t i = 0; link->peers && i < link->n_ranks; i++)
        if (link->peers[i] && link->peers[i]->end && !link->is_inert) {
            wsp_link_enter(link);
            wsp_end_fail(link->peers[i]->end, WSP_ERR_CLOSED);
            wsp_link_leave(link);
        }
    for (uint32_t i = 0; link->peers && i < link->n_ranks; i++)
        if (link->peers[i])
            wsp_peer_free(link->peers[i]);
    free(link->peers);
}

void wsp_link_close(struct wsp_link **at)
{
    struct wsp_link *link = *at;
    *at = NULL;
    if (!link || link->is_inert)
        return; /* in a forked child the memory is all that is left, and it goes with the process */
    wsp_fork_remove(link);
    wsp_driver_stop(link);
    wsp_link_lock(link);
    wsp_acceptor_stop(link);
    wsp_link_save_hints(link);
    wsp_hints_free(&link->hints);
    free_peers(link);
    wsp_emulator_close(link);
    wsp_hosts_free(link);
    wsp_spares_fini(&link->spares);
    wsp_map_fini(&link->descriptors);
    wsp_map_fini(&link->gone_nonces);
    wsp_loop_close(&link->loop);
    wsp_link_unlock(link);
    pthread_cond_destroy(&link->round_done);
    pthread_mutex_destroy(&link->lock);
    free(link->endpoints);
    free(link->shares);
    free(link);
}
