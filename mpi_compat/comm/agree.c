/* SPDX-License-Identifier: BSD-3-Clause */
#include "comm/agree.h"
#include "coll/coll.h"
#include "host/host.h"
#include "topo/topo.h"

#include <stdlib.h>
#include <string.h>

struct wsp_notice *wsp_agree(struct wsp_comm *comm, struct wsp_notice mine, int *code)
{
    mine.rank = comm->rank;
    mine.context = wsp_comm_draw_context();
    struct wsp_notice *all = malloc((size_t)comm->size * sizeof *all);
    *code = all ? wsp_coll_allgather_bytes(comm, &mine, sizeof mine, all) : MPI_ERR_NO_MEM;
    if (*code == MPI_SUCCESS) {
        for (int i = 0; i < comm->size && *code == MPI_SUCCESS; i++)
            *code = all[i].code;
        return all;
    }
    free(all);
    return NULL;
}

static int by_key(const void *a, const void *b)
{
    const struct wsp_notice *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

int wsp_notices_select(const struct wsp_comm *comm, const struct wsp_notice *notices, int n,
                       int color, struct wsp_members *members, uint64_t *context)
{
    struct wsp_notice *some = malloc((size_t)n * sizeof *some);
    *members = (struct wsp_members){.world = malloc((size_t)n * sizeof *members->world)};
    if (!some || !members->world) {
        free(some);
        return MPI_ERR_NO_MEM;
    }
    for (int i = 0; i < n; i++)
        if (notices[i].color == color)
            some[members->size++] = notices[i];
    qsort(some, (size_t)members->size, sizeof *some, by_key);
    for (int i = 0; i < members->size; i++)
        members->world[i] = comm->world[some[i].rank];
    *context = members->size > 0 ? some[0].context : 0;
    free(some);
    return MPI_SUCCESS;
}

static bool is_home(const struct wsp_members *members)
{
    for (int i = 0; i < members->size; i++)
        if (wsp_roster_site_of(wsp_job.roster, members->world[i]) != wsp_job.site)
            return false;
    return true;
}

int wsp_adopt_pair(MPI_Comm handle, MPI_Comm phase2, const struct wsp_members *members,
                   uint64_t context)
{
    struct wsp_comm *made;
    if (is_home(members))
        return phase2 == MPI_COMM_NULL ? MPI_SUCCESS : host.Comm_free(&phase2);
    uint32_t *world = malloc((size_t)members->size * sizeof *world);
    if (!world)
        return MPI_ERR_NO_MEM;
    memcpy(world, members->world, (size_t)members->size * sizeof *world);
    if (phase2 == MPI_COMM_NULL)
        return wsp_comm_register(handle, world, members->size, context, &made);
    host.Comm_set_errhandler(phase2, MPI_ERRORS_RETURN);
    return wsp_comm_register_pair(handle, phase2, world, members->size, context, &made);
}

int wsp_adopt(MPI_Comm handle, const struct wsp_members *members, uint64_t context)
{
    return wsp_adopt_pair(handle, MPI_COMM_NULL, members, context);
}

int wsp_inherit(const struct wsp_comm *comm, struct wsp_comm *twin)
{
    if (!comm->topology)
        return MPI_SUCCESS;
    twin->topology = wsp_topology_copy(comm->topology);
    return twin->topology ? MPI_SUCCESS : MPI_ERR_NO_MEM;
}
