/* SPDX-License-Identifier: BSD-3-Clause */
#include "line.h"

#include "packet.h"

#include <stdlib.h>
#include <unistd.h>

#define BATCH 64
/* Segments that leave the transmitter within so long are delivered as one packet. */
#define RUN_NS 250000

static void hold(struct wan_line *line, struct wan_held held)
{
    if (line->n_held == line->capacity) {
        size_t capacity = line->capacity ? 2 * line->capacity : 1024;
        struct wan_held *ring = calloc(capacity, sizeof *ring);
        if (!ring)
            abort();
        for (size_t i = 0; i < line->n_held; i++)
            ring[i] = line->held[(line->first + i) % line->capacity];
        free(line->held);
        line->held = ring;
        line->capacity = capacity;
        line->first = 0;
    }
    line->held[(line->first + line->n_held++) % line->capacity] = held;
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
    unsigned char *copy = malloc(length);
    if (!copy)
        abort();
    size_t n = wan_packet_slice(packet, length, shape, run->first, run->n, copy);
    hold(line, (struct wan_held){.due_ns = run->due_ns, .length = n, .packet = copy});
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
    static unsigned char packet[WAN_PACKET_MAX];
    for (int i = 0; i < BATCH; i++) {
        ssize_t n = read(line->from, packet, sizeof packet);
        if (n <= 0)
            return;
        take_packet(line, packet, (size_t)n, now_ns);
    }
}

uint64_t wan_line_deliver(struct wan_line *line, uint64_t now_ns)
{
    while (line->n_held) {
        struct wan_held *held = &line->held[line->first];
        if (held->due_ns > now_ns)
            return held->due_ns;
        if (now_ns - held->due_ns > line->n_late_ns)
            line->n_late_ns = now_ns - held->due_ns;
        if (write(line->to, held->packet, held->length) != (ssize_t)held->length)
            line->n_refused++;
        free(held->packet);
        line->first = (line->first + 1) % line->capacity;
        line->n_held--;
    }
    return UINT64_MAX;
}

void wan_line_close(struct wan_line *line)
{
    for (size_t i = 0; i < line->n_held; i++)
        free(line->held[(line->first + i) % line->capacity].packet);
    free(line->held);
    *line = (struct wan_line){.from = line->from, .to = line->to};
}
