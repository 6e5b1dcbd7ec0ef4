/* SPDX-License-Identifier: BSD-3-Clause */
/* MPI_Comm_create_group: only the members of the group take part. On a home communicator they meet
 * before they call the host, so that none sleeps there while another is still on its way. */
#include "comm/agree.h"
#include "comm/talk.h"
#include "host/error.h"
#include "host/host.h"
#include "wide.h"

#include <stdlib.h>

/* What a member tells the group's first, and the first all others. */
struct word {
    int32_t code;
    uint64_t context;
};

/* The first member hears everyone, then tells everyone; ranks: the members' ranks in comm. */
static int confer(struct wsp_comm *comm, const int *ranks, int n, int tag, struct word *word)
{
    int code = MPI_SUCCESS;
    if (comm->rank != ranks[0]) {
        code = wsp_talk_send(comm, ranks[0], tag, word, sizeof *word);
        return code ? code : wsp_talk_receive(comm, ranks[0], tag, word, sizeof *word);
    }
    for (int i = 1; i < n && !code; i++) {
        struct word theirs;
        code = wsp_talk_receive(comm, ranks[i], tag, &theirs, sizeof theirs);
        if (!word->code)
            word->code = theirs.code;
    }
    for (int i = 1; i < n && !code; i++)
        code = wsp_talk_send(comm, ranks[i], tag, word, sizeof *word);
    return code;
}

static int ranks_in(const struct wsp_comm *comm, const struct wsp_members *members, int *ranks)
{
    struct wsp_members all = {.size = comm->size, .world = comm->world};
    for (int i = 0; i < members->size; i++) {
        ranks[i] = wsp_members_find(&all, members->world[i]);
        if (ranks[i] < 0)
            return MPI_ERR_GROUP;
    }
    return MPI_SUCCESS;
}

/* Both communicators come from the same parent: a MPI_Comm_idup of it may be under way at some
 * members only, and Open MPI lets no other parent's children be made before it is over. */
static int create_at_home(struct wsp_comm *comm, const struct wsp_members *members, int tag,
                          MPI_Comm *made, MPI_Comm *phase2)
{
    MPI_Group home;
    int code = wsp_group_of_home(members, &home);
    if (code)
        return code;
    code = host.Comm_create_group(comm->handle, home, tag, made);
    if (!code)
        code = host.Comm_create_group(comm->handle, home, tag, phase2);
    host.Group_free(&home);
    return code;
}

static int create(struct wsp_comm *comm, const struct wsp_members *members, const int *ranks,
                  int tag, MPI_Comm *made)
{
    struct word word = {.context = comm->rank == ranks[0] ? wsp_comm_draw_context() : 0};
    int code = confer(comm, ranks, members->size, tag, &word);
    if (!code)
        code = word.code;
    MPI_Comm phase2 = MPI_COMM_NULL;
    if (!code)
        code = create_at_home(comm, members, tag, made, &phase2);
    return code ? code : wsp_adopt_pair(*made, phase2, members, word.context);
}

/* The members' world ranks are their ranks in the world's communicator. MPI_ERR_GROUP: one of them
 * is at another site. */
static int meet_at_home(const struct wsp_members *members, int tag)
{
    struct word word = {0};
    int n_home = 0, *ranks = malloc(((size_t)members->size + 1) * sizeof *ranks);
    if (!ranks)
        return MPI_ERR_NO_MEM;
    for (int i = 0; i < members->size; i++) {
        ranks[i] = (int)members->world[i];
        n_home += wsp_comm_world->home[ranks[i]] >= 0;
    }
    int code = n_home < members->size ? MPI_ERR_GROUP : MPI_SUCCESS;
    if (!code && wsp_members_find(members, wsp_job.world_rank) >= 0)
        code = confer(wsp_comm_world, ranks, members->size, tag, &word);
    free(ranks);
    return code;
}

/* What is wrong with tag and group alone the host says. */
static int create_on_home(MPI_Comm handle, MPI_Group group, int tag, MPI_Comm *newcomm)
{
    struct wsp_members members = {0};
    int code = MPI_SUCCESS;
    if (tag >= 0 && group != MPI_GROUP_NULL && !wsp_group_members(group, &members))
        code = meet_at_home(&members, tag);
    free(members.world);
    if (!code)
        return host.Comm_create_group(handle, group, tag, newcomm);
    *newcomm = MPI_COMM_NULL;
    return wsp_raise(handle, code);
}

int wide_Comm_create_group(MPI_Comm handle, MPI_Group group, int tag, MPI_Comm *newcomm)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    if (!comm)
        return create_on_home(handle, group, tag, newcomm);
    struct wsp_members members = {0};
    MPI_Comm made = MPI_COMM_NULL;
    int *ranks = NULL;
    if (tag < 0 || group == MPI_GROUP_NULL) /* an error, and for Open MPI a group of nobody */
        return host.Comm_create_group(handle, group, tag, newcomm);
    int code = comm->inter ? MPI_ERR_COMM : wsp_group_members(group, &members);
    if (!code && !(ranks = malloc(((size_t)members.size + 1) * sizeof *ranks)))
        code = MPI_ERR_NO_MEM;
    if (!code)
        code = ranks_in(comm, &members, ranks);
    if (!code && wsp_members_find(&members, wsp_job.world_rank) >= 0)
        code = create(comm, &members, ranks, tag, &made);
    free(ranks);
    free(members.world);
    if (code)
        return wsp_raise(handle, code);
    *newcomm = made;
    return MPI_SUCCESS;
}
