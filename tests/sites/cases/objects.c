/* SPDX-License-Identifier: BSD-3-Clause */
/* What hangs on a communicator: predefined attributes and the program's own, its name, its info,
 * its error handler; and the communicator of a rank's own site. */
#include "cases.h"

#include <widespan/mpi.h>

#include <limits.h>
#include <string.h>

static bool is_same_everywhere(int value)
{
    int ends[2] = {value, -value};
    MPI_Allreduce(MPI_IN_PLACE, ends, 2, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    return ends[0] == -ends[1];
}

/* The attribute of the world and of a duplicate, by both getters. */
static int predefined(int keyval, bool must_be_set)
{
    int *value = NULL, flag = 0, *old = NULL, *of_twin = NULL;
    MPI_Comm twin;
    MPI_Comm_get_attr(MPI_COMM_WORLD, keyval, &value, &flag);
    CHECK(flag || !must_be_set);
    if (!flag)
        return -1;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    MPI_Attr_get(MPI_COMM_WORLD, keyval, &old, &flag); /* as old programs do */
#pragma GCC diagnostic pop
    CHECK(flag && *old == *value);
    MPI_Comm_dup(MPI_COMM_WORLD, &twin);
    MPI_Comm_get_attr(twin, keyval, &of_twin, &flag);
    CHECK(flag && *of_twin == *value);
    MPI_Comm_free(&twin);
    return *value;
}

static void predefined_attributes(void)
{
    int universe = predefined(MPI_UNIVERSE_SIZE, false);
    CHECK(world.n_sites < 2 || universe == world.size);
    CHECK(is_same_everywhere(universe));
    CHECK(predefined(MPI_TAG_UB, true) >= 32767);
    CHECK(is_same_everywhere(predefined(MPI_APPNUM, false)));
}

/* Tags up to the largest work everywhere; beyond it nowhere. */
static void largest_tag(void)
{
    int largest = predefined(MPI_TAG_UB, true), word = -1, flag;
    int peers[] = {home_partner(world.rank), wide_partner(world.rank)};
    CHECK(is_same_everywhere(largest));
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    for (int i = 0; i < 2; i++) {
        MPI_Request request;
        if (peers[i] < 0)
            continue;
        CHECK(class_of(MPI_Isend(&word, 1, MPI_INT, peers[i], -3, MPI_COMM_WORLD, &request)) ==
              MPI_ERR_TAG);
        if (largest == INT_MAX)
            continue;
        CHECK(class_of(MPI_Isend(&word, 1, MPI_INT, peers[i], largest + 1, MPI_COMM_WORLD,
                                 &request)) == MPI_ERR_TAG);
        CHECK(class_of(MPI_Recv(&word, 1, MPI_INT, peers[i], largest + 1, MPI_COMM_WORLD,
                                MPI_STATUS_IGNORE)) == MPI_ERR_TAG);
        CHECK(class_of(MPI_Iprobe(peers[i], largest + 1, MPI_COMM_WORLD, &flag,
                                  MPI_STATUS_IGNORE)) == MPI_ERR_TAG);
    }
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
    int next = (world.rank + 1) % world.size, before = (world.rank + world.size - 1) % world.size;
    MPI_Status status;
    MPI_Sendrecv(&world.rank, 1, MPI_INT, next, largest, &word, 1, MPI_INT, before, MPI_ANY_TAG,
                 MPI_COMM_WORLD, &status);
    CHECK(word == before && status.MPI_TAG == largest);
}

static int n_copied, n_deleted, seen_size;

static int copy(MPI_Comm comm, int keyval, void *extra, void *in, void *out, int *flag)
{
    MPI_Comm_size(comm, &seen_size);
    n_copied++;
    *(void **)out = (char *)in + 1;
    *flag = extra != NULL;
    return MPI_SUCCESS;
}

static int forget(MPI_Comm comm, int keyval, void *value, void *extra)
{
    MPI_Comm_size(comm, &seen_size);
    n_deleted++;
    return MPI_SUCCESS;
}

/* Set, got, replaced, copied or not, deleted; callbacks see the whole communicator. */
static void attributes_of_the_program(void)
{
    static char cells[8];
    int with, without, flag;
    char *value;
    MPI_Comm one, two, part;
    n_copied = n_deleted = 0;
    MPI_Comm_create_keyval(copy, forget, &with, cells);
    MPI_Comm_create_keyval(copy, forget, &without, NULL);
    MPI_Comm_split(MPI_COMM_WORLD, 0, -world.rank, &one);
    MPI_Comm_get_attr(one, with, &value, &flag);
    CHECK(!flag);
    MPI_Comm_set_attr(one, with, cells);
    MPI_Comm_set_attr(one, without, cells + 4);
    MPI_Comm_set_attr(one, with, cells + 1); /* the one before is deleted */
    CHECK(n_deleted == 1 && seen_size == world.size);
    MPI_Comm_get_attr(one, with, &value, &flag);
    CHECK(flag && value == cells + 1);
    seen_size = 0;
    MPI_Comm_dup(one, &two);
    CHECK(n_copied == 2 && seen_size == world.size);
    MPI_Comm_get_attr(two, with, &value, &flag);
    CHECK(flag && value == cells + 2);
    MPI_Comm_get_attr(two, without, &value, &flag);
    CHECK(!flag);
    MPI_Comm_split(one, 0, 0, &part); /* copies nothing */
    MPI_Comm_get_attr(part, with, &value, &flag);
    CHECK(!flag && n_copied == 2);
    MPI_Comm_delete_attr(one, with);
    MPI_Comm_get_attr(one, with, &value, &flag);
    CHECK(!flag && n_deleted == 2);
    seen_size = 0;
    MPI_Comm_free(&two);
    MPI_Comm_free(&one);
    CHECK(n_deleted == 4 && seen_size == world.size);
    MPI_Comm_free(&part);
    CHECK(n_deleted == 4);
    MPI_Comm_free_keyval(&with);
    MPI_Comm_free_keyval(&without);
}

static void names(void)
{
    char name[MPI_MAX_OBJECT_NAME];
    int length;
    MPI_Comm comm, twin;
    MPI_Comm_get_name(MPI_COMM_WORLD, name, &length);
    CHECK(strcmp(name, "MPI_COMM_WORLD") == 0 && length == 14);
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm_set_name(comm, "over all sites");
    MPI_Comm_get_name(comm, name, &length);
    CHECK(strcmp(name, "over all sites") == 0 && length == 14);
    MPI_Comm_dup(comm, &twin);
    MPI_Comm_get_name(twin, name, &length);
    CHECK(strcmp(name, "over all sites") != 0); /* a duplicate has none (MPI-3.1 6.8) */
    MPI_Comm_free(&twin);
    MPI_Comm_free(&comm);
}

static void infos(void)
{
    MPI_Comm comm, twin;
    MPI_Info given, used;
    int n_keys = -1;
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Info_create(&given);
    MPI_Info_set(given, "mpi_assert_no_any_tag", "false");
    CHECK(MPI_Comm_set_info(comm, given) == MPI_SUCCESS);
    CHECK(MPI_Comm_get_info(comm, &used) == MPI_SUCCESS);
    CHECK(used != MPI_INFO_NULL && MPI_Info_get_nkeys(used, &n_keys) == MPI_SUCCESS);
    MPI_Info_free(&used);
    CHECK(MPI_Comm_dup_with_info(comm, given, &twin) == MPI_SUCCESS);
    CHECK(MPI_Comm_get_info(twin, &used) == MPI_SUCCESS);
    MPI_Info_free(&used);
    MPI_Info_free(&given);
    MPI_Barrier(twin);
    MPI_Comm_free(&twin);
    MPI_Comm_free(&comm);
}

static int n_raised, seen_class;
static MPI_Comm seen_comm;

static void note_error(MPI_Comm *comm, int *code, ...)
{
    n_raised++;
    seen_class = class_of(*code);
    seen_comm = *comm;
}

static void error_handlers(void)
{
    MPI_Errhandler handler, got;
    MPI_Comm comm, twin, part;
    int own_class, own_code;
    bool is_same;
    MPI_Comm_create_errhandler(note_error, &handler);
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm_set_errhandler(comm, handler);
    MPI_Comm_get_errhandler(comm, &got);
    is_same = got == handler;
    CHECK(is_same);
    MPI_Errhandler_free(&got);
    MPI_Errhandler_free(&handler); /* lives on with its communicators */
    MPI_Comm_dup(comm, &twin);
    MPI_Comm_split(comm, 0, -world.rank, &part);
    MPI_Comm all[] = {comm, twin, part};
    MPI_Add_error_class(&own_class);
    MPI_Add_error_code(own_class, &own_code);
    for (int i = 0; i < 3; i++) {
        n_raised = 0;
        CHECK(MPI_Comm_call_errhandler(all[i], MPI_ERR_TOPOLOGY) == MPI_SUCCESS);
        CHECK(n_raised == 1 && seen_class == MPI_ERR_TOPOLOGY && seen_comm == all[i]);
        CHECK(MPI_Comm_call_errhandler(all[i], own_code) == MPI_SUCCESS);
        CHECK(n_raised == 2 && seen_class == own_class);
        CHECK(class_of(MPI_Bcast(&n_raised, 1, MPI_INT, world.size, all[i])) == MPI_ERR_ROOT);
        CHECK(n_raised == 3 && seen_class == MPI_ERR_ROOT && seen_comm == all[i]);
        MPI_Comm_set_errhandler(all[i], MPI_ERRORS_RETURN);
        CHECK(class_of(MPI_Bcast(&n_raised, 1, MPI_INT, world.size, all[i])) == MPI_ERR_ROOT);
        CHECK(n_raised == 3);
        MPI_Comm_free(&all[i]);
    }
}

/* The handler of a communicator that is freed already hears of the requests that are left on it. */
static void errors_after_the_free(void)
{
    MPI_Errhandler handler;
    MPI_Comm comm;
    MPI_Request request = MPI_REQUEST_NULL;
    int far = wide_partner(world.rank), words[2] = {0};
    if (world.n_sites < 2 || world.size % 2 || wide_partner(far) < 0) {
        skip("not in pairs of sites");
        return;
    }
    MPI_Comm_create_errhandler(note_error, &handler);
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm_set_errhandler(comm, handler);
    MPI_Errhandler_free(&handler);
    int half = world.size / 2, partner = (world.rank + half) % world.size;
    n_raised = 0;
    MPI_Irecv(words, 1, MPI_INT, partner, 3, comm, &request); /* two will come */
    MPI_Barrier(comm);
    MPI_Send(words, 2, MPI_INT, partner, 3, comm);
    MPI_Comm_free(&comm);
    CHECK(class_of(MPI_Wait(&request, MPI_STATUS_IGNORE)) == MPI_ERR_TRUNCATE);
    CHECK(n_raised == 1 && seen_class == MPI_ERR_TRUNCATE);
}

/* Holds that these are the members of comm at this rank's site, the last first. */
static void check_site(MPI_Comm site, MPI_Comm comm)
{
    int size, n, rank, ranks[MAX_WORLD], worlds[MAX_WORLD], expected = 0;
    MPI_Comm_size(comm, &size);
    MPI_Allgather(&world.rank, 1, MPI_INT, worlds, 1, MPI_INT, comm);
    CHECK(site != MPI_COMM_NULL);
    MPI_Comm_size(site, &n);
    MPI_Comm_rank(site, &rank);
    MPI_Allgather(&world.rank, 1, MPI_INT, ranks, 1, MPI_INT, site);
    for (int i = world.size - 1; i >= 0; i--)
        for (int k = 0; k < size; k++)
            if (worlds[k] == i && world.site[i] == world.site[world.rank])
                CHECK(expected < n && ranks[expected++] == i);
    CHECK(expected == n && ranks[rank] == world.rank);
}

static void try_site(MPI_Comm comm)
{
    MPI_Comm site = MPI_COMM_NULL;
    MPI_Info info;
    CHECK(MPI_Comm_split_type(comm, WIDESPAN_COMM_TYPE_SITE, -world.rank, MPI_INFO_NULL, &site) ==
          MPI_SUCCESS);
    check_site(site, comm);
    MPI_Comm_free(&site);
    MPI_Info_create(&info);
    MPI_Info_set(info, "widespan_split", "site");
    CHECK(MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, -world.rank, info, &site) == MPI_SUCCESS);
    check_site(site, comm);
    MPI_Comm_free(&site);
    MPI_Info_free(&info);
}

static void own_site(void)
{
    MPI_Comm comm, site = MPI_COMM_WORLD;
    try_site(MPI_COMM_WORLD);
    MPI_Comm_split(MPI_COMM_WORLD, world.rank % 2, world.rank * 3 % 5, &comm);
    try_site(comm);
    MPI_Comm_free(&comm);
    if (world.home != MPI_COMM_NULL)
        try_site(world.home);
    /* Those who take no part hear from the others what is asked for. */
    bool is_out = home_partner(world.rank) > world.rank;
    MPI_Comm_split_type(MPI_COMM_WORLD, is_out ? MPI_UNDEFINED : WIDESPAN_COMM_TYPE_SITE, 0,
                        MPI_INFO_NULL, &site);
    CHECK((site == MPI_COMM_NULL) == is_out);
    if (!is_out)
        MPI_Comm_free(&site);
    MPI_Comm_split_type(MPI_COMM_WORLD, is_out ? MPI_UNDEFINED : MPI_COMM_TYPE_SHARED, 0,
                        MPI_INFO_NULL, &site);
    CHECK((site == MPI_COMM_NULL) == is_out);
    if (!is_out)
        MPI_Comm_free(&site);
}

static void members_that_disagree(void)
{
    MPI_Comm site = MPI_COMM_WORLD;
    bool is_first = true;
    for (int i = 0; i < world.rank; i++)
        is_first = is_first && world.site[i] != world.site[world.rank];
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    int code = MPI_Comm_split_type(MPI_COMM_WORLD,
                                   is_first ? MPI_COMM_TYPE_SHARED : WIDESPAN_COMM_TYPE_SITE, 0,
                                   MPI_INFO_NULL, &site);
    bool is_alone = home_partner(world.rank) < 0;
    CHECK(class_of(code) == (is_alone ? MPI_SUCCESS : MPI_ERR_ARG));
    CHECK((site == MPI_COMM_NULL) == !is_alone);
    if (is_alone)
        MPI_Comm_free(&site);
    CHECK(class_of(MPI_Comm_split_type(MPI_COMM_WORLD, 123456, 0, MPI_INFO_NULL, &site)) ==
          MPI_ERR_ARG);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
}

/* Packed for a spanning communicator, sent as MPI_PACKED, unpacked elsewhere. */
static void packing(void)
{
    int next = (world.rank + 1) % world.size, before = (world.rank + world.size - 1) % world.size;
    char room[64];
    int size_of_int, size_of_double, position = 0, number = world.rank * 3;
    double fraction = world.rank / 8.0;
    MPI_Pack_size(1, MPI_INT, MPI_COMM_WORLD, &size_of_int);
    MPI_Pack_size(1, MPI_DOUBLE, MPI_COMM_WORLD, &size_of_double);
    CHECK(size_of_int + size_of_double <= (int)sizeof room);
    MPI_Pack(&number, 1, MPI_INT, room, sizeof room, &position, MPI_COMM_WORLD);
    MPI_Pack(&fraction, 1, MPI_DOUBLE, room, sizeof room, &position, MPI_COMM_WORLD);
    MPI_Sendrecv_replace(room, sizeof room, MPI_PACKED, next, 1, before, 1, MPI_COMM_WORLD,
                         MPI_STATUS_IGNORE);
    position = 0;
    MPI_Unpack(room, sizeof room, &position, &number, 1, MPI_INT, MPI_COMM_WORLD);
    MPI_Unpack(room, sizeof room, &position, &fraction, 1, MPI_DOUBLE, MPI_COMM_WORLD);
    CHECK(number == before * 3 && memcmp(&fraction, &(double){before / 8.0}, sizeof fraction) == 0);
}

/* What needs nobody else: the handle in Fortran and back, is it an intercommunicator, the names
 * that MPI-1 had for attributes. */
static void old_and_local(void)
{
    static char cell;
    MPI_Comm comm;
    MPI_Errhandler handler;
    int is_inter = 1, keyval, flag = 0;
    char *value = NULL;
    MPI_Comm_split(MPI_COMM_WORLD, 0, -world.rank, &comm);
    CHECK(MPI_Comm_f2c(MPI_Comm_c2f(comm)) == comm);
    MPI_Comm_test_inter(comm, &is_inter);
    CHECK(!is_inter);
    MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, forget, &keyval, NULL);
    n_deleted = 0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    MPI_Attr_put(comm, keyval, &cell);
    MPI_Attr_get(comm, keyval, &value, &flag);
    CHECK(flag && value == &cell);
    MPI_Attr_delete(comm, keyval);
    CHECK(n_deleted == 1 && seen_size == world.size);
#pragma GCC diagnostic pop
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    MPI_Comm_get_errhandler(comm, &handler);
    bool is_same = handler == MPI_ERRORS_RETURN;
    CHECK(is_same);
    MPI_Errhandler_free(&handler);
    MPI_Comm_free_keyval(&keyval);
    MPI_Comm_free(&comm);
}

const struct mpi_case cases[] = {{"own_site", own_site, false},
                                 {"members_that_disagree", members_that_disagree, false},
                                 {"predefined_attributes", predefined_attributes, false},
                                 {"largest_tag", largest_tag, false},
                                 {"attributes_of_the_program", attributes_of_the_program, false},
                                 {"names", names, false},
                                 {"packing", packing, false},
                                 {"old_and_local", old_and_local, false},
                                 {"infos", infos, false},
                                 {"error_handlers", error_handlers, false},
                                 {"errors_after_the_free", errors_after_the_free, false},
                                 {NULL, NULL, false}};
