/* SPDX-License-Identifier: BSD-3-Clause */
/* Attribute callbacks that fail, and when they run. */
#include "probe.h"

static int n_copied, n_deleted, refused_class;

static int copy_refuses(MPI_Comm comm, int key, void *extra, void *in, void *out, int *flag)
{
    n_copied++;
    *flag = 0;
    return refused_class;
}

static int copy(MPI_Comm comm, int key, void *extra, void *in, void *out, int *flag)
{
    n_copied++;
    *(void **)out = in;
    *flag = 1;
    return MPI_SUCCESS;
}

static int delete_refuses(MPI_Comm comm, int key, void *value, void *extra)
{
    n_deleted++;
    return *(int *)extra ? refused_class : MPI_SUCCESS;
}

/* On all ranks: of one alone the others do not hear in Open MPI, and wait. */
static void failing_copy(const struct stage *stage, const char *name)
{
    int key;
    MPI_Comm twin = MPI_COMM_SELF;
    MPI_Comm_create_keyval(copy_refuses, MPI_COMM_NULL_DELETE_FN, &key, NULL);
    MPI_Comm_set_attr(stage->comm, key, &n_copied);
    n_copied = 0;
    PROBE(name, MPI_Comm_dup(stage->comm, &twin));
    say(joined(name, "leaves"), "%s, %d calls",
        twin == MPI_COMM_NULL   ? "null"
        : twin == MPI_COMM_SELF ? "it alone"
                                : "another",
        n_copied);
    if (twin != MPI_COMM_NULL && twin != MPI_COMM_SELF)
        MPI_Comm_free(&twin);
    MPI_Comm_delete_attr(stage->comm, key);
    MPI_Comm_free_keyval(&key);
}

static void failing_delete(const struct stage *stage)
{
    int key, refuses = 1;
    MPI_Comm twin, kept;
    MPI_Comm_dup(stage->comm, &twin);
    kept = twin;
    MPI_Comm_create_keyval(copy, delete_refuses, &key, &refuses);
    MPI_Comm_set_attr(twin, key, &refuses);
    n_deleted = 0;
    PROBE("delete_attr refused", MPI_Comm_delete_attr(twin, key));
    PROBE("set_attr refused", MPI_Comm_set_attr(twin, key, &key));
    PROBE("free refused", MPI_Comm_free(&twin));
    say("free refused leaves", "%s, %d calls",
        twin == MPI_COMM_NULL ? "null"
        : twin == kept        ? "it alone"
                              : "another",
        n_deleted);
    refuses = 0;
    if (twin != MPI_COMM_NULL)
        PROBE("free at last", MPI_Comm_free(&twin));
    MPI_Comm_free_keyval(&key);
}

/* When the callback of a communicator runs that is freed before its request is over. */
static void late_delete(const struct stage *stage)
{
    int key, refuses = 0, word = 0;
    MPI_Comm twin;
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Comm_dup(stage->comm, &twin);
    MPI_Comm_create_keyval(copy, delete_refuses, &key, &refuses);
    MPI_Comm_set_attr(twin, key, &refuses);
    n_deleted = 0;
    if (stage->is_actor)
        MPI_Irecv(&word, 1, MPI_INT, stage->peer, TAG, twin, &request);
    PROBE("free with a request", MPI_Comm_free(&twin));
    say("callbacks at free", "%d", n_deleted);
    PMPI_Barrier(stage->comm);
    /* The message goes by another duplicate's twin: it never comes, and the receive is cancelled.
     */
    if (stage->is_actor)
        MPI_Cancel(&request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    say("callbacks at the end", "%d", n_deleted);
    MPI_Comm_free_keyval(&key);
}

static void wrong_keys(const struct stage *stage)
{
    int flag, *value, key = MPI_KEYVAL_INVALID;
    PROBE("get_attr invalid", MPI_Comm_get_attr(stage->comm, MPI_KEYVAL_INVALID, &value, &flag));
    PROBE("set_attr invalid", MPI_Comm_set_attr(stage->comm, MPI_KEYVAL_INVALID, NULL));
    PROBE("delete_attr invalid", MPI_Comm_delete_attr(stage->comm, MPI_KEYVAL_INVALID));
    PROBE("set_attr predefined", MPI_Comm_set_attr(stage->comm, MPI_TAG_UB, NULL));
    PROBE("free_keyval invalid", MPI_Comm_free_keyval(&key));
    PROBE("get_attr null", MPI_Comm_get_attr(MPI_COMM_NULL, MPI_TAG_UB, &value, &flag));
}

void probe_attributes(const struct stage *stage)
{
    if (!refused_class)
        MPI_Add_error_class(&refused_class);
    failing_copy(stage, "copy refused");
    failing_delete(stage);
    late_delete(stage);
    if (stage->is_actor)
        wrong_keys(stage);
}
