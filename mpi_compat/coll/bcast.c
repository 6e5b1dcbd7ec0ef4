/* SPDX-License-Identifier: BSD-3-Clause */
/* The root sends once to the leader of each other site, all at once; each site spreads it at home,
 * the root's own from the root. */
#include "coll/inter.h"
#include "coll/phase.h"
#include "wide.h"

struct bcast {
    struct wsp_schedule s;
    int root, home_root; /* home_root: who spreads at this site */
    struct wsp_operand operand;
};

static int cross(struct wsp_schedule *s)
{
    struct bcast *b = (struct bcast *)s;
    struct wsp_comm *comm = s->comm;
    struct wsp_operand *operand = &b->operand;
    if (comm->rank == b->root) {
        int err = wsp_operand_pack(operand);
        if (err == MPI_SUCCESS)
            err = wsp_schedule_open_exchange(s, comm->n_parts);
        for (int p = 0; err == MPI_SUCCESS && p < comm->n_parts; p++)
            if (p != comm->part)
                wsp_exchange_send(&s->exchange, comm->parts[p].ranks[0], operand->wire,
                                  operand->length);
        s->defers_exchange = true; /* the own site need not wait for it */
        return err;
    }
    if (comm->home[b->root] >= 0 || !wsp_comm_is_leader(comm))
        return MPI_SUCCESS;
    int err = wsp_schedule_open_exchange(s, 1);
    if (err == MPI_SUCCESS)
        wsp_exchange_receive(&s->exchange, b->root, operand->wire, operand->length);
    return err;
}

static int spread(struct wsp_schedule *s)
{
    struct bcast *b = (struct bcast *)s;
    struct wsp_operand *o = &b->operand;
    if (s->comm->home[b->root] < 0 && wsp_comm_is_leader(s->comm) && s->err == MPI_SUCCESS)
        s->err = wsp_operand_unpack(o);
    return wsp_phase_bcast(s, b->home_root, o->base, o->count, o->type, o->length);
}

static const struct wsp_step steps[] = {{cross, false}, {spread, true}, {NULL, false}};

static void close_bcast(struct wsp_schedule *s)
{
    wsp_operand_close(&((struct bcast *)s)->operand);
}

static int start(void *buffer, int count, MPI_Datatype datatype, int root, MPI_Comm handle,
                 MPI_Request *request)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    struct wsp_layout layout;
    if (comm->inter)
        return wsp_inter_bcast(buffer, count, datatype, root, comm, request);
    int err = wsp_coll_check_buffer(buffer, count, datatype, &layout);
    if (err == MPI_SUCCESS)
        err = buffer == MPI_IN_PLACE ? MPI_ERR_ARG : wsp_coll_check_root(comm, root);
    if (err != MPI_SUCCESS)
        return wsp_schedule_refuse(comm, err);
    struct bcast *b = wsp_schedule_new(sizeof *b, comm, steps, close_bcast);
    if (!b)
        return wsp_schedule_refuse(comm, MPI_ERR_NO_MEM);
    b->root = root;
    b->home_root = comm->home[root] >= 0 ? comm->home[root] : 0;
    b->s.err = wsp_operand_open(&b->operand, buffer, count, datatype);
    if (request && b->s.err == MPI_SUCCESS)
        b->s.err = wsp_schedule_keep_type(&b->s, datatype);
    if (layout.size * (uint64_t)count == 0)
        b->s.steps = &steps[2]; /* nothing travels, and nobody need wait */
    return wsp_schedule_run(&b->s, request);
}

int wide_Bcast(void *buffer, int count, MPI_Datatype datatype, int root, MPI_Comm handle)
{
    return start(buffer, count, datatype, root, handle, NULL);
}

int wide_Ibcast(void *buffer, int count, MPI_Datatype datatype, int root, MPI_Comm handle,
                MPI_Request *request)
{
    return start(buffer, count, datatype, root, handle, request);
}
