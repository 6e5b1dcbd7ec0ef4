/* SPDX-License-Identifier: BSD-3-Clause */
/* Running timers in a binary heap, the earliest first. Positions count from 1, so that 0 in a
 * timer says it does not run. */
#ifndef WSP_NET_TIMERS_H
#define WSP_NET_TIMERS_H

#include "net/loop.h"

/* All zero bytes: no timer runs. */
struct wsp_timers {
    struct wsp_timer **heap; /* heap[1] .. heap[n] */
    unsigned n, capacity;
};

void wsp_timers_fini(struct wsp_timers *timers);

wsp_err wsp_timers_set(struct wsp_timers *timers, struct wsp_timer *timer,
                       uint64_t at_ns) WSP_MUST_USE;
void wsp_timers_stop(struct wsp_timers *timers, struct wsp_timer *timer);

/* When the earliest is due, or WSP_TIME_NEVER. */
uint64_t wsp_timers_deadline(const struct wsp_timers *timers);

/* Stops and calls each timer due at now; one that is set again for the past waits for the next
 * run. */
void wsp_timers_run(struct wsp_timers *timers, uint64_t now_ns);

#endif
