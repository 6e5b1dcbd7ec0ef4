/* SPDX-License-Identifier: BSD-3-Clause */
/* Reduce_scatter and Reduce_scatter_block: as Allreduce, but a site is sent only the elements that
 * its own ranks get, and its leader hands each of them its own. */
#include "coll/inter.h"
#include "coll/reduce.h"

#include "coll/operation.h"
#include "wide.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static int count_of(const struct wsp_reduction *r, int rank)
{
    return r->starts[rank + 1] - r->starts[rank];
}

static int count_of_part(const struct wsp_reduction *r, int p)
{
    const struct wsp_part *part = &r->s.comm->parts[p];
    int n = 0;
    for (int i = 0; i < part->n_ranks; i++)
        n += count_of(r, part->ranks[i]);
    return n;
}

/* What follows each other site by site as it stands need not be moved. */
int wsp_reduction_cut(struct wsp_reduction *r, const char *values, int n)
{
    const struct wsp_comm *comm = r->s.comm;
    uint64_t size = r->n_bytes / (uint64_t)r->count;
    r->cut = (char *)values;
    if (n == 1 && wsp_coll_parts_are_runs(comm))
        return MPI_SUCCESS;
    r->cut = r->cut_memory = malloc((uint64_t)n * r->n_bytes);
    if (!r->cut)
        return MPI_ERR_NO_MEM;
    char *to = r->cut;
    for (int p = 0; p < comm->n_parts; p++)
        for (int k = 0; k < n; k++)
            for (int i = 0; i < comm->parts[p].n_ranks; i++) {
                int rank = comm->parts[p].ranks[i];
                uint64_t length = size * (uint64_t)count_of(r, rank);
                memcpy(to, values + (uint64_t)k * r->n_bytes + size * (uint64_t)r->starts[rank],
                       length);
                to += length;
            }
    return MPI_SUCCESS;
}

uint64_t wsp_reduction_share(const struct wsp_reduction *r, const char *values, int n, int p,
                             const char **bytes)
{
    *bytes = values;
    if (!r->starts)
        return (uint64_t)n * r->n_bytes;
    uint64_t all = (uint64_t)n * (r->n_bytes / (uint64_t)r->count);
    *bytes = r->cut;
    for (int before = 0; before < p; before++)
        *bytes += all * (uint64_t)count_of_part(r, before);
    return all * (uint64_t)count_of_part(r, p);
}

static int receive_mine(struct wsp_reduction *r)
{
    int n = count_of(r, r->s.comm->rank);
    return n > 0 ? wsp_phase_receive(&r->s, 0, r->recvbuf, n, r->type) : MPI_SUCCESS;
}

static int hand_out(struct wsp_reduction *r)
{
    const struct wsp_part *here = wsp_comm_here(r->s.comm);
    const char *from = r->result->base;
    int err = MPI_SUCCESS;
    for (int i = 0; err == MPI_SUCCESS && i < here->n_ranks; i++) {
        int n = count_of(r, here->ranks[i]);
        if (n > 0)
            err = wsp_phase_send(&r->s, i, from, n, r->type);
        from = wsp_coll_at(from, n * r->extent);
    }
    return err;
}

/* An error that every rank has from the start keeps all of them from waiting here. */
static int agree(struct wsp_schedule *s)
{
    struct wsp_reduction *r = (struct wsp_reduction *)s;
    if (s->is_raised)
        return MPI_SUCCESS;
    if (s->err == MPI_SUCCESS && wsp_reduction_is_collector(r))
        s->err = wsp_reduction_combine(r, &r->result);
    return wsp_phase_bcast(s, 0, NULL, 0, MPI_BYTE, 0);
}

static int share_out(struct wsp_schedule *s)
{
    struct wsp_reduction *r = (struct wsp_reduction *)s;
    int err = s->err;
    if (err == MPI_SUCCESS)
        err = receive_mine(r);
    return err == MPI_SUCCESS && r->result ? hand_out(r) : err;
}

static const struct wsp_step by_sites[] = {{wsp_reduction_at_home, false},
                                           {wsp_reduction_exchange, false},
                                           {agree, true},
                                           {share_out, false},
                                           {NULL, false}};
static const struct wsp_step by_runs[] = {{wsp_reduce_runs_gather, false},
                                          {wsp_reduce_runs_exchange, false},
                                          {agree, true},
                                          {share_out, false},
                                          {NULL, false}};

/* The arguments of a call. */
struct arguments {
    const void *sendbuf; /* MPI_IN_PLACE: the operand stands in recvbuf */
    void *recvbuf;
    const int *counts; /* of each rank, or NULL: */
    int count;         /* of each */
    MPI_Datatype type;
    MPI_Op op;
};

/* Where the elements of each rank begin, malloc'ed; the sum must be a count that the host takes. */
static int lay_out(const struct arguments *a, int size, int **starts)
{
    int64_t sum = 0;
    int *at = malloc(((size_t)size + 1) * sizeof *at);
    if (!at)
        return MPI_ERR_NO_MEM;
    for (int rank = 0; rank <= size; rank++) {
        int count = rank == size ? 0 : a->counts ? a->counts[rank] : a->count;
        at[rank] = (int)sum;
        sum += count;
        if (count < 0 || sum > INT_MAX) {
            free(at);
            return MPI_ERR_COUNT;
        }
    }
    *starts = at;
    return MPI_SUCCESS;
}

static int check(const struct arguments *a, int n, int mine, struct wsp_layout *layout)
{
    bool is_in_place = a->sendbuf == MPI_IN_PLACE;
    int err = a->recvbuf == MPI_IN_PLACE ? MPI_ERR_ARG : MPI_SUCCESS;
    if (err == MPI_SUCCESS)
        err = wsp_coll_check_buffer(is_in_place ? a->recvbuf : a->sendbuf, n, a->type, layout);
    if (err == MPI_SUCCESS)
        err = wsp_coll_check_buffer(a->recvbuf, mine, a->type, layout);
    return err;
}

static struct wsp_reduction *make(const struct arguments *a, struct wsp_comm *comm, int *starts,
                                  const struct wsp_layout *layout)
{
    int n = starts[comm->size];
    uint64_t n_bytes = layout->size * (uint64_t)n;
    const struct wsp_step *steps = by_runs;
    if (n_bytes == 0)
        steps = &by_sites[4];
    else if (wsp_reduction_goes_by_sites(comm, a->op, a->type))
        steps = by_sites;
    struct wsp_reduction *r = wsp_schedule_new(sizeof *r, comm, steps, wsp_reduction_close);
    if (!r)
        return NULL;
    r->sendbuf = a->sendbuf;
    r->recvbuf = a->recvbuf;
    r->count = n;
    r->type = a->type;
    r->extent = layout->extent;
    r->n_bytes = n_bytes;
    r->op = a->op;
    r->root = -1;
    r->starts = starts;
    r->share = count_of_part(r, comm->part);
    r->share_bytes = layout->size * (uint64_t)r->share;
    wsp_operation_hold(a->op);
    return r;
}

static int start(const struct arguments *a, MPI_Comm handle, MPI_Request *request)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    struct wsp_layout layout;
    int *starts = NULL;
    if (comm->inter) {
        struct wsp_inter_operands operands = {.sendbuf = a->sendbuf,
                                              .recvbuf = a->recvbuf,
                                              .count = a->count,
                                              .counts = a->counts,
                                              .is_scattered = true,
                                              .type = a->type,
                                              .op = a->op};
        return wsp_inter_allreduce(&operands, comm, request);
    }
    int err = wsp_coll_check_op(0, a->type, a->op);
    if (err == MPI_SUCCESS)
        err = lay_out(a, comm->size, &starts);
    if (err != MPI_SUCCESS)
        return wsp_schedule_refuse(comm, err);
    err = check(a, starts[comm->size], starts[comm->rank + 1] - starts[comm->rank], &layout);
    struct wsp_reduction *r = err == MPI_SUCCESS ? make(a, comm, starts, &layout) : NULL;
    if (!r) {
        free(starts);
        return wsp_schedule_refuse(comm, err == MPI_SUCCESS ? MPI_ERR_NO_MEM : err);
    }
    if (request)
        r->s.err = wsp_schedule_keep_type(&r->s, a->type);
    return wsp_schedule_run(&r->s, request);
}

static int start_uneven(const struct arguments *a, MPI_Comm handle, MPI_Request *request)
{
    return a->counts ? start(a, handle, request)
                     : wsp_schedule_refuse(wsp_comm_of(handle), MPI_ERR_COUNT);
}

int wide_Reduce_scatter(const void *sendbuf, void *recvbuf, const int recvcounts[],
                        MPI_Datatype datatype, MPI_Op op, MPI_Comm comm)
{
    return start_uneven(&(struct arguments){sendbuf, recvbuf, recvcounts, 0, datatype, op}, comm,
                        NULL);
}

int wide_Ireduce_scatter(const void *sendbuf, void *recvbuf, const int recvcounts[],
                         MPI_Datatype datatype, MPI_Op op, MPI_Comm comm, MPI_Request *request)
{
    return start_uneven(&(struct arguments){sendbuf, recvbuf, recvcounts, 0, datatype, op}, comm,
                        request);
}

int wide_Reduce_scatter_block(const void *sendbuf, void *recvbuf, int recvcount,
                              MPI_Datatype datatype, MPI_Op op, MPI_Comm comm)
{
    return start(&(struct arguments){sendbuf, recvbuf, NULL, recvcount, datatype, op}, comm, NULL);
}

int wide_Ireduce_scatter_block(const void *sendbuf, void *recvbuf, int recvcount,
                               MPI_Datatype datatype, MPI_Op op, MPI_Comm comm,
                               MPI_Request *request)
{
    return start(&(struct arguments){sendbuf, recvbuf, NULL, recvcount, datatype, op}, comm,
                 request);
}
