/* SPDX-License-Identifier: BSD-3-Clause */
/* WIDESPAN_EMULATE: what comes on a stream is read at once, held in the stream's delay line, and
 * taken when it is due: half a round trip after it came and has passed the bottleneck of its path,
 * or that of its pair of sites where processes share one.
 * So one direction costs what the receiver holds back, and both together a round trip. A stream of
 * which too much is under way is not read for a while; TCP then holds the sender back. */
#include "link/emulator.h"

#include "base/clock.h"
#include "base/emulation.h"
#include "base/opts.h"
#include "net/alarm.h"
#include "net/delay.h"

#include <stdlib.h>

#define PATH_BYTES       (64u * 1024 * 1024)  /* held for one path at the most */
#define QUEUE_NS         (20 * WSP_NS_PER_MS) /* in front of a bottleneck, as a router would have */
#define PIECE_NS         (250 * WSP_NS_PER_US) /* read what passes in so long, for a smooth flow */
#define PIECE_MIN_BYTES  1500
#define BUFFER_MIN_BYTES (16u * 1024)
#define BUFFER_MAX_BYTES (4u * 1024 * 1024)
#define TURN_BYTES       (2 * 1024 * 1024) /* then others have their turn */

struct wsp_emulator {
    struct wsp_link *link;
    struct wsp_emulation settings;
    size_t piece_bytes;
    int alarm;
    struct wsp_watch *watch;
    uint64_t alarm_ns;    /* when it rings */
    struct wsp_list busy; /* streams that hold bytes or are paused */
};

static size_t piece_bytes(uint64_t rate_bps)
{
    double bytes = (double)rate_bps / 8 * PIECE_NS / WSP_NS_PER_S;
    if (rate_bps == 0 || bytes > WSP_READ_BUFFER)
        return WSP_READ_BUFFER;
    return bytes < PIECE_MIN_BYTES ? PIECE_MIN_BYTES : (size_t)bytes;
}

static void ring_by(struct wsp_emulator *emulator, uint64_t at_ns)
{
    if (at_ns >= emulator->alarm_ns)
        return;
    emulator->alarm_ns = at_ns;
    wsp_alarm_set(emulator->alarm, at_ns);
}

/* How long no more may be read; 0: it may now. WSP_TIME_NEVER: until something held is taken. */
static uint64_t pause_ns(const struct wsp_stream *stream, uint64_t now_ns)
{
    const struct wsp_peer *peer = stream->peer;
    uint64_t backlog_ns = wsp_bottleneck_backlog_ns(&peer->share->bottleneck, now_ns);
    if (backlog_ns > QUEUE_NS)
        return backlog_ns - QUEUE_NS / 2;
    return peer->n_held_bytes >= PATH_BYTES ? WSP_TIME_NEVER : 0;
}

/* True if the stream is to be left alone for a while. */
static bool pause_if_full(struct wsp_stream *stream, uint64_t now_ns)
{
    uint64_t span_ns = pause_ns(stream, now_ns);
    stream->holding.is_paused = span_ns > 0;
    if (span_ns > 0 && span_ns != WSP_TIME_NEVER)
        ring_by(stream->peer->link->emulator, now_ns + span_ns);
    return stream->holding.is_paused;
}

static void note_busy(struct wsp_stream *stream)
{
    struct wsp_holding *holding = &stream->holding;
    bool is_busy = holding->line.first || holding->is_paused || holding->has_ended;
    if (is_busy && !wsp_node_is_linked(&holding->node))
        wsp_list_push_back(&stream->peer->link->emulator->busy, &holding->node);
    else if (!is_busy)
        wsp_node_remove(&holding->node);
}

wsp_err wsp_emulator_hold(struct wsp_stream *stream, const uint8_t *bytes, size_t length)
{
    struct wsp_peer *peer = stream->peer;
    struct wsp_emulator *emulator = peer->link->emulator;
    uint64_t due_ns = wsp_bottleneck_enter(&peer->share->bottleneck, emulator->settings.rate_bps,
                                           length, wsp_clock_now_ns()) +
                      emulator->settings.rtt_ns / 2;
    wsp_err err = wsp_delay_push(&stream->holding.line, bytes, length, due_ns);
    if (err)
        return err;
    peer->n_held_bytes += length;
    note_busy(stream);
    ring_by(emulator, due_ns);
    return WSP_OK;
}

/* The other side has closed: said when all that came before has been taken. */
static wsp_err end_after_held(struct wsp_stream *stream)
{
    if (!stream->holding.line.first)
        return WSP_ERR_EOF;
    stream->holding.has_ended = true;
    return WSP_OK;
}

wsp_err wsp_emulator_read(struct wsp_stream *stream)
{
    struct wsp_link *link = stream->peer->link;
    size_t piece = link->emulator->piece_bytes, total = 0, n = piece;
    wsp_err err = WSP_OK;
    while (!err && total < TURN_BYTES && n == piece && !pause_if_full(stream, wsp_clock_now_ns())) {
        err = wsp_tcp_read(stream->fd, link->read_buffer, piece, &n);
        if (!err)
            err = wsp_emulator_hold(stream, link->read_buffer, n);
        total += n;
    }
    if (err == WSP_ERR_EOF)
        err = end_after_held(stream);
    note_busy(stream);
    wsp_stream_watch(stream);
    return err == WSP_ERR_AGAIN ? WSP_OK : err;
}

/* Takes what is due. */
static wsp_err take_due(struct wsp_stream *stream, uint64_t now_ns)
{
    wsp_err err = WSP_OK;
    struct wsp_held *held;
    while (!err && (held = wsp_delay_pop(&stream->holding.line, now_ns))) {
        stream->peer->n_held_bytes -= held->length;
        if (!stream->is_shut)
            err = wsp_stream_take(stream, held->bytes, held->length);
        free(held);
    }
    if (!err && stream->holding.has_ended && !stream->holding.line.first)
        err = WSP_ERR_EOF;
    return err;
}

static void deliver(struct wsp_stream *stream, uint64_t now_ns)
{
    wsp_err err = take_due(stream, now_ns);
    wsp_peer_touch(stream->peer);
    if (err)
        wsp_stream_fail(stream, err);
    else
        ring_by(stream->peer->link->emulator, wsp_delay_due_ns(&stream->holding.line));
}

static void resume(struct wsp_stream *stream, uint64_t now_ns)
{
    if (stream->holding.is_paused && !pause_if_full(stream, now_ns))
        wsp_stream_watch(stream);
    note_busy(stream);
}

static void on_alarm(void *user, unsigned events)
{
    struct wsp_emulator *emulator = user;
    uint64_t now_ns = wsp_clock_now_ns();
    emulator->alarm_ns = WSP_TIME_NEVER;
    wsp_alarm_set(emulator->alarm, WSP_TIME_NEVER);
    wsp_link_enter(emulator->link);
    WSP_LIST_EACH_SAFE(node, &emulator->busy)
    {
        deliver(WSP_CONTAINER(node, struct wsp_stream, holding.node), now_ns);
    }
    /* After that, since what one stream gave back makes room for others of its path. */
    WSP_LIST_EACH_SAFE(node, &emulator->busy)
    {
        resume(WSP_CONTAINER(node, struct wsp_stream, holding.node), now_ns);
    }
    wsp_link_leave(emulator->link);
}

void wsp_emulator_forget(struct wsp_stream *stream)
{
    struct wsp_held *held;
    while ((held = wsp_delay_pop(&stream->holding.line, WSP_TIME_NEVER))) {
        stream->peer->n_held_bytes -= held->length;
        free(held);
    }
    stream->holding.is_paused = stream->holding.has_ended = false;
    wsp_node_remove(&stream->holding.node);
}

uint32_t wsp_emulator_buffer_bytes(const struct wsp_link *link)
{
    if (!link->emulator || link->emulator->settings.rate_bps == 0)
        return 0;
    double bytes = (double)link->emulator->settings.rate_bps / 8 * QUEUE_NS / WSP_NS_PER_S;
    bytes /= link->end_defaults.streams_first;
    if (bytes > BUFFER_MAX_BYTES)
        return BUFFER_MAX_BYTES;
    return bytes < BUFFER_MIN_BYTES ? BUFFER_MIN_BYTES : (uint32_t)bytes;
}

uint64_t wsp_emulator_opening_ns(const struct wsp_link *link)
{
    return link->emulator ? 2 * link->emulator->settings.rtt_ns : 0;
}

wsp_err wsp_emulator_open(struct wsp_link *link)
{
    struct wsp_emulation settings;
    const char *text = wsp_opt_text(WSP_OPT_EMULATE);
    if (!*text)
        return WSP_OK;
    wsp_err err = wsp_emulation_parse(text, &settings);
    if (err)
        return err;
    struct wsp_emulator *emulator = calloc(1, sizeof *emulator);
    if (!emulator)
        return WSP_ERR_NO_MEMORY;
    emulator->link = link;
    emulator->settings = settings;
    emulator->piece_bytes = piece_bytes(settings.rate_bps);
    emulator->alarm_ns = WSP_TIME_NEVER;
    emulator->alarm = -1;
    wsp_list_init(&emulator->busy);
    link->emulator = emulator;
    err = wsp_alarm_open(&emulator->alarm);
    if (err)
        return err;
    wsp_link_note_descriptor(link, emulator->alarm);
    return wsp_loop_watch(link->loop, emulator->alarm, WSP_READABLE, on_alarm, emulator,
                          &emulator->watch);
}

void wsp_emulator_close(struct wsp_link *link)
{
    struct wsp_emulator *emulator = link->emulator;
    if (!emulator)
        return;
    link->emulator = NULL;
    wsp_watch_remove(&emulator->watch);
    if (emulator->alarm >= 0)
        wsp_link_close_descriptor(link, emulator->alarm);
    free(emulator);
}
