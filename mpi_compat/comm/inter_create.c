/* SPDX-License-Identifier: BSD-3-Clause */
/* MPI_Intercomm_create. Either group first meets on its own communicator; the leaders then tell
 * each other who is in them, and tell their group: from here on everyone knows that all have
 * entered. What the host makes of it at each site is agreed on in the same way. Both communicators
 * may be home or spanning, and nobody but the leaders knows of the other. */
#include "coll/coll.h"
#include "comm/inter.h"
#include "comm/talk.h"
#include "host/error.h"
#include "host/home.h"
#include "host/host.h"
#include "wide.h"

#include <stdlib.h>

/* The leader's bridge has guests on it, who make plain calls of the host: a code beyond MPI's. */
#define MET_GUESTS INT32_MAX

/* The arguments of the call, and the group it is called on. */
struct call {
    MPI_Comm local;
    struct wsp_comm *comm; /* of local; NULL: a home communicator */
    int leader;
    bool is_leader;
    MPI_Comm bridge; /* these at the leader only */
    int remote_leader, tag;
};

/* What one leader tells the other about its group. */
struct card {
    int32_t code, size;
    uint64_t context;
};

/* Everyone of the group has entered, and the worst code of all is everyone's. */
static int meet(const struct call *call, int code)
{
    int worst = code;
    if (call->comm) {
        struct wsp_notice *all = wsp_agree(call->comm, (struct wsp_notice){.code = code}, &worst);
        free(all);
        return worst;
    }
    MPI_Request request;
    wsp_coll_await_idup(call->local);
    int err = host.Iallreduce(&code, &worst, 1, MPI_INT, MPI_MAX, call->local, &request);
    if (!err)
        err = wsp_home_complete(&request);
    return err ? err : worst;
}

/* From the leader to its group. */
static int tell_group(const struct call *call, void *data, int n)
{
    if (call->comm)
        return wide_Bcast(data, n, MPI_BYTE, call->leader, call->local);
    MPI_Request request;
    int code = host.Ibcast(data, n, MPI_BYTE, call->leader, call->local, &request);
    return code ? code : wsp_home_complete(&request);
}

/* Between leaders. On a home bridge with the program's tag, which MPI wants to be a safe one there:
 * no other channel is known to both alone. */
static int trade(const struct call *call, const void *mine, int n_mine, void *theirs, int n_theirs)
{
    struct wsp_comm *bridge = wsp_comm_of(call->bridge);
    if (bridge)
        return wsp_talk_exchange(bridge, call->remote_leader, call->tag, mine, (uint64_t)n_mine,
                                 theirs, (uint64_t)n_theirs);
    MPI_Request in, out;
    int code =
        host.Irecv(theirs, n_theirs, MPI_BYTE, call->remote_leader, call->tag, call->bridge, &in);
    if (!code)
        code =
            host.Isend(mine, n_mine, MPI_BYTE, call->remote_leader, call->tag, call->bridge, &out);
    if (!code)
        code = wsp_home_complete(&in);
    return code ? code : wsp_home_complete(&out);
}

static bool overlap(const struct wsp_sides *sides)
{
    for (int i = 0; i < sides->own.size; i++)
        if (wsp_members_find(&sides->remote, sides->own.world[i]) >= 0)
            return true;
    return false;
}

static int make_room(struct wsp_members *members, int size)
{
    *members =
        (struct wsp_members){.size = size, .world = malloc((size_t)size * sizeof *members->world)};
    return members->world ? MPI_SUCCESS : MPI_ERR_NO_MEM;
}

static int bytes_of(const struct wsp_members *members)
{
    return members->size * (int)sizeof *members->world;
}

/* At the leader: learns the other group, and the context that both take. */
static int learn(const struct call *call, struct wsp_sides *sides, struct card *card)
{
    struct card mine = {.size = sides->own.size, .context = wsp_comm_draw_context()}, theirs = {0};
    int code = trade(call, &mine, sizeof mine, &theirs, sizeof theirs);
    if (!code)
        code = make_room(&sides->remote, theirs.size);
    if (!code)
        code = trade(call, sides->own.world, bytes_of(&sides->own), sides->remote.world,
                     bytes_of(&sides->remote));
    if (code)
        return code;
    *card = theirs;
    if (wsp_sides_is_own_first(sides))
        card->context = mine.context;
    /* The class that the host has for it. */
    return overlap(sides) ? MPI_ERR_INTERN : MPI_SUCCESS;
}

/* In the group: what its leader learned. */
static int share(const struct call *call, struct wsp_sides *sides, struct card *card)
{
    if (call->is_leader)
        card->code = learn(call, sides, card);
    int code = tell_group(call, card, sizeof *card);
    if (!code)
        code = card->code;
    if (!code && !call->is_leader)
        code = make_room(&sides->remote, card->size);
    return code ? code : tell_group(call, sides->remote.world, bytes_of(&sides->remote));
}

/* A host communicator of the home members of both groups, with the local one's error handler. */
static int make_at_home(const struct call *call, const struct wsp_sides *sides, uint64_t context,
                        MPI_Comm *made)
{
    struct wsp_members all;
    MPI_Group home;
    MPI_Errhandler handler;
    int code = wsp_sides_union(sides, &all);
    if (!code)
        code = wsp_group_of_home(&all, &home);
    free(all.world);
    if (code)
        return code;
    code = host.Comm_create_group(wsp_job.home_world, home, wsp_context_tag(context), made);
    host.Group_free(&home);
    if (code || host.Comm_get_errhandler(call->local, &handler))
        return code;
    code = host.Comm_set_errhandler(*made, handler);
    host.Errhandler_free(&handler);
    return code;
}

/* One site may have failed where another did not. */
static int confirm(const struct call *call, int code)
{
    int32_t worst = meet(call, code), theirs = MPI_SUCCESS;
    if (call->is_leader) {
        int err = trade(call, &worst, sizeof worst, &theirs, sizeof theirs);
        worst = err ? err : worst ? worst : theirs;
    }
    code = tell_group(call, &worst, sizeof worst);
    return code ? code : worst;
}

static int create(const struct call *call, struct wsp_sides *sides, MPI_Comm *made)
{
    struct card card = {0};
    int code = share(call, sides, &card);
    if (code)
        return code;
    code = make_at_home(call, sides, card.context, made);
    if (!code)
        code = wsp_inter_make(made, sides, card.context);
    code = confirm(call, code);
    if (code)
        wsp_comm_drop(made);
    return code;
}

static int members_of(const struct call *call, struct wsp_members *members)
{
    static const struct wsp_members nobody;
    MPI_Group group;
    if (call->comm) {
        struct wsp_members all = {.size = call->comm->size, .world = call->comm->world};
        return wsp_members_join(&all, &nobody, members);
    }
    int code = host.Comm_group(call->local, &group);
    if (code)
        return code;
    code = wsp_group_members(group, members);
    host.Group_free(&group);
    return code;
}

/* An intracommunicator's size and this process's rank; an error is raised if it is none. */
static int measure(MPI_Comm handle, int *size, int *rank)
{
    const struct wsp_comm *comm = wsp_comm_of(handle);
    int is_inter;
    int code = wide_Comm_test_inter(handle, &is_inter);
    if (code)
        return code;
    if (is_inter)
        return wsp_raise(MPI_COMM_WORLD, MPI_ERR_COMM);
    *size = comm ? comm->size : 0;
    *rank = comm ? comm->rank : 0;
    if (!comm)
        code = host.Comm_size(handle, size);
    return code || comm ? code : host.Comm_rank(handle, rank);
}

/* Who is who; what is wrong is raised. */
static int open_call(struct call *call)
{
    int size, rank;
    int code = measure(call->local, &size, &rank);
    if (code)
        return code;
    if (call->leader < 0 || call->leader >= size)
        return wsp_raise(call->local, MPI_ERR_ARG);
    call->comm = wsp_comm_of(call->local);
    call->is_leader = rank == call->leader;
    return MPI_SUCCESS;
}

/* Not raised yet: all of the group hear of it. */
static int check_bridge(const struct call *call)
{
    const struct wsp_comm *bridge = wsp_comm_of(call->bridge);
    int is_inter, size, rank;
    if (!call->is_leader)
        return MPI_SUCCESS;
    if (call->bridge == MPI_COMM_NULL || (bridge && bridge->inter))
        return MPI_ERR_COMM;
    if (!bridge && (host.Comm_test_inter(call->bridge, &is_inter) || is_inter))
        return MPI_ERR_COMM;
    if (!bridge && wsp_home_has_guests(call->bridge))
        return MET_GUESTS;
    int code = measure(call->bridge, &size, &rank);
    if (code)
        return code;
    return call->remote_leader < 0 || call->remote_leader >= size ? MPI_ERR_ARG : MPI_SUCCESS;
}

int wide_Intercomm_create(MPI_Comm local, int local_leader, MPI_Comm bridge, int remote_leader,
                          int tag, MPI_Comm *newintercomm)
{
    struct call call = {.local = local,
                        .leader = local_leader,
                        .bridge = bridge,
                        .remote_leader = remote_leader,
                        .tag = tag};
    struct wsp_sides sides = {0};
    MPI_Comm made = MPI_COMM_NULL;
    if (!newintercomm)
        return wsp_raise(local, MPI_ERR_ARG);
    int code = open_call(&call);
    if (code)
        return code;
    if (wsp_home_has_guests(local)) /* they know nothing of the following */
        code = call.is_leader && wsp_comm_of(bridge) ? MPI_ERR_UNSUPPORTED_OPERATION : MET_GUESTS;
    else
        code = meet(&call, check_bridge(&call));
    if (code == MET_GUESTS && !call.comm)
        return host.Intercomm_create(local, local_leader, bridge, remote_leader, tag, newintercomm);
    if (code == MET_GUESTS || code == MPI_ERR_UNSUPPORTED_OPERATION)
        return wsp_refuse("MPI_Intercomm_create", call.comm ? local : bridge);
    if (!code)
        code = members_of(&call, &sides.own);
    if (!code)
        code = create(&call, &sides, &made);
    free(sides.own.world);
    free(sides.remote.world);
    *newintercomm = code ? MPI_COMM_NULL : made;
    return code ? wsp_raise(local, code) : MPI_SUCCESS;
}
