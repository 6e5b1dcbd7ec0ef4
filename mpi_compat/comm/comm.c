/* SPDX-License-Identifier: BSD-3-Clause */
#include "comm/comm.h"
#include "base/map.h"
#include "comm/inter.h"
#include "host/host.h"
#include "match/match.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Every process starts with the same world context: first member 0, first counter. */
#define WORLD_CONTEXT UINT64_C(2)

struct wsp_comm *wsp_comm_world;

static struct wsp_map table; /* handle -> struct wsp_comm, MPI_COMM_WORLD left out */
static pthread_rwlock_t table_lock = PTHREAD_RWLOCK_INITIALIZER; /* MPI_THREAD_MULTIPLE only */
static atomic_uint n_drawn = 1;

/* What this thread is freeing, the latest first. It is out of the table, as the host may give its
 * address to another thread's next communicator; but delete callbacks may ask it for its size. They
 * run without the lock: they may wait for a thread that waits for it. */
struct leaving {
    MPI_Comm handle;
    struct wsp_comm *comm;
    struct leaving *before;
};
static _Thread_local struct leaving *leaving __attribute__((tls_model("initial-exec")));

static wsp_err table_put(MPI_Comm handle, struct wsp_comm *comm)
{
    pthread_rwlock_wrlock(&table_lock);
    wsp_err err = wsp_map_put(&table, (uint64_t)(uintptr_t)handle, comm);
    pthread_rwlock_unlock(&table_lock);
    return err;
}

static void table_take(MPI_Comm handle)
{
    pthread_rwlock_wrlock(&table_lock);
    wsp_map_take(&table, (uint64_t)(uintptr_t)handle);
    pthread_rwlock_unlock(&table_lock);
}

struct wsp_comm *wsp_comm_of_slow(MPI_Comm handle)
{
    for (const struct leaving *one = leaving; one; one = one->before)
        if (one->handle == handle)
            return one->comm;
    if (!wsp_job.is_threaded)
        return wsp_map_get(&table, (uint64_t)(uintptr_t)handle);
    pthread_rwlock_rdlock(&table_lock);
    struct wsp_comm *comm = wsp_map_get(&table, (uint64_t)(uintptr_t)handle);
    pthread_rwlock_unlock(&table_lock);
    return comm;
}

uint64_t wsp_comm_draw_context(void)
{
    uint64_t counter = atomic_fetch_add(&n_drawn, 1) + 1;
    return (uint64_t)wsp_job.world_rank << 32 | counter << 1;
}

int wsp_context_tag(uint64_t context)
{
    uint32_t world_rank = (uint32_t)(context >> 32), counter = (uint32_t)context >> 1;
    uint32_t n_tags = (uint32_t)wsp_job.tag_ub, n_each = n_tags / wsp_job.n_ranks;
    return (int)(n_each ? counter % n_each * wsp_job.n_ranks + world_rank : world_rank % n_tags);
}

int wsp_comm_part_of(const struct wsp_comm *comm, int rank)
{
    uint32_t site = wsp_roster_site_of(wsp_job.roster, comm->world[rank]);
    for (int i = 0; i < comm->n_parts; i++)
        if (comm->parts[i].site == site)
            return i;
    return -1;
}

static void free_tables(struct wsp_comm *comm)
{
    wsp_parts_free(&comm->parts, comm->n_parts);
    free(comm->home);
    free(comm->world);
    free(comm->topology);
    free(comm);
}

/* Sorts the members by site, and finds this process among them. */
static wsp_err fill_parts(struct wsp_comm *comm)
{
    comm->home = malloc((size_t)comm->size * sizeof *comm->home);
    if (!comm->home || wsp_parts_sort(comm->world, 0, comm->size, &comm->parts, &comm->n_parts))
        return WSP_ERR_NO_MEMORY;
    for (int rank = 0; rank < comm->size; rank++) {
        comm->home[rank] = -1;
        if (comm->world[rank] == wsp_job.world_rank)
            comm->rank = rank;
    }
    comm->part = wsp_comm_part_of(comm, comm->rank);
    const struct wsp_part *here = wsp_comm_here(comm);
    for (int i = 0; i < here->n_ranks; i++)
        comm->home[here->ranks[i]] = i;
    comm->home_rank = comm->home[comm->rank];
    comm->own_rank = comm->rank;
    comm->n_peers = comm->size;
    return WSP_OK;
}

int wsp_comm_register_pair(MPI_Comm handle, MPI_Comm phase2, uint32_t *world, int size,
                           uint64_t context, struct wsp_comm **made)
{
    struct wsp_comm *comm = calloc(1, sizeof *comm);
    if (!comm) {
        free(world);
        return MPI_ERR_NO_MEM;
    }
    comm->handle = handle;
    comm->phase2 = phase2;
    comm->world = world;
    comm->size = size;
    comm->context = context;
    atomic_init(&comm->n_references, 1);
    wsp_err err = fill_parts(comm);
    if (!err && handle != MPI_COMM_WORLD)
        err = table_put(handle, comm);
    if (err) {
        free_tables(comm);
        return MPI_ERR_NO_MEM;
    }
    *made = comm;
    return MPI_SUCCESS;
}

/* A split copies neither attributes nor names, so no user callback runs for it. */
int wsp_comm_register(MPI_Comm handle, uint32_t *world, int size, uint64_t context,
                      struct wsp_comm **made)
{
    MPI_Comm phase2 = MPI_COMM_NULL;
    int home_rank, code = host.Comm_rank(handle, &home_rank);
    if (!code)
        code = host.Comm_split(handle, 0, home_rank, &phase2);
    if (!code)
        code = host.Comm_set_errhandler(phase2, MPI_ERRORS_RETURN);
    if (code)
        free(world);
    else
        code = wsp_comm_register_pair(handle, phase2, world, size, context, made);
    if (code && phase2 != MPI_COMM_NULL)
        host.Comm_free(&phase2);
    return code;
}

struct wsp_comm *wsp_comm_stand_in(MPI_Comm handle)
{
    struct wsp_comm *comm = calloc(1, sizeof *comm);
    if (!comm)
        return NULL;
    comm->handle = handle;
    comm->phase2 = MPI_COMM_NULL;
    comm->is_handle_free = true; /* the program's to free */
    atomic_init(&comm->n_references, 1);
    return comm;
}

/* The host's part, with the program's delete callbacks. */
static int free_at_host(struct wsp_comm *comm, MPI_Comm handle)
{
    struct leaving this = {handle, comm, leaving};
    leaving = &this;
    int code = host.Comm_free(&handle);
    leaving = this.before;
    return code;
}

/* Requests that are left report their errors on the other communicator of the same processes, to
 * the same handler. */
static int free_handle(struct wsp_comm *comm)
{
    MPI_Comm handle = comm->handle;
    MPI_Errhandler handler;
    int code = host.Comm_get_errhandler(handle, &handler);
    if (code)
        return code;
    code = free_at_host(comm, handle);
    if (!code) {
        comm->is_handle_free = true;
        comm->handle = comm->phase2;
        if (atomic_load(&comm->n_references) > 1)
            code = host.Comm_set_errhandler(comm->phase2, handler);
    }
    host.Errhandler_free(&handler);
    return code;
}

int wsp_comm_close(struct wsp_comm *comm)
{
    MPI_Comm handle = comm->handle;
    int code = MPI_SUCCESS;
    table_take(handle);
    if (atomic_load(&comm->n_handle_users) == 0)
        code = free_handle(comm);
    if (!code)
        wsp_comm_release(comm);
    else if (table_put(handle, comm))
        wsp_job_abort(1, "out of memory for a communicator that could not be freed");
    return code;
}

void wsp_comm_release(struct wsp_comm *comm)
{
    if (atomic_fetch_sub_explicit(&comm->n_references, 1, memory_order_acq_rel) > 1)
        return;
    wsp_link_lock(wsp_job.link);
    wsp_match_forget(comm->context);
    wsp_match_forget(comm->context | WSP_CONTEXT_COLL);
    wsp_link_unlock(wsp_job.link);
    if (comm->handle != MPI_COMM_WORLD && !comm->is_handle_free)
        free_at_host(comm, comm->handle);
    wsp_inter_close(comm);
    if (comm->phase2 != MPI_COMM_NULL)
        host.Comm_free(&comm->phase2);
    free_tables(comm);
}

int wsp_comm_world_open(void)
{
    uint32_t *world = malloc(wsp_job.n_ranks * sizeof *world);
    if (!world)
        return MPI_ERR_NO_MEM;
    for (uint32_t i = 0; i < wsp_job.n_ranks; i++)
        world[i] = i;
    return wsp_comm_register(MPI_COMM_WORLD, world, (int)wsp_job.n_ranks, WORLD_CONTEXT,
                             &wsp_comm_world);
}

void wsp_comm_world_close(void)
{
    wsp_comm_release(wsp_comm_world);
    wsp_comm_world = NULL;
    wsp_map_fini(&table);
}
