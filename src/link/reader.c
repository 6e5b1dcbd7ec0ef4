/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads the frames of a stream. Small ones are read many at a time into the link's buffer; the
 * payload of a large one is read straight into its landing. */
#include "link/emulator.h"

#include "base/clock.h"

#include <string.h>

#define BULK_BYTES (32 * 1024)       /* from this on a payload is worth a read of its own */
#define PEEK_BYTES 1024              /* read behind a large payload: the next header, little more */
#define TURN_BYTES (2 * 1024 * 1024) /* then others have their turn */

static wsp_err payload_done(struct wsp_stream *stream, uint64_t now_ns)
{
    stream->reader.in_payload = false;
    stream->reader.have = 0;
    stream->reader.need = WSP_HEADER_PREFIX;
    return wsp_end_payload(stream->peer->end, stream->index, now_ns);
}

static wsp_err header_done(struct wsp_stream *stream, uint64_t now_ns)
{
    struct wsp_reader *reader = &stream->reader;
    struct wsp_landing landing = {0};
    wsp_err err = wsp_end_header(stream->peer->end, stream->index, reader->header, reader->have,
                                 now_ns, &landing);
    if (err)
        return err;
    reader->landing = landing;
    reader->in_payload = true;
    reader->is_bulk = landing.length >= BULK_BYTES;
    return landing.length == 0 ? payload_done(stream, now_ns) : WSP_OK;
}

static wsp_err header_more(struct wsp_stream *stream, uint64_t now_ns)
{
    struct wsp_reader *reader = &stream->reader;
    if (reader->have < reader->need)
        return WSP_OK;
    if (reader->need > WSP_HEADER_PREFIX)
        return header_done(stream, now_ns);
    size_t length;
    wsp_err err = wsp_frame_header_length(reader->header, &length);
    if (!err)
        reader->need = length;
    return err;
}

static bool is_over(const struct wsp_stream *stream)
{
    return !stream->peer->end || stream->peer->is_lost || stream->due & WSP_DUE_RESET;
}

/* A piece of a payload stands where it belongs. */
static wsp_err payload_came(struct wsp_stream *stream, size_t n, uint64_t now_ns)
{
    struct wsp_landing *landing = &stream->reader.landing;
    if (stream->reader.is_bulk)
        atomic_store_explicit(&stream->peer->link->bulk_ns, now_ns, memory_order_relaxed);
    if (landing->where)
        landing->where = (uint8_t *)landing->where + n;
    landing->length -= n;
    if (landing->length == 0)
        return payload_done(stream, now_ns);
    wsp_end_payload_part(stream->peer->end, stream->index, now_ns);
    return WSP_OK;
}

wsp_err wsp_stream_take(struct wsp_stream *stream, const uint8_t *bytes, size_t length)
{
    struct wsp_reader *reader = &stream->reader;
    uint64_t now_ns = wsp_clock_now_ns();
    wsp_err err = WSP_OK;
    while (length > 0 && !err && !is_over(stream)) {
        size_t n = reader->in_payload ? reader->landing.length : reader->need - reader->have;
        if (n > length)
            n = length;
        if (reader->in_payload) {
            if (reader->landing.where)
                memcpy(reader->landing.where, bytes, n);
            err = payload_came(stream, n, now_ns);
        } else {
            memcpy(reader->header + reader->have, bytes, n);
            reader->have += n;
            err = header_more(stream, now_ns);
        }
        bytes += n;
        length -= n;
    }
    return err;
}

/* One system call: the rest of a payload straight into its place, and what is behind it. */
static wsp_err read_once(struct wsp_stream *stream, size_t *n, bool *was_short)
{
    struct wsp_reader *reader = &stream->reader;
    uint8_t *buffer = stream->peer->link->read_buffer;
    size_t direct = reader->in_payload && reader->landing.where ? reader->landing.length : 0;
    struct iovec parts[2] = {{reader->landing.where, direct},
                             {buffer, reader->is_bulk && direct ? PEEK_BYTES : WSP_READ_BUFFER}};
    if (reader->is_bulk && !reader->in_payload)
        parts[1].iov_len = PEEK_BYTES;
    wsp_err err = direct ? wsp_tcp_readv(stream->fd, parts, 2, n)
                         : wsp_tcp_read(stream->fd, buffer, parts[1].iov_len, n);
    if (err)
        return err;
    *was_short = *n < direct + parts[1].iov_len;
    size_t behind = *n > direct ? *n - direct : 0;
    if (direct)
        err = payload_came(stream, *n - behind, wsp_clock_now_ns());
    return err ? err : wsp_stream_take(stream, buffer, behind);
}

/* After our half is shut only the other side's end of file is waited for. */
static wsp_err read_away(struct wsp_stream *stream)
{
    size_t n;
    wsp_err err;
    do
        err = wsp_tcp_read(stream->fd, stream->peer->link->read_buffer, WSP_READ_BUFFER, &n);
    while (!err);
    return err == WSP_ERR_AGAIN ? WSP_OK : err;
}

static wsp_err read_turn(struct wsp_stream *stream, size_t *total)
{
    size_t n = 0;
    bool was_short = false;
    *total = 0;
    while (*total < TURN_BYTES && !was_short && !is_over(stream)) {
        wsp_err err = read_once(stream, &n, &was_short);
        if (err)
            return err == WSP_ERR_AGAIN ? WSP_OK : err;
        *total += n;
    }
    return WSP_OK;
}

wsp_err wsp_stream_read(struct wsp_stream *stream)
{
    size_t total;
    if (stream->is_shut)
        return read_away(stream);
    if (stream->peer->link->emulator)
        return wsp_emulator_read(stream);
    stream->peer->link->hot = stream;
    return read_turn(stream, &total);
}

bool wsp_stream_try(struct wsp_stream *stream)
{
    struct wsp_link *link = stream->peer->link;
    size_t total = 0;
    wsp_link_enter(link);
    wsp_err err = stream->is_shut ? WSP_OK : read_turn(stream, &total);
    if (err)
        wsp_stream_fail(stream, err);
    bool is_news = err || total > 0;
    if (is_news)
        wsp_peer_touch(stream->peer);
    wsp_link_leave(link);
    return is_news;
}
