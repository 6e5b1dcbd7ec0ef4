/* SPDX-License-Identifier: BSD-3-Clause */
/* Reductions that do not commute, over sites whose ranks lie between each other (after a
 * MPI_Comm_split with reversed or alternating keys, say). A host cannot reduce its site's ranks
 * into one value then, but those of each run of consecutive ranks: the collector gathers its
 * operands, combines run by run, and what travels is one value for each run. */
#include "coll/reduce.h"

#include "coll/exchange.h"
#include "coll/phase.h"
#include "host/host.h"

#include <stdlib.h>
#include <string.h>

/* Values as they travel, in the order of ranks: of this site's ranks, of its runs, or of all runs.
 */
struct values {
    int n;
    char *bytes;
};

/* True if a new run begins with this rank. */
static bool begins_run(const struct wsp_comm *comm, const int *part_of, int rank)
{
    return rank == 0 || part_of[rank] != part_of[rank - 1];
}

static int *list_parts(const struct wsp_comm *comm)
{
    int *part_of = calloc((size_t)comm->size, sizeof *part_of);
    for (int p = 0; part_of && p < comm->n_parts; p++)
        for (int i = 0; i < comm->parts[p].n_ranks; i++)
            part_of[comm->parts[p].ranks[i]] = p;
    return part_of;
}

static int count_runs(const struct wsp_comm *comm, const int *part_of, int part)
{
    int n = 0;
    for (int rank = 0; rank < comm->size; rank++)
        n += part_of[rank] == part && begins_run(comm, part_of, rank);
    return n;
}

/* Combines n values that stand behind each other, from left to right, into `to`. */
static int combine(const struct wsp_reduction *r, const char *values, int n, char *to)
{
    struct wsp_operand left, right = {0};
    int err = wsp_operand_make(&left, r->count, r->type);
    if (err == MPI_SUCCESS)
        err = wsp_operand_make(&right, r->count, r->type);
    for (int i = 0; err == MPI_SUCCESS && i < n; i++) {
        struct wsp_operand next = right;
        memcpy(next.wire, values + (uint64_t)i * r->n_bytes, r->n_bytes);
        err = wsp_operand_unpack(&next, r->count, r->type);
        if (err == MPI_SUCCESS && i > 0)
            err = host.Reduce_local(left.base, next.base, r->count, r->type, r->op);
        right = left;
        left = next;
    }
    if (err == MPI_SUCCESS)
        err = wsp_operand_pack(&left, r->count, r->type);
    if (err == MPI_SUCCESS)
        memcpy(to, left.wire, r->n_bytes);
    wsp_operand_close(&left);
    wsp_operand_close(&right);
    return err;
}

/* All home ranks' operands at the collector. */
static int gather_operands(const struct wsp_reduction *r, char *all, bool *is_raised)
{
    struct wsp_operand mine;
    int err = wsp_operand_open(&mine, wsp_reduction_operand(r), r->count, r->type);
    if (err == MPI_SUCCESS)
        err = wsp_operand_pack(&mine, r->count, r->type);
    if (err == MPI_SUCCESS) {
        err = wsp_phase_gather(r->comm, mine.wire, r->n_bytes, all, r->home_root);
        *is_raised = err != MPI_SUCCESS;
    }
    wsp_operand_close(&mine);
    return err;
}

/* One value for each run of this site, where its operands stood. */
static int combine_own_runs(const struct wsp_reduction *r, const int *part_of, char *operands)
{
    const struct wsp_part *here = wsp_comm_here(r->comm);
    int err = MPI_SUCCESS, n_runs = 0;
    for (int i = 0; err == MPI_SUCCESS && i < here->n_ranks;) {
        int n = 1;
        while (i + n < here->n_ranks && !begins_run(r->comm, part_of, here->ranks[i + n]))
            n++;
        err = combine(r, operands + (uint64_t)i * r->n_bytes, n,
                      operands + (uint64_t)n_runs++ * r->n_bytes);
        i += n;
    }
    return err;
}

/* bundles[p] receives the values of the runs of part p; NULL where only this site's are sent. */
static int exchange_runs(const struct wsp_reduction *r, struct values *bundles)
{
    const struct wsp_comm *comm = r->comm;
    const struct values *own = &bundles[comm->part];
    bool has_result = wsp_reduction_has_result(r);
    struct wsp_exchange exchange;
    int err = wsp_exchange_open(&exchange, r->comm, r->tag, 2 * comm->n_parts);
    if (err != MPI_SUCCESS)
        return err;
    for (int p = 0; has_result && p < comm->n_parts; p++)
        if (p != comm->part)
            wsp_exchange_receive(&exchange, comm->parts[p].ranks[0], bundles[p].bytes,
                                 (uint64_t)bundles[p].n * r->n_bytes);
    for (int p = 0; r->root < 0 && p < comm->n_parts; p++)
        if (p != comm->part)
            wsp_exchange_send(&exchange, comm->parts[p].ranks[0], own->bytes,
                              (uint64_t)own->n * r->n_bytes);
    if (r->root >= 0 && !has_result)
        wsp_exchange_send(&exchange, r->root, own->bytes, (uint64_t)own->n * r->n_bytes);
    return wsp_exchange_finish(&exchange);
}

/* Lays the runs of all sites behind each other in the order of ranks, and combines them. */
static int combine_all_runs(const struct wsp_reduction *r, const int *part_of,
                            struct values *bundles, int n_runs)
{
    const struct wsp_comm *comm = r->comm;
    struct wsp_operand result;
    char *in_order = malloc((uint64_t)n_runs * r->n_bytes), *end = in_order;
    int err = wsp_operand_open(&result, r->recvbuf, r->count, r->type);
    if (err == MPI_SUCCESS && !in_order)
        err = MPI_ERR_NO_MEM;
    for (int rank = 0; err == MPI_SUCCESS && rank < comm->size; rank++) {
        struct values *bundle = &bundles[part_of[rank]];
        if (!begins_run(comm, part_of, rank))
            continue;
        memcpy(end, bundle->bytes, r->n_bytes);
        bundle->bytes += r->n_bytes;
        end += r->n_bytes;
    }
    if (err == MPI_SUCCESS)
        err = combine(r, in_order, n_runs, result.wire);
    if (err == MPI_SUCCESS)
        err = wsp_operand_unpack(&result, r->count, r->type);
    wsp_operand_close(&result);
    free(in_order);
    return err;
}

/* Room for the runs of all parts in one piece of memory, the own part's first: there the operands
 * of its ranks are gathered before. */
static char *open_bundles(const struct wsp_reduction *r, const int *part_of, struct values *bundles,
                          int *n_runs)
{
    const struct wsp_comm *comm = r->comm;
    *n_runs = 0;
    for (int p = 0; p < comm->n_parts; p++) {
        bundles[p].n = count_runs(comm, part_of, p);
        *n_runs += bundles[p].n;
    }
    uint64_t n_own = (uint64_t)wsp_comm_here(comm)->n_ranks;
    char *memory = malloc((n_own + (uint64_t)*n_runs) * r->n_bytes);
    char *next = memory ? memory + n_own * r->n_bytes : NULL;
    for (int p = 0; memory && p < comm->n_parts; p++) {
        bundles[p].bytes = p == comm->part ? memory : next;
        next += p == comm->part ? 0 : (uint64_t)bundles[p].n * r->n_bytes;
    }
    return memory;
}

static int collect(const struct wsp_reduction *r, const int *part_of, struct values *bundles,
                   bool *is_raised)
{
    int n_runs;
    char *memory = open_bundles(r, part_of, bundles, &n_runs);
    int err = memory ? gather_operands(r, memory, is_raised) : MPI_ERR_NO_MEM;
    if (err == MPI_SUCCESS)
        err = combine_own_runs(r, part_of, memory);
    if (err == MPI_SUCCESS)
        err = exchange_runs(r, bundles);
    if (err == MPI_SUCCESS && wsp_reduction_has_result(r))
        err = combine_all_runs(r, part_of, bundles, n_runs);
    free(memory);
    return err;
}

int wsp_reduce_runs(struct wsp_reduction *r, bool *is_raised)
{
    if (!wsp_reduction_is_collector(r))
        return gather_operands(r, NULL, is_raised);
    int *part_of = list_parts(r->comm);
    struct values *bundles = calloc((unsigned)r->comm->n_parts, sizeof *bundles);
    int err = part_of && bundles ? collect(r, part_of, bundles, is_raised) : MPI_ERR_NO_MEM;
    free(bundles);
    free(part_of);
    return err;
}
