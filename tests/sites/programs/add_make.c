/* SPDX-License-Identifier: BSD-3-Clause */
/* Draws the making of communicators, and their end. */
#include "plan.h"

#include "draw.h"

static struct team *add_team(struct plan *plan, struct make *make, int event)
{
    struct team *team = &plan->teams[plan->n_teams++];
    *team = (struct team){.made_by = event, .freed_by = make->free_event};
    team->has_any_tag = once_in(&plan->state, 3);
    make->n_teams++;
    return team;
}

static void set_home(const struct plan *plan, struct team *team)
{
    team->is_home = true;
    for (int i = 1; i < team->n; i++)
        if (plan->layout.site[team->members[i]] != plan->layout.site[team->members[0]])
            team->is_home = false;
}

static void make_list(struct plan *plan, struct make *make, int event, const int *list, int n)
{
    struct team *team = add_team(plan, make, event);
    for (int i = 0; i < n; i++)
        team->members[team->n++] = list[i];
    set_home(plan, team);
}

/* Odd and even, by site, at random with some left out; in order, reversed or shuffled. */
static void draw_colors(struct plan *plan, struct make *make, const struct team *parent)
{
    uint64_t *state = &plan->state;
    int style = draw_below(state, 3), order = draw_below(state, 3);
    for (int i = 0; i < parent->n; i++) {
        int rank = parent->members[i];
        make->color[rank] = style == 0   ? rank % 2
                            : style == 1 ? plan->layout.site[rank]
                                         : draw_below(state, 3) - 1;
        make->key[rank] = order == 0 ? 0 : order == 1 ? -rank : draw_below(state, 5);
    }
    if (make->way == SPLIT)
        return;
    for (int i = 0; i < parent->n; i++) { /* SPLIT_TYPE: all memory of a site is shared */
        make->color[parent->members[i]] = plan->layout.site[parent->members[i]];
        make->key[parent->members[i]] = 0;
    }
}

/* Members of one color by key, then by rank in the parent. */
static void make_color(struct plan *plan, struct make *make, int event, int color)
{
    const struct team *parent = &plan->teams[make->parent];
    int list[MAX_RANKS], n = 0;
    for (int i = 0; i < parent->n; i++) {
        int rank = parent->members[i], at = n++;
        if (make->color[rank] != color) {
            n--;
            continue;
        }
        for (; at > 0 && make->key[list[at - 1]] > make->key[rank]; at--)
            list[at] = list[at - 1];
        list[at] = rank;
    }
    if (n > 0)
        make_list(plan, make, event, list, n);
}

static void draw_list(struct plan *plan, struct make *make)
{
    const struct team *parent = &plan->teams[make->parent];
    for (int i = 0; i < parent->n; i++)
        make->list[i] = parent->members[i];
    if (!once_in(&plan->state, 3))
        plan_shuffle(plan, make->list, parent->n);
    make->n_list = 1 + draw_below(&plan->state, parent->n - (make->way == MERGE));
}

static int draw_parent(struct plan *plan)
{
    int parent;
    do
        parent = draw_below(&plan->state, plan->n_teams);
    while (plan->teams[parent].n == 0 || plan->teams[parent].is_shared);
    return parent;
}

static void make_teams(struct plan *plan, struct make *make, int event)
{
    const struct team *parent = &plan->teams[make->parent];
    switch (make->way) {
    case DUP:
    case DUP_WITH_INFO:
    case IDUP:
        make_list(plan, make, event, parent->members, parent->n);
        break;
    case SPLIT:
    case SPLIT_TYPE:
        draw_colors(plan, make, parent);
        for (int color = 0; color < MAX_RANKS; color++)
            make_color(plan, make, event, color);
        break;
    case MERGE:
        make_list(plan, make, event, make->list, parent->n);
        break;
    default:
        make_list(plan, make, event, make->list, make->n_list);
    }
}

void plan_add_make(struct plan *plan)
{
    int item = plan->n_makes++;
    struct make *make = &plan->makes[item];
    make->way = (enum way)draw_below(&plan->state, N_WAYS);
    make->parent = draw_parent(plan);
    if (make->way == IDUP && plan->is_threaded)
        make->way = DUP; /* of several threads Open MPI 4.1 itself confuses them */
    const struct team *parent = &plan->teams[make->parent];
    if ((make->way == CREATE_GROUP || make->way == MERGE) && parent->has_any_tag)
        make->way = CREATE; /* its tag must be safe: no receive may take it */
    if (make->way == MERGE && parent->n < 2)
        make->way = DUP;
    make->first_team = plan->n_teams;
    uint32_t ranks = team_bits(&plan->teams[make->parent]);
    if (make->way == CREATE || make->way == CREATE_GROUP || make->way == MERGE)
        draw_list(plan, make);
    if (make->way == CREATE_GROUP) {
        ranks = 0;
        for (int i = 0; i < make->n_list; i++)
            ranks |= UINT32_C(1) << make->list[i];
    }
    int event = plan_add_event(plan, MAKE, item, ranks);
    make->free_event = plan_add_event(plan, FREE, item, ranks);
    plan_use_team(plan, make->parent, event);
    if (make->way == IDUP) {
        int start = event;
        make->finish_event = event = plan_add_event(plan, FINISH, item, ranks);
        plan->events[event].of = MAKE;
        plan_add_edge(plan, start, event);
        plan_use_team(plan, make->parent, event);
    }
    make_teams(plan, make, event);
    plan_add_edge(plan, event, make->free_event);
}
