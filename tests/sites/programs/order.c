/* SPDX-License-Identifier: BSD-3-Clause */
/* A random order of the events that keeps to all edges. */
#include "plan.h"

#include "draw.h"

#include <stdlib.h>

struct sorter {
    int n_waited_for[MAX_EVENTS]; /* events that must come first and have not */
    int ready[MAX_EVENTS], n_ready;
};

static bool is_wait(const struct plan *plan, int event)
{
    return plan->events[event].kind == FINISH;
}

/* One of the ready events: waits sooner or later, as the program's lead says. */
static int pick(struct plan *plan, struct sorter *sorter)
{
    bool wants_wait = draw_below(&plan->state, 100) < plan->lead;
    int at = draw_below(&plan->state, sorter->n_ready);
    for (int k = 0; k < sorter->n_ready; k++) {
        int other = (at + k) % sorter->n_ready;
        if (is_wait(plan, sorter->ready[other]) == wants_wait) {
            at = other;
            break;
        }
    }
    int event = sorter->ready[at];
    sorter->ready[at] = sorter->ready[--sorter->n_ready];
    return event;
}

void plan_sort(struct plan *plan)
{
    struct sorter sorter = {.n_ready = 0};
    for (int i = 0; i < plan->n_edges; i++)
        sorter.n_waited_for[plan->after[i]]++;
    for (int event = 0; event < plan->n_events; event++)
        if (sorter.n_waited_for[event] == 0)
            sorter.ready[sorter.n_ready++] = event;
    for (int place = 0; place < plan->n_events; place++) {
        if (sorter.n_ready == 0)
            abort(); /* a circle: the drawing is wrong */
        int event = pick(plan, &sorter);
        plan->order[place] = event;
        for (int i = 0; i < plan->n_edges; i++) {
            if (plan->before[i] != event)
                continue;
            struct event *after = &plan->events[plan->after[i]];
            after->safe_since = place;
            if (--sorter.n_waited_for[plan->after[i]] == 0)
                sorter.ready[sorter.n_ready++] = plan->after[i];
        }
    }
}
