/* SPDX-License-Identifier: BSD-3-Clause */
/* Communicators that a program makes and frees. */
#include "actor.h"

/* The group of this make's list, from the parent's. */
static MPI_Group group_of(const struct actor *actor, const struct make *make)
{
    const struct team *parent = &actor->plan.teams[make->parent];
    int ranks[MAX_RANKS];
    MPI_Group all, group;
    for (int i = 0; i < make->n_list; i++)
        ranks[i] = team_rank(parent, make->list[i]);
    MPI_Comm_group(actor->comms[make->parent], &all);
    MPI_Group_incl(all, make->n_list, ranks, &group);
    MPI_Group_free(&all);
    return group;
}

static MPI_Comm split(const struct actor *actor, const struct make *make)
{
    MPI_Comm made, parent = actor->comms[make->parent];
    int color = make->color[actor->rank];
    if (make->way == SPLIT)
        MPI_Comm_split(parent, color < 0 ? MPI_UNDEFINED : color, make->key[actor->rank], &made);
    else
        MPI_Comm_split_type(parent, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &made);
    return made;
}

static MPI_Comm create(const struct actor *actor, int item)
{
    const struct make *make = &actor->plan.makes[item];
    MPI_Comm made, parent = actor->comms[make->parent];
    MPI_Group group = group_of(actor, make);
    if (make->way == CREATE)
        MPI_Comm_create(parent, group, &made);
    else
        MPI_Comm_create_group(parent, group, actor->plan.tag + TAG_GROUPS - item, &made);
    MPI_Group_free(&group);
    return made;
}

/* Two parts of the parent meet as an intercommunicator, which becomes one communicator again. */
static MPI_Comm merge(const struct actor *actor, int item)
{
    const struct make *make = &actor->plan.makes[item];
    const struct team *parent = &actor->plan.teams[make->parent];
    MPI_Comm local, between, made, comm = actor->comms[make->parent];
    int place = 0;
    while (make->list[place] != actor->rank)
        place++;
    bool is_high = place >= make->n_list;
    int other_leader = team_rank(parent, make->list[is_high ? 0 : make->n_list]);
    MPI_Comm_split(comm, is_high, place, &local);
    MPI_Intercomm_create(local, 0, comm, other_leader, actor->plan.tag + TAG_GROUPS - item,
                         &between);
    MPI_Intercomm_merge(between, is_high, &made);
    MPI_Comm_free(&local);
    MPI_Comm_free(&between);
    return made;
}

static MPI_Comm make_one(const struct actor *actor, int item)
{
    const struct make *make = &actor->plan.makes[item];
    MPI_Comm made, parent = actor->comms[make->parent];
    MPI_Info info;
    switch (make->way) {
    case DUP:
        MPI_Comm_dup(parent, &made);
        return made;
    case DUP_WITH_INFO:
        MPI_Info_create(&info);
        MPI_Comm_dup_with_info(parent, info, &made);
        MPI_Info_free(&info);
        return made;
    case SPLIT:
    case SPLIT_TYPE:
        return split(actor, make);
    case MERGE:
        return merge(actor, item);
    default:
        return create(actor, item);
    }
}

/* Holds that the communicator has the planned members in the planned order. */
static void check_members(const struct actor *actor, const struct team *team, MPI_Comm comm)
{
    int rank, size, own[MAX_RANKS], there[MAX_RANKS];
    MPI_Group group, all;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
    if (size != team->n || rank != team_rank(team, actor->rank))
        fail(actor, "a communicator has size %d and rank %d, not %d and %d", size, rank, team->n,
             team_rank(team, actor->rank));
    for (int i = 0; i < size; i++)
        own[i] = i;
    MPI_Comm_group(comm, &group);
    MPI_Comm_group(MPI_COMM_WORLD, &all);
    MPI_Group_translate_ranks(group, size, own, all, there);
    MPI_Group_free(&group);
    MPI_Group_free(&all);
    for (int i = 0; i < size; i++)
        if (there[i] != team->members[i])
            fail(actor, "rank %d of a communicator is %d, not %d", i, there[i], team->members[i]);
}

void comm_make(struct actor *actor, int item)
{
    const struct make *make = &actor->plan.makes[item];
    MPI_Request request;
    if (make->way != IDUP) {
        comm_made(actor, item, make_one(actor, item));
        return;
    }
    MPI_Comm_idup(actor->comms[make->parent], &actor->duplicates[item], &request);
    flight_add(actor, MAKE, item, make->finish_event, request);
}

void comm_made(struct actor *actor, int item, MPI_Comm made)
{
    const struct make *make = &actor->plan.makes[item];
    bool is_member = false;
    for (int i = make->first_team; i < make->first_team + make->n_teams; i++) {
        const struct team *team = &actor->plan.teams[i];
        actor->comms[i] = MPI_COMM_NULL;
        if (team_rank(team, actor->rank) < 0)
            continue;
        is_member = true;
        if (made == MPI_COMM_NULL)
            fail(actor, "make %d gave no communicator", item);
        check_members(actor, team, made);
        actor->comms[i] = made;
    }
    if (!is_member && made != MPI_COMM_NULL)
        fail(actor, "make %d gave a communicator to a rank that is no member", item);
}

void comm_free(struct actor *actor, int item)
{
    const struct make *make = &actor->plan.makes[item];
    for (int i = make->first_team; i < make->first_team + make->n_teams; i++)
        if (actor->comms[i] != MPI_COMM_NULL)
            MPI_Comm_free(&actor->comms[i]);
}
