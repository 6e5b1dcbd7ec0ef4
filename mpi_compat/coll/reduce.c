/* SPDX-License-Identifier: BSD-3-Clause */
/* Each site reduces at home to its collector (its leader, or the root itself); the collectors send
 * their parts to each other (Allreduce) or to the root (Reduce), and whoever has all parts combines
 * them in the order of sites: everywhere the same bits. Operations are the host's to call. */
#include "coll/reduce.h"

#include "coll/exchange.h"
#include "coll/phase.h"
#include "host/error.h"
#include "host/host.h"
#include "wide.h"

#include <stdlib.h>

static void close_parts(struct wsp_operand *parts, int n)
{
    for (int p = 0; parts && p < n; p++)
        wsp_operand_close(&parts[p]);
    free(parts);
}

/* Room for every site's part. The last is recvbuf itself: there the combination ends. */
static int open_parts(const struct wsp_reduction *r, struct wsp_operand **parts)
{
    int n = r->comm->n_parts, err = MPI_SUCCESS;
    *parts = calloc((size_t)n, sizeof **parts);
    if (!*parts)
        return MPI_ERR_NO_MEM;
    for (int p = 0; err == MPI_SUCCESS && p < n - 1; p++)
        err = wsp_operand_make(&(*parts)[p], r->count, r->type);
    if (err == MPI_SUCCESS)
        err = wsp_operand_open(&(*parts)[n - 1], r->recvbuf, r->count, r->type);
    return err;
}

static int reduce_at_home(const struct wsp_reduction *r, void *result)
{
    const void *operand = wsp_reduction_operand(r);
    if (result == operand && wsp_reduction_is_collector(r))
        operand = MPI_IN_PLACE;
    return wsp_phase_reduce(r->comm, operand, result, r->count, r->type, r->n_bytes, r->op,
                            r->home_root);
}

/* Has all parts but this site's own brought here, and sends that to whom it is for. */
static int exchange_parts(const struct wsp_reduction *r, struct wsp_operand *parts)
{
    const struct wsp_comm *comm = r->comm;
    struct wsp_exchange exchange;
    int err = wsp_exchange_open(&exchange, r->comm, r->tag, 2 * comm->n_parts);
    if (err != MPI_SUCCESS)
        return err;
    for (int p = 0; p < comm->n_parts; p++)
        if (p != comm->part)
            wsp_exchange_receive(&exchange, comm->parts[p].ranks[0], parts[p].wire, r->n_bytes);
    for (int p = 0; r->root < 0 && p < comm->n_parts; p++)
        if (p != comm->part)
            wsp_exchange_send(&exchange, comm->parts[p].ranks[0], parts[comm->part].wire,
                              r->n_bytes);
    err = wsp_exchange_finish(&exchange);
    for (int p = 0; err == MPI_SUCCESS && p < comm->n_parts; p++)
        if (p != comm->part)
            err = wsp_operand_unpack(&parts[p], r->count, r->type);
    return err;
}

static int combine_parts(const struct wsp_reduction *r, struct wsp_operand *parts)
{
    int err = MPI_SUCCESS;
    for (int p = 1; err == MPI_SUCCESS && p < r->comm->n_parts; p++)
        err = host.Reduce_local(parts[p - 1].base, parts[p].base, r->count, r->type, r->op);
    return err;
}

static int collect_all(const struct wsp_reduction *r, bool *is_raised)
{
    struct wsp_operand *parts;
    int err = open_parts(r, &parts);
    if (err == MPI_SUCCESS) {
        err = reduce_at_home(r, parts[r->comm->part].base);
        *is_raised = err != MPI_SUCCESS;
    }
    if (err == MPI_SUCCESS)
        err = wsp_operand_pack(&parts[r->comm->part], r->count, r->type);
    if (err == MPI_SUCCESS)
        err = exchange_parts(r, parts);
    if (err == MPI_SUCCESS)
        err = combine_parts(r, parts);
    close_parts(parts, r->comm->n_parts);
    return err;
}

static int send_part(const struct wsp_reduction *r, struct wsp_operand *part)
{
    struct wsp_exchange exchange;
    int err = wsp_operand_pack(part, r->count, r->type);
    if (err == MPI_SUCCESS)
        err = wsp_exchange_open(&exchange, r->comm, r->tag, 1);
    if (err != MPI_SUCCESS)
        return err;
    wsp_exchange_send(&exchange, r->root, part->wire, r->n_bytes);
    return wsp_exchange_finish(&exchange);
}

static int collect_and_send(const struct wsp_reduction *r, bool *is_raised)
{
    struct wsp_operand part;
    int err = wsp_operand_make(&part, r->count, r->type);
    if (err == MPI_SUCCESS) {
        err = reduce_at_home(r, part.base);
        *is_raised = err != MPI_SUCCESS;
    }
    if (err == MPI_SUCCESS)
        err = send_part(r, &part);
    wsp_operand_close(&part);
    return err;
}

static int reduce(struct wsp_reduction *r, bool *is_raised)
{
    int commutes = 0;
    int err = host.Op_commutative(r->op, &commutes);
    if (err != MPI_SUCCESS)
        return err;
    r->tag = wsp_coll_draw_tag(r->comm);
    if (!commutes && !wsp_coll_parts_are_runs(r->comm))
        return wsp_reduce_runs(r, is_raised);
    if (wsp_reduction_has_result(r))
        return collect_all(r, is_raised);
    if (wsp_reduction_is_collector(r))
        return collect_and_send(r, is_raised);
    err = reduce_at_home(r, NULL);
    *is_raised = err != MPI_SUCCESS;
    return err;
}

static int check(struct wsp_reduction *r, bool has_recvbuf)
{
    struct wsp_layout layout;
    int err = wsp_coll_check_buffer(wsp_reduction_operand(r), r->count, r->type, &layout);
    if (err == MPI_SUCCESS && has_recvbuf)
        err = wsp_coll_check_buffer(r->recvbuf, r->count, r->type, &layout);
    if (err == MPI_SUCCESS && r->op == MPI_OP_NULL)
        err = MPI_ERR_OP;
    if (err == MPI_SUCCESS && has_recvbuf && r->count > 0 &&
        (r->recvbuf == MPI_IN_PLACE || r->recvbuf == r->sendbuf))
        err = MPI_ERR_BUFFER;
    r->n_bytes = err == MPI_SUCCESS ? layout.size * (uint64_t)r->count : 0;
    return err;
}

int wide_Reduce(const void *sendbuf, void *recvbuf, int count, MPI_Datatype datatype, MPI_Op op,
                int root, MPI_Comm handle)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    struct wsp_reduction r = {.comm = comm, .sendbuf = sendbuf, .recvbuf = recvbuf};
    r.count = count;
    r.type = datatype;
    r.op = op;
    r.root = root;
    bool is_raised = false;
    int err = wsp_coll_check_root(comm, root);
    if (err == MPI_SUCCESS && sendbuf == MPI_IN_PLACE && comm->rank != root)
        err = MPI_ERR_ARG;
    if (err == MPI_SUCCESS)
        err = check(&r, comm->rank == root);
    if (err == MPI_SUCCESS && r.n_bytes > 0) {
        r.home_root = comm->home[root] >= 0 ? comm->home[root] : 0;
        err = reduce(&r, &is_raised);
    }
    return err == MPI_SUCCESS || is_raised ? err : wsp_raise(handle, err);
}

int wide_Allreduce(const void *sendbuf, void *recvbuf, int count, MPI_Datatype datatype, MPI_Op op,
                   MPI_Comm handle)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    struct wsp_reduction r = {.comm = comm, .sendbuf = sendbuf, .recvbuf = recvbuf};
    r.count = count;
    r.type = datatype;
    r.op = op;
    r.root = -1;
    bool is_raised = false;
    int err = check(&r, true);
    if (err == MPI_SUCCESS && r.n_bytes > 0) {
        err = reduce(&r, &is_raised);
        if (!is_raised) /* else every rank has the same argument wrong */
            err = wsp_phase_bcast(comm, 0, err, recvbuf, count, datatype, r.n_bytes);
    }
    return err == MPI_SUCCESS || is_raised ? err : wsp_raise(handle, err);
}
