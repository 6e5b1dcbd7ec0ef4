/* SPDX-License-Identifier: BSD-3-Clause */
/* One direction at work: packets from a TUN device, through the model, held until they are due, to
 * another TUN device. */
#ifndef WAN_LINE_H
#define WAN_LINE_H

#include "model.h"

#include <stddef.h>

struct wan_held {
    uint64_t due_ns;
    size_t length;
    unsigned char *packet; /* malloc'ed */
};

struct wan_line {
    int from, to; /* descriptors, the caller's */
    struct wan_model model;
    struct wan_held *held; /* a ring in the order of arrival */
    size_t capacity, first, n_held;
    uint64_t n_refused; /* packets that the receiving device did not take */
    uint64_t n_late_ns; /* the latest delivery after its time */
};

/* Takes what the device has, at most a batch. */
void wan_line_take(struct wan_line *line, uint64_t now_ns);
/* Hands out what is due; returns when the next packet is, or UINT64_MAX. */
uint64_t wan_line_deliver(struct wan_line *line, uint64_t now_ns);
void wan_line_close(struct wan_line *line);

#endif
