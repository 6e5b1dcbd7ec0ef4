/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections: bandwidth, latency, bounded room, bytes in any pieces, and what goes wrong. A dial
 * takes a while; each side learns on its own of a connection's birth and of its death. */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#define PACKET_BYTES 1448

struct piece {
    struct piece *next;
    uint64_t length;
    uint8_t bytes[];
};

/* Less than what the first frame takes: a handshake's answer comes before it. */
static uint64_t latency(struct world *world)
{
    return world->weather.latency_ns / 4 + chance(world, world->weather.latency_ns / 2);
}

static void take_off(struct side *side, unsigned index)
{
    struct socket *socket = &side->sockets[index];
    free(socket->kept);
    struct conn *conn = socket->conn;
    uint32_t dialling = socket->dialling;
    uint64_t dialled_ns = socket->dialled_ns;
    *socket = (struct socket){.dialling = dialling, .dialled_ns = dialled_ns};
    if (conn)
        conn->is_open[side->id] = false;
}

/* This side's kernel tells that the connection is gone. */
static void learn_of_death(struct world *world, void *what, uint64_t side_id)
{
    struct conn *conn = what;
    if (!conn->is_open[side_id])
        return;
    struct side *side = &world->sides[side_id];
    take_off(side, conn->index);
    wsp_end_stream_down(side->end, conn->index, world->now_ns);
}

void net_reset(struct world *world, struct conn *conn)
{
    if (conn->is_dead)
        return;
    conn->is_dead = true;
    conn->is_draining = one_in(world, 2);
    uint64_t slowness = conn->is_draining ? 1 + chance(world, 20) : 1;
    for (int side = 0; side < 2; side++)
        later(world, about(world, world->weather.latency_ns * slowness), side, learn_of_death, conn,
              (uint64_t)side);
}

void net_close(struct side *side, unsigned index)
{
    struct conn *conn = side->sockets[index].conn;
    if (!conn)
        return;
    take_off(side, index);
    if (!conn->is_dead) {
        conn->is_dead = true;
        conn->is_draining = one_in(side->world, 2);
        int other = 1 - side->id;
        later(side->world, about(side->world, side->world->weather.latency_ns), other,
              learn_of_death, conn, (uint64_t)other);
    }
}

static void attach(struct side *side, struct conn *conn)
{
    struct socket *socket = &side->sockets[conn->index];
    net_close(side, conn->index);
    socket->conn = conn;
    conn->is_open[side->id] = true;
    wsp_err err =
        wsp_end_stream_up(side->end, conn->index, &conn->births[1 - side->id], side->world->now_ns);
    if (err)
        wrong(side->world, "stream_up: %s", wsp_err_name(err));
}

static bool may_attach(const struct side *side, const struct conn *conn)
{
    return !side->is_lost &&
           wsp_end_would_take(side->end, conn->index, conn->generation, conn->by_lower);
}

static void describe(struct side *side, struct conn *conn)
{
    wsp_end_describe(side->end, &conn->births[side->id]);
    conn->births[side->id].generation = conn->generation;
    conn->births[side->id].dialled_by_lower = conn->by_lower;
}

/* The answer reaches the side that dialled. */
static void finish_dial(struct world *world, void *what, uint64_t dialler_id)
{
    struct conn *conn = what;
    struct side *dialler = &world->sides[dialler_id];
    dialler->sockets[conn->index].dialling = 0;
    if (conn->is_dead)
        return;
    if (!may_attach(dialler, conn)) {
        net_reset(world, conn);
        return;
    }
    attach(dialler, conn);
}

static void give_up_dial(struct world *world, void *what, uint64_t dialler_id)
{
    struct conn *conn = what;
    world->sides[dialler_id].sockets[conn->index].dialling = 0;
}

/* The dial reaches the other side. */
static void answer_dial(struct world *world, void *what, uint64_t dialler_id)
{
    struct conn *conn = what;
    struct side *acceptor = &world->sides[1 - dialler_id];
    bool is_refused = world->has_ended || one_in(world, 12) || !may_attach(acceptor, conn);
    if (is_refused) {
        conn->is_dead = true;
        later(world, latency(world), (int)dialler_id, give_up_dial, conn, dialler_id);
        return;
    }
    describe(acceptor, conn);
    attach(acceptor, conn);
    later(world, latency(world), (int)dialler_id, finish_dial, conn, dialler_id);
    if (one_in(world, 15))
        net_reset(world, conn); /* one side may never hear of it */
}

static void init_pipe(struct world *world, struct conn *conn, int from)
{
    struct pipe *pipe = &conn->pipes[from];
    pipe->conn = conn;
    pipe->from = from;
    pipe->bandwidth_bps =
        world->weather.bandwidth_bps / 4 + chance(world, world->weather.bandwidth_bps);
    pipe->room_bytes = 512 + chance(world, world->weather.room_bytes);
}

void net_dial(struct side *side, unsigned index, uint32_t generation)
{
    struct world *world = side->world;
    struct socket *socket = &side->sockets[index];
    bool is_young = world->now_ns - socket->dialled_ns < WSP_NS_PER_S;
    if (socket->dialling == generation && is_young)
        return;
    struct conn *conn = calloc(1, sizeof *conn);
    conn->world = world;
    conn->index = index;
    conn->generation = generation;
    conn->by_lower = side->id == 0;
    conn->next = world->conns;
    world->conns = conn;
    init_pipe(world, conn, 0);
    init_pipe(world, conn, 1);
    describe(side, conn);
    socket->dialling = generation;
    socket->dialled_ns = world->now_ns;
    later(world, latency(world), 1 - side->id, answer_dial, conn, (uint64_t)side->id);
}

static void depart(struct world *world, void *what, uint64_t length)
{
    struct pipe *pipe = what;
    if (world->now_ns < pipe->stalled_until_ns) {
        later(world, pipe->stalled_until_ns - world->now_ns, pipe->from, depart, pipe, length);
        return;
    }
    pipe->queued_bytes -= length;
    if (pipe->conn->is_open[pipe->from])
        world->sides[pipe->from].sockets[pipe->conn->index].is_dirty = true;
}

static void damage(struct world *world, struct piece *piece)
{
    struct weather *weather = &world->weather;
    if (world->now_ns >= weather->faults_end_ns || weather->flips_left == 0 ||
        chance(world, 1000000) >= weather->flip_per_million)
        return;
    weather->flips_left--;
    piece->bytes[chance(world, piece->length)] ^= (uint8_t)(1 << chance(world, 8));
}

static struct piece *pop(struct pipe *pipe)
{
    struct piece *piece = pipe->first;
    pipe->first = piece->next;
    if (!pipe->first)
        pipe->last = NULL;
    return piece;
}

static void push(struct pipe *pipe, struct piece *piece)
{
    piece->next = NULL;
    if (pipe->last)
        pipe->last->next = piece;
    else
        pipe->first = piece;
    pipe->last = piece;
}

/* The first piece under way arrives, whichever event said so: bytes never overtake. */
static void arrive(struct world *world, void *what, uint64_t number)
{
    struct pipe *pipe = what;
    int reader = 1 - pipe->from;
    bool does_pass = !pipe->conn->is_dead || pipe->conn->is_draining;
    if (world->now_ns < pipe->stalled_until_ns && does_pass) {
        later(world, pipe->stalled_until_ns - world->now_ns, reader, arrive, pipe, number);
        return;
    }
    struct piece *piece = pop(pipe);
    pipe->arrived_bytes += piece->length;
    if (does_pass && pipe->conn->is_open[reader]) {
        damage(world, piece);
        side_read(&world->sides[reader], pipe->conn->index, piece->bytes, piece->length);
    }
    free(piece);
}

static uint64_t pace_bps(const struct pipe *pipe)
{
    bool is_held = pipe->held_bps > 0 && pipe->held_bps < pipe->bandwidth_bps;
    return is_held ? pipe->held_bps : pipe->bandwidth_bps;
}

uint64_t net_write(struct pipe *pipe, const uint8_t *bytes, uint64_t length)
{
    struct world *world = pipe->conn->world;
    uint64_t room = pipe->room_bytes - pipe->queued_bytes;
    uint64_t n = length < room ? length : room;
    bool is_full = n < length && room < pipe->room_bytes / 2; /* as sockets: no crumbs */
    if (n == 0 || is_full || pipe->conn->is_dead)
        return 0;
    if (one_in(world, 8))
        n = 1 + chance(world, n);
    struct piece *piece = malloc(sizeof *piece + n);
    piece->length = n;
    memcpy(piece->bytes, bytes, n);
    push(pipe, piece);
    pipe->queued_bytes += n;
    pipe->written_bytes += n;
    if (pipe->busy_until_ns < world->now_ns)
        pipe->busy_until_ns = world->now_ns;
    pipe->busy_until_ns += n * WSP_NS_PER_S / pace_bps(pipe);
    uint64_t at = pipe->busy_until_ns + world->weather.latency_ns;
    if (at < pipe->last_arrival_ns)
        at = pipe->last_arrival_ns;
    pipe->last_arrival_ns = at;
    later(world, pipe->busy_until_ns - world->now_ns, pipe->from, depart, pipe, n);
    later(world, at - world->now_ns, 1 - pipe->from, arrive, pipe, 0);
    return n;
}

/* What a kernel tells may be old or wrong: nothing may depend on it but speed. */
void net_sample(const struct pipe *pipe, struct wsp_stream_sample *sample)
{
    struct world *world = pipe->conn->world;
    uint64_t busy_ns = pipe->written_bytes * WSP_NS_PER_S / pipe->bandwidth_bps;
    uint64_t queue_ns = pipe->queued_bytes * WSP_NS_PER_S / pace_bps(pipe);
    *sample = (struct wsp_stream_sample){
        .rtt_ns = 2 * world->weather.latency_ns + queue_ns,
        .delivered_bytes = pipe->arrived_bytes,
        .n_sent = pipe->written_bytes / PACKET_BYTES,
        .n_sent_again = pipe->written_bytes / PACKET_BYTES * world->weather.again_per_mille / 1000,
        .busy_ns = busy_ns < world->now_ns ? busy_ns : world->now_ns,
        .pace_bps = one_in(world, 8) ? 0 : pace_bps(pipe) / 2 + chance(world, pace_bps(pipe)),
        .unsent_bytes = pipe->queued_bytes,
    };
}

void net_free_all(struct world *world)
{
    while (world->conns) {
        struct conn *conn = world->conns;
        world->conns = conn->next;
        for (int side = 0; side < 2; side++)
            while (conn->pipes[side].first)
                free(pop(&conn->pipes[side]));
        free(conn);
    }
}
