/* SPDX-License-Identifier: BSD-3-Clause */
/* Matched probes: MPI_Mprobe, _Improbe, _Mrecv, _Imrecv and the Fortran conversions of message
 * handles. A wide message's handle is the address of an object of ours; a home one stays the
 * host's, with its communicator remembered for the status. */
#include "base/map.h"
#include "host/error.h"
#include "host/host.h"
#include "host/route.h"
#include "p2p/p2p.h"
#include "request/progress.h"
#include "request/wildcard.h"
#include "wide.h"

#include <pthread.h>
#include <stdlib.h>

struct message {
    struct wsp_comm *comm;       /* held */
    struct wsp_arrival *arrival; /* NULL: a home message, the host's handle */
    int fortran;                 /* 0: never converted */
};

static struct wsp_map messages;        /* handle -> struct message */
static struct wsp_map fortran_handles; /* Fortran integer -> struct message */
static int n_fortran;
static pthread_mutex_t messages_mutex = PTHREAD_MUTEX_INITIALIZER;

/* Fortran integers of ours lie far below the host's, which count up from 0 (and -1, -2). */
#define FORTRAN_BASE (-1000)

static uint64_t key_of(MPI_Message handle)
{
    return (uint64_t)(uintptr_t)handle;
}

static struct message *message_of(MPI_Message handle)
{
    pthread_mutex_lock(&messages_mutex);
    struct message *message = wsp_map_get(&messages, key_of(handle));
    pthread_mutex_unlock(&messages_mutex);
    return message;
}

/* Remembers a message; handle NULL: a wide one, whose handle is its own address. */
static struct message *message_new(struct wsp_comm *comm, struct wsp_arrival *arrival,
                                   MPI_Message handle)
{
    struct message *message = calloc(1, sizeof *message);
    if (!message)
        wsp_job_abort(1, "out of memory for a probed message");
    message->comm = wsp_comm_hold(comm);
    message->arrival = arrival;
    uint64_t key = arrival ? (uint64_t)(uintptr_t)message : key_of(handle);
    pthread_mutex_lock(&messages_mutex);
    wsp_err err = wsp_map_put(&messages, key, message);
    pthread_mutex_unlock(&messages_mutex);
    if (err)
        wsp_job_abort(1, "out of memory for a probed message");
    return message;
}

static void message_delete(struct message *message, MPI_Message handle)
{
    pthread_mutex_lock(&messages_mutex);
    wsp_map_take(&messages, key_of(handle));
    if (message->fortran)
        wsp_map_take(&fortran_handles, (uint64_t)(int64_t)message->fortran);
    pthread_mutex_unlock(&messages_mutex);
    wsp_comm_release(message->comm);
    free(message);
}

/* Takes a wide message that fits out of matching. MPI error code, raised: the peer is lost, and
 * nothing of it is left to receive. */
static int claim_wide(struct wsp_comm *comm, int source, int tag, int *flag, MPI_Message *handle,
                      MPI_Status *status)
{
    int32_t want = source == MPI_ANY_SOURCE ? WSP_ANY : source;
    wsp_link_lock(wsp_job.link);
    struct wsp_arrival *arrival = wsp_match_find(comm->context, want, wsp_match_tag(tag));
    if (arrival)
        wsp_match_claim(arrival);
    bool is_lost = !arrival && wsp_is_peer_lost(comm, source);
    wsp_link_unlock(wsp_job.link);
    *flag = arrival != NULL;
    if (is_lost)
        return wsp_raise(comm->handle, wsp_mpi_class(WSP_ERR_PEER_LOST));
    if (!arrival)
        return MPI_SUCCESS;
    const struct wsp_envelope *envelope = wsp_arrival_envelope(arrival);
    wsp_status_fill(status, envelope->source, envelope->tag, envelope->length, false);
    *handle = (MPI_Message)(void *)message_new(comm, arrival, MPI_MESSAGE_NULL);
    return MPI_SUCCESS;
}

static int claim_home(struct wsp_comm *comm, int home_rank, int tag, int *flag, MPI_Message *handle,
                      MPI_Status *status)
{
    int code = host.Improbe(home_rank, tag, comm->handle, flag, handle, status);
    if (code || !*flag)
        return code;
    wsp_status_translate(comm, status);
    if (*handle != MPI_MESSAGE_NO_PROC)
        message_new(comm, NULL, *handle);
    return MPI_SUCCESS;
}

static int look(struct wsp_comm *comm, int source, int tag, int *flag, MPI_Message *handle,
                MPI_Status *status)
{
    int home_rank;
    enum wsp_way way = wsp_way_to(comm, source, &home_rank);
    tag = wsp_tag_everywhere(tag);
    if (wsp_is_probe_wrong(way, tag))
        return host.Improbe(way == WSP_WAY_WIDE ? MPI_PROC_NULL : home_rank, tag, comm->handle,
                            flag, handle, status);
    wsp_wildcard_settle();
    int code = MPI_SUCCESS;
    *flag = 0;
    if (way != WSP_WAY_HOME)
        code = claim_wide(comm, source, tag, flag, handle, status);
    if (code || *flag || way == WSP_WAY_WIDE)
        return code;
    return claim_home(comm, home_rank, tag, flag, handle, status);
}

int wide_Improbe(int source, int tag, MPI_Comm handle, int *flag, MPI_Message *message,
                 MPI_Status *status)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    if (!comm) {
        wsp_progress_glance();
        return host.Improbe(source, tag, handle, flag, message, status);
    }
    int code = look(comm, source, tag, flag, message, status);
    if (code || *flag)
        return code;
    wsp_progress_once();
    return look(comm, source, tag, flag, message, status);
}

int wide_Mprobe(int source, int tag, MPI_Comm handle, MPI_Message *message, MPI_Status *status)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    struct wsp_pause pause = {.hears_host = !comm};
    for (;;) {
        int flag = 0;
        int code = comm ? look(comm, source, tag, &flag, message, status)
                        : host.Improbe(source, tag, handle, &flag, message, status);
        if (code || flag)
            return code;
        wsp_progress(&pause);
    }
}

static int receive_wide(struct message *message, MPI_Message *handle,
                        const struct wsp_arguments *arguments, MPI_Request *request_handle)
{
    struct wsp_comm *comm = message->comm;
    struct wsp_request *request = wsp_request_new(WSP_REQUEST_MESSAGE, comm, MPI_REQUEST_NULL);
    if (!request)
        return wsp_raise(comm->handle, MPI_ERR_NO_MEM);
    request->arguments = *arguments;
    int code = wsp_landing_prepare(request);
    if (code) {
        wsp_request_delete(request);
        return wsp_raise(comm->handle, code);
    }
    wsp_link_lock(wsp_job.link);
    wsp_match_receive(message->arrival, &request->posted);
    wsp_link_unlock(wsp_job.link);
    message_delete(message, *handle);
    *handle = MPI_MESSAGE_NULL;
    *request_handle = request->handle;
    return MPI_SUCCESS;
}

/* The host may give its handle to another thread at once: it is forgotten before. */
static int receive_home(struct message *message, MPI_Message *handle, const struct wsp_arguments *a,
                        MPI_Request *request)
{
    struct wsp_comm *comm = wsp_comm_hold(message->comm);
    MPI_Message key = *handle;
    message_delete(message, key);
    int code = host.Imrecv((void *)a->buffer, a->count, a->type, handle, request);
    if (code)
        message_new(comm, NULL, key);
    else if (!wsp_request_new(WSP_REQUEST_NOTE, comm, *request))
        wsp_job_abort(1, "out of memory for the note beside a receive");
    wsp_comm_release(comm);
    return code;
}

int wide_Imrecv(void *buf, int count, MPI_Datatype type, MPI_Message *handle, MPI_Request *request)
{
    struct message *message = message_of(*handle);
    if (!message)
        return host.Imrecv(buf, count, type, handle, request);
    struct wsp_arguments arguments = {.buffer = buf, .count = count, .type = type, .peer = 0};
    if (!message->arrival)
        return receive_home(message, handle, &arguments, request);
    int code = wsp_host_recv(&arguments, MPI_PROC_NULL, message->comm->handle, MPI_STATUS_IGNORE);
    return code ? code : receive_wide(message, handle, &arguments, request);
}

int wide_Mrecv(void *buf, int count, MPI_Datatype type, MPI_Message *handle, MPI_Status *status)
{
    MPI_Request request = MPI_REQUEST_NULL;
    int code = wide_Imrecv(buf, count, type, handle, &request);
    return code ? code : wide_Wait(&request, status);
}

MPI_Fint wide_Message_c2f(MPI_Message handle)
{
    struct message *message = message_of(handle);
    if (!message || !message->arrival)
        return host.Message_c2f(handle);
    pthread_mutex_lock(&messages_mutex);
    if (!message->fortran) {
        message->fortran = FORTRAN_BASE - n_fortran++;
        if (wsp_map_put(&fortran_handles, (uint64_t)(int64_t)message->fortran, message))
            wsp_job_abort(1, "out of memory for a probed message");
    }
    pthread_mutex_unlock(&messages_mutex);
    return message->fortran;
}

MPI_Message wide_Message_f2c(MPI_Fint fortran)
{
    if (fortran > FORTRAN_BASE)
        return host.Message_f2c(fortran);
    pthread_mutex_lock(&messages_mutex);
    void *message = wsp_map_get(&fortran_handles, (uint64_t)(int64_t)fortran);
    pthread_mutex_unlock(&messages_mutex);
    return message ? (MPI_Message)message : MPI_MESSAGE_NULL;
}
