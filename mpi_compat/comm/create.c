/* SPDX-License-Identifier: BSD-3-Clause */
/* Making and freeing communicators: MPI_Comm_dup, _split, _split_type, _free, _disconnect. */
#include "coll/coll.h"
#include "comm/comm.h"
#include "host/error.h"
#include "host/home.h"
#include "host/host.h"
#include "request/progress.h"
#include "wide.h"

#include <stdlib.h>
#include <string.h>

/* What the members tell each other while a communicator is made. */
struct notice {
    int32_t code; /* MPI error code of this rank's part */
    int32_t color, key;
    int32_t rank;
    uint64_t context; /* drawn in case this rank is the new group's first */
};

static struct notice *exchange(struct wsp_comm *comm, const struct notice *mine, int *code)
{
    struct notice *all = malloc((size_t)comm->size * sizeof *all);
    if (!all) {
        *code = MPI_ERR_NO_MEM;
        return NULL;
    }
    *code = wsp_coll_allgather_bytes(comm, mine, sizeof *mine, all);
    if (*code == MPI_SUCCESS)
        return all;
    free(all);
    return NULL;
}

static int first_error(const struct notice *all, int n)
{
    for (int i = 0; i < n; i++)
        if (all[i].code != MPI_SUCCESS)
            return all[i].code;
    return MPI_SUCCESS;
}

int wide_Comm_dup(MPI_Comm handle, MPI_Comm *newcomm)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    int code = wsp_home_enter(comm->handle);
    if (code)
        return code;
    /* The host's duplicate runs the program's copy callbacks at each site; one that fails fails
     * everywhere. */
    MPI_Comm twin = MPI_COMM_NULL;
    struct notice mine = {.code = host.Comm_dup(comm->handle, &twin)};
    mine.context = wsp_comm_draw_context();
    struct notice *all = exchange(comm, &mine, &code);
    if (!all)
        return wsp_raise(handle, code);
    code = first_error(all, comm->size);
    uint64_t context = all[0].context;
    free(all);
    uint32_t *world = code ? NULL : malloc((size_t)comm->size * sizeof *world);
    if (!world) {
        if (twin != MPI_COMM_NULL)
            host.Comm_free(&twin);
        return mine.code ? mine.code : wsp_raise(handle, code ? code : MPI_ERR_NO_MEM);
    }
    memcpy(world, comm->world, (size_t)comm->size * sizeof *world);
    struct wsp_comm *made;
    code = wsp_comm_register(twin, world, comm->size, context, &made);
    if (code)
        return wsp_raise(handle, code);
    *newcomm = twin;
    return MPI_SUCCESS;
}

static int by_key(const void *a, const void *b)
{
    const struct notice *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* Keeps those of the colour, in the order of the new communicator; returns how many. */
static int select_color(struct notice *all, int n, int color)
{
    int n_kept = 0;
    for (int i = 0; i < n; i++)
        if (all[i].color == color)
            all[n_kept++] = all[i];
    qsort(all, (size_t)n_kept, sizeof *all, by_key);
    return n_kept;
}

/* Registers what host.Comm_split made if its group reaches over sites. */
static int adopt(struct wsp_comm *parent, const struct notice *members, int n, MPI_Comm handle)
{
    uint32_t *world = malloc((size_t)n * sizeof *world);
    if (!world)
        return MPI_ERR_NO_MEM;
    bool is_home = true;
    for (int i = 0; i < n; i++) {
        world[i] = parent->world[members[i].rank];
        is_home = is_home && parent->home[members[i].rank] >= 0;
    }
    if (is_home) {
        free(world);
        return MPI_SUCCESS;
    }
    struct wsp_comm *made;
    return wsp_comm_register(handle, world, n, members[0].context, &made);
}

int wide_Comm_split(MPI_Comm handle, int color, int key, MPI_Comm *newcomm)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    if (color < 0 && color != MPI_UNDEFINED)
        return wsp_raise(handle, MPI_ERR_ARG);
    struct notice mine = {.color = color, .key = key, .rank = comm->rank};
    mine.context = wsp_comm_draw_context();
    int code;
    struct notice *all = exchange(comm, &mine, &code);
    if (!all)
        return wsp_raise(handle, code);
    MPI_Comm split = MPI_COMM_NULL;
    /* Everyone of this site has entered, so the host's call needs nobody from elsewhere. */
    code = host.Comm_split(comm->handle, color, key, &split);
    if (!code && color != MPI_UNDEFINED) {
        int n = select_color(all, comm->size, color);
        code = adopt(comm, all, n, split);
        if (code)
            wsp_raise(handle, code);
    }
    free(all);
    if (!code)
        *newcomm = split;
    return code;
}

/* Ranks that share memory are at one site: the result is a home communicator. */
int wide_Comm_split_type(MPI_Comm handle, int split_type, int key, MPI_Info info, MPI_Comm *newcomm)
{
    int code = wsp_home_enter(handle);
    return code ? code : host.Comm_split_type(handle, split_type, key, info, newcomm);
}

int wide_Comm_free(MPI_Comm *handle)
{
    struct wsp_comm *comm = wsp_comm_of(*handle);
    if (!comm || comm == wsp_comm_world)
        return host.Comm_free(handle);
    *handle = MPI_COMM_NULL;
    wsp_comm_unlist(comm);
    return MPI_SUCCESS;
}

int wide_Comm_disconnect(MPI_Comm *handle)
{
    struct wsp_comm *comm = wsp_comm_of(*handle);
    if (!comm || comm == wsp_comm_world)
        return host.Comm_disconnect(handle);
    struct wsp_pause pause = {0};
    while (atomic_load(&comm->n_references) > 1)
        wsp_progress(&pause);
    return wide_Comm_free(handle);
}
