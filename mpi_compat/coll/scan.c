/* SPDX-License-Identifier: BSD-3-Clause */
/* Scan and Exscan. Where each site's ranks follow each other, every site scans at home and reduces
 * to its leader at the same time; a leader sends its total to the leaders of all later sites at
 * once, and what lies before a site is combined by its leader and added by its ranks. Elsewhere
 * every rank folds the operands of those before it. */
#include "coll/allgather.h"

#include "coll/operation.h"
#include "host/home.h"
#include "host/host.h"
#include "wide.h"

#include <stdlib.h>
#include <string.h>

struct arguments {
    const void *sendbuf; /* MPI_IN_PLACE: the operand stands in recvbuf */
    void *recvbuf;
    int count;
    MPI_Datatype type;
    MPI_Op op;
    bool is_exclusive;
};

struct scan {
    struct wsp_allgather g; /* the schedule, and the operands of all where each rank folds */
    struct arguments a;
    uint64_t block;             /* packed bytes of one operand */
    struct wsp_operand local;   /* over the home ranks up to this one (or before it) */
    struct wsp_operand *totals; /* at the leader: of each site up to this one, its own last */
    struct wsp_operand before;  /* over all sites before this one */
};

static const void *operand_of(const struct scan *scan)
{
    return scan->a.sendbuf == MPI_IN_PLACE ? scan->a.recvbuf : scan->a.sendbuf;
}

static int open_scan(struct scan *scan)
{
    const struct arguments *a = &scan->a;
    int n = scan->g.s.comm->part + 1, err = wsp_operand_make(&scan->local, a->count, a->type);
    if (err == MPI_SUCCESS)
        err = wsp_operand_make(&scan->before, a->count, a->type);
    if (err != MPI_SUCCESS || !wsp_comm_is_leader(scan->g.s.comm))
        return err;
    scan->totals = calloc((size_t)n, sizeof *scan->totals);
    err = scan->totals ? MPI_SUCCESS : MPI_ERR_NO_MEM;
    for (int p = 0; err == MPI_SUCCESS && p < n; p++)
        err = wsp_operand_make(&scan->totals[p], a->count, a->type);
    return err;
}

static int scan_at_home(struct wsp_schedule *s)
{
    struct scan *scan = (struct scan *)s;
    const struct arguments *a = &scan->a;
    const struct wsp_comm *comm = s->comm;
    int err = s->err == MPI_SUCCESS ? open_scan(scan) : s->err;
    void *total = scan->totals ? scan->totals[comm->part].base : NULL;
    if (err == MPI_SUCCESS)
        err = wsp_phase_scan(s, operand_of(scan), scan->local.base, a->count, a->type, a->op,
                             a->is_exclusive);
    if (err == MPI_SUCCESS)
        err = wsp_phase_reduce(s, operand_of(scan), total, a->count, a->type, a->op, 0);
    if (err == MPI_SUCCESS && scan->totals)
        err = wsp_schedule_open_exchange(s, comm->n_parts);
    for (int p = 0; err == MPI_SUCCESS && scan->totals && p < comm->part; p++)
        wsp_exchange_receive(&s->exchange, comm->parts[p].ranks[0], scan->totals[p].wire,
                             scan->totals[p].length);
    s->defers_exchange = true;
    return err;
}

static int send_total(struct wsp_schedule *s)
{
    struct scan *scan = (struct scan *)s;
    const struct wsp_comm *comm = s->comm;
    if (s->err != MPI_SUCCESS || !scan->totals)
        return MPI_SUCCESS;
    struct wsp_operand *own = &scan->totals[comm->part];
    int err = wsp_operand_pack(own);
    for (int p = comm->part + 1; err == MPI_SUCCESS && p < comm->n_parts; p++)
        wsp_exchange_send(&s->exchange, comm->parts[p].ranks[0], own->wire, own->length);
    return err;
}

/* Takes the elements of one operand to another. */
static int copy(struct wsp_operand *from, struct wsp_operand *to)
{
    int err = wsp_operand_pack(from);
    if (err == MPI_SUCCESS)
        memcpy(to->wire, from->wire, from->length);
    return err == MPI_SUCCESS ? wsp_operand_unpack(to) : err;
}

static int combine_before(struct scan *scan)
{
    const struct arguments *a = &scan->a;
    int n = scan->g.s.comm->part, err = MPI_SUCCESS;
    for (int p = 0; err == MPI_SUCCESS && p < n; p++)
        err = wsp_operand_unpack(&scan->totals[p]);
    for (int p = 1; err == MPI_SUCCESS && p < n; p++)
        err = host.Reduce_local(scan->totals[p - 1].base, scan->totals[p].base, a->count, a->type,
                                a->op);
    return err == MPI_SUCCESS && n > 0 ? copy(&scan->totals[n - 1], &scan->before) : err;
}

static int spread_before(struct wsp_schedule *s)
{
    struct scan *scan = (struct scan *)s;
    const struct wsp_operand *before = &scan->before;
    if (s->is_raised)
        return MPI_SUCCESS;
    if (s->err == MPI_SUCCESS && scan->totals)
        s->err = combine_before(scan);
    return wsp_phase_bcast(s, 0, before->base, before->count, before->type,
                           s->comm->part > 0 ? before->length : 0);
}

static int lay_down(struct scan *scan, struct wsp_operand *from)
{
    struct wsp_operand result;
    int err = wsp_operand_open(&result, scan->a.recvbuf, scan->a.count, scan->a.type);
    if (err == MPI_SUCCESS)
        err = copy(from, &result);
    wsp_operand_close(&result);
    return err;
}

static int finish(struct wsp_schedule *s)
{
    struct scan *scan = (struct scan *)s;
    const struct arguments *a = &scan->a;
    bool has_local = !a->is_exclusive || s->comm->home_rank > 0, has_before = s->comm->part > 0;
    int err = s->err;
    if (err != MPI_SUCCESS || (!has_local && !has_before))
        return err;
    if (has_local && has_before)
        err = host.Reduce_local(scan->before.base, scan->local.base, a->count, a->type, a->op);
    return err == MPI_SUCCESS ? lay_down(scan, has_local ? &scan->local : &scan->before) : err;
}

/* Where the operand of a rank stands among those gathered site by site. */
static const char *gathered(const struct scan *scan, int rank)
{
    const struct wsp_comm *comm = scan->g.s.comm;
    const char *at = scan->g.bytes;
    for (int p = 0; p < comm->n_parts; p++)
        for (int i = 0; i < comm->parts[p].n_ranks; i++, at += scan->block)
            if (comm->parts[p].ranks[i] == rank)
                return at;
    return NULL;
}

static int fold(struct wsp_schedule *s)
{
    struct scan *scan = (struct scan *)s;
    const struct arguments *a = &scan->a;
    struct wsp_operand *sum = &scan->before, *next = &scan->local;
    int n = s->comm->rank + (a->is_exclusive ? 0 : 1), err = s->err;
    if (err != MPI_SUCCESS || n == 0)
        return err;
    err = wsp_operand_make(sum, a->count, a->type);
    if (err == MPI_SUCCESS)
        err = wsp_operand_make(next, a->count, a->type);
    for (int rank = 0; err == MPI_SUCCESS && rank < n; rank++) {
        memcpy(next->wire, gathered(scan, rank), scan->block);
        err = wsp_operand_unpack(next);
        if (err == MPI_SUCCESS && rank > 0)
            err = host.Reduce_local(sum->base, next->base, a->count, a->type, a->op);
        struct wsp_operand last = *sum;
        *sum = *next;
        *next = last;
    }
    return err == MPI_SUCCESS ? lay_down(scan, sum) : err;
}

static const struct wsp_step by_sites[] = {{scan_at_home, false},
                                           {send_total, false},
                                           {spread_before, true},
                                           {finish, false},
                                           {NULL, false}};
static const struct wsp_step by_ranks[] = {{wsp_allgather_at_home, false},
                                           {wsp_allgather_cross, false},
                                           {wsp_allgather_spread, true},
                                           {fold, false},
                                           {NULL, false}};

static void close_scan(struct wsp_schedule *s)
{
    struct scan *scan = (struct scan *)s;
    for (int p = 0; scan->totals && p <= s->comm->part; p++)
        wsp_operand_close(&scan->totals[p]);
    free(scan->totals);
    wsp_operand_close(&scan->local);
    wsp_operand_close(&scan->before);
    wsp_allgather_close(s);
    wsp_operation_release(scan->a.op);
}

static int check(const struct arguments *a, struct wsp_layout *layout)
{
    const void *operand = a->sendbuf == MPI_IN_PLACE ? a->recvbuf : a->sendbuf;
    int err = wsp_coll_check_op(a->count, a->type, a->op);
    if (err == MPI_SUCCESS && a->recvbuf == MPI_IN_PLACE)
        err = MPI_ERR_ARG;
    if (err == MPI_SUCCESS)
        err = wsp_coll_check_buffer(operand, a->count, a->type, layout);
    if (err == MPI_SUCCESS)
        err = wsp_coll_check_buffer(a->recvbuf, a->count, a->type, layout);
    return err;
}

static int start(const struct arguments *a, MPI_Comm handle, MPI_Request *request)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    struct wsp_layout layout;
    int err = comm->inter ? MPI_ERR_COMM : check(a, &layout);
    if (err != MPI_SUCCESS)
        return wsp_schedule_refuse(comm, err);
    bool by_site = wsp_coll_parts_are_runs(comm) && wsp_home_can_reduce(a->type);
    const struct wsp_step *steps = by_site ? by_sites : by_ranks;
    struct scan *scan = wsp_schedule_new(sizeof *scan, comm, steps, close_scan);
    if (!scan)
        return wsp_schedule_refuse(comm, MPI_ERR_NO_MEM);
    scan->a = *a;
    scan->block = layout.size * (uint64_t)a->count;
    scan->g.given = (struct wsp_given){operand_of(scan), a->count, a->type};
    scan->g.in = (struct wsp_blocks){.count = a->count, .type = a->type, .is_even = true};
    wsp_operation_hold(a->op);
    if (request)
        scan->g.s.err = wsp_schedule_keep_type(&scan->g.s, a->type);
    if (scan->block == 0)
        scan->g.s.steps = &by_sites[4]; /* nothing travels, and nobody need wait */
    return wsp_schedule_run(&scan->g.s, request);
}

int wide_Scan(const void *sendbuf, void *recvbuf, int count, MPI_Datatype datatype, MPI_Op op,
              MPI_Comm comm)
{
    return start(&(struct arguments){sendbuf, recvbuf, count, datatype, op, false}, comm, NULL);
}

int wide_Iscan(const void *sendbuf, void *recvbuf, int count, MPI_Datatype datatype, MPI_Op op,
               MPI_Comm comm, MPI_Request *request)
{
    return start(&(struct arguments){sendbuf, recvbuf, count, datatype, op, false}, comm, request);
}

int wide_Exscan(const void *sendbuf, void *recvbuf, int count, MPI_Datatype datatype, MPI_Op op,
                MPI_Comm comm)
{
    return start(&(struct arguments){sendbuf, recvbuf, count, datatype, op, true}, comm, NULL);
}

int wide_Iexscan(const void *sendbuf, void *recvbuf, int count, MPI_Datatype datatype, MPI_Op op,
                 MPI_Comm comm, MPI_Request *request)
{
    return start(&(struct arguments){sendbuf, recvbuf, count, datatype, op, true}, comm, request);
}
