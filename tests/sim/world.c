/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtual time, its events, and chance. */
#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* splitmix64: one multiplication chain, any seed will do. */
static uint64_t draw(struct world *world)
{
    uint64_t z = world->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t chance(struct world *world, uint64_t below)
{
    return below ? draw(world) % below : 0;
}

bool one_in(struct world *world, uint64_t n)
{
    return chance(world, n) == 0;
}

uint64_t about(struct world *world, uint64_t mean_ns)
{
    return mean_ns / 8 + chance(world, mean_ns * 2);
}

static bool is_before(const struct event *a, const struct event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

void put_event(struct world *world, struct event event)
{
    if (world->n_events == SIM_MAX_EVENTS) {
        wrong(world, "too many events");
        return;
    }
    event.order = world->n_orders++;
    unsigned i = world->n_events++;
    while (i > 0 && is_before(&event, &world->heap[(i - 1) / 2])) {
        world->heap[i] = world->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    world->heap[i] = event;
}

void later(struct world *world, uint64_t delay_ns, int side, event_fn fn, void *what,
           uint64_t number)
{
    put_event(world, (struct event){.at_ns = world->now_ns + delay_ns,
                                    .fn = fn,
                                    .what = what,
                                    .number = number,
                                    .side = side});
}

bool next_event(struct world *world, struct event *event)
{
    if (world->n_events == 0)
        return false;
    *event = world->heap[0];
    struct event last = world->heap[--world->n_events];
    unsigned i = 0;
    for (;;) {
        unsigned child = 2 * i + 1;
        if (child >= world->n_events)
            break;
        if (child + 1 < world->n_events && is_before(&world->heap[child + 1], &world->heap[child]))
            child++;
        if (is_before(&last, &world->heap[child]))
            break;
        world->heap[i] = world->heap[child];
        i = child;
    }
    world->heap[i] = last;
    return true;
}

void wrong(struct world *world, const char *format, ...)
{
    if (world->has_failed)
        return;
    world->has_failed = true;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(world->failure, sizeof world->failure, format, arguments);
    va_end(arguments);
    printf("seed %llu, at %.3f ms: %s\n", (unsigned long long)world->seed,
           (double)world->now_ns / (double)WSP_NS_PER_MS, world->failure);
}
