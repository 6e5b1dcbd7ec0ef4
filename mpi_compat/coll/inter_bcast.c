/* SPDX-License-Identifier: BSD-3-Clause */
/* The root sends once to the head of each site of the other group; they spread it. */
#include "coll/inter.h"

struct bcast {
    struct wsp_schedule s;
    struct wsp_role role;
    struct wsp_operand operand;
};

static int cross(struct wsp_schedule *s)
{
    struct bcast *b = (struct bcast *)s;
    struct wsp_operand *o = &b->operand;
    bool is_head = !b->role.is_root && wsp_inter_is_head(s->comm);
    int err = s->err;
    if (err == MPI_SUCCESS && (b->role.is_root || is_head))
        err = wsp_schedule_open_exchange(s, s->comm->inter->remote.n_parts);
    if (err == MPI_SUCCESS && b->role.is_root)
        err = wsp_operand_pack(o);
    if (err == MPI_SUCCESS && b->role.is_root)
        return wsp_cross_send_all(s, o->wire, o->length);
    return err == MPI_SUCCESS && is_head ? wsp_cross_receive(s, b->role.root, o->wire, o->length)
                                         : err;
}

static int spread(struct wsp_schedule *s)
{
    struct bcast *b = (struct bcast *)s;
    struct wsp_operand *o = &b->operand;
    if (b->role.is_root)
        return MPI_SUCCESS;
    if (wsp_inter_is_head(s->comm) && s->err == MPI_SUCCESS)
        s->err = wsp_operand_unpack(o);
    return wsp_phase_bcast(s, 0, o->base, o->count, o->type, o->length);
}

static const struct wsp_step steps[] = {{cross, false}, {spread, true}, {NULL, false}};

static void close_bcast(struct wsp_schedule *s)
{
    wsp_operand_close(&((struct bcast *)s)->operand);
}

int wsp_inter_bcast(void *buffer, int count, MPI_Datatype type, int root, struct wsp_comm *comm,
                    MPI_Request *request)
{
    struct wsp_layout layout = {0};
    struct wsp_role role;
    int err = wsp_inter_role(comm, root, &role);
    if (err == MPI_SUCCESS && !role.is_away)
        err = buffer == MPI_IN_PLACE ? MPI_ERR_ARG
                                     : wsp_coll_check_buffer(buffer, count, type, &layout);
    if (err != MPI_SUCCESS)
        return wsp_schedule_refuse(comm, err);
    bool is_idle = role.is_away || layout.size * (uint64_t)count == 0;
    struct bcast *b = wsp_inter_new(sizeof *b, comm, is_idle ? NULL : steps, close_bcast);
    if (!b)
        return wsp_schedule_refuse(comm, MPI_ERR_NO_MEM);
    b->role = role;
    if (!is_idle)
        err = wsp_operand_open(&b->operand, buffer, count, type);
    if (!is_idle && request && err == MPI_SUCCESS)
        err = wsp_schedule_keep_type(&b->s, type);
    b->s.err = err;
    return wsp_schedule_run(&b->s, request);
}
