/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/map.h"
#include "group/group.h"
#include "host/host.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

atomic_int wsp_group_n_spanning;

static struct wsp_map groups; /* handle -> struct wsp_members, owned */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static uint64_t key_of(MPI_Group handle)
{
    return (uint64_t)(uintptr_t)handle;
}

bool wsp_group_is_listed(MPI_Group handle)
{
    pthread_mutex_lock(&mutex);
    bool is_there = wsp_map_get(&groups, key_of(handle)) != NULL;
    pthread_mutex_unlock(&mutex);
    return is_there;
}

static struct wsp_members *members_free(struct wsp_members *members)
{
    if (members)
        free(members->world);
    free(members);
    return NULL;
}

/* A copy on the heap, or NULL. */
static struct wsp_members *members_copy(const struct wsp_members *from)
{
    struct wsp_members *copy = malloc(sizeof *copy);
    if (!copy)
        return NULL;
    size_t bytes = (size_t)from->size * sizeof *from->world;
    *copy = (struct wsp_members){.size = from->size, .world = malloc(bytes ? bytes : 1)};
    if (!copy->world)
        return members_free(copy);
    if (bytes)
        memcpy(copy->world, from->world, bytes);
    return copy;
}

/* The members of a host group: home ranks, translated. */
static int home_members(MPI_Group handle, struct wsp_members *members)
{
    MPI_Group all;
    int n = 0, code = host.Group_size(handle, &n);
    if (code || n == 0)
        return code;
    int *ranks = malloc(2 * (size_t)n * sizeof *ranks);
    uint32_t *world = malloc((size_t)n * sizeof *world);
    if (!ranks || !world) {
        free(ranks);
        free(world);
        return MPI_ERR_NO_MEM;
    }
    for (int i = 0; i < n; i++)
        ranks[i] = i;
    code = host.Comm_group(wsp_job.home_world, &all);
    if (!code) {
        code = host.Group_translate_ranks(handle, n, ranks, all, ranks + n);
        host.Group_free(&all);
    }
    uint32_t first = wsp_job.world_rank - (uint32_t)wsp_job.home_rank;
    for (int i = 0; i < n; i++) {
        world[i] = first + (uint32_t)ranks[n + i];
        if (ranks[n + i] < 0) /* a process that joined later is in no group of ours */
            code = MPI_ERR_GROUP;
    }
    free(ranks);
    if (code)
        free(world);
    else
        *members = (struct wsp_members){.size = n, .world = world};
    return code;
}

int wsp_group_members(MPI_Group handle, struct wsp_members *members)
{
    *members = (struct wsp_members){0};
    if (handle == MPI_GROUP_NULL)
        return MPI_ERR_GROUP;
    pthread_mutex_lock(&mutex);
    const struct wsp_members *listed = wsp_map_get(&groups, key_of(handle));
    struct wsp_members *copy = listed ? members_copy(listed) : NULL;
    pthread_mutex_unlock(&mutex);
    if (!listed)
        return home_members(handle, members);
    if (!copy)
        return MPI_ERR_NO_MEM;
    *members = *copy;
    free(copy);
    return MPI_SUCCESS;
}

int wsp_members_find(const struct wsp_members *members, uint32_t world)
{
    for (int i = 0; i < members->size; i++)
        if (members->world[i] == world)
            return i;
    return -1;
}

static bool is_home(uint32_t world)
{
    uint32_t first = wsp_job.world_rank - (uint32_t)wsp_job.home_rank;
    return world - first < (uint32_t)wsp_job.home_size;
}

/* Home ranks of the home members, in their order; returns how many. */
static int home_ranks(const struct wsp_members *members, int *ranks)
{
    int n = 0;
    uint32_t first = wsp_job.world_rank - (uint32_t)wsp_job.home_rank;
    for (int i = 0; i < members->size; i++)
        if (is_home(members->world[i]))
            ranks[n++] = (int)(members->world[i] - first);
    return n;
}

static int incl(MPI_Comm comm, int n, const int *ranks, MPI_Group *handle)
{
    MPI_Group all;
    int code = host.Comm_group(comm, &all);
    if (code)
        return code;
    code = host.Group_incl(all, n, ranks, handle);
    host.Group_free(&all);
    return code;
}

int wsp_group_of_home(const struct wsp_members *members, MPI_Group *handle)
{
    int *ranks = malloc(((size_t)members->size + 1) * sizeof *ranks);
    if (!ranks)
        return MPI_ERR_NO_MEM;
    /* For no ranks, too: the host counts how often it gave MPI_GROUP_EMPTY away. */
    int code = incl(wsp_job.home_world, home_ranks(members, ranks), ranks, handle);
    free(ranks);
    return code;
}

static int list(const struct wsp_members *members, MPI_Group handle)
{
    struct wsp_members *copy = members_copy(members);
    pthread_mutex_lock(&mutex);
    wsp_err err = copy ? wsp_map_put(&groups, key_of(handle), copy) : WSP_ERR_NO_MEMORY;
    pthread_mutex_unlock(&mutex);
    if (err) {
        members_free(copy);
        return MPI_ERR_NO_MEM;
    }
    atomic_fetch_add(&wsp_group_n_spanning, 1);
    return MPI_SUCCESS;
}

int wsp_group_make(const struct wsp_members *members, MPI_Group *handle)
{
    int n_home = 0;
    for (int i = 0; i < members->size; i++)
        n_home += is_home(members->world[i]);
    MPI_Group made;
    int code = wsp_group_of_home(members, &made);
    if (code || n_home == members->size) {
        if (!code)
            *handle = made;
        return code;
    }
    if (n_home == 0) {
        host.Group_free(&made);
        code = incl(wsp_job.self, 1, &(int){0}, &made);
    }
    if (!code)
        code = list(members, made);
    if (!code)
        *handle = made;
    return code;
}

void wsp_group_unlist(MPI_Group handle)
{
    pthread_mutex_lock(&mutex);
    struct wsp_members *members = wsp_map_take(&groups, key_of(handle));
    pthread_mutex_unlock(&mutex);
    members_free(members);
    atomic_fetch_sub(&wsp_group_n_spanning, 1);
}

static void free_one(uint64_t key, void *value, void *user)
{
    members_free(value);
}

void wsp_group_fini(void)
{
    wsp_map_each(&groups, free_one, NULL);
    wsp_map_fini(&groups);
    atomic_store(&wsp_group_n_spanning, 0);
}
