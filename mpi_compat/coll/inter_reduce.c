/* SPDX-License-Identifier: BSD-3-Clause */
/* Reduce, Allreduce and Reduce_scatter(_block) between groups. Each site of the giving group
 * reduces to one value; who takes combines those of all sites, in their order: everywhere the same
 * bits. The operands themselves cross where that would break the order of ranks: the operation does
 * not commute, and the ranks of the sites lie between each other. */
#include "coll/inter.h"
#include "coll/operation.h"
#include "host/home.h"
#include "host/host.h"

#include <stdlib.h>
#include <string.h>

struct reduction {
    struct wsp_schedule s;
    struct wsp_inter_operands o;
    bool gives, takes, is_to_all;
    int root; /* of those who give to one: its rank of the communicator */
    uint64_t n_bytes;
    bool is_own_by_rank, is_remote_by_rank; /* operands cross, not values of sites */
    bool is_gathered;                       /* the head combines itself, if it must */
    struct wsp_operand mine, value;         /* one of them, by is_gathered */
    char *gathered;                         /* at a head: operands of its site, or their value */
    char *got;                              /* values or operands of the other group, by site */
    struct wsp_operand result;              /* where I take: in recvbuf, or to be shared out */
};

static bool sends(const struct reduction *r)
{
    return r->gives && wsp_inter_is_head(r->s.comm);
}

static bool receives(const struct reduction *r)
{
    return r->takes && (!r->is_to_all || wsp_inter_is_head(r->s.comm));
}

static int gather_operands(struct reduction *r)
{
    uint64_t n = (uint64_t)wsp_inter_here(r->s.comm->inter)->n_ranks;
    int err = wsp_operand_open_packed(&r->mine, r->o.sendbuf, r->o.count, r->o.type);
    if (err == MPI_SUCCESS && sends(r) && !(r->gathered = malloc(n * r->n_bytes)))
        err = MPI_ERR_NO_MEM;
    return err == MPI_SUCCESS ? wsp_phase_gather(&r->s, r->mine.wire, r->n_bytes, r->gathered, 0)
                              : err;
}

static int give(struct wsp_schedule *s)
{
    struct reduction *r = (struct reduction *)s;
    if (s->err != MPI_SUCCESS || !r->gives)
        return s->err;
    if (r->is_gathered)
        return gather_operands(r);
    if (sends(r)) {
        int err = wsp_operand_make(&r->value, r->o.count, r->o.type);
        if (err != MPI_SUCCESS)
            return err;
    }
    int err = wsp_phase_reduce(s, r->o.sendbuf, r->value.base, r->o.count, r->o.type, r->o.op, 0);
    /* All members have such an error, so nobody waits for this one. */
    if (err != MPI_SUCCESS)
        wsp_inter_give_up(s);
    return err;
}

static uint64_t length_from(const struct reduction *r, const struct wsp_part *part)
{
    return r->n_bytes * (uint64_t)(r->is_remote_by_rank ? part->n_ranks : 1);
}

static int expect(struct reduction *r)
{
    const struct wsp_side *remote = &r->s.comm->inter->remote;
    int n = r->is_remote_by_rank ? remote->size : remote->n_parts, err = MPI_SUCCESS;
    char *to = r->got = malloc((uint64_t)n * r->n_bytes);
    if (!to)
        return MPI_ERR_NO_MEM;
    for (int p = 0; err == MPI_SUCCESS && p < remote->n_parts; p++) {
        uint64_t length = length_from(r, &remote->parts[p]);
        err = wsp_cross_receive(&r->s, remote->parts[p].ranks[0], to, length);
        to += length;
    }
    return err;
}

/* Of this site, at its head. */
static int make_value(struct reduction *r)
{
    const struct wsp_inter_operands *o = &r->o;
    if (r->is_gathered && !r->is_own_by_rank)
        return wsp_operand_combine(o->count, o->type, o->op, r->gathered,
                                   wsp_inter_here(r->s.comm->inter)->n_ranks, r->gathered);
    return wsp_operand_pack(&r->value);
}

static int cross(struct wsp_schedule *s)
{
    struct reduction *r = (struct reduction *)s;
    if (s->err != MPI_SUCCESS || (!sends(r) && !receives(r)))
        return s->err;
    int err = wsp_schedule_open_exchange(s, 2 * s->comm->inter->remote.n_parts + 1);
    if (err == MPI_SUCCESS && receives(r))
        err = expect(r);
    if (err == MPI_SUCCESS && sends(r))
        err = make_value(r);
    if (err != MPI_SUCCESS || !sends(r))
        return err;
    uint64_t n = (uint64_t)(r->is_own_by_rank ? wsp_inter_here(s->comm->inter)->n_ranks : 1);
    const char *bytes = r->is_gathered ? r->gathered : r->value.wire;
    return r->is_to_all ? wsp_cross_send_all(s, bytes, n * r->n_bytes)
                        : wsp_cross_send(s, r->root, bytes, n * r->n_bytes);
}

/* What came from the other group's rank i, or from its i-th site. */
static const char *value_at(const struct reduction *r, int i)
{
    const struct wsp_side *remote = &r->s.comm->inter->remote;
    const char *at = r->got;
    if (!r->is_remote_by_rank)
        return at + (uint64_t)i * r->n_bytes;
    for (int p = 0; p < remote->n_parts; p++)
        for (int k = 0; k < remote->parts[p].n_ranks; k++, at += r->n_bytes)
            if (remote->parts[p].ranks[k] == remote->base + i)
                return at;
    return NULL;
}

static int combine(struct reduction *r)
{
    const struct wsp_side *remote = &r->s.comm->inter->remote;
    const struct wsp_inter_operands *o = &r->o;
    int n = r->is_remote_by_rank ? remote->size : remote->n_parts;
    struct wsp_operand scratch[2] = {0}, *last = NULL;
    int err = n > 1 ? wsp_operand_make(&scratch[0], o->count, o->type) : MPI_SUCCESS;
    if (err == MPI_SUCCESS && n > 2)
        err = wsp_operand_make(&scratch[1], o->count, o->type);
    for (int i = 0; err == MPI_SUCCESS && i < n; i++) {
        struct wsp_operand *next = i == n - 1 ? &r->result : &scratch[i % 2];
        memcpy(next->wire, value_at(r, i), r->n_bytes);
        err = wsp_operand_unpack(next);
        if (err == MPI_SUCCESS && last)
            err = host.Reduce_local(last->base, next->base, o->count, o->type, o->op);
        last = next;
    }
    wsp_operand_close(&scratch[0]);
    wsp_operand_close(&scratch[1]);
    return err;
}

static int take(struct wsp_schedule *s)
{
    struct reduction *r = (struct reduction *)s;
    return s->err == MPI_SUCCESS && receives(r) ? combine(r) : MPI_SUCCESS;
}

static int take_and_spread(struct wsp_schedule *s)
{
    struct reduction *r = (struct reduction *)s;
    int err = take(s);
    if (s->err == MPI_SUCCESS)
        s->err = err;
    return wsp_phase_bcast(s, 0, r->result.base, r->o.count, r->o.type, r->n_bytes);
}

/* From the whole result to what this rank gets of it. */
static int share_out(struct wsp_schedule *s)
{
    struct reduction *r = (struct reduction *)s;
    const struct wsp_inter_operands *o = &r->o;
    struct wsp_layout layout;
    if (s->err != MPI_SUCCESS || !o->is_scattered)
        return MPI_SUCCESS;
    int rank = s->comm->own_rank,
        n = o->counts ? o->counts[rank] : o->count / s->comm->inter->own.size;
    int64_t before = (int64_t)rank * n;
    for (int i = 0; o->counts && i <= rank; i++)
        before = i == 0 ? 0 : before + o->counts[i - 1];
    int err = wsp_type_describe(o->type, &layout);
    struct wsp_operand from = {0};
    if (err == MPI_SUCCESS)
        err = wsp_operand_open_packed(&from, wsp_coll_at(r->result.base, before * layout.extent), n,
                                      o->type);
    if (err == MPI_SUCCESS)
        err = wsp_type_unpack(from.wire, from.length, o->recvbuf, n, o->type);
    wsp_operand_close(&from);
    return err;
}

static const struct wsp_step to_root[] = {
    {give, false}, {cross, false}, {take, false}, {NULL, false}};
static const struct wsp_step to_all[] = {
    {give, false}, {cross, false}, {take_and_spread, true}, {share_out, false}, {NULL, false}};

static void close_reduction(struct wsp_schedule *s)
{
    struct reduction *r = (struct reduction *)s;
    wsp_operand_close(&r->mine);
    wsp_operand_close(&r->value);
    wsp_operand_close(&r->result);
    free(r->gathered);
    free(r->got);
    wsp_operation_release(r->o.op);
}

static int check(const struct wsp_inter_operands *o, const struct reduction *r, uint64_t *n_bytes)
{
    struct wsp_layout layout;
    int err = wsp_coll_check_op(o->count, o->type, o->op);
    if ((r->gives && o->sendbuf == MPI_IN_PLACE) || (r->takes && o->recvbuf == MPI_IN_PLACE) ||
        (r->gives && r->takes && o->count > 0 && o->sendbuf == o->recvbuf))
        return MPI_ERR_BUFFER;
    if (err == MPI_SUCCESS)
        err = wsp_coll_check_buffer(r->gives ? o->sendbuf : o->recvbuf, o->count, o->type, &layout);
    if (err == MPI_SUCCESS)
        *n_bytes = layout.size * (uint64_t)o->count;
    return err;
}

/* Who does what; the arguments are good. */
static int open_reduction(struct reduction *r, bool is_kept)
{
    const struct wsp_inter *inter = r->s.comm->inter;
    const struct wsp_inter_operands *o = &r->o;
    int commutes = 1, err = MPI_SUCCESS;
    host.Op_commutative(o->op, &commutes);
    r->is_own_by_rank = !commutes && !wsp_coll_are_runs(inter->own.parts, inter->own.n_parts);
    r->is_gathered = r->is_own_by_rank || !wsp_home_can_reduce(o->type);
    r->is_remote_by_rank =
        !commutes && !wsp_coll_are_runs(inter->remote.parts, inter->remote.n_parts);
    if (r->takes)
        err = o->is_scattered ? wsp_operand_make(&r->result, o->count, o->type)
                              : wsp_operand_open(&r->result, o->recvbuf, o->count, o->type);
    return err == MPI_SUCCESS && is_kept ? wsp_schedule_keep_type(&r->s, o->type) : err;
}

static int start(const struct wsp_inter_operands *o, const struct wsp_role *role,
                 struct wsp_comm *comm, MPI_Request *request)
{
    struct reduction plan = {.gives = !role || role->root >= 0, .takes = !role || role->is_root};
    bool is_away = role && role->is_away;
    int err = is_away ? MPI_SUCCESS : check(o, &plan, &plan.n_bytes);
    if (err != MPI_SUCCESS)
        return wsp_schedule_refuse(comm, err);
    const struct wsp_step *steps = plan.n_bytes == 0 ? NULL : role ? to_root : to_all;
    struct reduction *r = wsp_inter_new(sizeof *r, comm, steps, close_reduction);
    if (!r)
        return wsp_schedule_refuse(comm, MPI_ERR_NO_MEM);
    r->o = *o;
    r->o.op = is_away ? MPI_OP_NULL : o->op;
    r->gives = plan.gives;
    r->takes = plan.takes;
    r->is_to_all = !role;
    r->root = role ? role->root : -1;
    r->n_bytes = plan.n_bytes;
    wsp_operation_hold(r->o.op);
    r->s.err = plan.n_bytes == 0 ? MPI_SUCCESS : open_reduction(r, request != NULL);
    return wsp_schedule_run(&r->s, request);
}

int wsp_inter_reduce(const struct wsp_inter_operands *operands, int root, struct wsp_comm *comm,
                     MPI_Request *request)
{
    struct wsp_role role;
    int err = wsp_inter_role(comm, root, &role);
    return err == MPI_SUCCESS ? start(operands, &role, comm, request)
                              : wsp_schedule_refuse(comm, err);
}

int wsp_inter_allreduce(const struct wsp_inter_operands *operands, struct wsp_comm *comm,
                        MPI_Request *request)
{
    struct wsp_inter_operands o = *operands;
    if (!o.is_scattered)
        return start(&o, NULL, comm, request);
    int n = comm->inter->own.size;
    int64_t sum = o.counts ? 0 : (int64_t)o.count * n;
    for (int i = 0; o.counts && i < n; i++) {
        if (o.counts[i] < 0)
            return wsp_schedule_refuse(comm, MPI_ERR_COUNT);
        sum += o.counts[i];
    }
    if (o.sendbuf == MPI_IN_PLACE || sum > INT32_MAX)
        return wsp_schedule_refuse(comm, MPI_ERR_ARG);
    o.count = (int)sum;
    return start(&o, NULL, comm, request);
}
