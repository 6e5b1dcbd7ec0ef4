/* SPDX-License-Identifier: BSD-3-Clause */
/* Objects and handles of wide requests, and the map from one to the other. */
#include "base/map.h"
#include "host/host.h"
#include "request/request.h"

#include <pthread.h>
#include <stdlib.h>

atomic_int wsp_request_n_known_;

static pthread_mutex_t pool_mutex = PTHREAD_MUTEX_INITIALIZER; /* MPI_THREAD_MULTIPLE only */
static struct wsp_map known;                                   /* handle -> struct wsp_request */
static MPI_Request *idle_handles;                              /* handles that no object uses */
static size_t n_idle, idle_capacity;
static struct wsp_request *spare; /* the object freed last, kept for the next */

static void pool_lock(void)
{
    if (wsp_job.is_threaded)
        pthread_mutex_lock(&pool_mutex);
}

static void pool_unlock(void)
{
    if (wsp_job.is_threaded)
        pthread_mutex_unlock(&pool_mutex);
}

static uint64_t key_of(MPI_Request handle)
{
    return (uint64_t)(uintptr_t)handle;
}

struct wsp_request *wsp_request_of(MPI_Request handle)
{
    if (wsp_request_n_known() == 0)
        return NULL;
    pool_lock();
    struct wsp_request *request = wsp_map_get(&known, key_of(handle));
    pool_unlock();
    return request;
}

/* Called with the pool locked. */
static wsp_err take_handle(MPI_Request *handle)
{
    if (n_idle > 0) {
        *handle = idle_handles[--n_idle];
        return WSP_OK;
    }
    int code = host.Recv_init(NULL, 0, MPI_BYTE, MPI_PROC_NULL, 0, wsp_job.self, handle);
    return code ? WSP_ERR_NO_MEMORY : WSP_OK;
}

static void give_handle(MPI_Request handle)
{
    if (n_idle == idle_capacity) {
        size_t capacity = idle_capacity ? idle_capacity * 2 : 64;
        MPI_Request *bigger = realloc(idle_handles, capacity * sizeof *bigger);
        if (!bigger) {
            host.Request_free(&handle);
            return;
        }
        idle_handles = bigger;
        idle_capacity = capacity;
    }
    idle_handles[n_idle++] = handle;
}

struct wsp_request *wsp_request_new(enum wsp_request_kind kind, struct wsp_comm *comm,
                                    MPI_Request note_handle)
{
    pool_lock();
    struct wsp_request *request = spare ? spare : malloc(sizeof *request);
    spare = NULL;
    if (request) {
        *request = (struct wsp_request){
            .kind = kind, .handle = note_handle, .is_active = true, .half = MPI_REQUEST_NULL};
        wsp_node_init(&request->open_node);
        wsp_node_init(&request->orphan_node);
        wsp_node_init(&request->posted.node);
        wsp_err err = kind == WSP_REQUEST_NOTE ? WSP_OK : take_handle(&request->handle);
        if (!err)
            err = wsp_map_put(&known, key_of(request->handle), request);
        if (err) {
            free(request);
            request = NULL;
        } else {
            request->comm = comm ? wsp_comm_hold(comm) : NULL;
            atomic_fetch_add_explicit(&wsp_request_n_known_, 1, memory_order_relaxed);
        }
    }
    pool_unlock();
    return request;
}

void wsp_request_delete(struct wsp_request *request)
{
    struct wsp_comm *comm = request->comm;
    bool uses_handle = request->uses_handle;
    if (request->arguments.is_type_held)
        host.Type_free(&request->arguments.type);
    free(request->packed);
    pool_lock();
    /* The host may have given a note's handle away again, to an error handler of the program. */
    if (!request->is_hidden && wsp_map_get(&known, key_of(request->handle)) == request)
        wsp_map_take(&known, key_of(request->handle));
    atomic_fetch_sub_explicit(&wsp_request_n_known_, 1, memory_order_relaxed);
    if (request->kind != WSP_REQUEST_NOTE)
        give_handle(request->handle);
    if (spare)
        free(request);
    else
        spare = request;
    pool_unlock();
    if (comm && uses_handle)
        atomic_fetch_sub(&comm->n_handle_users, 1);
    if (comm)
        wsp_comm_release(comm);
}

void wsp_note_hide(struct wsp_request *note)
{
    if (!wsp_job.is_threaded)
        return;
    pool_lock();
    wsp_map_take(&known, key_of(note->handle));
    note->is_hidden = true;
    pool_unlock();
}

void wsp_note_show(struct wsp_request *note)
{
    if (!note->is_hidden)
        return;
    pool_lock();
    wsp_err err = wsp_map_put(&known, key_of(note->handle), note);
    note->is_hidden = false;
    pool_unlock();
    if (err)
        wsp_job_abort(1, "out of memory for the note beside a receive");
}

void wsp_request_fini(void)
{
    for (size_t i = 0; i < n_idle; i++)
        host.Request_free(&idle_handles[i]);
    free(idle_handles);
    free(spare);
    idle_handles = NULL;
    spare = NULL;
    n_idle = idle_capacity = 0;
    wsp_map_fini(&known);
    atomic_store(&wsp_request_n_known_, 0);
}
