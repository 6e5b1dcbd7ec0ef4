/* SPDX-License-Identifier: BSD-3-Clause */
/* Which segments of a flow have landed: a cumulative number and a bounded window above it. */
#ifndef WSP_PATH_REORDER_H
#define WSP_PATH_REORDER_H

#include "wire/frame.h"

#include <stdbool.h>
#include <stdint.h>

/* Segments that may be on their way at once: 4 GiB of large ones at 256 KiB each, or 16384 small
 * messages in a round trip. */
#define WSP_WINDOW 16384

struct wsp_reorder {
    uint64_t next;                  /* all below have landed */
    uint64_t end;                   /* none from here on has */
    uint64_t bits[WSP_WINDOW / 64]; /* bit number % WSP_WINDOW, for next <= number < end */
};

/* A window of all zero bytes is one of a new flow. */

static inline bool wsp_reorder_has(const struct wsp_reorder *window, uint64_t number)
{
    if (number < window->next)
        return true;
    if (number >= window->end)
        return false;
    return window->bits[number % WSP_WINDOW / 64] >> (number % 64) & 1;
}

/* Could a sender that keeps to the window send this one? */
static inline bool wsp_reorder_admits(const struct wsp_reorder *window, uint64_t number)
{
    return number < window->next || number - window->next < WSP_WINDOW;
}

static inline bool wsp_reorder_has_gap(const struct wsp_reorder *window)
{
    return window->end > window->next;
}

/* Notes that a segment has landed; it must be admitted and new. */
void wsp_reorder_add(struct wsp_reorder *window, uint64_t number);

/* The lowest runs of landed segments above `next`, at most max; returns how many. */
unsigned wsp_reorder_ranges(const struct wsp_reorder *window, struct wsp_range *ranges,
                            unsigned max);

#endif
