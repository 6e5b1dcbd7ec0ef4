/* SPDX-License-Identifier: BSD-3-Clause */
#include "coll/phase.h"

#include "comm/inter.h"
#include "host/host.h"

static bool is_alone(const struct wsp_schedule *s)
{
    return s->is_one_group ? wsp_inter_here(s->comm->inter)->n_ranks == 1
                           : wsp_comm_here(s->comm)->n_ranks == 1;
}

/* Where first and second home phases run. */
static MPI_Comm first_comm(const struct wsp_schedule *s)
{
    return s->is_one_group ? s->comm->inter->near[0] : s->comm->handle;
}

static MPI_Comm second_comm(const struct wsp_schedule *s)
{
    return s->is_one_group ? s->comm->inter->near[1] : s->comm->phase2;
}

/* What the host finds wrong on the handle it tells the program's error handler itself. */
static int first_phase(struct wsp_schedule *s, int err)
{
    bool is_told = err != MPI_SUCCESS && s->err == MPI_SUCCESS && !s->is_one_group;
    s->is_raised = s->is_raised || is_told;
    return err;
}

int wsp_phase_enter(struct wsp_schedule *s)
{
    if (is_alone(s))
        return MPI_SUCCESS;
    return first_phase(s, host.Ibarrier(first_comm(s), wsp_schedule_slot(s)));
}

/* Also for a rank that is alone: the host checks operation and type. */
int wsp_phase_reduce(struct wsp_schedule *s, const void *sendbuf, void *recvbuf, int count,
                     MPI_Datatype type, MPI_Op op, int root)
{
    return first_phase(s, host.Ireduce(sendbuf, recvbuf, count, type, op, root, first_comm(s),
                                       wsp_schedule_slot(s)));
}

int wsp_phase_scan(struct wsp_schedule *s, const void *sendbuf, void *recvbuf, int count,
                   MPI_Datatype type, MPI_Op op, bool is_exclusive)
{
    typeof(host.Iscan) scan = is_exclusive ? host.Iexscan : host.Iscan;
    return first_phase(
        s, scan(sendbuf, recvbuf, count, type, op, first_comm(s), wsp_schedule_slot(s)));
}

/* n bytes for a call of the host; a type made for it lives as long as the schedule. */
static int bytes_type(struct wsp_schedule *s, uint64_t n, MPI_Datatype *type, int *count)
{
    bool is_derived;
    int err = wsp_type_of_bytes(n, type, count, &is_derived);
    return err == MPI_SUCCESS && is_derived ? wsp_schedule_take_type(s, *type) : err;
}

int wsp_phase_gather(struct wsp_schedule *s, const void *mine, uint64_t block, void *all, int root)
{
    MPI_Datatype type;
    int count, err = bytes_type(s, block, &type, &count);
    if (err != MPI_SUCCESS)
        return err;
    return first_phase(s, host.Igather(mine ? mine : MPI_IN_PLACE, count, type, all, count, type,
                                       root, first_comm(s), wsp_schedule_slot(s)));
}

int wsp_phase_bcast(struct wsp_schedule *s, int root, void *buffer, int count, MPI_Datatype type,
                    uint64_t n_bytes)
{
    if (is_alone(s))
        return MPI_SUCCESS;
    s->agreed = s->err;
    int err = host.Ibcast(&s->agreed, 1, MPI_INT, root, second_comm(s), wsp_schedule_slot(s));
    if (err == MPI_SUCCESS && n_bytes > 0)
        err = host.Ibcast(buffer, count, type, root, second_comm(s), wsp_schedule_slot(s));
    return err;
}

int wsp_phase_bcast_bytes(struct wsp_schedule *s, int root, void *bytes, uint64_t n_bytes)
{
    MPI_Datatype type;
    int count, err = bytes_type(s, n_bytes, &type, &count);
    return err == MPI_SUCCESS ? wsp_phase_bcast(s, root, bytes, count, type, n_bytes) : err;
}

/* Home messages of a collective carry its tag; more are never under way at a time. */
static int home_tag(const struct wsp_schedule *s)
{
    return (int)(s->tag % (uint32_t)wsp_home_tags_talk());
}

int wsp_phase_send(struct wsp_schedule *s, int home_rank, const void *buffer, int count,
                   MPI_Datatype type)
{
    MPI_Request *slot = wsp_schedule_slot(s);
    if (!slot)
        return MPI_ERR_NO_MEM;
    return host.Isend(buffer, count, type, home_rank, home_tag(s), s->comm->phase2, slot);
}

int wsp_phase_receive(struct wsp_schedule *s, int home_rank, void *buffer, int count,
                      MPI_Datatype type)
{
    MPI_Request *slot = wsp_schedule_slot(s);
    if (!slot)
        return MPI_ERR_NO_MEM;
    return host.Irecv(buffer, count, type, home_rank, home_tag(s), s->comm->phase2, slot);
}

/* What comes is cut to nothing, which is an error that nobody hears of. */
int wsp_phase_let_go(struct wsp_schedule *s, int home_rank)
{
    return wsp_phase_receive(s, home_rank, NULL, 0, MPI_BYTE);
}

int wsp_phase_send_bytes(struct wsp_schedule *s, int home_rank, const void *bytes, uint64_t n_bytes)
{
    MPI_Datatype type;
    int count;
    bool is_derived;
    int err = wsp_type_of_bytes(n_bytes, &type, &count, &is_derived);
    if (err == MPI_SUCCESS)
        err = wsp_phase_send(s, home_rank, bytes, count, type);
    if (is_derived)
        host.Type_free(&type);
    return err;
}

int wsp_phase_receive_bytes(struct wsp_schedule *s, int home_rank, void *bytes, uint64_t n_bytes)
{
    MPI_Datatype type;
    int count;
    bool is_derived;
    int err = wsp_type_of_bytes(n_bytes, &type, &count, &is_derived);
    if (err == MPI_SUCCESS)
        err = wsp_phase_receive(s, home_rank, bytes, count, type);
    if (is_derived)
        host.Type_free(&type);
    return err;
}
