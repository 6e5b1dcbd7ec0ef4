/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/home.h"

#include "coll/coll.h"
#include "comm/comm.h"
#include "group/group.h"
#include "host/host.h"
#include "request/progress.h"
#include "type/type.h"

#include <stdatomic.h>
#include <stdlib.h>

#define LARGE_BYTES 65536

static bool is_inter(MPI_Comm comm)
{
    int answer;
    return host.Comm_test_inter(comm, &answer) != MPI_SUCCESS || answer;
}

static bool are_guests(int (*group_of)(MPI_Comm, MPI_Group *), MPI_Comm comm)
{
    MPI_Group group;
    struct wsp_members members;
    if (group_of(comm, &group) != MPI_SUCCESS)
        return false;
    int err = wsp_group_members(group, &members);
    if (err == MPI_SUCCESS)
        free(members.world);
    host.Group_free(&group);
    return err == MPI_ERR_GROUP;
}

/* Outside of a job of several sites we are asked for little, and know of no guests. */
static bool are_all_of_world(MPI_Comm comm)
{
    MPI_Group members, world;
    int n = 0, *ranks = NULL;
    bool are_all = host.Comm_group(comm, &members) == MPI_SUCCESS;
    if (!are_all)
        return true; /* the host says what is wrong */
    host.Comm_group(MPI_COMM_WORLD, &world);
    host.Group_size(members, &n);
    ranks = malloc(2 * ((size_t)n + 1) * sizeof *ranks);
    for (int i = 0; ranks && i < n; i++)
        ranks[i] = i;
    are_all = ranks && !host.Group_translate_ranks(members, n, ranks, world, ranks + n);
    for (int i = 0; are_all && i < n; i++)
        are_all = ranks[n + i] != MPI_UNDEFINED;
    free(ranks);
    host.Group_free(&members);
    host.Group_free(&world);
    return are_all;
}

bool wsp_home_has_guests(MPI_Comm comm)
{
    /* Guests come by an intercommunicator; in others they are only when these were merged. */
    static atomic_bool is_possible;
    if (comm == MPI_COMM_NULL || wsp_comm_of(comm))
        return false;
    if (!wsp_job.is_wide)
        return !are_all_of_world(comm);
    bool inter = is_inter(comm);
    if (!inter && !atomic_load_explicit(&is_possible, memory_order_relaxed))
        return false;
    bool found =
        are_guests(host.Comm_group, comm) || (inter && are_guests(host.Comm_remote_group, comm));
    if (found)
        atomic_store_explicit(&is_possible, true, memory_order_relaxed);
    return found;
}

static bool is_large(uint64_t count, MPI_Datatype datatype)
{
    struct wsp_layout layout;
    return wsp_type_describe(datatype, &layout) == MPI_SUCCESS &&
           layout.size * count >= LARGE_BYTES;
}

bool wsp_home_is_large(MPI_Comm comm, int count, MPI_Datatype datatype)
{
    return count > 0 && is_large((uint64_t)count, datatype) && !is_inter(comm);
}

bool wsp_home_are_large(MPI_Comm comm, const int counts[], MPI_Datatype datatype)
{
    int size;
    uint64_t sum = 0;
    if (!counts || comm == MPI_COMM_NULL || is_inter(comm) ||
        host.Comm_size(comm, &size) != MPI_SUCCESS)
        return false;
    for (int i = 0; i < size; i++)
        sum += counts[i] > 0 ? (uint64_t)counts[i] : 0;
    return sum > 0 && is_large(sum, datatype);
}

/* Open MPI's libnbc makes room for operands that begin at the address of their first element and go
 * upwards from there, and some of its algorithms put others there, too. */
bool wsp_home_can_reduce(MPI_Datatype datatype)
{
    struct wsp_layout layout;
    return wsp_type_describe(datatype, &layout) != MPI_SUCCESS ||
           (layout.true_lb == 0 && layout.extent >= 0);
}

int wsp_home_enter(MPI_Comm comm)
{
    MPI_Request request;
    wsp_coll_await_idup(comm);
    int err = host.Ibarrier(comm, &request);
    return err == MPI_SUCCESS ? wsp_home_complete(&request) : err;
}

int wsp_home_complete(MPI_Request *request)
{
    return wsp_drive_host(request, MPI_STATUS_IGNORE);
}
