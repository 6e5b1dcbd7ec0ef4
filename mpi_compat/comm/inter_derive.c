/* SPDX-License-Identifier: BSD-3-Clause */
/* Communicators made out of a spanning intercommunicator: MPI_Intercomm_merge, MPI_Comm_split. Both
 * groups agree together, so that everyone has entered when the host is called. */
#include "comm/inter.h"
#include "host/error.h"
#include "host/host.h"
#include "wide.h"

#include <stdlib.h>

/* What the groups' first members say of `high` counts; where both say the same, the group that is
 * first in the communicator stays so, as in the host. */
static bool is_own_first(const struct wsp_comm *comm, const struct wsp_notice *all)
{
    const struct wsp_inter *inter = comm->inter;
    bool own = all[inter->own.base].color, remote = all[inter->remote.base].color;
    return own == remote ? inter->own.base == 0 : !own;
}

static int merge(struct wsp_comm *comm, const struct wsp_notice *all, MPI_Comm *made)
{
    struct wsp_members own = wsp_side_members(comm, &comm->inter->own);
    struct wsp_members remote = wsp_side_members(comm, &comm->inter->remote), members;
    bool own_first = is_own_first(comm, all);
    int code = wsp_members_join(own_first ? &own : &remote, own_first ? &remote : &own, &members);
    if (code)
        return code;
    int rank = wsp_members_find(&members, wsp_job.world_rank);
    code = host.Comm_split(comm->handle, 0, rank, made);
    if (!code)
        code = wsp_adopt(*made, &members, all[0].context);
    free(members.world);
    return code;
}

int wide_Intercomm_merge(MPI_Comm handle, int high, MPI_Comm *newcomm)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    MPI_Comm made = MPI_COMM_NULL;
    int code;
    if (!comm->inter)
        return wsp_raise(MPI_COMM_WORLD, MPI_ERR_COMM);
    struct wsp_notice *all = wsp_agree(comm, (struct wsp_notice){.color = high != 0}, &code);
    if (!code)
        code = merge(comm, all, &made);
    free(all);
    *newcomm = code ? MPI_COMM_NULL : made;
    return code ? wsp_raise(handle, code) : MPI_SUCCESS;
}

/* Who of both groups has this rank's colour; the sizes are 0 where there are none. */
static int select_sides(const struct wsp_comm *comm, const struct wsp_notice *all,
                        struct wsp_sides *sides, uint64_t *context)
{
    const struct wsp_side *own = &comm->inter->own, *remote = &comm->inter->remote;
    int color = all[comm->rank].color;
    uint64_t theirs;
    int code = wsp_notices_select(comm, all + own->base, own->size, color, &sides->own, context);
    if (!code)
        code = wsp_notices_select(comm, all + remote->base, remote->size, color, &sides->remote,
                                  &theirs);
    if (!code && sides->remote.size > 0 && !wsp_sides_is_own_first(sides))
        *context = theirs;
    return code;
}

/* Where one group has nobody of a colour there is no communicator. */
static int split(struct wsp_comm *comm, const struct wsp_notice *all, MPI_Comm *made)
{
    int color = all[comm->rank].color, code = MPI_SUCCESS, key = 0;
    uint64_t context;
    struct wsp_sides sides = {0};
    struct wsp_members both = {0};
    if (color != MPI_UNDEFINED)
        code = select_sides(comm, all, &sides, &context);
    bool is_made = !code && sides.own.size > 0 && sides.remote.size > 0;
    if (is_made)
        code = wsp_sides_union(&sides, &both);
    if (is_made && !code)
        key = wsp_members_find(&both, wsp_job.world_rank);
    int split_code = host.Comm_split(comm->handle, is_made ? color : MPI_UNDEFINED, key, made);
    code = code ? code : split_code;
    if (!code && is_made)
        code = wsp_inter_make(made, &sides, context);
    free(both.world);
    free(sides.own.world);
    free(sides.remote.world);
    return code;
}

int wsp_inter_split(struct wsp_comm *comm, struct wsp_notice mine, MPI_Comm *newcomm)
{
    MPI_Comm made = MPI_COMM_NULL;
    int code;
    struct wsp_notice *all = wsp_agree(comm, mine, &code);
    if (!code)
        code = split(comm, all, &made);
    free(all);
    *newcomm = code ? MPI_COMM_NULL : made;
    return code ? wsp_raise(comm->handle, code) : MPI_SUCCESS;
}

/* Who is together in a part is of one colour. */
int wsp_inter_split_by(struct wsp_comm *comm, int code, MPI_Comm part, int key, MPI_Comm *newcomm)
{
    struct wsp_notice mine = {.code = code, .color = MPI_UNDEFINED, .key = key};
    struct wsp_members together = {0};
    MPI_Group group;
    if (part != MPI_COMM_NULL) {
        host.Comm_group(part, &group);
        mine.code = wsp_group_members(group, &together);
        host.Group_free(&group);
        host.Comm_free(&part);
    }
    if (together.size > 0)
        mine.color = (int)together.world[0];
    free(together.world);
    return wsp_inter_split(comm, mine, newcomm);
}
