/* SPDX-License-Identifier: BSD-3-Clause */
/* What can be asked of groups when one of them is spanning. */
#include "group/group.h"
#include "host/error.h"
#include "host/host.h"
#include "wide.h"

#include <stdlib.h>
#include <string.h>

/* Errors of groups belong to MPI_COMM_WORLD (MPI-3.1 8.3). */
static int failed(int code)
{
    return wsp_raise(MPI_COMM_WORLD, code);
}

int wide_Group_size(MPI_Group group, int *size)
{
    struct wsp_members members;
    int code = wsp_group_members(group, &members);
    if (code)
        return failed(code);
    *size = members.size;
    free(members.world);
    return MPI_SUCCESS;
}

int wide_Group_rank(MPI_Group group, int *rank)
{
    struct wsp_members members;
    int code = wsp_group_members(group, &members);
    if (code)
        return failed(code);
    int at = wsp_members_find(&members, wsp_job.world_rank);
    *rank = at < 0 ? MPI_UNDEFINED : at;
    free(members.world);
    return MPI_SUCCESS;
}

/* The members of two groups; on failure neither is to be freed. */
static int both(MPI_Group group1, MPI_Group group2, struct wsp_members *a, struct wsp_members *b)
{
    int code = wsp_group_members(group1, a);
    if (code)
        return failed(code);
    code = wsp_group_members(group2, b);
    if (!code)
        return MPI_SUCCESS;
    free(a->world);
    return failed(code);
}

static bool is_subset(const struct wsp_members *a, const struct wsp_members *b)
{
    for (int i = 0; i < a->size; i++)
        if (wsp_members_find(b, a->world[i]) < 0)
            return false;
    return true;
}

int wide_Group_compare(MPI_Group group1, MPI_Group group2, int *result)
{
    struct wsp_members a, b;
    int code = both(group1, group2, &a, &b);
    if (code)
        return code;
    if (a.size != b.size || !is_subset(&a, &b))
        *result = MPI_UNEQUAL;
    else if (memcmp(a.world, b.world, (size_t)a.size * sizeof *a.world) == 0)
        *result = MPI_IDENT;
    else
        *result = MPI_SIMILAR;
    free(a.world);
    free(b.world);
    return MPI_SUCCESS;
}

int wide_Group_translate_ranks(MPI_Group group1, int n, const int ranks1[], MPI_Group group2,
                               int ranks2[])
{
    struct wsp_members a, b;
    if (n < 0)
        return failed(MPI_ERR_GROUP); /* as Open MPI has it */
    if (n > 0 && (!ranks1 || !ranks2))
        return failed(MPI_ERR_ARG);
    int code = both(group1, group2, &a, &b);
    if (code)
        return code;
    for (int i = 0; i < n && !code; i++) {
        if (ranks1[i] == MPI_PROC_NULL) {
            ranks2[i] = MPI_PROC_NULL;
        } else if (ranks1[i] < 0 || ranks1[i] >= a.size) {
            code = MPI_ERR_RANK;
        } else {
            int at = wsp_members_find(&b, a.world[ranks1[i]]);
            ranks2[i] = at < 0 ? MPI_UNDEFINED : at;
        }
    }
    free(a.world);
    free(b.world);
    return code ? failed(code) : MPI_SUCCESS;
}
