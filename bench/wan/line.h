/* SPDX-License-Identifier: BSD-3-Clause */
/* One direction at work: packets from a TUN device, through the model, held until they are due, to
 * another TUN device. Packets lie where they were read, in a ring of bytes, until they are written:
 * nothing is allocated on the way, nor copied but for a flow that is slowed. */
#ifndef WAN_LINE_H
#define WAN_LINE_H

#include "model.h"
#include "packet.h"

#include <stddef.h>

struct wan_held {
    uint64_t due_ns;
    size_t at;    /* of its payload in the ring of bytes */
    size_t until; /* where that ring is free to with it */
    bool is_done; /* delivered with an earlier one */
    struct wan_slice slice;
};

/* Packets whose due times never go back. */
struct wan_lane {
    unsigned char *bytes; /* ring; a packet never wraps */
    size_t bytes_first, bytes_end;
    struct wan_held *held; /* ring in the order of arrival */
    size_t first, n_held;
};

struct wan_line {
    int from, to; /* descriptors, the caller's */
    struct wan_model model;
    struct wan_lane lane, slow; /* slow: of the flow that the model slows */
    uint64_t n_refused; /* packets that found the rings full, or a device that took nothing */
    uint64_t n_late_ns; /* the latest delivery after its time */
};

/* Gets the rings. False: out of memory. */
bool wan_line_init(struct wan_line *line, int from, int to, uint64_t seed);
/* Takes what the device has, at most a batch. */
void wan_line_take(struct wan_line *line, uint64_t now_ns);
/* Hands out what is due; returns when the next packet is, or UINT64_MAX. */
uint64_t wan_line_deliver(struct wan_line *line, uint64_t now_ns);
void wan_line_close(struct wan_line *line);

#endif
