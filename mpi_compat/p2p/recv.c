/* SPDX-License-Identifier: BSD-3-Clause */
/* MPI_Recv and MPI_Irecv. */
#include "host/error.h"
#include "host/host.h"
#include "host/route.h"
#include "p2p/p2p.h"
#include "request/progress.h"
#include "request/wildcard.h"
#include "type/type.h"
#include "wide.h"

#include <stdlib.h>

#define UNWRITTEN (-0x7ead) /* no source */

int wsp_hold_type(struct wsp_arguments *arguments)
{
    MPI_Datatype held;
    if (arguments->is_type_held)
        return MPI_SUCCESS;
    int code = wsp_type_hold(arguments->type, &held);
    if (code || held == MPI_DATATYPE_NULL)
        return code;
    arguments->type = held;
    arguments->is_type_held = true;
    return MPI_SUCCESS;
}

int wsp_landing_prepare(struct wsp_request *request)
{
    struct wsp_arguments *arguments = &request->arguments;
    struct wsp_layout layout;
    int code = wsp_type_describe(arguments->type, &layout);
    if (code)
        return code;
    request->posted.capacity = layout.size * (uint64_t)arguments->count;
    request->posted.buffer = (char *)arguments->buffer + layout.true_lb;
    if (layout.is_contiguous || request->posted.capacity == 0)
        return MPI_SUCCESS;
    /* The program may free its type while the message is under way. */
    code = wsp_hold_type(arguments);
    if (code)
        return code;
    request->packed = malloc(request->posted.capacity);
    request->posted.buffer = request->packed;
    return request->packed ? MPI_SUCCESS : MPI_ERR_NO_MEM;
}

/* Posts the wide half; where it matched at once there is no other. */
static int post_wide(struct wsp_request *request, bool is_any)
{
    struct wsp_comm *comm = request->comm;
    struct wsp_posted *posted = &request->posted;
    posted->context = comm->context;
    posted->source = is_any ? WSP_ANY : request->arguments.peer;
    posted->world_source = is_any ? WSP_NO_RANK : wsp_world_of_peer(comm, request->arguments.peer);
    posted->tag = wsp_match_tag(request->arguments.tag);
    posted->has_home_half = is_any;
    posted->op = (struct wsp_op){0};
    wsp_link_lock(wsp_job.link);
    wsp_err err = wsp_match_post(posted);
    bool is_matched = posted->is_matched;
    wsp_link_unlock(wsp_job.link);
    if (err || !is_any || is_matched)
        return err ? MPI_ERR_NO_MEM : MPI_SUCCESS;
    int code = wsp_host_irecv(&request->arguments, MPI_ANY_SOURCE, comm->handle, &request->half);
    if (!code)
        wsp_wildcard_open(request);
    return code;
}

int wsp_receive_start(struct wsp_request *request)
{
    bool is_any = request->arguments.peer == MPI_ANY_SOURCE;
    request->is_cancelled = request->is_home_done = request->is_half_cancelled = false;
    request->half = MPI_REQUEST_NULL;
    int code = wsp_landing_prepare(request);
    return code ? code : post_wide(request, is_any);
}

static int start(const struct wsp_arguments *arguments, struct wsp_comm *comm, MPI_Request *handle)
{
    int code = wsp_host_irecv(arguments, MPI_PROC_NULL, comm->handle, handle);
    if (code)
        return code;
    struct wsp_request *request = wsp_request_new(WSP_REQUEST_RECEIVE, comm, MPI_REQUEST_NULL);
    if (!request)
        return wsp_raise(comm->handle, MPI_ERR_NO_MEM);
    request->arguments = *arguments;
    code = wsp_receive_start(request);
    if (code) {
        wsp_request_delete(request);
        return wsp_raise(comm->handle, code);
    }
    *handle = request->handle;
    return MPI_SUCCESS;
}

/* Does the host's rank differ from the communicator's, so that a status needs translating? */
static bool needs_note(const struct wsp_comm *comm, int home_rank)
{
    return home_rank >= 0 && wsp_peer_at_home(comm, home_rank) != home_rank;
}

int wsp_irecv(const struct wsp_arguments *a, struct wsp_comm *comm, MPI_Request *handle)
{
    int home_rank;
    enum wsp_way way = wsp_way_to(comm, a->peer, &home_rank);
    if (way == WSP_WAY_ERROR)
        return wsp_host_irecv(a, home_rank, comm->handle, handle);
    if (way != WSP_WAY_HOME)
        return start(a, comm, handle);
    int code = wsp_host_irecv(a, home_rank, comm->handle, handle);
    if (!code && needs_note(comm, home_rank) && !wsp_request_new(WSP_REQUEST_NOTE, comm, *handle))
        wsp_job_abort(1, "out of memory for the note beside a receive");
    return code;
}

static int recv_home(const struct wsp_arguments *a, int home_rank, MPI_Comm handle,
                     MPI_Status *status)
{
    if (!wsp_must_drive())
        return wsp_host_recv(a, home_rank, handle, status);
    MPI_Request request;
    int code = wsp_host_irecv(a, home_rank, handle, &request);
    return code ? code : wsp_drive_host(&request, status);
}

/* The same on a spanning communicator. Of a call whose arguments are wrong the host writes no
 * status: what stands there is the program's. */
static int recv_home_of(const struct wsp_comm *comm, const struct wsp_arguments *a, int home_rank,
                        MPI_Status *status)
{
    if (status == MPI_STATUS_IGNORE)
        return recv_home(a, home_rank, comm->handle, status);
    int before = status->MPI_SOURCE;
    status->MPI_SOURCE = UNWRITTEN;
    int code = recv_home(a, home_rank, comm->handle, status);
    if (status->MPI_SOURCE == UNWRITTEN)
        status->MPI_SOURCE = before;
    else
        wsp_status_translate(comm, status);
    return code;
}

int wide_Irecv(void *buf, int count, MPI_Datatype type, int source, int tag, MPI_Comm comm,
               MPI_Request *request)
{
    struct wsp_arguments arguments = {
        .buffer = buf, .count = count, .type = type, .peer = source, .tag = tag};
    return wsp_irecv(&arguments, wsp_comm_of(comm), request);
}

/* A blocking receive of plain bytes from one wide rank needs no request. */
static int recv_plain(const struct wsp_arguments *arguments, struct wsp_comm *comm,
                      const struct wsp_layout *layout, MPI_Status *status)
{
    int code = wsp_host_recv(arguments, MPI_PROC_NULL, comm->handle, MPI_STATUS_IGNORE);
    if (code)
        return code;
    struct wsp_posted posted = {.context = comm->context,
                                .source = arguments->peer,
                                .tag = wsp_match_tag(arguments->tag),
                                .world_source = wsp_world_of_peer(comm, arguments->peer),
                                .buffer = (char *)arguments->buffer + layout->true_lb,
                                .capacity = layout->size * (uint64_t)arguments->count};
    struct wsp_op *ops[] = {&posted.op};
    wsp_link_lock(wsp_job.link);
    wsp_err err = wsp_match_post(&posted);
    wsp_link_unlock(wsp_job.link);
    if (err)
        return wsp_raise(comm->handle, MPI_ERR_NO_MEM);
    code = wsp_mpi_class(wsp_drive_ops(ops, 1));
    wsp_status_fill(status, posted.envelope.source, posted.envelope.tag, posted.op.length, false);
    return code ? wsp_raise(comm->handle, code) : code;
}

int wide_Recv(void *buf, int count, MPI_Datatype type, int source, int tag, MPI_Comm handle,
              MPI_Status *status)
{
    struct wsp_arguments arguments = {
        .buffer = buf, .count = count, .type = type, .peer = source, .tag = tag};
    struct wsp_comm *comm = wsp_comm_of(handle);
    if (!comm)
        return recv_home(&arguments, source, handle, status);
    int home_rank;
    enum wsp_way way = wsp_way_to(comm, source, &home_rank);
    if (way == WSP_WAY_HOME)
        return recv_home_of(comm, &arguments, home_rank, status);
    struct wsp_layout layout;
    if (way == WSP_WAY_WIDE && count > 0 && !wsp_type_describe(type, &layout) &&
        layout.is_contiguous)
        return recv_plain(&arguments, comm, &layout, status);
    MPI_Request request = MPI_REQUEST_NULL;
    int code = wsp_irecv(&arguments, comm, &request);
    return code ? code : wide_Wait(&request, status);
}
