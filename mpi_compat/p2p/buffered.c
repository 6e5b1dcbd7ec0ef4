/* SPDX-License-Identifier: BSD-3-Clause */
/* Buffered sends: memory of our own, accounted against the buffer that the program has attached.
 * In a wide job those to home peers too, so that MPI_Buffer_detach can drive what it waits for. */
#include "base/list.h"
#include "host/error.h"
#include "host/host.h"
#include "p2p/p2p.h"
#include "request/progress.h"
#include "type/type.h"
#include "wide.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* One message under way; freed, and its room given back, by who sees it complete. */
struct parcel {
    struct wsp_op op;     /* wide */
    MPI_Request request;  /* home */
    struct wsp_node node; /* home: in home_parcels */
    uint64_t room;        /* accounted bytes */
    uint64_t length;
    uint8_t bytes[];
};

/* So small a message needs no room in the attached buffer, as in the host: programs that forget
 * MPI_BSEND_OVERHEAD, or to attach, live on that. */
#define SMALL_BYTES 4000

static atomic_ullong attached_bytes;
static atomic_ullong used_bytes;
static atomic_uint n_parcels; /* not yet freed */

static pthread_mutex_t parcel_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct wsp_list home_parcels = {{&home_parcels.head, &home_parcels.head}};

static void parcel_free(struct parcel *parcel)
{
    uint64_t room = parcel->room;
    free(parcel);
    atomic_fetch_sub(&used_bytes, room);
    atomic_fetch_sub(&n_parcels, 1);
}

static void wide_complete(struct wsp_op *op)
{
    parcel_free(WSP_CONTAINER(op, struct parcel, op));
}

/* Frees the home parcels that have left; also makes the host work on them. */
static void reap_home(void)
{
    pthread_mutex_lock(&parcel_mutex);
    WSP_LIST_EACH_SAFE(node, &home_parcels)
    {
        struct parcel *parcel = WSP_CONTAINER(node, struct parcel, node);
        int is_done = 0;
        host.Test(&parcel->request, &is_done, MPI_STATUS_IGNORE);
        if (!is_done)
            continue;
        wsp_node_remove(node);
        parcel_free(parcel);
    }
    pthread_mutex_unlock(&parcel_mutex);
}

static bool take_room(uint64_t room)
{
    if (room == 0)
        return true;
    uint64_t used = atomic_fetch_add(&used_bytes, room) + room;
    if (used <= atomic_load(&attached_bytes))
        return true;
    atomic_fetch_sub(&used_bytes, room);
    return false;
}

/* Copies the message. */
static int wrap(const struct wsp_arguments *arguments, struct parcel **made)
{
    const void *data;
    uint64_t length;
    void *packed;
    int code = wsp_payload_of(arguments, &data, &length, &packed);
    if (code)
        return code;
    uint64_t room = length > SMALL_BYTES ? length + MPI_BSEND_OVERHEAD : 0;
    struct parcel *parcel = NULL;
    if (!take_room(room)) {
        code = MPI_ERR_BUFFER;
    } else if (!(parcel = malloc(sizeof *parcel + length))) {
        atomic_fetch_sub(&used_bytes, room);
        code = MPI_ERR_NO_MEM;
    } else {
        *parcel = (struct parcel){.room = room, .length = length};
        memcpy(parcel->bytes, data, length);
        atomic_fetch_add(&n_parcels, 1);
        *made = parcel;
    }
    free(packed);
    return code;
}

static void ship_wide(struct parcel *parcel, struct wsp_comm *comm,
                      const struct wsp_arguments *arguments)
{
    struct wsp_envelope envelope = {.context = comm->context,
                                    .source = comm->own_rank,
                                    .tag = arguments->tag,
                                    .length = parcel->length};
    parcel->op.complete = wide_complete;
    wsp_wide_send(comm, comm->peer_base + arguments->peer, &envelope, parcel->bytes, 0,
                  &parcel->op);
}

static int ship_home(struct parcel *parcel, int home_rank, int tag, MPI_Comm comm)
{
    MPI_Datatype type;
    int count;
    bool is_derived = false;
    int code = wsp_type_of_bytes(parcel->length, &type, &count, &is_derived);
    if (!code)
        code = host.Isend(parcel->bytes, count, type, home_rank, tag, comm, &parcel->request);
    if (is_derived)
        host.Type_free(&type);
    if (code) {
        parcel_free(parcel);
        return code;
    }
    pthread_mutex_lock(&parcel_mutex);
    wsp_list_push_back(&home_parcels, &parcel->node);
    pthread_mutex_unlock(&parcel_mutex);
    return MPI_SUCCESS;
}

static bool is_lost(const struct wsp_comm *comm, int peer)
{
    wsp_link_lock(wsp_job.link);
    bool is_lost = wsp_is_peer_lost(comm, peer);
    wsp_link_unlock(wsp_job.link);
    return is_lost;
}

int wsp_bsend(const struct wsp_arguments *arguments, struct wsp_comm *comm, MPI_Comm handle)
{
    int home_rank = arguments->peer;
    enum wsp_way way = comm ? wsp_way_to(comm, arguments->peer, &home_rank) : WSP_WAY_HOME;
    if (home_rank == MPI_PROC_NULL)
        return MPI_SUCCESS;
    struct parcel *parcel;
    if (way == WSP_WAY_WIDE && is_lost(comm, arguments->peer)) /* nobody hears of it later */
        return wsp_raise(handle, wsp_mpi_class(WSP_ERR_PEER_LOST));
    reap_home();
    int code = wrap(arguments, &parcel);
    if (code)
        return wsp_raise(handle, code);
    if (way == WSP_WAY_HOME)
        return ship_home(parcel, home_rank, arguments->tag, handle);
    ship_wide(parcel, comm, arguments);
    return MPI_SUCCESS;
}

void wsp_bsend_drain(void)
{
    struct wsp_pause pause = {0};
    for (;;) {
        reap_home();
        if (atomic_load(&n_parcels) == 0)
            return;
        wsp_progress(&pause);
    }
}

int wide_Bsend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm)
{
    struct wsp_arguments arguments = {.buffer = buf,
                                      .count = count,
                                      .type = type,
                                      .peer = dest,
                                      .tag = tag,
                                      .mode = WSP_MODE_BUFFERED};
    int code = wsp_host_send(&arguments, wsp_peer_to_check(comm, dest), comm);
    return code ? code : wsp_bsend(&arguments, wsp_comm_of(comm), comm);
}

int wide_Ibsend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
                MPI_Request *handle)
{
    struct wsp_arguments arguments = {.buffer = buf,
                                      .count = count,
                                      .type = type,
                                      .peer = dest,
                                      .tag = tag,
                                      .mode = WSP_MODE_BUFFERED};
    int code = wsp_host_isend(&arguments, wsp_peer_to_check(comm, dest), comm, handle);
    if (!code)
        code = wsp_bsend(&arguments, wsp_comm_of(comm), comm);
    if (code)
        return code;
    struct wsp_request *request =
        wsp_request_new(WSP_REQUEST_SEND, wsp_comm_of(comm), MPI_REQUEST_NULL);
    if (!request)
        return wsp_raise(comm, MPI_ERR_NO_MEM);
    request->home_comm = comm;
    atomic_store(&request->op.done, true);
    *handle = request->handle;
    return MPI_SUCCESS;
}

int wide_Buffer_attach(void *buffer, int size)
{
    int code = host.Buffer_attach(buffer, size);
    if (!code)
        atomic_store(&attached_bytes, (unsigned long long)size);
    return code;
}

int wide_Buffer_detach(void *buffer, int *size)
{
    if (wsp_job.is_wide)
        wsp_bsend_drain();
    int code = host.Buffer_detach(buffer, size);
    if (!code)
        atomic_store(&attached_bytes, 0);
    return code;
}
