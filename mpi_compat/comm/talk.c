/* SPDX-License-Identifier: BSD-3-Clause */
#include "comm/talk.h"
#include "host/error.h"
#include "host/host.h"
#include "request/progress.h"

/* A message under way: one of the two, by where the other member is. */
struct talk {
    bool is_home;
    MPI_Request request;
    struct wsp_op *op;
    struct wsp_op send;
    struct wsp_posted receive;
};

/* Wide messages share the collective context: their tags have a bit of their own. */
static uint32_t wide_tag(int tag)
{
    return WSP_TAG_TALK | ((uint32_t)tag & (WSP_TAG_TALK - 1));
}

/* Home messages share the private communicator with those of collectives, whose tags lie below. */
static int home_tag(int tag)
{
    uint32_t half = (uint32_t)wsp_home_tags_talk();
    return (int)(half + (uint32_t)tag % half);
}

static int start_send(struct wsp_comm *comm, int dest, int tag, const void *data, uint64_t n,
                      struct talk *talk)
{
    talk->is_home = comm->home[dest] >= 0;
    if (talk->is_home)
        return host.Isend(data, (int)n, MPI_BYTE, comm->home[dest], home_tag(tag), comm->phase2,
                          &talk->request);
    wsp_internal_send(comm, dest, wide_tag(tag), data, n, 0, &talk->send);
    talk->op = &talk->send;
    return MPI_SUCCESS;
}

static int start_receive(struct wsp_comm *comm, int source, int tag, void *data, uint64_t n,
                         struct talk *talk)
{
    talk->is_home = comm->home[source] >= 0;
    if (talk->is_home)
        return host.Irecv(data, (int)n, MPI_BYTE, comm->home[source], home_tag(tag), comm->phase2,
                          &talk->request);
    wsp_internal_receive(comm, source, wide_tag(tag), data, n, &talk->receive);
    talk->op = &talk->receive.op;
    return MPI_SUCCESS;
}

static int finish(struct talk *talk)
{
    if (talk->is_home)
        return wsp_drive_host(&talk->request, MPI_STATUS_IGNORE);
    return wsp_mpi_class(wsp_drive_ops(&talk->op, 1));
}

int wsp_talk_send(struct wsp_comm *comm, int dest, int tag, const void *data, uint64_t n)
{
    struct talk talk;
    int code = start_send(comm, dest, tag, data, n, &talk);
    return code ? code : finish(&talk);
}

int wsp_talk_receive(struct wsp_comm *comm, int source, int tag, void *data, uint64_t n)
{
    struct talk talk;
    int code = start_receive(comm, source, tag, data, n, &talk);
    return code ? code : finish(&talk);
}

int wsp_talk_exchange(struct wsp_comm *comm, int other, int tag, const void *mine, uint64_t n_mine,
                      void *theirs, uint64_t n_theirs)
{
    struct talk in, out;
    int code = start_receive(comm, other, tag, theirs, n_theirs, &in);
    if (code)
        return code;
    code = start_send(comm, other, tag, mine, n_mine, &out);
    if (code)
        return code;
    code = finish(&in);
    int sent = finish(&out);
    return code ? code : sent;
}
