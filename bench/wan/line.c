/* SPDX-License-Identifier: BSD-3-Clause */
#include "line.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define BATCH 64
/* Segments that leave the transmitter within so long are delivered as one packet. */
#define RUN_NS 250000
/* Room for the longest queue of the links; touched only as far as it is used. */
#define RING_BYTES ((size_t)128 << 20)
#define RING_HELD  ((size_t)1 << 17)
/* So far along what is due a packet's continuation is looked for. */
#define REACH 32

bool wan_line_init(struct wan_line *line, int from, int to, uint64_t seed)
{
    const int protection = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS;
    *line = (struct wan_line){.from = from, .to = to};
    wan_model_init(&line->model, seed);
    void *bytes = mmap(NULL, RING_BYTES, protection, flags | MAP_NORESERVE, -1, 0);
    void *held =
        mmap(NULL, RING_HELD * sizeof *line->held, protection, flags | MAP_NORESERVE, -1, 0);
    line->bytes = bytes == MAP_FAILED ? NULL : bytes;
    line->held = held == MAP_FAILED ? NULL : held;
    return line->bytes && line->held;
}

void wan_line_close(struct wan_line *line)
{
    if (line->bytes)
        munmap(line->bytes, RING_BYTES);
    if (line->held)
        munmap(line->held, RING_HELD * sizeof *line->held);
    *line = (struct wan_line){.from = line->from, .to = line->to};
}

static struct wan_held *held_at(struct wan_line *line, size_t i)
{
    return &line->held[(line->first + i) % RING_HELD];
}

/* A place for the longest packet, or NULL. An empty ring starts again, where the cache is warm. */
static unsigned char *place(struct wan_line *line)
{
    if (line->n_held == 0)
        line->bytes_first = line->bytes_end = 0;
    if (line->n_held >= RING_HELD - WAN_PACKET_MAX / 64)
        return NULL;
    if (line->bytes_end >= line->bytes_first) {
        if (line->bytes_end + WAN_PACKET_MAX <= RING_BYTES)
            return line->bytes + line->bytes_end;
        if (line->bytes_first <= WAN_PACKET_MAX)
            return NULL;
        line->bytes_end = 0;
    }
    if (line->bytes_end + WAN_PACKET_MAX >= line->bytes_first)
        return NULL;
    return line->bytes + line->bytes_end;
}

/* Consecutive segments of a packet that passed. */
struct run {
    unsigned first, n;
    uint64_t begin_ns, due_ns;
};

static void end_run(struct wan_line *line, const unsigned char *packet, size_t length,
                    const struct wan_shape *shape, struct run *run)
{
    if (run->n == 0)
        return;
    struct wan_held *held = held_at(line, line->n_held++);
    wan_packet_slice(packet, shape, run->first, run->n, &held->slice);
    held->due_ns = run->due_ns;
    held->at = (size_t)(packet - line->bytes) + held->slice.payload_at;
    held->until = (size_t)(packet - line->bytes) + length;
    held->is_done = false;
    line->bytes_end = held->until;
    run->n = 0;
}

static void take_packet(struct wan_line *line, const unsigned char *packet, size_t length,
                        uint64_t now_ns)
{
    struct wan_shape shape;
    struct run run = {0};
    if (!wan_packet_describe(packet, length, &shape))
        return; /* not IPv4: neighbour discovery and the like */
    for (unsigned i = 0; i < shape.n_segments; i++) {
        uint64_t due;
        enum wan_fate fate = wan_model_offer(&line->model, now_ns, wan_packet_wire_bytes(&shape, i),
                                             shape.flow, &due);
        if (fate != WAN_PASSED || (run.n && due - run.begin_ns > RUN_NS))
            end_run(line, packet, length, &shape, &run);
        if (fate != WAN_PASSED)
            continue;
        if (run.n++ == 0) {
            run.first = i;
            run.begin_ns = due;
        }
        run.due_ns = due;
    }
    end_run(line, packet, length, &shape, &run);
}

void wan_line_take(struct wan_line *line, uint64_t now_ns)
{
    static unsigned char nowhere[WAN_PACKET_MAX];
    for (int i = 0; i < BATCH; i++) {
        unsigned char *packet = place(line);
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
static void write_out(struct wan_line *line, size_t i, size_t n)
{
    struct wan_held *held = held_at(line, i);
    struct iovec parts[2 + REACH] = {
        {.iov_base = held->slice.head, .iov_len = held->slice.head_bytes},
        {.iov_base = line->bytes + held->at, .iov_len = held->slice.payload_bytes}};
    int n_parts = 2;
    for (size_t k = i + 1; k < n && k <= i + REACH; k++) {
        struct wan_held *next = held_at(line, k);
        if (next->is_done || next->slice.flow != held->slice.flow)
            continue;
        if (!wan_packet_join(&held->slice, &next->slice))
            break; /* the order within a flow is kept */
        next->is_done = true;
        parts[n_parts++] = (struct iovec){.iov_base = line->bytes + next->at,
                                          .iov_len = next->slice.payload_bytes};
    }
    size_t length = held->slice.head_bytes + held->slice.payload_bytes;
    if (writev(line->to, parts, n_parts) != (ssize_t)length)
        line->n_refused++;
}

uint64_t wan_line_deliver(struct wan_line *line, uint64_t now_ns)
{
    size_t n = 0;
    while (n < line->n_held && held_at(line, n)->due_ns <= now_ns)
        n++;
    if (n && now_ns - held_at(line, 0)->due_ns > line->n_late_ns)
        line->n_late_ns = now_ns - held_at(line, 0)->due_ns;
    for (size_t i = 0; i < n; i++)
        if (!held_at(line, i)->is_done)
            write_out(line, i, n);
    if (n)
        line->bytes_first = held_at(line, n - 1)->until;
    line->first = (line->first + n) % RING_HELD;
    line->n_held -= n;
    return line->n_held ? held_at(line, 0)->due_ns : UINT64_MAX;
}
