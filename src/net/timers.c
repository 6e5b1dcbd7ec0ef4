/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/timers.h"

#include "base/clock.h"

#include <stdlib.h>

void wsp_timers_fini(struct wsp_timers *timers)
{
    for (unsigned i = 1; i <= timers->n; i++)
        timers->heap[i]->heap_index = 0;
    free(timers->heap);
    *timers = (struct wsp_timers){0};
}

static void place(struct wsp_timers *timers, unsigned at, struct wsp_timer *timer)
{
    timers->heap[at] = timer;
    timer->heap_index = at;
}

static void sift_up(struct wsp_timers *timers, unsigned at)
{
    struct wsp_timer *timer = timers->heap[at];
    for (; at > 1 && timers->heap[at / 2]->at_ns > timer->at_ns; at /= 2)
        place(timers, at, timers->heap[at / 2]);
    place(timers, at, timer);
}

static void sift_down(struct wsp_timers *timers, unsigned at)
{
    struct wsp_timer *timer = timers->heap[at];
    for (unsigned child; (child = 2 * at) <= timers->n; at = child) {
        if (child < timers->n && timers->heap[child + 1]->at_ns < timers->heap[child]->at_ns)
            child++;
        if (timers->heap[child]->at_ns >= timer->at_ns)
            break;
        place(timers, at, timers->heap[child]);
    }
    place(timers, at, timer);
}

static wsp_err grow(struct wsp_timers *timers)
{
    unsigned capacity = timers->capacity ? 2 * timers->capacity : 16;
    struct wsp_timer **heap = realloc(timers->heap, (capacity + 1) * sizeof *heap);
    if (!heap)
        return WSP_ERR_NO_MEMORY;
    timers->heap = heap;
    timers->capacity = capacity;
    return WSP_OK;
}

wsp_err wsp_timers_set(struct wsp_timers *timers, struct wsp_timer *timer, uint64_t at_ns)
{
    if (at_ns == WSP_TIME_NEVER) {
        wsp_timers_stop(timers, timer);
        return WSP_OK;
    }
    if (timer->heap_index == 0) {
        if (timers->n == timers->capacity) {
            wsp_err err = grow(timers);
            if (err)
                return err;
        }
        place(timers, ++timers->n, timer);
    }
    timer->at_ns = at_ns;
    sift_up(timers, timer->heap_index);
    sift_down(timers, timer->heap_index);
    return WSP_OK;
}

void wsp_timers_stop(struct wsp_timers *timers, struct wsp_timer *timer)
{
    unsigned at = timer->heap_index;
    if (at == 0)
        return;
    timer->heap_index = 0;
    struct wsp_timer *last = timers->heap[timers->n--];
    if (last == timer)
        return;
    place(timers, at, last);
    sift_up(timers, at);
    sift_down(timers, last->heap_index);
}

uint64_t wsp_timers_deadline(const struct wsp_timers *timers)
{
    return timers->n ? timers->heap[1]->at_ns : WSP_TIME_NEVER;
}

void wsp_timers_run(struct wsp_timers *timers, uint64_t now_ns)
{
    /* Bounded by the number that run now: a timer that always asks for the past cannot keep the
     * sockets from their turn. */
    for (unsigned left = timers->n; left > 0 && wsp_timers_deadline(timers) <= now_ns; left--) {
        struct wsp_timer *timer = timers->heap[1];
        wsp_timers_stop(timers, timer);
        timer->fn(timer->user, now_ns);
    }
}
