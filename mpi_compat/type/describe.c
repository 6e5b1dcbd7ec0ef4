/* SPDX-License-Identifier: BSD-3-Clause */
/* Layouts are worked out once. Those of predefined types stand in a table that never changes; that
 * of a derived type hangs off the type as an attribute, so that it dies with it: a handle is used
 * again after MPI_Type_free.
 *
 * Locks: `building` guards working out and attaching; `listing` only the list of what is attached,
 * for the delete callback may run under locks of the host. */
#include "type/type.h"

#include "base/list.h"
#include "base/map.h"
#include "host/host.h"
#include "init/job.h"
#include "type/typemap.h"

#include <pthread.h>
#include <stdlib.h>

struct entry {
    struct wsp_node node;
    MPI_Datatype type;
    struct wsp_layout layout;
    int err; /* what the host answers when this type is to be sent */
};

static const MPI_Datatype predefined[] = {
    MPI_BYTE,
    MPI_PACKED,
    MPI_CHAR,
    MPI_SIGNED_CHAR,
    MPI_UNSIGNED_CHAR,
    MPI_WCHAR,
    MPI_SHORT,
    MPI_UNSIGNED_SHORT,
    MPI_INT,
    MPI_UNSIGNED,
    MPI_LONG,
    MPI_UNSIGNED_LONG,
    MPI_LONG_LONG,
    MPI_UNSIGNED_LONG_LONG,
    MPI_FLOAT,
    MPI_DOUBLE,
    MPI_LONG_DOUBLE,
    MPI_INT8_T,
    MPI_INT16_T,
    MPI_INT32_T,
    MPI_INT64_T,
    MPI_UINT8_T,
    MPI_UINT16_T,
    MPI_UINT32_T,
    MPI_UINT64_T,
    MPI_AINT,
    MPI_OFFSET,
    MPI_COUNT,
    MPI_C_BOOL,
    MPI_C_FLOAT_COMPLEX,
    MPI_C_DOUBLE_COMPLEX,
    MPI_C_LONG_DOUBLE_COMPLEX,
    MPI_FLOAT_INT,
    MPI_DOUBLE_INT,
    MPI_LONG_INT,
    MPI_2INT,
    MPI_SHORT_INT,
    MPI_LONG_DOUBLE_INT,
    MPI_CHARACTER,
    MPI_LOGICAL,
    MPI_INTEGER,
    MPI_INTEGER1,
    MPI_INTEGER2,
    MPI_INTEGER4,
    MPI_INTEGER8,
    MPI_REAL,
    MPI_REAL4,
    MPI_REAL8,
    MPI_DOUBLE_PRECISION,
    MPI_COMPLEX,
    MPI_COMPLEX8,
    MPI_COMPLEX16,
    MPI_DOUBLE_COMPLEX,
    MPI_2REAL,
    MPI_2DOUBLE_PRECISION,
    MPI_2INTEGER,
};
#define N_PREDEFINED (sizeof predefined / sizeof predefined[0])

static pthread_once_t table_once = PTHREAD_ONCE_INIT;
static struct wsp_map table; /* handle to entry */
static struct entry table_entries[N_PREDEFINED];

static pthread_mutex_t building = PTHREAD_MUTEX_INITIALIZER;
static int keyval = MPI_KEYVAL_INVALID;

static pthread_mutex_t listing = PTHREAD_MUTEX_INITIALIZER;
static struct wsp_list attached = {{&attached.head, &attached.head}};

static int work_out(MPI_Datatype type, struct entry *entry)
{
    struct wsp_typemap map;
    int err = wsp_typemap_walk(type, &map);
    if (err != MPI_SUCCESS)
        return err;
    entry->type = type;
    entry->layout = (struct wsp_layout){
        .size = map.size,
        .true_lb = map.first,
        .extent = map.extent,
        .is_contiguous = map.is_dense && (map.size == 0 || map.extent == (int64_t)map.size)};
    /* The host knows whether a type is committed, or exists here at all, and tells on a send. */
    entry->err = host.Send(NULL, 0, type, MPI_PROC_NULL, 0, wsp_job.self);
    return MPI_SUCCESS;
}

static void table_fill(void)
{
    for (size_t i = 0; i < N_PREDEFINED; i++) {
        struct entry *entry = &table_entries[i];
        if (predefined[i] == MPI_DATATYPE_NULL || work_out(predefined[i], entry) != MPI_SUCCESS ||
            wsp_map_put(&table, (uint64_t)(uintptr_t)predefined[i], entry) != WSP_OK)
            continue; /* without memory: such a type is worked out each time */
    }
}

/* Types are not duplicated with their layout: their copy may be resized, and it is cheap. */
static int copy_none(MPI_Datatype type, int key, void *extra, void *in, void *out, int *flag)
{
    *flag = 0;
    return MPI_SUCCESS;
}

static int delete_entry(MPI_Datatype type, int key, void *value, void *extra)
{
    struct entry *entry = value;
    pthread_mutex_lock(&listing);
    wsp_node_remove(&entry->node);
    pthread_mutex_unlock(&listing);
    free(entry);
    return MPI_SUCCESS;
}

static int attach(MPI_Datatype type, const struct entry *source)
{
    struct entry *entry = malloc(sizeof *entry);
    if (!entry)
        return MPI_ERR_NO_MEM;
    *entry = *source;
    pthread_mutex_lock(&listing);
    wsp_list_push_back(&attached, &entry->node);
    pthread_mutex_unlock(&listing);
    int err = host.Type_set_attr(type, keyval, entry);
    if (err != MPI_SUCCESS)
        delete_entry(type, keyval, entry, NULL);
    return err;
}

/* Under `building`. */
static int look_up_or_build(MPI_Datatype type, struct entry *entry)
{
    int err = MPI_SUCCESS, is_set = 0;
    struct entry *found = NULL;
    if (keyval == MPI_KEYVAL_INVALID)
        err = host.Type_create_keyval(copy_none, delete_entry, &keyval, NULL);
    if (err == MPI_SUCCESS)
        err = host.Type_get_attr(type, keyval, &found, &is_set);
    if (err != MPI_SUCCESS)
        return err;
    if (is_set) {
        *entry = *found;
        return MPI_SUCCESS;
    }
    err = work_out(type, entry);
    /* A type that is not committed yet is asked again next time. */
    if (err == MPI_SUCCESS && entry->err == MPI_SUCCESS)
        err = attach(type, entry);
    return err;
}

int wsp_type_describe(MPI_Datatype type, struct wsp_layout *layout)
{
    if (type == MPI_DATATYPE_NULL)
        return MPI_ERR_TYPE;
    pthread_once(&table_once, table_fill);
    const struct entry *known = wsp_map_get(&table, (uint64_t)(uintptr_t)type);
    if (known) {
        *layout = known->layout;
        return known->err;
    }
    struct entry entry;
    pthread_mutex_lock(&building);
    int err = look_up_or_build(type, &entry);
    pthread_mutex_unlock(&building);
    if (err != MPI_SUCCESS)
        return err;
    *layout = entry.layout;
    return entry.err;
}

int wsp_type_hold(MPI_Datatype type, MPI_Datatype *held)
{
    int n_integers, n_addresses, n_types, combiner;
    *held = MPI_DATATYPE_NULL;
    int err = host.Type_get_envelope(type, &n_integers, &n_addresses, &n_types, &combiner);
    if (err != MPI_SUCCESS || combiner == MPI_COMBINER_NAMED)
        return err;
    err = host.Type_contiguous(1, type, held);
    return err == MPI_SUCCESS ? host.Type_commit(held) : err;
}

/* Called once, by one thread, while the host can still be called. */
void wsp_type_fini(void)
{
    struct wsp_node *node;
    while ((node = wsp_list_first(&attached)) != NULL) {
        struct entry *entry = WSP_CONTAINER(node, struct entry, node);
        if (host.Type_delete_attr(entry->type, keyval) != MPI_SUCCESS)
            break; /* the rest is the process's end to free */
    }
    if (keyval != MPI_KEYVAL_INVALID)
        host.Type_free_keyval(&keyval);
    wsp_map_fini(&table);
}
