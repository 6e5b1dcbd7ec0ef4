/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes the frames of a stream. Small frames are gathered, so that many go out in one call; the
 * payload of a large one goes straight from where it lies. */
#include "link/link_internal.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define STAGE_BYTES (16 * 1024)
#define SMALL_BYTES 2048 /* a payload up to this is copied rather than given its own part */
#define TURN_BYTES  (4 * 1024 * 1024) /* then others have their turn */

void wsp_writer_reset(struct wsp_writer *writer)
{
    free(writer->stage);
    free(writer->copy);
    memset(writer, 0, sizeof *writer);
}

bool wsp_writer_is_idle(const struct wsp_writer *writer)
{
    return !writer->has_frame && writer->stage_at == writer->stage_end;
}

static uint64_t payload_left(const struct wsp_writer *writer)
{
    return writer->frame.payload_length - writer->payload_written;
}

static void frame_done(struct wsp_stream *stream, uint64_t now_ns)
{
    struct wsp_writer *writer = &stream->writer;
    free(writer->copy);
    writer->copy = NULL;
    writer->has_frame = false;
    wsp_end_written(stream->peer->end, stream->index, now_ns);
}

static bool fits_stage(const struct wsp_writer *writer)
{
    const struct wsp_out *frame = &writer->frame;
    return frame->payload_length <= SMALL_BYTES &&
           writer->stage_end + frame->header_length + frame->payload_length <= STAGE_BYTES;
}

static void stage_frame(struct wsp_writer *writer)
{
    const struct wsp_out *frame = &writer->frame;
    memcpy(writer->stage + writer->stage_end, frame->header, frame->header_length);
    writer->stage_end += frame->header_length;
    if (frame->payload_length)
        memcpy(writer->stage + writer->stage_end, frame->payload, frame->payload_length);
    writer->stage_end += frame->payload_length;
}

/* Pulls frames until a large one is under way, the stage is full or there are no more. */
static wsp_err gather(struct wsp_stream *stream, uint64_t now_ns)
{
    struct wsp_writer *writer = &stream->writer;
    if (!writer->stage && !(writer->stage = malloc(STAGE_BYTES)))
        return WSP_ERR_NO_MEMORY;
    if (writer->stage_at == writer->stage_end)
        writer->stage_at = writer->stage_end = 0;
    while (!writer->has_frame && !(stream->due & WSP_DUE_RESET) && stream->peer->end &&
           wsp_end_pull(stream->peer->end, stream->index, now_ns, &writer->frame)) {
        writer->has_frame = true;
        writer->header_written = 0;
        writer->payload_written = 0;
        if (!fits_stage(writer))
            break;
        stage_frame(writer);
        frame_done(stream, now_ns);
    }
    return WSP_OK;
}

static size_t parts_of(const struct wsp_writer *writer, struct iovec parts[3])
{
    size_t n = 0;
    if (writer->stage_at < writer->stage_end)
        parts[n++] =
            (struct iovec){writer->stage + writer->stage_at, writer->stage_end - writer->stage_at};
    if (!writer->has_frame)
        return n;
    if (writer->header_written < writer->frame.header_length)
        parts[n++] = (struct iovec){(uint8_t *)writer->frame.header + writer->header_written,
                                    writer->frame.header_length - writer->header_written};
    if (payload_left(writer))
        parts[n++] = (struct iovec){(uint8_t *)writer->frame.payload + writer->payload_written,
                                    payload_left(writer)};
    return n;
}

static size_t smaller(size_t a, uint64_t b)
{
    return a < b ? a : (size_t)b;
}

static void account(struct wsp_stream *stream, size_t written, uint64_t now_ns)
{
    struct wsp_writer *writer = &stream->writer;
    size_t n = smaller(written, writer->stage_end - writer->stage_at);
    writer->stage_at += n;
    written -= n;
    if (!writer->has_frame)
        return;
    n = smaller(written, writer->frame.header_length - writer->header_written);
    writer->header_written += n;
    writer->payload_written += written - n;
    if (writer->header_written == writer->frame.header_length && payload_left(writer) == 0)
        frame_done(stream, now_ns);
}

wsp_err wsp_stream_write(struct wsp_stream *stream)
{
    struct wsp_writer *writer = &stream->writer;
    size_t written = 0;
    uint64_t now_ns = wsp_clock_now_ns();
    while (written < TURN_BYTES) {
        wsp_err err = gather(stream, now_ns);
        if (err || stream->due & WSP_DUE_RESET)
            return err;
        struct iovec parts[3];
        size_t n_parts = parts_of(writer, parts), n = 0, wanted = 0;
        if (n_parts == 0)
            return WSP_OK;
        for (size_t i = 0; i < n_parts; i++)
            wanted += parts[i].iov_len;
        err = wsp_tcp_writev(stream->fd, parts, n_parts, &n);
        if (err && err != WSP_ERR_AGAIN)
            return err;
        written += n;
        account(stream, n, now_ns);
        if (n < wanted) {
            writer->is_blocked = true;
            atomic_store_explicit(&stream->peer->link->bulk_ns, now_ns, memory_order_relaxed);
            return WSP_OK;
        }
    }
    writer->is_blocked = true; /* the loop says at once that it is writable: next turn */
    return WSP_OK;
}

/* The end takes the payload's memory away. What has been written cannot be taken back, so the
 * rest must follow, from a copy. */
void wsp_stream_unpin(struct wsp_stream *stream)
{
    struct wsp_writer *writer = &stream->writer;
    if (!writer->has_frame || writer->copy || payload_left(writer) == 0)
        return;
    size_t left = payload_left(writer);
    writer->copy = malloc(left);
    if (!writer->copy) {
        writer->has_frame = false;
        stream->reset_why = WSP_ERR_NO_MEMORY;
        wsp_stream_note(stream, WSP_DUE_RESET);
        return;
    }
    memcpy(writer->copy, (const uint8_t *)writer->frame.payload + writer->payload_written, left);
    writer->frame.payload = writer->copy;
    writer->frame.payload_length = left;
    writer->payload_written = 0;
}
