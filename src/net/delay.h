/* SPDX-License-Identifier: BSD-3-Clause */
/* A long way for bytes that came over a short one: a bottleneck of some rate, and a line that gives
 * bytes back at a later time. Pure: time is a parameter. */
#ifndef WSP_NET_DELAY_H
#define WSP_NET_DELAY_H

#include "base/err.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Everything that shares a bottleneck shares this, also between processes (in shared memory): the
 * time at which all that has entered is through. All zero: empty. */
struct wsp_bottleneck {
    _Atomic uint64_t free_ns;
};

/* Lets n bytes enter at now_ns; returns when the last of them is through. A rate of 0: at once. */
uint64_t wsp_bottleneck_enter(struct wsp_bottleneck *bottleneck, uint64_t rate_bps, uint64_t n,
                              uint64_t now_ns);

/* For how long it is still busy with what has entered. */
uint64_t wsp_bottleneck_backlog_ns(const struct wsp_bottleneck *bottleneck, uint64_t now_ns);

struct wsp_held {
    struct wsp_held *next;
    uint64_t due_ns;
    size_t length;
    uint8_t bytes[];
};

/* Bytes on their way, in order. All zero: empty. Its owner's lock guards it. */
struct wsp_delay_line {
    struct wsp_held *first, **end; /* end: where the next one is hung; NULL while never used */
};

/* Holds a copy of the bytes until due_ns, which must not be before that of the ones before. */
wsp_err wsp_delay_push(struct wsp_delay_line *line, const void *bytes, size_t length,
                       uint64_t due_ns) WSP_MUST_USE;

/* When the first bytes are due; WSP_TIME_NEVER if there are none. */
uint64_t wsp_delay_due_ns(const struct wsp_delay_line *line);

/* Takes out the first bytes if they are due, NULL otherwise; free() them. */
struct wsp_held *wsp_delay_pop(struct wsp_delay_line *line, uint64_t now_ns);

#endif
