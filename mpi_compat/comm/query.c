/* SPDX-License-Identifier: BSD-3-Clause */
/* What can be asked of a spanning communicator: MPI_Comm_rank, _size, _compare, _group,
 * _test_inter, _remote_size, _remote_group. */
#include "comm/inter.h"
#include "group/group.h"
#include "host/error.h"
#include "host/host.h"
#include "wide.h"

#include <stdlib.h>
#include <string.h>

int wide_Comm_rank(MPI_Comm handle, int *rank)
{
    *rank = wsp_comm_of(handle)->own_rank;
    return MPI_SUCCESS;
}

int wide_Comm_size(MPI_Comm handle, int *size)
{
    const struct wsp_comm *comm = wsp_comm_of(handle);
    *size = comm->inter ? comm->inter->own.size : comm->size;
    return MPI_SUCCESS;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* How two groups compare, as MPI_Comm_compare says it. */
static int compare(struct wsp_members a, struct wsp_members b)
{
    size_t bytes = (size_t)a.size * sizeof *a.world;
    if (a.size != b.size)
        return MPI_UNEQUAL;
    if (memcmp(a.world, b.world, bytes) == 0)
        return MPI_CONGRUENT;
    uint32_t *x = malloc(bytes), *y = malloc(bytes);
    bool same = false;
    if (x && y) {
        memcpy(x, a.world, bytes);
        memcpy(y, b.world, bytes);
        qsort(x, (size_t)a.size, sizeof *x, by_value);
        qsort(y, (size_t)a.size, sizeof *y, by_value);
        same = memcmp(x, y, bytes) == 0;
    }
    free(x);
    free(y);
    return same ? MPI_SIMILAR : MPI_UNEQUAL;
}

static struct wsp_members own_group(const struct wsp_comm *comm)
{
    struct wsp_members all = {.size = comm->size, .world = comm->world};
    return comm->inter ? wsp_side_members(comm, &comm->inter->own) : all;
}

static struct wsp_members remote_group(const struct wsp_comm *comm)
{
    return wsp_side_members(comm, &comm->inter->remote);
}

int wide_Comm_compare(MPI_Comm handle1, MPI_Comm handle2, int *result)
{
    const struct wsp_comm *a = wsp_comm_of(handle1), *b = wsp_comm_of(handle2);
    bool has_null = handle1 == MPI_COMM_NULL || handle2 == MPI_COMM_NULL;
    if (a && a == b)
        *result = MPI_IDENT;
    else if ((!a && !b) || has_null)
        return host.Comm_compare(handle1, handle2, result);
    else if (!a || !b || !a->inter != !b->inter)
        *result = MPI_UNEQUAL;
    else
        *result = compare(own_group(a), own_group(b));
    if (a && b && a != b && a->inter && b->inter && *result != MPI_UNEQUAL) {
        int remote = compare(remote_group(a), remote_group(b));
        if (remote != MPI_CONGRUENT)
            *result = remote;
    }
    return MPI_SUCCESS;
}

int wide_Comm_group(MPI_Comm handle, MPI_Group *group)
{
    struct wsp_members members = own_group(wsp_comm_of(handle));
    int code = wsp_group_make(&members, group);
    return code ? wsp_raise(handle, code) : MPI_SUCCESS;
}

int wide_Comm_test_inter(MPI_Comm handle, int *flag)
{
    const struct wsp_comm *comm = wsp_comm_of(handle);
    if (!comm)
        return host.Comm_test_inter(handle, flag);
    *flag = comm->inter != NULL;
    return MPI_SUCCESS;
}

/* Of an intracommunicator 0, without an error, as the host has it. */
int wide_Comm_remote_size(MPI_Comm handle, int *size)
{
    const struct wsp_comm *comm = wsp_comm_of(handle);
    *size = comm->inter ? comm->inter->remote.size : 0;
    return MPI_SUCCESS;
}

int wide_Comm_remote_group(MPI_Comm handle, MPI_Group *group)
{
    const struct wsp_comm *comm = wsp_comm_of(handle);
    if (!comm->inter)
        return wsp_raise(handle, MPI_ERR_COMM);
    struct wsp_members members = remote_group(comm);
    int code = wsp_group_make(&members, group);
    return code ? wsp_raise(handle, code) : MPI_SUCCESS;
}
