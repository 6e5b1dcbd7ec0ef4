/* SPDX-License-Identifier: BSD-3-Clause */
/* What can be asked of a spanning communicator: MPI_Comm_rank, _size, _compare, _group. */
#include "comm/comm.h"
#include "group/group.h"
#include "host/error.h"
#include "host/host.h"
#include "wide.h"

#include <stdlib.h>
#include <string.h>

int wide_Comm_rank(MPI_Comm handle, int *rank)
{
    *rank = wsp_comm_of(handle)->rank;
    return MPI_SUCCESS;
}

int wide_Comm_size(MPI_Comm handle, int *size)
{
    *size = wsp_comm_of(handle)->size;
    return MPI_SUCCESS;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static bool have_same_members(const struct wsp_comm *a, const struct wsp_comm *b)
{
    size_t bytes = (size_t)a->size * sizeof *a->world;
    uint32_t *x = malloc(bytes), *y = malloc(bytes);
    bool same = false;
    if (x && y) {
        memcpy(x, a->world, bytes);
        memcpy(y, b->world, bytes);
        qsort(x, (size_t)a->size, sizeof *x, by_value);
        qsort(y, (size_t)a->size, sizeof *y, by_value);
        same = memcmp(x, y, bytes) == 0;
    }
    free(x);
    free(y);
    return same;
}

int wide_Comm_compare(MPI_Comm handle1, MPI_Comm handle2, int *result)
{
    const struct wsp_comm *a = wsp_comm_of(handle1), *b = wsp_comm_of(handle2);
    bool has_null = handle1 == MPI_COMM_NULL || handle2 == MPI_COMM_NULL;
    if (a && a == b)
        *result = MPI_IDENT;
    else if ((!a && !b) || has_null)
        return host.Comm_compare(handle1, handle2, result);
    else if (!a || !b || a->size != b->size)
        *result = MPI_UNEQUAL;
    else if (memcmp(a->world, b->world, (size_t)a->size * sizeof *a->world) == 0)
        *result = MPI_CONGRUENT;
    else
        *result = have_same_members(a, b) ? MPI_SIMILAR : MPI_UNEQUAL;
    return MPI_SUCCESS;
}

int wide_Comm_group(MPI_Comm handle, MPI_Group *group)
{
    const struct wsp_comm *comm = wsp_comm_of(handle);
    struct wsp_members members = {.size = comm->size, .world = comm->world};
    int code = wsp_group_make(&members, group);
    return code ? wsp_raise(handle, code) : MPI_SUCCESS;
}
