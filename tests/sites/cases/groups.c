/* SPDX-License-Identifier: BSD-3-Clause */
/* Groups over sites, and communicators made from them, against lists of world ranks. */
#include "cases.h"

#include <stdlib.h>
#include <string.h>

static MPI_Group world_group(void)
{
    MPI_Group group;
    MPI_Comm_group(MPI_COMM_WORLD, &group);
    return group;
}

/* Holds that the group has these world ranks in this order. */
static void check_members(MPI_Group group, const int *ranks, int n)
{
    MPI_Group all = world_group();
    int size, mine, own[MAX_WORLD], there[MAX_WORLD], expected_rank = MPI_UNDEFINED;
    MPI_Group_size(group, &size);
    CHECK(size == n);
    for (int i = 0; i < n; i++)
        own[i] = i;
    MPI_Group_translate_ranks(group, n, own, all, there);
    for (int i = 0; i < n; i++) {
        CHECK(there[i] == ranks[i]);
        if (ranks[i] == world.rank)
            expected_rank = i;
    }
    MPI_Group_rank(group, &mine);
    CHECK(mine == expected_rank);
    MPI_Group_free(&all);
}

/* Every stride-th world rank from first on. */
static int some_ranks(int *ranks, int first, int stride)
{
    int n = 0;
    for (int i = first; i < world.size; i += stride)
        ranks[n++] = i;
    return n;
}

static MPI_Group group_of(const int *ranks, int n)
{
    MPI_Group all = world_group(), made;
    MPI_Group_incl(all, n, ranks, &made);
    MPI_Group_free(&all);
    return made;
}

static void inclusion_and_exclusion(void)
{
    MPI_Group all = world_group(), made;
    int ranks[MAX_WORLD], reversed[MAX_WORLD], n = some_ranks(ranks, 0, 2);
    for (int i = 0; i < world.size; i++)
        reversed[i] = world.size - 1 - i;
    made = group_of(ranks, n);
    check_members(made, ranks, n);
    MPI_Group_free(&made);
    made = group_of(reversed, world.size);
    check_members(made, reversed, world.size);
    MPI_Group_free(&made);
    MPI_Group_excl(all, n, ranks, &made);
    n = some_ranks(ranks, 1, 2);
    check_members(made, ranks, n);
    MPI_Group_free(&made);
    MPI_Group_free(&all);
}

/* An empty result may be freed, and as often as one is made. */
static void empty_groups(void)
{
    MPI_Group all = world_group(), made;
    for (int i = 0; i < 20; i++) {
        MPI_Group_incl(all, 0, NULL, &made);
        CHECK(made == MPI_GROUP_EMPTY);
        MPI_Group_free(&made);
        MPI_Group_difference(all, all, &made);
        CHECK(made == MPI_GROUP_EMPTY);
        MPI_Group_free(&made);
    }
    MPI_Group_free(&all);
}

static void ranges(void)
{
    MPI_Group all = world_group(), made;
    int range[1][3] = {{world.size - 1, 0, -1}}, ranks[MAX_WORLD];
    for (int i = 0; i < world.size; i++)
        ranks[i] = world.size - 1 - i;
    MPI_Group_range_incl(all, 1, range, &made);
    check_members(made, ranks, world.size);
    MPI_Group_free(&made);
    int odd[1][3] = {{0, world.size - 1, 2}}, n = some_ranks(ranks, 1, 2);
    MPI_Group_range_excl(all, 1, odd, &made);
    check_members(made, ranks, n);
    MPI_Group_free(&made);
    MPI_Group_free(&all);
}

static void set_operations(void)
{
    int a[MAX_WORLD], b[MAX_WORLD], expected[2 * MAX_WORLD];
    int n_a = some_ranks(a, 0, 2), n_b = some_ranks(b, 0, 3), n = 0;
    MPI_Group x = group_of(a, n_a), y = group_of(b, n_b), made;
    for (int i = 0; i < n_a; i++)
        expected[n++] = a[i];
    for (int i = 0; i < n_b; i++)
        if (b[i] % 2)
            expected[n++] = b[i];
    MPI_Group_union(x, y, &made);
    check_members(made, expected, n);
    MPI_Group_free(&made);
    MPI_Group_intersection(x, y, &made);
    check_members(made, expected, some_ranks(expected, 0, 6));
    MPI_Group_free(&made);
    n = 0;
    for (int i = 0; i < n_a; i++)
        if (a[i] % 3)
            expected[n++] = a[i];
    MPI_Group_difference(x, y, &made);
    check_members(made, expected, n);
    MPI_Group_free(&made);
    MPI_Group_free(&x);
    MPI_Group_free(&y);
}

static void comparison(void)
{
    int ranks[MAX_WORLD], reversed[MAX_WORLD], result;
    for (int i = 0; i < world.size; i++) {
        ranks[i] = i;
        reversed[i] = world.size - 1 - i;
    }
    MPI_Group all = world_group(), same = group_of(ranks, world.size);
    MPI_Group turned = group_of(reversed, world.size), less = group_of(ranks, world.size - 1);
    MPI_Group_compare(all, same, &result);
    CHECK(result == MPI_IDENT);
    MPI_Group_compare(all, turned, &result);
    CHECK(world.size == 1 || result == MPI_SIMILAR);
    MPI_Group_compare(all, less, &result);
    CHECK(result == MPI_UNEQUAL);
    MPI_Group_free(&all);
    MPI_Group_free(&same);
    MPI_Group_free(&turned);
    MPI_Group_free(&less);
}

/* Sums the world ranks over a communicator and round a ring in it. */
static void use(MPI_Comm comm, const int *ranks, int n)
{
    int size, rank, sum, expected = 0, token, from;
    MPI_Comm_size(comm, &size);
    MPI_Comm_rank(comm, &rank);
    CHECK(size == n && ranks[rank] == world.rank);
    for (int i = 0; i < n; i++)
        expected += ranks[i];
    MPI_Allreduce(&world.rank, &sum, 1, MPI_INT, MPI_SUM, comm);
    CHECK(sum == expected);
    from = (rank + n - 1) % n;
    MPI_Status status;
    MPI_Sendrecv(&world.rank, 1, MPI_INT, (rank + 1) % n, 5, &token, 1, MPI_INT, MPI_ANY_SOURCE, 5,
                 comm, &status);
    CHECK(token == ranks[from] && status.MPI_SOURCE == from);
}

static void created_communicators(void)
{
    for (int stride = 1; stride <= 3; stride++)
        for (int first = 0; first < stride && first < world.size; first++) {
            int ranks[MAX_WORLD], n = some_ranks(ranks, first, stride);
            MPI_Group group = group_of(ranks, n);
            bool is_in = world.rank % stride == first;
            MPI_Comm comm;
            MPI_Comm_create(MPI_COMM_WORLD, group, &comm);
            CHECK((comm != MPI_COMM_NULL) == is_in);
            if (is_in) {
                MPI_Group again;
                use(comm, ranks, n);
                MPI_Comm_group(comm, &again);
                check_members(again, ranks, n);
                MPI_Group_free(&again);
                MPI_Comm_free(&comm);
            }
            if (is_in) {
                MPI_Comm_create_group(MPI_COMM_WORLD, group, stride, &comm);
                use(comm, ranks, n);
                MPI_Comm_free(&comm);
            }
            MPI_Group_free(&group);
        }
}

static void reversed_communicator(void)
{
    int reversed[MAX_WORLD];
    for (int i = 0; i < world.size; i++)
        reversed[i] = world.size - 1 - i;
    MPI_Group group = group_of(reversed, world.size);
    MPI_Comm comm, twin;
    MPI_Comm_create(MPI_COMM_WORLD, group, &comm);
    use(comm, reversed, world.size);
    MPI_Comm_dup_with_info(comm, MPI_INFO_NULL, &twin);
    use(twin, reversed, world.size);
    MPI_Comm_free(&twin);
    MPI_Comm_free(&comm);
    MPI_Group_free(&group);
}

/* The groups of a home communicator and of the world meet. */
static void home_and_world(void)
{
    if (world.home == MPI_COMM_NULL) {
        skip("no communicator of a site");
        return;
    }
    MPI_Group all = world_group(), home, rest, both;
    int expected[MAX_WORLD], n = 0;
    MPI_Comm_group(world.home, &home);
    for (int i = 0; i < world.size; i++)
        if (world.site[i] != world.site[world.rank])
            expected[n++] = i;
    MPI_Group_difference(all, home, &rest);
    check_members(rest, expected, n);
    MPI_Group_union(rest, home, &both);
    int result;
    MPI_Group_compare(both, all, &result);
    CHECK(result == MPI_IDENT || result == MPI_SIMILAR);
    MPI_Group_free(&both);
    MPI_Group_intersection(rest, home, &both);
    CHECK(both == MPI_GROUP_EMPTY);
    MPI_Group_free(&rest);
    MPI_Group_free(&home);
    MPI_Group_free(&all);
}

static int seen_size;

/* Fails while the extra state says so; and notes how large the communicator is. */
static int note_size(MPI_Comm comm, int keyval, void *value, void *extra)
{
    (void)keyval, (void)value;
    MPI_Comm_size(comm, &seen_size);
    return *(int *)extra ? MPI_ERR_OTHER : MPI_SUCCESS;
}

static int refuse_copy(MPI_Comm comm, int keyval, void *extra, void *in, void *out, int *flag)
{
    (void)comm, (void)keyval, (void)extra, (void)in, (void)out;
    *flag = 0;
    return MPI_ERR_OTHER;
}

/* Callbacks that fail: no duplicate anywhere, and a free that changes nothing. */
static void failing_callbacks(void)
{
    int keyval, must_fail = 1;
    MPI_Comm one, two = MPI_COMM_WORLD;
    MPI_Comm_dup(MPI_COMM_WORLD, &one);
    MPI_Comm_set_errhandler(one, MPI_ERRORS_RETURN);
    MPI_Comm_create_keyval(refuse_copy, note_size, &keyval, &must_fail);
    MPI_Comm_set_attr(one, keyval, &must_fail);
    CHECK(MPI_Comm_dup(one, &two) != MPI_SUCCESS);
    CHECK(two == MPI_COMM_NULL);
    CHECK(MPI_Comm_free(&one) != MPI_SUCCESS);
    CHECK(one != MPI_COMM_NULL && seen_size == world.size);
    MPI_Barrier(one);
    must_fail = seen_size = 0;
    CHECK(MPI_Comm_free(&one) == MPI_SUCCESS);
    CHECK(one == MPI_COMM_NULL && seen_size == world.size);
    MPI_Comm_free_keyval(&keyval);
}

const struct mpi_case cases[] = {{"inclusion_and_exclusion", inclusion_and_exclusion, false},
                                 {"empty_groups", empty_groups, false},
                                 {"ranges", ranges, false},
                                 {"set_operations", set_operations, false},
                                 {"comparison", comparison, false},
                                 {"created_communicators", created_communicators, false},
                                 {"reversed_communicator", reversed_communicator, false},
                                 {"home_and_world", home_and_world, false},
                                 {"failing_callbacks", failing_callbacks, false},
                                 {NULL, NULL, false}};
