/* SPDX-License-Identifier: BSD-3-Clause */
/* What the layers around an end do for it: sockets, timers, and handing its calls on. */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

static void on_arrived(void *user, struct wsp_rx *rx, const struct wsp_envelope *envelope)
{
    traffic_arrived(user, rx, envelope);
}

static void on_landed(void *user, void *rx_user, uint64_t length, wsp_err err)
{
    traffic_landed(user, rx_user, length, err);
}

static void on_sent(void *user, void *tx_user, wsp_err err)
{
    traffic_sent(user, tx_user, err);
}

static bool on_withdraw(void *user, struct wsp_rx *rx)
{
    return traffic_withdraw(user, rx);
}

static void on_want_write(void *user, unsigned index)
{
    struct side *side = user;
    side->sockets[index].is_dirty = true;
}

static void on_want_reset(void *user, unsigned index, wsp_err why)
{
    struct side *side = user;
    side->sockets[index].wants_reset = true;
}

static void on_want_stream(void *user, unsigned index, uint32_t generation)
{
    net_dial(user, index, generation);
}

static bool on_sample(void *user, unsigned index, struct wsp_stream_sample *sample)
{
    struct side *side = user;
    struct conn *conn = side->sockets[index].conn;
    if (!conn || !side->world->weather.is_sampled)
        return false;
    net_sample(&conn->pipes[side->id], sample);
    return true;
}

static void on_hold(void *user, unsigned index, uint64_t bps)
{
    struct side *side = user;
    if (side->sockets[index].conn)
        side->sockets[index].conn->pipes[side->id].held_bps = bps;
}

static void on_unpin(void *user, unsigned index)
{
    struct side *side = user;
    struct socket *socket = &side->sockets[index];
    if (!socket->has_out || socket->kept || socket->out.payload_length == 0) {
        wrong(side->world, "unpin of a stream that writes nothing");
        return;
    }
    socket->kept = malloc(socket->out.payload_length);
    memcpy(socket->kept, socket->out.payload, socket->out.payload_length);
    socket->out.payload = socket->kept;
}

static void on_sink(void *user, unsigned index)
{
    struct side *side = user;
    if (!side->sockets[index].has_landing)
        wrong(side->world, "sink of a stream that reads nothing");
    side->sockets[index].landing.where = NULL;
}

static void on_closed(void *user)
{
    struct side *side = user;
    if (side->is_closed)
        wrong(side->world, "closed twice");
    side->is_closed = true;
}

static void on_lost(void *user, wsp_err err)
{
    struct side *side = user;
    if (side->is_lost)
        wrong(side->world, "lost twice");
    side->is_lost = true;
    side->lost_err = err;
}

static const struct wsp_end_handler handler = {
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

wsp_err side_open(struct side *side, struct world *world, int id)
{
    side->world = world;
    side->id = id;
    side->last_arrived = -1;
    uint64_t credit = UINT64_C(1) << (9 + chance(world, 8));
    side->unexpected.limit_bytes = credit * (1 + chance(world, 4));
    side->replay.limit_bytes = UINT64_C(1) << (8 + chance(world, 10));
    struct wsp_end_config config = {
        .local_rank = (uint32_t)id,
        .remote_rank = (uint32_t)(1 - id),
        .streams_max = world->weather.n_streams,
        .streams_first = 1 + (unsigned)chance(world, world->weather.n_streams),
        .segment_bytes = (uint32_t)(256 << chance(world, 6)),
        .tunes_streams = world->weather.is_tuned,
        .tunes_pace = world->weather.is_tuned,
        .tunes_segments = world->weather.is_tuned,
        .tunes_credit = world->weather.is_tuned,
        .pace_bps = world->weather.is_paced ? world->weather.bandwidth_bps : 0,
        .credit_bytes = credit,
        .eager_bytes = UINT64_C(64) << chance(world, 8),
        .heartbeat_ns = 2 * WSP_NS_PER_S,
        .outage_ns = 60 * WSP_NS_PER_S,
        .connect_ns = 60 * WSP_NS_PER_S,
        .unexpected = &side->unexpected,
        .replay = &side->replay,
        .spares = &side->spares,
        .handler = &handler,
        .user = side,
    };
    return wsp_end_open(&config, world->now_ns, &side->end);
}

/* Writes what is left of the frame; false if the connection takes no more. */
static bool write_frame(struct side *side, unsigned index)
{
    struct socket *socket = &side->sockets[index];
    struct pipe *pipe = &socket->conn->pipes[side->id];
    uint64_t total = socket->out.header_length + socket->out.payload_length;
    while (socket->written < total) {
        bool in_header = socket->written < socket->out.header_length;
        uint64_t at = in_header ? socket->written : socket->written - socket->out.header_length;
        const uint8_t *from = in_header ? socket->out.header : socket->out.payload;
        uint64_t part = in_header ? socket->out.header_length : socket->out.payload_length;
        uint64_t n = net_write(pipe, from + at, part - at);
        if (n == 0)
            return false;
        socket->written += n;
    }
    return true;
}

static void write_some(struct side *side, unsigned index)
{
    struct socket *socket = &side->sockets[index];
    socket->is_dirty = false;
    while (socket->conn) {
        if (!socket->has_out) {
            if (!wsp_end_pull(side->end, index, side->world->now_ns, &socket->out))
                return;
            socket->has_out = true;
            socket->written = 0;
        }
        if (!write_frame(side, index))
            return;
        socket->has_out = false;
        free(socket->kept);
        socket->kept = NULL;
        wsp_end_written(side->end, index, side->world->now_ns);
    }
}

static void tick(struct world *world, void *what, uint64_t number)
{
    struct side *side = what;
    if (number != side->tick_planned_ns)
        return;
    side->tick_planned_ns = 0;
    wsp_end_tick(side->end, world->now_ns);
}

static void plan_tick(struct side *side)
{
    uint64_t at = wsp_end_deadline(side->end);
    if (at == WSP_TIME_NEVER || (side->tick_planned_ns && side->tick_planned_ns <= at))
        return;
    uint64_t now = side->world->now_ns;
    side->tick_planned_ns = at > now ? at : now;
    later(side->world, at > now ? at - now : 0, side->id, tick, side, side->tick_planned_ns);
}

/* After every event: does what the end asked for meanwhile. */
void side_flush(struct side *side)
{
    bool is_dirty = true;
    for (unsigned round = 0; is_dirty && !side->world->has_failed; round++) {
        if (round > 10000)
            wrong(side->world, "streams wake each other for ever");
        is_dirty = false;
        for (unsigned i = 0; i < side->world->weather.n_streams; i++) {
            struct socket *socket = &side->sockets[i];
            if (socket->wants_reset) {
                socket->wants_reset = false;
                net_close(side, i);
                wsp_end_stream_down(side->end, i, side->world->now_ns);
            }
            if (socket->is_dirty) {
                is_dirty = true;
                write_some(side, i);
            }
        }
    }
    plan_tick(side);
}

/* A header or a payload is whole; false if the stream is no good any more. */
static bool hand_over(struct side *side, unsigned index)
{
    struct socket *socket = &side->sockets[index];
    uint64_t now = side->world->now_ns;
    wsp_err err;
    if (!socket->has_landing) {
        socket->has_landing = true;
        err = wsp_end_header(side->end, index, socket->header, socket->header_have, now,
                             &socket->landing);
        socket->header_have = 0;
        socket->landed = 0;
        if (!err && socket->landing.length > 0)
            return true;
    } else {
        err = WSP_OK;
    }
    if (!err) {
        err = wsp_end_payload(side->end, index, now);
        socket->has_landing = false;
    }
    if (err)
        socket->wants_reset = true;
    return err == WSP_OK;
}

static uint64_t read_header(struct side *side, unsigned index, const uint8_t *bytes,
                            uint64_t length)
{
    struct socket *socket = &side->sockets[index];
    if (socket->header_have == 0)
        socket->header_need = WSP_HEADER_PREFIX;
    uint64_t n = socket->header_need - socket->header_have;
    if (n > length)
        n = length;
    memcpy(socket->header + socket->header_have, bytes, n);
    socket->header_have += n;
    if (socket->header_have == WSP_HEADER_PREFIX &&
        wsp_frame_header_length(socket->header, &socket->header_need))
        socket->wants_reset = true;
    return n;
}

static uint64_t read_payload(struct socket *socket, const uint8_t *bytes, uint64_t length)
{
    uint64_t n = socket->landing.length - socket->landed;
    if (n > length)
        n = length;
    if (socket->landing.where)
        memcpy((uint8_t *)socket->landing.where + socket->landed, bytes, n);
    socket->landed += n;
    return n;
}

void side_read(struct side *side, unsigned index, const uint8_t *bytes, uint64_t length)
{
    struct socket *socket = &side->sockets[index];
    while (length > 0 && !socket->wants_reset) {
        uint64_t n = socket->has_landing ? read_payload(socket, bytes, length)
                                         : read_header(side, index, bytes, length);
        bytes += n;
        length -= n;
        bool is_whole = socket->has_landing ? socket->landed == socket->landing.length
                                            : socket->header_have == socket->header_need;
        if (!socket->wants_reset && is_whole && !hand_over(side, index))
            return;
    }
}

void side_close(struct side *side)
{
    wsp_end_free(&side->end);
    wsp_spares_fini(&side->spares);
    for (unsigned i = 0; i < SIM_MAX_STREAMS; i++)
        free(side->sockets[i].kept);
}
