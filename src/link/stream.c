/* SPDX-License-Identifier: BSD-3-Clause */
/* A slot of a path and the connection that serves it. */
#include "link/emulator.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/sample.h"

#include <string.h>
#include <sys/socket.h>

void wsp_stream_note(struct wsp_stream *stream, unsigned due)
{
    stream->due |= due;
    if (!wsp_node_is_linked(&stream->due_node))
        wsp_list_push_back(&stream->peer->link->due, &stream->due_node);
}

/* Closes the connection without a word to the end. */
static void detach(struct wsp_stream *stream)
{
    if (stream->fd < 0)
        return;
    if (stream->peer->link->hot == stream)
        stream->peer->link->hot = NULL;
    wsp_watch_remove(&stream->watch);
    wsp_link_close_descriptor(stream->peer->link, stream->fd);
    stream->fd = -1;
    stream->is_shut = false;
    stream->peer->n_live--;
    wsp_writer_reset(&stream->writer);
    memset(&stream->reader, 0, sizeof stream->reader);
    stream->reader.need = WSP_HEADER_PREFIX;
    if (stream->peer->link->emulator)
        wsp_emulator_forget(stream);
}

typedef void down_function(struct wsp_end *end, unsigned index, uint64_t now_ns);

static void drop(struct wsp_stream *stream, down_function *tell)
{
    struct wsp_peer *peer = stream->peer;
    if (stream->fd < 0)
        return;
    /* The end first: while it forgets what the stream carried it may still unpin the payload. */
    if (peer->end && !peer->is_lost)
        tell(peer->end, stream->index, wsp_clock_now_ns());
    detach(stream);
    wsp_peer_touch(peer);
    wsp_driver_tell(peer->link);
}

void wsp_stream_drop(struct wsp_stream *stream)
{
    drop(stream, wsp_end_stream_down);
}

void wsp_stream_fail(struct wsp_stream *stream, wsp_err why)
{
    wsp_debug("stream %u.%u: down, %s", stream->peer->rank, stream->index, wsp_err_text(why));
    drop(stream, why == WSP_ERR_EOF ? wsp_end_stream_hung_up : wsp_end_stream_down);
}

void wsp_stream_watch(struct wsp_stream *stream)
{
    bool is_deaf = stream->holding.is_paused || stream->holding.has_ended;
    wsp_watch_set(stream->watch,
                  (is_deaf ? 0 : WSP_READABLE) | (stream->writer.is_blocked ? WSP_WRITABLE : 0));
}

static void on_ready(void *user, unsigned events)
{
    struct wsp_stream *stream = user;
    struct wsp_link *link = stream->peer->link;
    wsp_link_enter(link);
    wsp_err err = WSP_OK;
    if (events & WSP_READABLE)
        err = wsp_stream_read(stream);
    if (err) {
        wsp_stream_fail(stream, err);
    } else if (events & WSP_WRITABLE) {
        stream->writer.is_blocked = false;
        wsp_stream_note(stream, WSP_DUE_WRITE);
    }
    wsp_peer_touch(stream->peer);
    wsp_link_leave(link);
}

/* After the close of the path: what is left goes out, then our half is shut; the other side's
 * half is read to its end. */
static void shut_if_over(struct wsp_stream *stream)
{
    if (!stream->peer->is_closed || stream->is_shut || !wsp_writer_is_idle(&stream->writer))
        return;
    shutdown(stream->fd, SHUT_WR);
    stream->is_shut = true;
}

static void write_some(struct wsp_stream *stream)
{
    if (stream->is_shut)
        return;
    wsp_err err = wsp_stream_write(stream);
    if (err) {
        wsp_stream_fail(stream, err);
        return;
    }
    wsp_stream_watch(stream);
    wsp_peer_touch(stream->peer);
    shut_if_over(stream);
}

void wsp_stream_settle(struct wsp_stream *stream)
{
    unsigned due = stream->due;
    stream->due = 0;
    if (stream->peer->is_lost) {
        wsp_dial_drop(stream);
        wsp_stream_drop(stream);
        return;
    }
    if (due & WSP_DUE_RESET)
        wsp_stream_fail(stream, stream->reset_why);
    if (due & WSP_DUE_DIAL)
        wsp_dial_want(stream, stream->wanted_generation);
    if (due & WSP_DUE_WRITE && stream->fd >= 0 && !stream->writer.is_blocked)
        write_some(stream);
}

bool wsp_stream_sample(struct wsp_stream *stream, struct wsp_stream_sample *sample)
{
    struct wsp_tcp_sample tcp;
    struct wsp_end_tuning tuning;
    if (stream->fd < 0 || !wsp_tcp_sample(stream->fd, &tcp))
        return false;
    *sample = (struct wsp_stream_sample){.rtt_ns = tcp.rtt_ns,
                                         .delivered_bytes = tcp.delivered_bytes,
                                         .n_sent = tcp.n_sent,
                                         .n_sent_again = tcp.n_sent_again,
                                         .busy_ns = tcp.busy_ns,
                                         .receiver_limited_ns = tcp.receiver_limited_ns,
                                         .pace_bps = tcp.pace_bps,
                                         .unsent_bytes = tcp.unsent_bytes,
                                         .is_pinched = tcp.is_pinched};
    wsp_end_get_tuning(stream->peer->end, &tuning);
    if (stream->notsent_bytes != 2 * tuning.segment_bytes) {
        stream->notsent_bytes = 2 * tuning.segment_bytes;
        wsp_tcp_set_notsent(stream->fd, stream->notsent_bytes);
    }
    return true;
}

void wsp_stream_hold(struct wsp_stream *stream, uint64_t bps)
{
    if (stream->fd >= 0 && stream->can_hold)
        wsp_tcp_hold(stream->fd, bps);
}

static void prepare(struct wsp_stream *stream, int fd)
{
    const struct wsp_link *link = stream->peer->link;
    struct wsp_end_tuning tuning;
    wsp_end_get_tuning(stream->peer->end, &tuning);
    stream->notsent_bytes = 2 * tuning.segment_bytes;
    struct wsp_tcp_options options = {
        .notsent_lowat_bytes = stream->notsent_bytes,
        .user_timeout_ms = (uint32_t)(link->end_defaults.outage_ns / WSP_NS_PER_MS / 2 + 1),
        .buffer_bytes = link->window_bytes ? link->window_bytes : wsp_emulator_buffer_bytes(link),
    };
    wsp_tcp_tune(fd, &options);
    stream->can_hold = wsp_tcp_is_always_paced(fd);
    wsp_end_hint_kernel_pacing(stream->peer->end, stream->can_hold);
}

void wsp_stream_install(struct wsp_stream *stream, int fd, const struct wsp_stream_birth *birth,
                        const uint8_t *more, size_t more_length)
{
    struct wsp_peer *peer = stream->peer;
    struct wsp_link *link = peer->link;
    struct wsp_watch *watch = NULL;
    if (!peer->end ||
        !wsp_end_would_take(peer->end, stream->index, birth->generation, birth->dialled_by_lower) ||
        wsp_loop_watch(link->loop, fd, WSP_READABLE, on_ready, stream, &watch) != WSP_OK) {
        wsp_link_close_descriptor(link, fd);
        return;
    }
    prepare(stream, fd);
    detach(stream);
    if (stream->dial)
        wsp_dial_drop(stream);
    stream->due &= ~(unsigned)WSP_DUE_RESET; /* it was meant for the connection before */
    stream->fd = fd;
    stream->watch = watch;
    peer->n_live++;
    link->stats.handshakes_done++;
    if (!peer->was_counted) {
        peer->was_counted = true;
        link->stats.paths_opened++;
        if (link->came)
            link->came(link->user, peer->rank);
    }
    wsp_debug("stream %u.%u: up, generation %u", peer->rank, stream->index, birth->generation);
    wsp_err err = wsp_end_stream_up(peer->end, stream->index, birth, wsp_clock_now_ns());
    if (!err && more_length)
        err = link->emulator ? wsp_emulator_hold(stream, more, more_length)
                             : wsp_stream_take(stream, more, more_length);
    if (err)
        wsp_stream_fail(stream, err);
    wsp_stream_note(stream, WSP_DUE_WRITE);
    wsp_peer_touch(peer);
    wsp_driver_tell(link);
}
