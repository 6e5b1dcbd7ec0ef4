/* SPDX-License-Identifier: BSD-3-Clause */
/* MPI_Comm_idup: what a duplicate has of its original, when it may be used, several under way at
 * once, and callbacks that fail. */
#include "cases.h"

#include <string.h>

/* Sums the world ranks over a communicator that holds all of them. */
static void use(MPI_Comm comm)
{
    int sum = -1;
    MPI_Allreduce(&world.rank, &sum, 1, MPI_INT, MPI_SUM, comm);
    CHECK(sum == world.size * (world.size - 1) / 2);
}

static bool are_congruent(MPI_Comm a, MPI_Comm b)
{
    int result = -1;
    MPI_Comm_compare(a, b, &result);
    return result == MPI_CONGRUENT;
}

/* Collectives and messages on the original while it is duplicated. */
static void beside_other_work(void)
{
    int next = (world.rank + 1) % world.size, before = (world.rank + world.size - 1) % world.size;
    for (int i = 0; i < 30; i++) {
        MPI_Comm twin = MPI_COMM_NULL;
        MPI_Request requests[4];
        int token = -1, sum = -1, word = i + world.rank;
        MPI_Irecv(&token, 1, MPI_INT, MPI_ANY_SOURCE, i, MPI_COMM_WORLD, &requests[0]);
        MPI_Comm_idup(MPI_COMM_WORLD, &twin, &requests[1]);
        MPI_Iallreduce(&world.rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD, &requests[2]);
        MPI_Barrier(MPI_COMM_WORLD);
        MPI_Isend(&word, 1, MPI_INT, next, i, MPI_COMM_WORLD, &requests[3]);
        MPI_Waitall(4, requests, MPI_STATUSES_IGNORE);
        CHECK(token == i + before && sum == world.size * (world.size - 1) / 2);
        CHECK(are_congruent(twin, MPI_COMM_WORLD));
        use(twin);
        MPI_Comm_free(&twin);
    }
}

/* The same original several times, waited for in another order on every other rank. */
static void several_at_once(void)
{
    enum { N = 4 };
    for (int i = 0; i < 8; i++) {
        MPI_Comm twins[N];
        MPI_Request requests[N];
        for (int k = 0; k < N; k++)
            MPI_Comm_idup(MPI_COMM_WORLD, &twins[k], &requests[k]);
        for (int k = 0; k < N; k++)
            MPI_Wait(&requests[world.rank % 2 ? N - 1 - k : k], MPI_STATUS_IGNORE);
        for (int k = 0; k < N; k++) { /* each pair of ranks talks on all, in one order or other */
            int from = -1;
            MPI_Sendrecv(&world.rank, 1, MPI_INT, (world.rank + 1) % world.size, k, &from, 1,
                         MPI_INT, (world.rank + world.size - 1) % world.size, k, twins[k],
                         MPI_STATUS_IGNORE);
            CHECK(from == (world.rank + world.size - 1) % world.size);
            use(twins[k]);
        }
        for (int k = 0; k < N; k++)
            MPI_Comm_free(&twins[k]);
    }
}

/* The original may go before the duplicate is there. */
static void original_freed(void)
{
    MPI_Comm one, two, three;
    MPI_Request requests[2];
    if (world.n_sites < 2) {
        skip("one site: Open MPI 4.1 alone crashes");
        return;
    }
    MPI_Comm_split(MPI_COMM_WORLD, 0, -world.rank, &one);
    MPI_Comm_idup(one, &two, &requests[0]);
    MPI_Comm_idup(one, &three, &requests[1]);
    MPI_Comm_free(&one);
    MPI_Wait(&requests[1], MPI_STATUS_IGNORE);
    use(three);
    MPI_Wait(&requests[0], MPI_STATUS_IGNORE);
    int rank;
    MPI_Comm_rank(two, &rank);
    CHECK(rank == world.size - 1 - world.rank && are_congruent(two, three));
    use(two);
    MPI_Comm_free(&two);
    MPI_Comm_free(&three);
}

static int n_copied, n_deleted, seen_size;
static bool must_fail;

static int copy(MPI_Comm comm, int keyval, void *extra, void *in, void *out, int *flag)
{
    MPI_Comm_size(comm, &seen_size);
    n_copied++;
    *(void **)out = (char *)in + 1;
    *flag = 1;
    return must_fail ? MPI_ERR_OTHER : MPI_SUCCESS;
}

static int forget(MPI_Comm comm, int keyval, void *value, void *extra)
{
    n_deleted++;
    return MPI_SUCCESS;
}

static void attributes(void)
{
    int keyval, flag = 0;
    static char cells[2];
    char *value = NULL;
    MPI_Comm one, two;
    MPI_Request request;
    MPI_Comm_dup(MPI_COMM_WORLD, &one);
    MPI_Comm_create_keyval(copy, forget, &keyval, NULL);
    MPI_Comm_set_attr(one, keyval, cells);
    n_copied = n_deleted = seen_size = 0;
    MPI_Comm_idup(one, &two, &request);
    CHECK(n_copied == 1 && seen_size == world.size);
    /* Too late for the duplicate (MPI-3.1 6.4.2). */
    MPI_Comm_delete_attr(one, keyval);
    CHECK(n_deleted == 1);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    MPI_Comm_get_attr(two, keyval, &value, &flag);
    CHECK(flag && value == cells + 1 && n_copied == 1);
    MPI_Comm_free(&two);
    CHECK(n_deleted == 2);
    MPI_Comm_free(&one);
    CHECK(n_deleted == 2);
    MPI_Comm_free_keyval(&keyval);
}

static int n_raised;

static void count_call(MPI_Comm *comm, int *code, ...)
{
    n_raised++;
}

/* A callback that fails at one site fails the duplicate everywhere. */
static void failing_callback(void)
{
    int keyval;
    MPI_Comm one, two = MPI_COMM_WORLD;
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Errhandler handler;
    if (world.n_sites < 2) {
        skip("one site: Open MPI 4.1 alone hangs or crashes");
        return;
    }
    MPI_Comm_dup(MPI_COMM_WORLD, &one);
    MPI_Comm_create_errhandler(count_call, &handler);
    MPI_Comm_set_errhandler(one, handler);
    MPI_Comm_create_keyval(copy, forget, &keyval, NULL);
    MPI_Comm_set_attr(one, keyval, NULL);
    must_fail = world.site[world.rank] == 1;
    n_raised = 0;
    int code = MPI_Comm_idup(one, &two, &request);
    if (code == MPI_SUCCESS)
        code = MPI_Wait(&request, MPI_STATUS_IGNORE);
    must_fail = false;
    CHECK(code != MPI_SUCCESS && n_raised == 1);
    CHECK(request == MPI_REQUEST_NULL);
    use(one);
    MPI_Comm_idup(one, &two, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    use(two);
    MPI_Comm_free(&two);
    MPI_Comm_free(&one);
    MPI_Comm_free_keyval(&keyval);
    MPI_Errhandler_free(&handler);
}

/* Grid and error handler come along, the name does not. */
static void what_comes_along(void)
{
    int dims[1] = {world.size}, periods[1] = {1}, kind, before, after, length, is_same;
    char name[MPI_MAX_OBJECT_NAME];
    MPI_Comm grid, twin;
    MPI_Request request;
    MPI_Errhandler set, got;
    MPI_Cart_create(MPI_COMM_WORLD, 1, dims, periods, 0, &grid);
    MPI_Comm_create_errhandler(count_call, &set);
    MPI_Comm_set_errhandler(grid, set);
    MPI_Comm_set_name(grid, "a ring");
    MPI_Comm_idup(grid, &twin, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    MPI_Topo_test(twin, &kind);
    MPI_Cart_shift(twin, 0, 1, &before, &after);
    CHECK(kind == MPI_CART && after == (world.rank + 1) % world.size);
    MPI_Comm_get_errhandler(twin, &got);
    is_same = got == set;
    CHECK(is_same);
    MPI_Comm_get_name(twin, name, &length);
    CHECK(strcmp(name, "a ring") != 0);
    n_raised = 0;
    CHECK(MPI_Send(&kind, 1, MPI_INT, world.size, 0, twin) != MPI_SUCCESS && n_raised == 1);
    MPI_Errhandler_free(&got);
    MPI_Errhandler_free(&set);
    MPI_Comm_free(&grid);
    MPI_Comm_free(&twin);
}

/* At home, a rank that waits for a duplicate goes on with what others want of it: its partner
 * begins only when the wide message that both ends wait for has come. */
static void at_home(void)
{
    int partner = home_partner(world.rank), far = wide_partner(world.rank), word = -1;
    if (world.home == MPI_COMM_NULL || far < 0) {
        skip("no communicator of a site, or one site");
        return;
    }
    for (int i = 0; i < 5; i++) {
        MPI_Comm twin;
        MPI_Request requests[2];
        MPI_Irecv(&word, 1, MPI_INT, MPI_ANY_SOURCE, 77, MPI_COMM_WORLD, &requests[0]);
        if (partner < 0 || world.rank < partner)
            MPI_Ssend(&i, 1, MPI_INT, (world.rank + 1) % world.size, 77, MPI_COMM_WORLD);
        MPI_Comm_idup(world.home, &twin, &requests[1]);
        if (partner >= 0 && world.rank > partner)
            MPI_Ssend(&i, 1, MPI_INT, (world.rank + 1) % world.size, 77, MPI_COMM_WORLD);
        MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
        CHECK(word == i && are_congruent(twin, world.home));
        MPI_Barrier(twin);
        MPI_Comm_free(&twin);
        MPI_Barrier(MPI_COMM_WORLD);
    }
}

/* Blocking collectives of the original, at home and not, while it is duplicated. */
static void under_collectives(MPI_Comm comm)
{
    MPI_Comm twin;
    MPI_Request request;
    int size, sum = -1, one = 1, root = 7;
    MPI_Comm_size(comm, &size);
    for (int i = 0; i < 20; i++) {
        MPI_Comm_idup(comm, &twin, &request);
        MPI_Barrier(comm);
        MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, comm);
        MPI_Bcast(&root, 1, MPI_INT, size - 1, comm);
        CHECK(sum == size && root == 7);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
        MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, twin);
        CHECK(sum == size);
        MPI_Comm_free(&twin);
    }
}

static void under_blocking_collectives(void)
{
    under_collectives(MPI_COMM_WORLD);
    if (world.home != MPI_COMM_NULL)
        under_collectives(world.home);
}

/* Duplicates and nonblocking collectives of one original by turns. */
static void by_turns(MPI_Comm comm)
{
    enum { N = 4 };
    MPI_Comm twins[N];
    MPI_Request requests[2 * N];
    int size, one = 1, sums[N];
    MPI_Comm_size(comm, &size);
    for (int i = 0; i < 5; i++) {
        for (int k = 0; k < N; k++) {
            MPI_Iallreduce(&one, &sums[k], 1, MPI_INT, MPI_SUM, comm, &requests[2 * k]);
            MPI_Comm_idup(comm, &twins[k], &requests[2 * k + 1]);
        }
        MPI_Waitall(2 * N, requests, MPI_STATUSES_IGNORE);
        for (int k = 0; k < N; k++) {
            CHECK(sums[k] == size);
            MPI_Barrier(twins[k]);
            MPI_Comm_free(&twins[k]);
        }
    }
}

static void by_turns_with_collectives(void)
{
    by_turns(MPI_COMM_WORLD);
    if (world.home != MPI_COMM_NULL && world.n_sites > 1)
        by_turns(world.home);
}

/* A group's communicator is made, by some before the duplicate is asked for, by some after. */
static void beside_a_group(void)
{
    MPI_Group group;
    MPI_Comm twin, made;
    MPI_Request request;
    MPI_Comm_group(MPI_COMM_WORLD, &group);
    for (int i = 0; i < 3; i++) {
        if (world.rank % 2 == 0)
            MPI_Comm_create_group(MPI_COMM_WORLD, group, 0, &made);
        MPI_Comm_idup(MPI_COMM_WORLD, &twin, &request);
        if (world.rank % 2)
            MPI_Comm_create_group(MPI_COMM_WORLD, group, 0, &made);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
        use(twin);
        use(made);
        MPI_Comm_free(&twin);
        MPI_Comm_free(&made);
    }
    MPI_Group_free(&group);
}

const struct mpi_case cases[] = {{"beside_other_work", beside_other_work, false},
                                 {"under_blocking_collectives", under_blocking_collectives, false},
                                 {"by_turns_with_collectives", by_turns_with_collectives, false},
                                 {"beside_a_group", beside_a_group, false},
                                 {"several_at_once", several_at_once, false},
                                 {"original_freed", original_freed, false},
                                 {"attributes", attributes, false},
                                 {"failing_callback", failing_callback, false},
                                 {"what_comes_along", what_comes_along, false},
                                 {"at_home", at_home, false},
                                 {NULL, NULL, false}};
