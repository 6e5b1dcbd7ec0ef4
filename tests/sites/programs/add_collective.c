/* SPDX-License-Identifier: BSD-3-Clause */
/* Draws collectives, rings of MPI_Sendrecv, and relays. Their starts are one event of all members,
 * so they are called in the same order everywhere. */
#include "plan.h"

#include "draw.h"

static int draw_team(struct plan *plan, bool for_collective)
{
    for (;;) {
        int index = draw_below(&plan->state, plan->n_teams);
        const struct team *team = &plan->teams[index];
        if (team->n > 0 && !(for_collective ? team->is_shared : team->has_any_tag))
            return index;
    }
}

static int draw_count(uint64_t *state)
{
    int kind = draw_below(state, 100);
    if (kind < 80)
        return draw_below(state, 30);
    return kind < 97 ? draw_below(state, 3000) : draw_below(state, 50000);
}

static bool can_be_in_place(enum collective_kind kind)
{
    return kind == ALLREDUCE || kind == ALLGATHER || kind == SCAN || kind == EXSCAN;
}

void plan_add_collective(struct plan *plan)
{
    uint64_t *state = &plan->state;
    int item = plan->n_collectives++;
    struct collective *c = &plan->collectives[item];
    c->kind = (enum collective_kind)draw_below(state, N_COLLECTIVES);
    c->team = draw_team(plan, true);
    const struct team *team = &plan->teams[c->team];
    c->root = draw_below(state, team->n);
    c->count = draw_count(state);
    c->waits = once_in(state, 3);
    c->is_in_place = can_be_in_place(c->kind) && once_in(state, 3);
    int event = plan_add_event(plan, COLLECTIVE, item, team_bits(team));
    plan_use_team(plan, c->team, event);
    for (int i = 0; i < team->n && !c->waits; i++) {
        int rank = team->members[i];
        c->finish[rank] = plan_add_finish(plan, COLLECTIVE, item, rank);
        plan_add_edge(plan, event, c->finish[rank]);
        if (team->is_home) /* Open MPI 4.1 crashes when its communicator is freed before */
            plan_add_edge(plan, c->finish[rank], team->freed_by);
    }
}

void plan_add_ring(struct plan *plan)
{
    uint64_t *state = &plan->state;
    int item = plan->n_rings++;
    struct ring *ring = &plan->rings[item];
    ring->team = draw_team(plan, false);
    ring->shift = draw_below(state, plan->teams[ring->team].n);
    ring->tag = plan->tag + plan->n_tags++;
    ring->words = once_in(state, 6) ? draw_below(state, 40000) : draw_below(state, 50);
    int event = plan_add_event(plan, RING, item, team_bits(&plan->teams[ring->team]));
    plan_use_team(plan, ring->team, event);
}

void plan_add_relay(struct plan *plan)
{
    int item = plan->n_relays++, index = draw_team(plan, false);
    struct relay *relay = &plan->relays[item];
    const struct team *team = &plan->teams[index];
    uint32_t ranks = 0;
    relay->team = index;
    relay->tag = plan->tag + plan->n_tags++;
    for (int i = 0; i < team->n; i++)
        relay->list[i] = i;
    plan_shuffle(plan, relay->list, team->n);
    relay->n = 1 + draw_below(&plan->state, team->n);
    for (int i = 0; i < relay->n; i++)
        ranks |= UINT32_C(1) << team->members[relay->list[i]];
    plan_use_team(plan, index, plan_add_event(plan, RELAY, item, ranks));
}
