/* SPDX-License-Identifier: BSD-3-Clause */
#include "line.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define BATCH 64
/* Segments that leave the transmitter within so long are delivered as one packet. */
#define RUN_NS 250000
/* Room for the longest queue of the links, and for what is on the way. */
#define RING_BYTES ((size_t)64 << 20)
#define RING_HELD  ((size_t)1 << 17)
/* So far along what is due a packet's continuation is looked for. */
#define REACH 32

/* The first touch of a page may cost more than the packet that is put there: on a virtual machine
 * that halved what a link carried in its first seconds. Before there is traffic it costs nobody. */
static void touch(void *bytes, size_t length)
{
    madvise(bytes, length, MADV_HUGEPAGE); /* or small ones, where the kernel has no others */
    memset(bytes, 0, length);
}

static bool init_lane(struct wan_lane *lane)
{
    const int protection = PROT_READ | PROT_WRITE;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *bytes = mmap(NULL, RING_BYTES, protection, flags, -1, 0);
    void *held = mmap(NULL, RING_HELD * sizeof *lane->held, protection, flags, -1, 0);
    lane->bytes = bytes == MAP_FAILED ? NULL : bytes;
    lane->held = held == MAP_FAILED ? NULL : held;
    return lane->bytes && lane->held;
}

static void close_lane(struct wan_lane *lane)
{
    if (lane->bytes)
        munmap(lane->bytes, RING_BYTES);
    if (lane->held)
        munmap(lane->held, RING_HELD * sizeof *lane->held);
    *lane = (struct wan_lane){0};
}

bool wan_line_init(struct wan_line *line, int from, int to, uint64_t seed)
{
    *line = (struct wan_line){.from = from, .to = to};
    wan_model_init(&line->model, seed);
    if (!init_lane(&line->lane) || !init_lane(&line->slow))
        return false;
    touch(line->lane.bytes, RING_BYTES);
    return true;
}

void wan_line_close(struct wan_line *line)
{
    close_lane(&line->lane);
    close_lane(&line->slow);
}

static struct wan_held *held_at(struct wan_lane *lane, size_t i)
{
    return &lane->held[(lane->first + i) % RING_HELD];
}

/* A place for the longest packet, or NULL. An empty ring starts again, where the cache is warm. */
static unsigned char *place(struct wan_lane *lane)
{
    if (lane->n_held == 0)
        lane->first = lane->bytes_first = lane->bytes_end = 0;
    if (lane->n_held >= RING_HELD - WAN_PACKET_MAX / 64)
        return NULL;
    if (lane->bytes_end >= lane->bytes_first) {
        if (lane->bytes_end + WAN_PACKET_MAX <= RING_BYTES)
            return lane->bytes + lane->bytes_end;
        if (lane->bytes_first <= WAN_PACKET_MAX)
            return NULL;
        lane->bytes_end = 0;
    }
    if (lane->bytes_end + WAN_PACKET_MAX >= lane->bytes_first)
        return NULL;
    return lane->bytes + lane->bytes_end;
}

/* A packet in its place. */
struct packet {
    struct wan_lane *lane;
    const unsigned char *bytes;
    size_t length;
    struct wan_shape shape;
};

/* Consecutive segments of a packet that passed. */
struct run {
    unsigned first, n;
    uint64_t begin_ns, due_ns;
};

static void end_run(const struct packet *packet, struct run *run)
{
    if (run->n == 0)
        return;
    struct wan_lane *lane = packet->lane;
    size_t at = (size_t)(packet->bytes - lane->bytes);
    struct wan_held *held = held_at(lane, lane->n_held++);
    wan_packet_slice(packet->bytes, &packet->shape, run->first, run->n, &held->slice);
    held->due_ns = run->due_ns;
    held->at = at + held->slice.payload_at;
    held->until = lane->bytes_end = at + packet->length;
    held->is_done = false;
    run->n = 0;
}

/* Moves a packet to the slow lane. False: no place there. */
static bool change_lane(struct wan_line *line, struct packet *packet)
{
    unsigned char *copy = place(&line->slow);
    if (!copy)
        return false;
    packet->bytes = memcpy(copy, packet->bytes, packet->length);
    packet->lane = &line->slow;
    return true;
}

static void take_packet(struct wan_line *line, const unsigned char *bytes, size_t length,
                        uint64_t now_ns)
{
    struct packet packet = {.lane = &line->lane, .bytes = bytes, .length = length};
    const struct wan_shape *shape = &packet.shape;
    struct run run = {0};
    if (!wan_packet_describe(bytes, length, &packet.shape))
        return; /* not IPv4: neighbour discovery and the like */
    if (wan_model_is_slow(&line->model, shape->flow) && !change_lane(line, &packet)) {
        line->n_refused++;
        return;
    }
    for (unsigned i = 0; i < shape->n_segments; i++) {
        uint64_t due;
        enum wan_fate fate = wan_model_offer(&line->model, now_ns, wan_packet_wire_bytes(shape, i),
                                             shape->flow, &due);
        if (fate != WAN_PASSED || (run.n && due - run.begin_ns > RUN_NS))
            end_run(&packet, &run);
        if (fate != WAN_PASSED)
            continue;
        if (run.n++ == 0) {
            run.first = i;
            run.begin_ns = due;
        }
        run.due_ns = due;
    }
    end_run(&packet, &run);
}

void wan_line_take(struct wan_line *line, uint64_t now_ns)
{
    static unsigned char nowhere[WAN_PACKET_MAX];
    for (int i = 0; i < BATCH; i++) {
        unsigned char *packet = place(&line->lane);
        ssize_t n = read(line->from, packet ? packet : nowhere, WAN_PACKET_MAX);
        if (n <= 0)
            return;
        if (packet)
            take_packet(line, packet, (size_t)n, now_ns);
        else
            line->n_refused++;
    }
}

/* Writes the i-th packet, with what continues it among those that are due, up to n. */
static bool write_out(struct wan_lane *lane, size_t i, size_t n, int to)
{
    struct wan_held *held = held_at(lane, i);
    struct iovec parts[2 + REACH] = {
        {.iov_base = held->slice.head, .iov_len = held->slice.head_bytes},
        {.iov_base = lane->bytes + held->at, .iov_len = held->slice.payload_bytes}};
    int n_parts = 2;
    for (size_t k = i + 1; k < n && k <= i + REACH; k++) {
        struct wan_held *next = held_at(lane, k);
        if (next->is_done || next->slice.flow != held->slice.flow)
            continue;
        if (!wan_packet_join(&held->slice, &next->slice))
            break; /* the order within a flow is kept */
        next->is_done = true;
        parts[n_parts++] = (struct iovec){.iov_base = lane->bytes + next->at,
                                          .iov_len = next->slice.payload_bytes};
    }
    size_t length = held->slice.head_bytes + held->slice.payload_bytes;
    return writev(to, parts, n_parts) == (ssize_t)length;
}

static uint64_t deliver(struct wan_line *line, struct wan_lane *lane, uint64_t now_ns)
{
    size_t n = 0;
    while (n < lane->n_held && held_at(lane, n)->due_ns <= now_ns)
        n++;
    if (n && now_ns - held_at(lane, 0)->due_ns > line->n_late_ns)
        line->n_late_ns = now_ns - held_at(lane, 0)->due_ns;
    for (size_t i = 0; i < n; i++)
        if (!held_at(lane, i)->is_done && !write_out(lane, i, n, line->to))
            line->n_refused++;
    if (n)
        lane->bytes_first = held_at(lane, n - 1)->until;
    lane->first = (lane->first + n) % RING_HELD;
    lane->n_held -= n;
    return lane->n_held ? held_at(lane, 0)->due_ns : UINT64_MAX;
}

uint64_t wan_line_deliver(struct wan_line *line, uint64_t now_ns)
{
    uint64_t next = deliver(line, &line->lane, now_ns);
    uint64_t slow = deliver(line, &line->slow, now_ns);
    return next < slow ? next : slow;
}
