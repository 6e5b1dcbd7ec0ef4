/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/delay.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

static uint64_t span_ns(uint64_t rate_bps, uint64_t n)
{
    return rate_bps ? (uint64_t)((double)n * 8e9 / (double)rate_bps) : 0;
}

uint64_t wsp_bottleneck_enter(struct wsp_bottleneck *bottleneck, uint64_t rate_bps, uint64_t n,
                              uint64_t now_ns)
{
    uint64_t through_ns, free_ns;
    if (rate_bps == 0)
        return now_ns;
    free_ns = atomic_load_explicit(&bottleneck->free_ns, memory_order_relaxed);
    do
        through_ns = (free_ns > now_ns ? free_ns : now_ns) + span_ns(rate_bps, n);
    while (!atomic_compare_exchange_weak_explicit(&bottleneck->free_ns, &free_ns, through_ns,
                                                  memory_order_relaxed, memory_order_relaxed));
    return through_ns;
}

uint64_t wsp_bottleneck_backlog_ns(const struct wsp_bottleneck *bottleneck, uint64_t now_ns)
{
    uint64_t free_ns = atomic_load_explicit(&bottleneck->free_ns, memory_order_relaxed);
    return free_ns > now_ns ? free_ns - now_ns : 0;
}

wsp_err wsp_delay_push(struct wsp_delay_line *line, const void *bytes, size_t length,
                       uint64_t due_ns)
{
    struct wsp_held *held = malloc(sizeof *held + length);
    if (!held)
        return WSP_ERR_NO_MEMORY;
    held->next = NULL;
    held->due_ns = due_ns;
    held->length = length;
    memcpy(held->bytes, bytes, length);
    if (!line->first)
        line->end = &line->first;
    *line->end = held;
    line->end = &held->next;
    return WSP_OK;
}

uint64_t wsp_delay_due_ns(const struct wsp_delay_line *line)
{
    return line->first ? line->first->due_ns : WSP_TIME_NEVER;
}

struct wsp_held *wsp_delay_pop(struct wsp_delay_line *line, uint64_t now_ns)
{
    struct wsp_held *held = line->first;
    if (!held || held->due_ns > now_ns)
        return NULL;
    line->first = held->next;
    return held;
}
