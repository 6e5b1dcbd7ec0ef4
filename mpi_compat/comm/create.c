/* SPDX-License-Identifier: BSD-3-Clause */
/* Making communicators out of a spanning one: MPI_Comm_dup, _dup_with_info, _split, _create. All
 * members of the parent agree; everyone at a site has entered when the host is called, so that call
 * needs nobody from elsewhere. */
#include "comm/agree.h"
#include "comm/inter.h"
#include "host/error.h"
#include "host/home.h"
#include "host/host.h"
#include "wide.h"

#include <stdlib.h>

/* What the host made at this site for a duplicate, and how that went. */
struct twin {
    MPI_Comm handle, phase2;
    int code; /* raised by the host */
};

/* Both before the agreement, so that whoever runs out of communicators fails everyone. The second
 * is made out of the original, too: an Open MPI that has none left leaves a collective of its own
 * under way where it was asked, which must not be freed. */
static void add_phase2(struct wsp_comm *comm, struct twin *twin)
{
    if (!twin->code)
        twin->code = host.Comm_split(comm->handle, 0, comm->home_rank, &twin->phase2);
}

/* Registers a duplicate, if every site has made its own. */
static int duplicate(struct wsp_comm *comm, struct twin *twin, MPI_Comm *newcomm)
{
    int code;
    add_phase2(comm, twin);
    struct wsp_notice *all = wsp_agree(comm, (struct wsp_notice){.code = twin->code}, &code);
    if (all && !code) {
        struct wsp_members members = {.size = comm->size, .world = comm->world};
        code = wsp_adopt_pair(twin->handle, twin->phase2, &members, all[0].context);
        if (!code)
            twin->phase2 = MPI_COMM_NULL; /* the new communicator's */
    }
    free(all);
    if (!code)
        code = wsp_inherit(comm, wsp_comm_of(twin->handle));
    if (!code)
        code = wsp_inter_copy(comm, wsp_comm_of(twin->handle));
    if (!code) {
        *newcomm = twin->handle;
        return MPI_SUCCESS;
    }
    if (twin->phase2 != MPI_COMM_NULL)
        host.Comm_free(&twin->phase2);
    if (twin->handle != MPI_COMM_NULL)
        wsp_comm_drop(&twin->handle);
    *newcomm = MPI_COMM_NULL; /* as the host does */
    return twin->code ? twin->code : wsp_raise(comm->handle, code);
}

/* The host's duplicate runs the program's copy callbacks at each site; one that fails fails
 * everywhere. */
int wide_Comm_dup(MPI_Comm handle, MPI_Comm *newcomm)
{
    struct twin twin = {MPI_COMM_NULL, MPI_COMM_NULL, wsp_home_enter(handle)};
    if (!twin.code)
        twin.code = host.Comm_dup(handle, &twin.handle);
    return duplicate(wsp_comm_of(handle), &twin, newcomm);
}

int wide_Comm_dup_with_info(MPI_Comm handle, MPI_Info info, MPI_Comm *newcomm)
{
    struct twin twin = {MPI_COMM_NULL, MPI_COMM_NULL, wsp_home_enter(handle)};
    if (!twin.code)
        twin.code = host.Comm_dup_with_info(handle, info, &twin.handle);
    return duplicate(wsp_comm_of(handle), &twin, newcomm);
}

int wide_Comm_split(MPI_Comm handle, int color, int key, MPI_Comm *newcomm)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    bool is_valid = color >= 0 || color == MPI_UNDEFINED;
    struct wsp_notice mine = {
        .code = is_valid ? MPI_SUCCESS : MPI_ERR_ARG, .color = color, .key = key};
    if (comm->inter)
        return wsp_inter_split(comm, mine, newcomm);
    int code;
    struct wsp_notice *all = wsp_agree(comm, mine, &code);
    MPI_Comm split = MPI_COMM_NULL;
    struct wsp_members members = {0};
    uint64_t context;
    if (all && !code)
        code = host.Comm_split(handle, color, key, &split);
    if (!code && color != MPI_UNDEFINED)
        code = wsp_notices_select(comm, all, comm->size, color, &members, &context);
    if (!code && color != MPI_UNDEFINED)
        code = wsp_adopt(split, &members, context);
    free(all);
    free(members.world);
    if (code)
        return wsp_raise(handle, code);
    *newcomm = split;
    return MPI_SUCCESS;
}

/* The host's part: all home members take part, those outside of the group with none. */
static int create_at_home(struct wsp_comm *comm, const struct wsp_members *members,
                          MPI_Comm *handle)
{
    MPI_Group home;
    int code = wsp_group_of_home(members, &home);
    if (code)
        return code;
    code = host.Comm_create(comm->handle, home, handle);
    host.Group_free(&home);
    return code;
}

static int check_group(const struct wsp_comm *comm, const struct wsp_members *members)
{
    struct wsp_members all = {.size = comm->size, .world = comm->world};
    if (comm->inter)
        all = wsp_side_members(comm, &comm->inter->own);
    for (int i = 0; i < members->size; i++)
        if (wsp_members_find(&all, members->world[i]) < 0)
            return MPI_ERR_GROUP;
    return MPI_SUCCESS;
}

int wide_Comm_create(MPI_Comm handle, MPI_Group group, MPI_Comm *newcomm)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    struct wsp_members members = {0};
    MPI_Comm made = MPI_COMM_NULL;
    int code = group == MPI_GROUP_NULL ? MPI_ERR_GROUP : wsp_group_members(group, &members);
    if (!code)
        code = check_group(comm, &members);
    if (comm->inter) {
        int place = code ? -1 : wsp_members_find(&members, wsp_job.world_rank);
        free(members.world);
        return wsp_inter_split(
            comm,
            (struct wsp_notice){.code = code, .color = place < 0 ? MPI_UNDEFINED : 0, .key = place},
            newcomm);
    }
    struct wsp_notice *all = wsp_agree(comm, (struct wsp_notice){.code = code}, &code);
    if (all && !code)
        code = create_at_home(comm, &members, &made);
    if (!code && made != MPI_COMM_NULL) {
        struct wsp_members parent = {.size = comm->size, .world = comm->world};
        int first = wsp_members_find(&parent, members.world[0]);
        code = wsp_adopt(made, &members, all[first].context);
    }
    free(all);
    free(members.world);
    if (code)
        return wsp_raise(handle, code);
    *newcomm = made;
    return MPI_SUCCESS;
}
