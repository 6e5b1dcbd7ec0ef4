/* SPDX-License-Identifier: BSD-3-Clause */
/* Each site reduces at home to its collector (its leader, or the root itself); the collectors send
 * their parts to each other (Allreduce) or to the root (Reduce), and whoever has all parts combines
 * them in the order of sites: everywhere the same bits. Operations are the host's to call. */
#include "coll/inter.h"
#include "coll/reduce.h"

#include "coll/operation.h"
#include "host/error.h"
#include "host/home.h"
#include "host/host.h"
#include "wide.h"

#include <stdlib.h>
#include <string.h>

/* Room for the own part, and where the result is made for those of all sites. The last of them is
 * recvbuf itself, but in a Reduce_scatter: there the combination ends. */
static int open_parts(struct wsp_reduction *r)
{
    int n = wsp_reduction_has_result(r) ? r->s.comm->n_parts : 1, err = MPI_SUCCESS;
    r->parts = calloc((size_t)n, sizeof *r->parts);
    if (!r->parts)
        return MPI_ERR_NO_MEM;
    r->n_parts = n;
    for (int p = 0; err == MPI_SUCCESS && p < n; p++)
        err = n > 1 && p == n - 1 && !r->starts
                  ? wsp_operand_open(&r->parts[p], r->recvbuf, r->count, r->type)
                  : wsp_operand_make(&r->parts[p], r->share, r->type);
    return err == MPI_SUCCESS && r->starts ? wsp_operand_make(&r->whole, r->count, r->type) : err;
}

static struct wsp_operand *own_part(struct wsp_reduction *r)
{
    return &r->parts[r->n_parts > 1 ? r->s.comm->part : 0];
}

/* What this site's ranks reduce to. */
static struct wsp_operand *home_sum(struct wsp_reduction *r)
{
    return r->starts ? &r->whole : own_part(r);
}

/* Not while recvbuf, where the last part lands, still holds the operand. */
static int expect_parts(struct wsp_reduction *r)
{
    const struct wsp_comm *comm = r->s.comm;
    int err = wsp_schedule_open_exchange(&r->s, 2 * comm->n_parts);
    for (int p = 0; err == MPI_SUCCESS && p < comm->n_parts; p++)
        if (p != comm->part && r->share_bytes > 0)
            wsp_exchange_receive(&r->s.exchange, comm->parts[p].ranks[0], r->parts[p].wire,
                                 r->share_bytes);
    return err;
}

int wsp_reduction_at_home(struct wsp_schedule *s)
{
    struct wsp_reduction *r = (struct wsp_reduction *)s;
    const void *operand = wsp_reduction_operand(r);
    void *result = NULL;
    int err = s->err;
    if (wsp_reduction_is_collector(r)) {
        if (err == MPI_SUCCESS)
            err = open_parts(r);
        if (err == MPI_SUCCESS)
            result = home_sum(r)->base;
        if (result == operand)
            operand = MPI_IN_PLACE;
    }
    if (err == MPI_SUCCESS)
        err = wsp_phase_reduce(s, operand, result, r->count, r->type, r->op, r->home_root);
    if (err == MPI_SUCCESS && wsp_reduction_has_result(r) && r->sendbuf != MPI_IN_PLACE) {
        err = expect_parts(r);
        s->defers_exchange = true;
    }
    return err;
}

/* Of a Reduce_scatter, this site keeps what its own ranks get. */
static int keep_own_share(struct wsp_reduction *r)
{
    const char *bytes;
    int err = wsp_reduction_cut(r, r->whole.wire, 1);
    if (err != MPI_SUCCESS)
        return err;
    uint64_t length = wsp_reduction_share(r, r->whole.wire, 1, r->s.comm->part, &bytes);
    if (length == 0)
        return MPI_SUCCESS;
    memcpy(own_part(r)->wire, bytes, length);
    return wsp_operand_unpack(own_part(r));
}

static int send_sum(struct wsp_reduction *r)
{
    struct wsp_schedule *s = &r->s;
    const struct wsp_comm *comm = s->comm;
    const char *sum = home_sum(r)->wire, *bytes;
    if (r->root >= 0) {
        int err = wsp_schedule_open_exchange(s, 1);
        if (err == MPI_SUCCESS)
            wsp_exchange_send(&s->exchange, r->root, sum, r->n_bytes);
        return err;
    }
    for (int p = 0; p < comm->n_parts; p++) {
        uint64_t length = wsp_reduction_share(r, sum, 1, p, &bytes);
        if (p != comm->part && length > 0)
            wsp_exchange_send(&s->exchange, comm->parts[p].ranks[0], bytes, length);
    }
    return MPI_SUCCESS;
}

int wsp_reduction_exchange(struct wsp_schedule *s)
{
    struct wsp_reduction *r = (struct wsp_reduction *)s;
    int err = MPI_SUCCESS;
    if (s->err != MPI_SUCCESS || !wsp_reduction_is_collector(r))
        return MPI_SUCCESS;
    if (wsp_reduction_has_result(r) && !s->has_exchange)
        err = expect_parts(r);
    if (err == MPI_SUCCESS)
        err = wsp_operand_pack(home_sum(r));
    if (err == MPI_SUCCESS && r->starts)
        err = keep_own_share(r);
    return err == MPI_SUCCESS && r->root != s->comm->rank ? send_sum(r) : err;
}

static int combine_parts(struct wsp_reduction *r)
{
    int err = MPI_SUCCESS;
    for (int p = 0; err == MPI_SUCCESS && p < r->n_parts; p++)
        if (p != r->s.comm->part)
            err = wsp_operand_unpack(&r->parts[p]);
    for (int p = 1; err == MPI_SUCCESS && p < r->n_parts; p++)
        err = host.Reduce_local(r->parts[p - 1].base, r->parts[p].base, r->share, r->type, r->op);
    return err;
}

/* The result of runs, which has no place of its own before. */
static int combine_runs(struct wsp_reduction *r)
{
    int err = r->starts ? wsp_operand_make(&r->whole, r->share, r->type)
                        : wsp_operand_open(&r->whole, r->recvbuf, r->count, r->type);
    return err == MPI_SUCCESS ? wsp_reduce_runs_combine(r, &r->whole) : err;
}

int wsp_reduction_combine(struct wsp_reduction *r, struct wsp_operand **result)
{
    *result = r->part_of ? &r->whole : &r->parts[r->n_parts - 1];
    if (r->share_bytes == 0)
        return MPI_SUCCESS;
    return r->part_of ? combine_runs(r) : combine_parts(r);
}

static int combine(struct wsp_schedule *s)
{
    struct wsp_reduction *r = (struct wsp_reduction *)s;
    struct wsp_operand *result;
    if (s->err != MPI_SUCCESS || !wsp_reduction_has_result(r))
        return MPI_SUCCESS;
    return wsp_reduction_combine(r, &result);
}

/* An error that every rank has from the start keeps all of them from waiting here. */
static int combine_and_spread(struct wsp_schedule *s)
{
    struct wsp_reduction *r = (struct wsp_reduction *)s;
    if (s->is_raised)
        return MPI_SUCCESS;
    int err = combine(s);
    if (s->err == MPI_SUCCESS)
        s->err = err;
    return wsp_phase_bcast(s, 0, r->recvbuf, r->count, r->type, r->n_bytes);
}

static const struct wsp_step to_root[] = {{wsp_reduction_at_home, false},
                                          {wsp_reduction_exchange, false},
                                          {combine, false},
                                          {NULL, false}};
static const struct wsp_step to_all[] = {{wsp_reduction_at_home, false},
                                         {wsp_reduction_exchange, false},
                                         {combine_and_spread, true},
                                         {NULL, false}};
static const struct wsp_step runs_to_root[] = {{wsp_reduce_runs_gather, false},
                                               {wsp_reduce_runs_exchange, false},
                                               {combine, false},
                                               {NULL, false}};
static const struct wsp_step runs_to_all[] = {{wsp_reduce_runs_gather, false},
                                              {wsp_reduce_runs_exchange, false},
                                              {combine_and_spread, true},
                                              {NULL, false}};

void wsp_reduction_close(struct wsp_schedule *s)
{
    struct wsp_reduction *r = (struct wsp_reduction *)s;
    for (int p = 0; p < r->n_parts; p++)
        wsp_operand_close(&r->parts[p]);
    free(r->parts);
    free(r->starts);
    free(r->cut_memory);
    wsp_operand_close(&r->whole);
    wsp_reduce_runs_close(r);
    wsp_operation_release(r->op);
}

/* The arguments of a call. */
struct arguments {
    const void *sendbuf;
    void *recvbuf;
    int count;
    MPI_Datatype type;
    MPI_Op op;
    int root;
};

/* Only the root can see this mistake. The others are on their way, and the host's calls must meet
 * theirs: so the root does as if it had said MPI_IN_PLACE, and then tells. */
static bool has_alias(const struct arguments *a, const struct wsp_comm *comm)
{
    return a->root == comm->rank && a->sendbuf == a->recvbuf && a->recvbuf != MPI_IN_PLACE;
}

static int check(const struct arguments *a, const struct wsp_comm *comm, struct wsp_layout *layout)
{
    bool has_recvbuf = a->root < 0 || a->root == comm->rank;
    const void *operand = a->sendbuf == MPI_IN_PLACE ? a->recvbuf : a->sendbuf;
    int err = wsp_coll_check_op(a->count, a->type, a->op);
    if (err == MPI_SUCCESS && has_recvbuf && a->recvbuf == MPI_IN_PLACE)
        err = a->root < 0 ? MPI_ERR_BUFFER : MPI_ERR_ARG;
    if (err == MPI_SUCCESS && !has_recvbuf && a->sendbuf == MPI_IN_PLACE)
        err = MPI_ERR_ARG;
    if (err == MPI_SUCCESS)
        err = wsp_coll_check_buffer(operand, a->count, a->type, layout);
    if (err == MPI_SUCCESS && has_recvbuf)
        err = wsp_coll_check_buffer(a->recvbuf, a->count, a->type, layout);
    return err;
}

bool wsp_reduction_goes_by_sites(const struct wsp_comm *comm, MPI_Op op, MPI_Datatype type)
{
    int commutes = 1;
    host.Op_commutative(op, &commutes);
    return (commutes || wsp_coll_parts_are_runs(comm)) && wsp_home_can_reduce(type);
}

static const struct wsp_step *choose_steps(const struct arguments *a, struct wsp_comm *comm,
                                           uint64_t n_bytes)
{
    if (n_bytes == 0)
        return &to_root[3]; /* nothing travels, and nobody need wait */
    if (wsp_reduction_goes_by_sites(comm, a->op, a->type))
        return a->root < 0 ? to_all : to_root;
    return a->root < 0 ? runs_to_all : runs_to_root;
}

static struct wsp_inter_operands operands_of(const struct arguments *a)
{
    return (struct wsp_inter_operands){.sendbuf = a->sendbuf,
                                       .recvbuf = a->recvbuf,
                                       .count = a->count,
                                       .type = a->type,
                                       .op = a->op};
}

static int start(const struct arguments *a, struct wsp_comm *comm, MPI_Request *request)
{
    struct wsp_layout layout;
    struct wsp_inter_operands operands = operands_of(a);
    if (comm->inter)
        return wsp_inter_allreduce(&operands, comm, request);
    int err = check(a, comm, &layout);
    if (err != MPI_SUCCESS)
        return wsp_schedule_refuse(comm, err);
    uint64_t n_bytes = layout.size * (uint64_t)a->count;
    struct wsp_reduction *r =
        wsp_schedule_new(sizeof *r, comm, choose_steps(a, comm, n_bytes), wsp_reduction_close);
    if (!r)
        return wsp_schedule_refuse(comm, MPI_ERR_NO_MEM);
    r->sendbuf = a->sendbuf;
    r->recvbuf = a->recvbuf;
    r->count = r->share = a->count;
    r->type = a->type;
    r->n_bytes = r->share_bytes = n_bytes;
    r->op = a->op;
    r->root = a->root;
    r->home_root = a->root >= 0 && comm->home[a->root] >= 0 ? comm->home[a->root] : 0;
    wsp_operation_hold(a->op);
    if (request)
        r->s.err = wsp_schedule_keep_type(&r->s, a->type);
    return wsp_schedule_run(&r->s, request);
}

static int start_rooted(const struct arguments *a, MPI_Comm handle, MPI_Request *request)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    struct wsp_layout layout;
    struct wsp_inter_operands operands = operands_of(a);
    if (comm->inter)
        return wsp_inter_reduce(&operands, a->root, comm, request);
    int err = wsp_coll_check_root(comm, a->root);
    if (err == MPI_SUCCESS && has_alias(a, comm)) {
        struct arguments in_place = *a;
        in_place.sendbuf = MPI_IN_PLACE;
        err = start(&in_place, comm, NULL);
        return err == MPI_SUCCESS ? wsp_raise(handle, MPI_ERR_ARG) : err;
    }
    if (err == MPI_SUCCESS)
        return start(a, comm, request);
    err = check(a, comm, &layout);
    return wsp_schedule_refuse(comm, err == MPI_SUCCESS ? MPI_ERR_ROOT : err);
}

/* The same buffer twice is wrong, but the host does as if it had been told MPI_IN_PLACE. */
static int start_for_all(struct arguments *a, MPI_Comm handle, MPI_Request *request)
{
    if (a->sendbuf == a->recvbuf && a->recvbuf != MPI_IN_PLACE)
        a->sendbuf = MPI_IN_PLACE;
    return start(a, wsp_comm_of(handle), request);
}

int wide_Reduce(const void *sendbuf, void *recvbuf, int count, MPI_Datatype datatype, MPI_Op op,
                int root, MPI_Comm comm)
{
    return start_rooted(&(struct arguments){sendbuf, recvbuf, count, datatype, op, root}, comm,
                        NULL);
}

int wide_Ireduce(const void *sendbuf, void *recvbuf, int count, MPI_Datatype datatype, MPI_Op op,
                 int root, MPI_Comm comm, MPI_Request *request)
{
    return start_rooted(&(struct arguments){sendbuf, recvbuf, count, datatype, op, root}, comm,
                        request);
}

int wide_Allreduce(const void *sendbuf, void *recvbuf, int count, MPI_Datatype datatype, MPI_Op op,
                   MPI_Comm comm)
{
    return start_for_all(&(struct arguments){sendbuf, recvbuf, count, datatype, op, -1}, comm,
                         NULL);
}

int wide_Iallreduce(const void *sendbuf, void *recvbuf, int count, MPI_Datatype datatype, MPI_Op op,
                    MPI_Comm comm, MPI_Request *request)
{
    return start_for_all(&(struct arguments){sendbuf, recvbuf, count, datatype, op, -1}, comm,
                         request);
}
