/* SPDX-License-Identifier: BSD-3-Clause */
/* Another process: its path end, whose handlers are here, and how it is lost. */
#include "link/link_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

static void on_arrived(void *user, struct wsp_rx *rx, const struct wsp_envelope *envelope)
{
    struct wsp_peer *peer = user;
    wsp_driver_tell(peer->link);
    peer->link->handler.arrived(peer->link->user, peer->rank, rx, envelope);
}

static void on_landed(void *user, void *rx_user, uint64_t length, wsp_err err)
{
    struct wsp_peer *peer = user;
    wsp_link_finish_op(peer->link, rx_user, length, err);
}

static void on_sent(void *user, void *tx_user, wsp_err err)
{
    struct wsp_peer *peer = user;
    wsp_link_finish_op(peer->link, tx_user, 0, err);
}

static bool on_withdraw(void *user, struct wsp_rx *rx)
{
    struct wsp_peer *peer = user;
    return peer->link->handler.withdraw(peer->link->user, peer->rank, rx);
}

static void on_want_write(void *user, unsigned index)
{
    struct wsp_peer *peer = user;
    wsp_stream_note(peer->streams[index], WSP_DUE_WRITE);
}

static void on_want_reset(void *user, unsigned index, wsp_err why)
{
    struct wsp_peer *peer = user;
    peer->streams[index]->reset_why = why;
    wsp_stream_note(peer->streams[index], WSP_DUE_RESET);
}

static void on_want_stream(void *user, unsigned index, uint32_t generation)
{
    struct wsp_peer *peer = user;
    if (!wsp_peer_grow(peer, index + 1))
        return; /* the end asks again */
    peer->streams[index]->wanted_generation = generation;
    wsp_stream_note(peer->streams[index], WSP_DUE_DIAL);
}

static bool on_sample(void *user, unsigned index, struct wsp_stream_sample *sample)
{
    struct wsp_peer *peer = user;
    return wsp_stream_sample(peer->streams[index], sample);
}

static void on_hold(void *user, unsigned index, uint64_t bps)
{
    struct wsp_peer *peer = user;
    wsp_stream_hold(peer->streams[index], bps);
}

static void on_unpin(void *user, unsigned index)
{
    struct wsp_peer *peer = user;
    wsp_stream_unpin(peer->streams[index]);
}

static void on_sink(void *user, unsigned index)
{
    struct wsp_peer *peer = user;
    peer->streams[index]->reader.landing.where = NULL;
}

static void on_closed(void *user)
{
    struct wsp_peer *peer = user;
    peer->is_closed = true;
    wsp_driver_tell(peer->link);
    /* Last acknowledgements are still written; then our half of each stream is shut. */
    for (unsigned i = 0; i < peer->n_streams; i++)
        wsp_stream_note(peer->streams[i], WSP_DUE_WRITE);
    wsp_peer_touch(peer);
}

/* The one place that says so: where, why, and what the last attempt to connect ran into. */
static void log_loss(const struct wsp_peer *peer, wsp_err err)
{
    if (!peer->host || peer->link->is_silent)
        wsp_info("peer %u: lost, %s", peer->rank, wsp_err_text(err));
    else if (!peer->was_counted && peer->dial_err)
        wsp_warn("peer %u: %s:%u cannot be reached: %s", peer->rank, peer->host->name, peer->port,
                 wsp_err_text(peer->dial_err));
    else if (err == WSP_ERR_CLOSED || err == WSP_ERR_PEER_LOST)
        wsp_info("peer %u: lost, %s", peer->rank, wsp_err_text(err));
    else
        wsp_warn("peer %u: path to %s:%u given up: %s", peer->rank, peer->host->name, peer->port,
                 wsp_err_text(err));
}

static void on_lost(void *user, wsp_err err)
{
    struct wsp_peer *peer = user;
    if (peer->is_lost)
        return;
    peer->is_lost = true;
    peer->lost_err = err;
    peer->link->stats.paths_lost++;
    for (unsigned i = 0; i < peer->n_streams; i++)
        wsp_stream_note(peer->streams[i], WSP_DUE_RESET);
    wsp_peer_touch(peer);
    wsp_driver_tell(peer->link);
    log_loss(peer, err);
    peer->link->handler.peer_lost(peer->link->user, peer->rank, err);
}

static const struct wsp_end_handler end_handler = {
    .arrived = on_arrived,
    .landed = on_landed,
    .sent = on_sent,
    .withdraw = on_withdraw,
    .want_write = on_want_write,
    .want_reset = on_want_reset,
    .want_stream = on_want_stream,
    .sample = on_sample,
    .hold = on_hold,
    .unpin = on_unpin,
    .sink = on_sink,
    .closed = on_closed,
    .lost = on_lost,
};

static void on_deadline(void *user, uint64_t now_ns)
{
    struct wsp_peer *peer = user;
    wsp_link_enter(peer->link);
    if (peer->end)
        wsp_end_tick(peer->end, now_ns);
    wsp_peer_touch(peer);
    wsp_link_leave(peer->link);
}

struct wsp_peer *wsp_peer_get(struct wsp_link *link, uint32_t rank)
{
    if (rank >= link->n_ranks)
        return NULL;
    if (link->peers[rank])
        return link->peers[rank];
    struct wsp_peer *peer = calloc(1, sizeof *peer);
    if (!peer)
        return NULL;
    const struct wsp_endpoint *endpoint = &link->endpoints[rank];
    peer->link = link;
    peer->share = link->shares ? link->shares[rank] : &peer->own_share;
    peer->rank = peer->frame_remote = rank;
    peer->frame_local = link->rank;
    if (link->is_open_door)
        peer->frame_remote = 1;
    peer->nonce = endpoint->nonce;
    peer->port = endpoint->port;
    if (endpoint->host[0] && rank != link->rank)
        peer->host = wsp_hosts_find(link, endpoint->host);
    peer->timer = (struct wsp_timer){.fn = on_deadline, .user = peer};
    wsp_node_init(&peer->touched_node);
    link->peers[rank] = peer;
    return peer;
}

bool wsp_peer_grow(struct wsp_peer *peer, unsigned n)
{
    if (n <= peer->n_streams)
        return true;
    struct wsp_stream **streams = realloc(peer->streams, n * sizeof *streams);
    if (!streams)
        return false;
    peer->streams = streams;
    while (peer->n_streams < n) {
        struct wsp_stream *stream = calloc(1, sizeof *stream);
        if (!stream)
            return false;
        stream->peer = peer;
        stream->index = peer->n_streams;
        stream->fd = -1;
        stream->reader.need = WSP_HEADER_PREFIX;
        wsp_node_init(&stream->due_node);
        wsp_node_init(&stream->holding.node);
        streams[peer->n_streams++] = stream;
    }
    return true;
}

wsp_err wsp_peer_open(struct wsp_peer *peer)
{
    struct wsp_link *link = peer->link;
    struct wsp_end_config config = link->end_defaults;
    config.local_rank = peer->frame_local;
    config.remote_rank = peer->frame_remote;
    config.pair = &peer->share->pair;
    config.handler = &end_handler;
    config.user = peer;
    wsp_peer_take_hint(peer, &config);
    wsp_err err = wsp_end_open(&config, wsp_clock_now_ns(), &peer->end);
    if (err)
        return err;
    peer->was_talked_to = true;
    if (link->is_draining)
        wsp_end_close(peer->end, wsp_clock_now_ns());
    wsp_peer_touch(peer);
    return WSP_OK;
}

void wsp_peer_touch(struct wsp_peer *peer)
{
    if (!wsp_node_is_linked(&peer->touched_node))
        wsp_list_push_back(&peer->link->touched, &peer->touched_node);
}

void wsp_peer_doom(struct wsp_peer *peer, wsp_err err)
{
    peer->doom = err;
    wsp_peer_touch(peer);
}

static void retire_end(struct wsp_peer *peer)
{
    wsp_end_get_stats(peer->end, &peer->last_stats);
    wsp_end_get_tuning(peer->end, &peer->last_tuning);
    for (unsigned i = 0; i < peer->n_streams; i++)
        peer->streams[i]->bytes_sent = wsp_end_stream_bytes(peer->end, i);
    wsp_stats_add(&peer->link->stats.sum, &peer->last_stats);
    wsp_end_free(&peer->end);
}

void wsp_peer_settle(struct wsp_peer *peer)
{
    struct wsp_link *link = peer->link;
    if (!peer->end)
        return;
    if (peer->doom && !peer->is_lost)
        wsp_end_fail(peer->end, peer->doom);
    if (peer->is_lost) {
        wsp_timer_stop(link->loop, &peer->timer);
        retire_end(peer);
        return;
    }
    /* A timer that stands too early fires once for nothing, which costs less than moving it back
     * and forth with every message. */
    uint64_t deadline = wsp_end_deadline(peer->end);
    if (peer->timer.heap_index == 0 || deadline < peer->timer.at_ns)
        if (wsp_timer_set(link->loop, &peer->timer, deadline) != WSP_OK)
            wsp_end_fail(peer->end, WSP_ERR_NO_MEMORY);
}

void wsp_peer_declare_lost(struct wsp_peer *peer, wsp_err err)
{
    if (peer->is_lost)
        return;
    if (peer->end) {
        wsp_end_fail(peer->end, err);
        wsp_peer_touch(peer);
    } else {
        on_lost(peer, err);
    }
}

bool wsp_peer_is_quiet(const struct wsp_peer *peer)
{
    if (peer->is_lost || !peer->end)
        return true;
    return peer->is_closed && peer->n_live == 0;
}

void wsp_peer_free(struct wsp_peer *peer)
{
    struct wsp_link *link = peer->link;
    for (unsigned i = 0; i < peer->n_streams; i++) {
        wsp_dial_drop(peer->streams[i]);
        wsp_stream_drop(peer->streams[i]);
        wsp_node_remove(&peer->streams[i]->due_node);
    }
    wsp_timer_stop(link->loop, &peer->timer);
    wsp_node_remove(&peer->touched_node);
    wsp_end_free(&peer->end);
    for (unsigned i = 0; i < peer->n_streams; i++)
        free(peer->streams[i]);
    free(peer->streams);
    free(peer);
}
