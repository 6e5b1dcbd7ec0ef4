/* SPDX-License-Identifier: BSD-3-Clause */
#include "comm/inter.h"
#include "host/host.h"

#include <stdlib.h>
#include <string.h>

struct wsp_members wsp_side_members(const struct wsp_comm *comm, const struct wsp_side *side)
{
    return (struct wsp_members){.size = side->size, .world = comm->world + side->base};
}

static void free_near(MPI_Comm near[2])
{
    for (int i = 0; i < 2; i++)
        if (near[i] != MPI_COMM_NULL)
            host.Comm_free(&near[i]);
}

static int sort_side(const struct wsp_comm *comm, struct wsp_side *side)
{
    return wsp_parts_sort(comm->world, side->base, side->size, &side->parts, &side->n_parts)
               ? MPI_ERR_NO_MEM
               : MPI_SUCCESS;
}

/* Makes comm one whose first n_first ranks are a group; takes over near, also when it fails. */
static int open_inter(struct wsp_comm *comm, int n_first, const MPI_Comm near[2])
{
    struct wsp_inter *inter = comm->inter = calloc(1, sizeof *inter);
    if (!inter) {
        free_near((MPI_Comm[]){near[0], near[1]});
        return MPI_ERR_NO_MEM;
    }
    inter->near[0] = near[0];
    inter->near[1] = near[1];
    struct wsp_side first = {.size = n_first}, second = {n_first, comm->size - n_first, 0, NULL};
    bool is_first = comm->rank < n_first;
    inter->own = is_first ? first : second;
    inter->remote = is_first ? second : first;
    comm->peer_base = inter->remote.base;
    comm->n_peers = inter->remote.size;
    comm->own_rank = comm->rank - inter->own.base;
    int code = sort_side(comm, &inter->own);
    if (!code)
        code = sort_side(comm, &inter->remote);
    while (!code && inter->own.parts[inter->part].site != wsp_job.site)
        inter->part++;
    return code ? code : host.Comm_rank(near[0], &inter->near_rank);
}

/* Private communicators of the host for the home members of the own group. */
static int make_near(const struct wsp_comm *comm, int n_first, MPI_Comm near[2])
{
    int code = MPI_SUCCESS;
    near[0] = near[1] = MPI_COMM_NULL;
    for (int i = 0; !code && i < 2; i++) {
        code = host.Comm_split(comm->handle, comm->rank >= n_first, comm->home_rank, &near[i]);
        if (!code)
            code = host.Comm_set_errhandler(near[i], MPI_ERRORS_RETURN);
    }
    if (code)
        free_near(near);
    return code;
}

static int make_inter(struct wsp_comm *comm, int n_first)
{
    MPI_Comm near[2];
    int code = make_near(comm, n_first, near);
    return code ? code : open_inter(comm, n_first, near);
}

void wsp_inter_close(struct wsp_comm *comm)
{
    struct wsp_inter *inter = comm->inter;
    if (!inter)
        return;
    wsp_parts_free(&inter->own.parts, inter->own.n_parts);
    wsp_parts_free(&inter->remote.parts, inter->remote.n_parts);
    free_near(inter->near);
    free(inter);
    comm->inter = NULL;
}

static int first_size(const struct wsp_inter *inter)
{
    return inter->own.base == 0 ? inter->own.size : inter->remote.size;
}

int wsp_inter_copy(const struct wsp_comm *from, struct wsp_comm *to)
{
    return from->inter ? make_inter(to, first_size(from->inter)) : MPI_SUCCESS;
}

int wsp_inter_copy_with(const struct wsp_comm *from, struct wsp_comm *to, const MPI_Comm near[2])
{
    return open_inter(to, first_size(from->inter), near);
}

int wsp_members_join(const struct wsp_members *a, const struct wsp_members *b,
                     struct wsp_members *all)
{
    size_t n = (size_t)a->size + (size_t)b->size;
    *all = (struct wsp_members){.size = (int)n, .world = malloc(n * sizeof *all->world)};
    if (!all->world)
        return MPI_ERR_NO_MEM;
    /* An empty group has no list. */
    if (a->size > 0)
        memcpy(all->world, a->world, (size_t)a->size * sizeof *a->world);
    if (b->size > 0)
        memcpy(all->world + a->size, b->world, (size_t)b->size * sizeof *b->world);
    return MPI_SUCCESS;
}

int wsp_sides_union(const struct wsp_sides *sides, struct wsp_members *all)
{
    return wsp_sides_is_own_first(sides) ? wsp_members_join(&sides->own, &sides->remote, all)
                                         : wsp_members_join(&sides->remote, &sides->own, all);
}

/* Both groups are all home: the host's own kind. */
static int make_plain(MPI_Comm *handle, const struct wsp_sides *sides)
{
    bool own_first = wsp_sides_is_own_first(sides);
    MPI_Comm own, made;
    int rank, code = host.Comm_rank(*handle, &rank);
    if (!code)
        code = host.Comm_split(*handle, own_first, rank, &own);
    if (code)
        return code;
    code = host.Intercomm_create(own, 0, *handle, own_first ? sides->own.size : 0, 0, &made);
    host.Comm_free(&own);
    if (code)
        return code;
    host.Comm_free(handle);
    *handle = made;
    return MPI_SUCCESS;
}

void wsp_comm_drop(MPI_Comm *handle)
{
    struct wsp_comm *comm = *handle == MPI_COMM_NULL ? NULL : wsp_comm_of(*handle);
    if (comm)
        wsp_comm_close(comm);
    else if (*handle != MPI_COMM_NULL)
        host.Comm_free(handle);
    *handle = MPI_COMM_NULL;
}

int wsp_inter_make(MPI_Comm *handle, const struct wsp_sides *sides, uint64_t context)
{
    struct wsp_members all;
    int code = wsp_sides_union(sides, &all);
    if (!code)
        code = wsp_adopt(*handle, &all, context);
    free(all.world);
    struct wsp_comm *comm = code ? NULL : wsp_comm_of(*handle);
    if (comm)
        code =
            make_inter(comm, wsp_sides_is_own_first(sides) ? sides->own.size : sides->remote.size);
    else if (!code)
        code = make_plain(handle, sides);
    if (code)
        wsp_comm_drop(handle);
    return code;
}
