/* SPDX-License-Identifier: BSD-3-Clause */
#include "plan.h"

#include "draw.h"

#include <stdlib.h>
#include <string.h>

int team_rank(const struct team *team, int world_rank)
{
    for (int i = 0; i < team->n; i++)
        if (team->members[i] == world_rank)
            return i;
    return -1;
}

uint32_t team_bits(const struct team *team)
{
    uint32_t bits = 0;
    for (int i = 0; i < team->n; i++)
        bits |= UINT32_C(1) << team->members[i];
    return bits;
}

void plan_shuffle(struct plan *plan, int *list, int n)
{
    for (int left = n; left > 1; left--) {
        int at = draw_below(&plan->state, left), kept = list[at];
        list[at] = list[left - 1];
        list[left - 1] = kept;
    }
}

int plan_add_event(struct plan *plan, enum event_kind kind, int item, uint32_t ranks)
{
    if (plan->n_events == MAX_EVENTS)
        abort();
    plan->events[plan->n_events] = (struct event){.kind = kind, .item = item, .ranks = ranks};
    return plan->n_events++;
}

int plan_add_finish(struct plan *plan, enum event_kind of, int item, int rank)
{
    int event = plan_add_event(plan, FINISH, item, UINT32_C(1) << rank);
    plan->events[event].of = of;
    return event;
}

void plan_add_edge(struct plan *plan, int before, int after)
{
    if (before < 0 || after < 0)
        return;
    if (plan->n_edges == MAX_EDGES)
        abort();
    plan->before[plan->n_edges] = before;
    plan->after[plan->n_edges++] = after;
}

void plan_use_team(struct plan *plan, int team, int event)
{
    plan_add_edge(plan, plan->teams[team].made_by, event);
    plan_add_edge(plan, event, plan->teams[team].freed_by);
}

static void add_base(struct plan *plan, int first, int step, bool of_site, int site)
{
    struct team *team = &plan->teams[plan->n_teams++];
    *team = (struct team){.made_by = -1, .freed_by = -1, .is_home = of_site};
    for (int rank = first; rank >= 0 && rank < plan->layout.n_ranks; rank += step)
        if (!of_site || plan->layout.site[rank] == site)
            team->members[team->n++] = rank;
}

void plan_base_teams(struct plan *plan)
{
    plan->n_teams = 0;
    add_base(plan, 0, 1, false, 0);
    add_base(plan, 0, 1, false, 0);
    add_base(plan, plan->layout.n_ranks - 1, -1, false, 0);
    add_base(plan, 0, 2, false, 0);
    add_base(plan, 1, 2, false, 0);
    for (int site = 0; site < plan->layout.n_sites; site++)
        add_base(plan, 0, 1, true, site);
    plan->n_base = plan->n_teams;
    plan->teams[TEAM_SHARED].is_shared = plan->is_threaded;
}

static void draw_parts(struct plan *plan)
{
    uint64_t *state = &plan->state;
    int n_makes = once_in(state, 3) ? draw_below(state, 4) : 0;
    int n_mailboxes = 1 + draw_below(state, 10), n_rings = draw_below(state, 3);
    int n_relays = draw_below(state, 6);
    int n_collectives = draw_below(state, 12);
    for (int i = 0; i < n_makes; i++)
        plan_add_make(plan);
    for (int i = 0; i < n_mailboxes; i++)
        plan_add_mailbox(plan);
    for (int i = 0; i < n_collectives; i++)
        plan_add_collective(plan);
    for (int i = 0; i < n_rings; i++)
        plan_add_ring(plan);
    for (int i = 0; i < n_relays; i++)
        plan_add_relay(plan);
}

void plan_draw(struct plan *plan, uint64_t seed, int number, const struct layout *layout,
               int thread)
{
    enum { PROGRAMS_BEFORE_TAGS_RETURN = 2048, MOST_THREADS = 8 };
    static const int leads[] = {5, 20, 50, 80};
    memset(plan, 0, sizeof *plan);
    plan->seed = seed;
    plan->number = number;
    plan->layout = *layout;
    plan->is_threaded = thread >= 0;
    plan->state = seed * UINT64_C(0x2545f4914f6cdd1d) + (uint64_t)number * 1000003 +
                  (uint64_t)(thread + 1) * UINT64_C(0x9e3779b9);
    plan->tag =
        (number % PROGRAMS_BEFORE_TAGS_RETURN * MOST_THREADS + (thread + 1) % MOST_THREADS) *
        TAGS_PER_PROGRAM;
    plan->lead = leads[draw_below(&plan->state, 4)];
    plan->is_tight = once_in(&plan->state, 3);
    plan_base_teams(plan);
    draw_parts(plan);
    plan_sort(plan);
}
