/* SPDX-License-Identifier: BSD-3-Clause */
/* Groups made from groups when one of them is spanning, and their freeing. */
#include "group/group.h"
#include "host/error.h"
#include "host/host.h"
#include "wide.h"

#include <stdlib.h>

static int failed(int code)
{
    return wsp_raise(MPI_COMM_WORLD, code);
}

/* A list that has room for n members; MPI_ERR_NO_MEM. */
static int room_for(struct wsp_members *members, int n)
{
    *members = (struct wsp_members){.world = malloc(((size_t)n + 1) * sizeof *members->world)};
    return members->world ? MPI_SUCCESS : MPI_ERR_NO_MEM;
}

static void add(struct wsp_members *members, uint32_t world)
{
    members->world[members->size++] = world;
}

enum set_operation { UNION, INTERSECTION, DIFFERENCE };

/* MPI-3.1 6.3.2: the order is the first group's, then the second's. */
static void combine(const struct wsp_members *a, const struct wsp_members *b,
                    enum set_operation operation, struct wsp_members *result)
{
    for (int i = 0; i < a->size; i++) {
        bool is_in_b = wsp_members_find(b, a->world[i]) >= 0;
        if (operation == UNION || is_in_b == (operation == INTERSECTION))
            add(result, a->world[i]);
    }
    for (int i = 0; operation == UNION && i < b->size; i++)
        if (wsp_members_find(a, b->world[i]) < 0)
            add(result, b->world[i]);
}

static int set_operation(MPI_Group group1, MPI_Group group2, enum set_operation operation,
                         MPI_Group *newgroup)
{
    struct wsp_members a = {0}, b = {0}, result = {0};
    int code = wsp_group_members(group1, &a);
    if (!code)
        code = wsp_group_members(group2, &b);
    if (!code)
        code = room_for(&result, a.size + b.size);
    if (!code) {
        combine(&a, &b, operation, &result);
        code = wsp_group_make(&result, newgroup);
    }
    free(a.world);
    free(b.world);
    free(result.world);
    return code ? failed(code) : MPI_SUCCESS;
}

int wide_Group_union(MPI_Group group1, MPI_Group group2, MPI_Group *newgroup)
{
    return set_operation(group1, group2, UNION, newgroup);
}

int wide_Group_intersection(MPI_Group group1, MPI_Group group2, MPI_Group *newgroup)
{
    return set_operation(group1, group2, INTERSECTION, newgroup);
}

int wide_Group_difference(MPI_Group group1, MPI_Group group2, MPI_Group *newgroup)
{
    return set_operation(group1, group2, DIFFERENCE, newgroup);
}

/* Marks the ranks named; MPI_ERR_RANK if one is out of range or named twice. */
static int mark(bool *is_named, int size, int n, const int *ranks)
{
    for (int i = 0; i < n; i++) {
        if (ranks[i] < 0 || ranks[i] >= size || is_named[ranks[i]])
            return MPI_ERR_RANK;
        is_named[ranks[i]] = true;
    }
    return MPI_SUCCESS;
}

/* The members that ranks name, in its order; or all others, in theirs. */
static int choose(MPI_Group group, int n, const int *ranks, bool is_excluding, MPI_Group *newgroup)
{
    struct wsp_members from = {0}, result = {0};
    bool *is_named = NULL;
    int code = wsp_group_members(group, &from);
    if (!code)
        code = room_for(&result, from.size);
    if (!code && !(is_named = calloc((size_t)from.size + 1, sizeof *is_named)))
        code = MPI_ERR_NO_MEM;
    if (!code)
        code = mark(is_named, from.size, n, ranks);
    for (int i = 0; !code && !is_excluding && i < n; i++)
        add(&result, from.world[ranks[i]]);
    for (int i = 0; !code && is_excluding && i < from.size; i++)
        if (!is_named[i])
            add(&result, from.world[i]);
    if (!code)
        code = wsp_group_make(&result, newgroup);
    free(is_named);
    free(from.world);
    free(result.world);
    return code ? failed(code) : MPI_SUCCESS;
}

int wide_Group_incl(MPI_Group group, int n, const int ranks[], MPI_Group *newgroup)
{
    if (n < 0)
        return failed(MPI_ERR_GROUP); /* as Open MPI has it */
    if (n > 0 && !ranks)
        return failed(MPI_ERR_ARG);
    return choose(group, n, ranks, false, newgroup);
}

int wide_Group_excl(MPI_Group group, int n, const int ranks[], MPI_Group *newgroup)
{
    if (n < 0 || (n > 0 && !ranks))
        return failed(MPI_ERR_ARG);
    return choose(group, n, ranks, true, newgroup);
}

/* Writes out (first, last, stride) triplets; counts only where ranks is NULL. -1: not valid. */
static int64_t expand(int n, int ranges[][3], int size, int *ranks)
{
    int64_t count = 0;
    for (int i = 0; i < n; i++) {
        int64_t first = ranges[i][0], last = ranges[i][1], stride = ranges[i][2];
        if (stride == 0 || (stride > 0 ? first > last : first < last) || first < 0 ||
            first >= size || last < 0 || last >= size)
            return -1;
        for (int64_t at = first; stride > 0 ? at <= last : at >= last; at += stride, count++)
            if (ranks)
                ranks[count] = (int)at;
    }
    return count;
}

static int choose_ranges(MPI_Group group, int n, int ranges[][3], bool is_excluding,
                         MPI_Group *newgroup)
{
    int size, code = wide_Group_size(group, &size);
    if (code)
        return code;
    if (n < 0 || (n > 0 && !ranges))
        return failed(MPI_ERR_ARG);
    int64_t count = expand(n, ranges, size, NULL);
    /* More ranks than members: one is named twice. */
    if (count < 0 || count > size)
        return failed(MPI_ERR_RANK);
    int *ranks = malloc(((size_t)count + 1) * sizeof *ranks);
    if (!ranks)
        return failed(MPI_ERR_NO_MEM);
    expand(n, ranges, size, ranks);
    code = choose(group, (int)count, ranks, is_excluding, newgroup);
    free(ranks);
    return code;
}

int wide_Group_range_incl(MPI_Group group, int n, int ranges[][3], MPI_Group *newgroup)
{
    return choose_ranges(group, n, ranges, false, newgroup);
}

int wide_Group_range_excl(MPI_Group group, int n, int ranges[][3], MPI_Group *newgroup)
{
    return choose_ranges(group, n, ranges, true, newgroup);
}

int wide_Group_free(MPI_Group *group)
{
    wsp_group_unlist(*group);
    return host.Group_free(group);
}
