/* SPDX-License-Identifier: BSD-3-Clause */
/* Communicators, groups, types, operations and error handlers that are null or not fit. */
#include "probe.h"

#include <stdlib.h>

static void null_communicators(void)
{
    int n, flag;
    char text[MPI_MAX_OBJECT_NAME];
    MPI_Comm none = MPI_COMM_NULL;
    MPI_Group group;
    MPI_Errhandler handler;
    PROBE("size of null", MPI_Comm_size(MPI_COMM_NULL, &n));
    PROBE("rank of null", MPI_Comm_rank(MPI_COMM_NULL, &n));
    PROBE("group of null", MPI_Comm_group(MPI_COMM_NULL, &group));
    PROBE("compare null", MPI_Comm_compare(MPI_COMM_NULL, MPI_COMM_WORLD, &n));
    PROBE("compare with null", MPI_Comm_compare(MPI_COMM_WORLD, MPI_COMM_NULL, &n));
    PROBE("test_inter of null", MPI_Comm_test_inter(MPI_COMM_NULL, &flag));
    PROBE("remote_size of null", MPI_Comm_remote_size(MPI_COMM_NULL, &n));
    PROBE("get_name of null", MPI_Comm_get_name(MPI_COMM_NULL, text, &n));
    PROBE("set_name of null", MPI_Comm_set_name(MPI_COMM_NULL, "name"));
    PROBE("get_errhandler of null", MPI_Comm_get_errhandler(MPI_COMM_NULL, &handler));
    PROBE("set_errhandler of null", MPI_Comm_set_errhandler(MPI_COMM_NULL, MPI_ERRORS_RETURN));
    PROBE("free null", MPI_Comm_free(&none));
    PROBE("disconnect null", MPI_Comm_disconnect(&none));
    MAKE("dup null", MPI_Comm_dup(MPI_COMM_NULL, &made));
    MAKE("split null", MPI_Comm_split(MPI_COMM_NULL, 0, 0, &made));
    MAKE("create null", MPI_Comm_create(MPI_COMM_NULL, MPI_GROUP_EMPTY, &made));
    MAKE("create_group null", MPI_Comm_create_group(MPI_COMM_NULL, MPI_GROUP_EMPTY, 0, &made));
    MAKE("split_type null",
         MPI_Comm_split_type(MPI_COMM_NULL, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &made));
    MAKE("merge null", MPI_Intercomm_merge(MPI_COMM_NULL, 0, &made));
    PROBE("free world", MPI_Comm_free(&(MPI_Comm){MPI_COMM_WORLD}));
    PROBE("free self", MPI_Comm_free(&(MPI_Comm){MPI_COMM_SELF}));
    PROBE("disconnect world", MPI_Comm_disconnect(&(MPI_Comm){MPI_COMM_WORLD}));
}

static void intra_asked_as_inter(const struct stage *stage)
{
    int n;
    MPI_Group group;
    PROBE("remote_size of intra", MPI_Comm_remote_size(stage->comm, &n));
    PROBE("remote_group of intra", MPI_Comm_remote_group(stage->comm, &group));
}

/* All members make the same mistake. */
static void wrong_makers(const struct stage *stage)
{
    MPI_Comm comm = stage->comm;
    MPI_Group self;
    MPI_Comm_group(MPI_COMM_SELF, &self);
    MAKE("split colour", MPI_Comm_split(comm, -3, 0, &made));
    MAKE("split of nobody", MPI_Comm_split(comm, MPI_UNDEFINED, 0, &made));
    PROBE("split to nowhere", MPI_Comm_split(comm, 0, 0, NULL));
    MAKE("split_type what", MPI_Comm_split_type(comm, -3, 0, MPI_INFO_NULL, &made));
    MAKE("split_type of nobody", MPI_Comm_split_type(comm, MPI_UNDEFINED, 0, MPI_INFO_NULL, &made));
    MAKE("create null group", MPI_Comm_create(comm, MPI_GROUP_NULL, &made));
    MAKE("create empty", MPI_Comm_create(comm, MPI_GROUP_EMPTY, &made));
    PROBE("create to nowhere", MPI_Comm_create(comm, MPI_GROUP_EMPTY, NULL));
    MAKE("create_group null group", MPI_Comm_create_group(comm, MPI_GROUP_NULL, 0, &made));
    MAKE("create_group tag", MPI_Comm_create_group(comm, self, -7, &made));
    MAKE("create_group self", MPI_Comm_create_group(comm, self, 3, &made));
    PROBE("create_group to nowhere", MPI_Comm_create_group(comm, self, 3, NULL));
    PROBE("dup to nowhere", MPI_Comm_dup(comm, NULL));
    MAKE("merge intra", MPI_Intercomm_merge(comm, 0, &made));
    MAKE("dup_with_info null", MPI_Comm_dup_with_info(comm, MPI_INFO_NULL, &made));
    MPI_Group_free(&self);
}

static void null_groups(void)
{
    int n, ranks[2] = {0, 1}, result;
    MPI_Group none = MPI_GROUP_NULL, made;
    PROBE("size of null group", MPI_Group_size(none, &n));
    PROBE("rank in null group", MPI_Group_rank(none, &n));
    PROBE("compare null group", MPI_Group_compare(none, MPI_GROUP_EMPTY, &n));
    PROBE("translate null group", MPI_Group_translate_ranks(none, 1, ranks, none, &result));
    PROBE("union null group", MPI_Group_union(none, MPI_GROUP_EMPTY, &made));
    PROBE("intersection null group", MPI_Group_intersection(MPI_GROUP_EMPTY, none, &made));
    PROBE("difference null group", MPI_Group_difference(none, none, &made));
    PROBE("incl null group", MPI_Group_incl(none, 1, ranks, &made));
    PROBE("excl null group", MPI_Group_excl(none, 1, ranks, &made));
    PROBE("free null group", MPI_Group_free(&none));
}

static void wrong_groups(const struct stage *stage)
{
    int ranks[4] = {0, 1, 1, stage->size}, results[4], n = stage->size;
    int beyond[1][3] = {{0, n, 1}}, still[1][3] = {{0, 1, 0}}, twice[2][3] = {{0, 1, 1}, {1, 1, 1}},
        back[1][3] = {{1, 0, 1}}, negative[1][3] = {{-1, 0, 1}};
    MPI_Group group, made = MPI_GROUP_EMPTY;
    MPI_Comm_group(stage->comm, &group);
    PROBE("incl beyond", MPI_Group_incl(group, 1, &ranks[3], &made));
    PROBE("incl twice", MPI_Group_incl(group, 3, ranks, &made));
    PROBE("incl negative", MPI_Group_incl(group, -1, ranks, &made));
    PROBE("incl too many", MPI_Group_incl(group, n + 1, ranks, &made));
    PROBE("incl no array", MPI_Group_incl(group, 1, NULL, &made));
    PROBE("excl beyond", MPI_Group_excl(group, 1, &ranks[3], &made));
    PROBE("excl twice", MPI_Group_excl(group, 3, ranks, &made));
    PROBE("excl negative", MPI_Group_excl(group, -1, ranks, &made));
    PROBE("range_incl beyond", MPI_Group_range_incl(group, 1, beyond, &made));
    PROBE("range_incl still", MPI_Group_range_incl(group, 1, still, &made));
    PROBE("range_incl twice", MPI_Group_range_incl(group, 2, twice, &made));
    PROBE("range_incl back", MPI_Group_range_incl(group, 1, back, &made));
    PROBE("range_incl negative", MPI_Group_range_incl(group, 1, negative, &made));
    PROBE("range_excl beyond", MPI_Group_range_excl(group, 1, beyond, &made));
    PROBE("range_excl still", MPI_Group_range_excl(group, 1, still, &made));
    PROBE("range_excl twice", MPI_Group_range_excl(group, 2, twice, &made));
    PROBE("range_excl back", MPI_Group_range_excl(group, 1, back, &made));
    PROBE("translate negative", MPI_Group_translate_ranks(group, -1, ranks, group, results));
    PROBE("compare with null", MPI_Group_compare(group, MPI_GROUP_NULL, results));
    PROBE("union with null", MPI_Group_union(group, MPI_GROUP_NULL, &made));
    PROBE("size to nowhere", MPI_Group_size(group, NULL));
    MPI_Group_free(&group);
}

/* A group that reaches beyond the communicator. */
static void foreign_group(const struct stage *stage)
{
    int world;
    MPI_Group all;
    MPI_Comm_size(MPI_COMM_WORLD, &world);
    MPI_Comm_group(MPI_COMM_WORLD, &all);
    if (world > stage->size)
        MAKE("create foreign group", MPI_Comm_create(stage->comm, all, &made));
    MPI_Group_free(&all);
}

static void other_null_handles(const struct stage *stage)
{
    int n, flag;
    MPI_Op op = MPI_OP_NULL;
    MPI_Datatype type = MPI_DATATYPE_NULL;
    MPI_Errhandler handler = MPI_ERRHANDLER_NULL;
    MPI_Info info = MPI_INFO_NULL;
    PROBE("op free null", MPI_Op_free(&op));
    PROBE("op free sum", MPI_Op_free(&(MPI_Op){MPI_SUM}));
    PROBE("op commutative null", MPI_Op_commutative(op, &flag));
    PROBE("reduce_local null op", MPI_Reduce_local(&n, &flag, 1, MPI_INT, op));
    PROBE("type free null", MPI_Type_free(&type));
    PROBE("type free int", MPI_Type_free(&(MPI_Datatype){MPI_INT}));
    PROBE("type size null", MPI_Type_size(type, &n));
    PROBE("errhandler free null", MPI_Errhandler_free(&handler));
    PROBE("errhandler set null", MPI_Comm_set_errhandler(stage->comm, handler));
    PROBE("info free null", MPI_Info_free(&info));
    PROBE("call_errhandler", MPI_Comm_call_errhandler(stage->comm, MPI_ERR_TOPOLOGY));
    PROBE("call_errhandler bad code", MPI_Comm_call_errhandler(stage->comm, -3));
    PROBE("pack_size null comm", MPI_Pack_size(1, MPI_INT, MPI_COMM_NULL, &n));
    PROBE("pack_size count", MPI_Pack_size(-1, MPI_INT, stage->comm, &n));
}

void probe_handles(const struct stage *stage)
{
    wrong_makers(stage);
    foreign_group(stage);
    if (!stage->is_actor)
        return;
    null_communicators();
    intra_asked_as_inter(stage);
    null_groups();
    wrong_groups(stage);
    other_null_handles(stage);
}
