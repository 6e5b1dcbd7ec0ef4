/* SPDX-License-Identifier: BSD-3-Clause */
/* Executes this rank's part of a plan, in the plan's order. */
#include "actor.h"

#include "draw.h"

#include <string.h>

static void split_base(struct actor *actor, MPI_Comm world, bool is_in, bool reversed, int team)
{
    int color = is_in ? 0 : MPI_UNDEFINED;
    MPI_Comm_split(world, color, reversed ? -actor->rank : actor->rank, &actor->comms[team]);
}

void actor_open(struct actor *actor, MPI_Comm world, MPI_Comm shared)
{
    struct plan *plan = &actor->plan;
    actor->comms[TEAM_WORLD] = world;
    actor->comms[TEAM_SHARED] = shared;
    split_base(actor, world, true, true, TEAM_REVERSED);
    split_base(actor, world, actor->rank % 2 == 0, false, TEAM_EVEN);
    split_base(actor, world, actor->rank % 2 == 1, false, TEAM_ODD);
    for (int site = 0; site < plan->layout.n_sites; site++)
        split_base(actor, world, plan->layout.site[actor->rank] == site, false, TEAM_HOME + site);
    MPI_Type_create_resized(MPI_UINT32_T, 0, 2 * sizeof(uint32_t), &actor->spaced);
    MPI_Type_commit(&actor->spaced);
}

void actor_close(struct actor *actor)
{
    for (int team = TEAM_REVERSED; team < TEAM_HOME + actor->plan.layout.n_sites; team++)
        if (actor->comms[team] != MPI_COMM_NULL)
            MPI_Comm_free(&actor->comms[team]);
    MPI_Type_free(&actor->spaced);
}

static void spin(uint64_t *state)
{
    int n = once_in(state, 8) ? draw_below(state, 100000) : draw_below(state, 300);
    for (volatile int i = 0; i < n; i++)
        continue;
}

static void execute(struct actor *actor, int event)
{
    const struct event *e = &actor->plan.events[event];
    switch (e->kind) {
    case SEND:
        send_start(actor, e->item);
        break;
    case RECEIVE:
        receive_start(actor, e->item);
        break;
    case REPOST:
        receive_repost(actor, e->item);
        break;
    case CANCEL:
        receive_cancel(actor, e->item);
        break;
    case ANNOUNCE:
        announce(actor, e->item);
        break;
    case COLLECTIVE:
        collective_start(actor, e->item);
        break;
    case RING:
        ring_run(actor, e->item);
        break;
    case RELAY:
        relay_run(actor, e->item);
        break;
    case MAKE:
        comm_make(actor, e->item);
        break;
    case FREE:
        comm_free(actor, e->item);
        break;
    case FINISH:
        flight_finish(actor, event);
        break;
    }
}

static void free_idle(struct actor *actor)
{
    while (actor->n_idle > 0) {
        struct idle idle = idle_take(actor, 0);
        MPI_Request_free(&idle.request);
        box_discard(&idle.box);
    }
}

void actor_run(struct actor *actor)
{
    const struct plan *plan = &actor->plan;
    actor->state = plan->seed + (uint64_t)plan->number * 31 + (uint64_t)actor->rank * 1000003 +
                   (uint64_t)(actor->thread + 1) * 977;
    actor->n_turns = 0;
    for (actor->place = 0; actor->place < plan->n_events; actor->place++) {
        int event = plan->order[actor->place];
        if (!(plan->events[event].ranks >> actor->rank & 1))
            continue;
        if (once_in(&actor->state, 3))
            spin(&actor->state);
        if (once_in(&actor->state, 5))
            flight_disturb(actor);
        execute(actor, event);
        actor->n_events++;
    }
    if (actor->n_flights != 0)
        fail(actor, "%d requests are left", actor->n_flights);
    free_idle(actor);
    receives_verify(actor);
    if (actor->thread < 0 && once_in(&actor->state, 4)) { /* all is received, or soon will be */
        buffer_detach(actor);
        buffer_attach(actor);
    }
}
