/* SPDX-License-Identifier: BSD-3-Clause */
/* Reductions that do not commute, over sites whose ranks lie between each other (after a
 * MPI_Comm_split with reversed or alternating keys, say). A host cannot reduce its site's ranks
 * into one value then, but those of each run of consecutive ranks: the collector gathers its
 * operands, combines run by run, and what travels is one value for each run. */
#include "coll/reduce.h"

#include <stdlib.h>
#include <string.h>

/* True if a new run begins with this rank. */
static bool begins_run(const struct wsp_reduction *r, int rank)
{
    return rank == 0 || r->part_of[rank] != r->part_of[rank - 1];
}

static int *list_parts(const struct wsp_comm *comm)
{
    int *part_of = calloc((size_t)comm->size, sizeof *part_of);
    for (int p = 0; part_of && p < comm->n_parts; p++)
        for (int i = 0; i < comm->parts[p].n_ranks; i++)
            part_of[comm->parts[p].ranks[i]] = p;
    return part_of;
}

/* Counts the runs of each part; returns the sum. */
static int count_runs(struct wsp_reduction *r)
{
    int n = 0;
    for (int rank = 0; rank < r->s.comm->size; rank++)
        if (begins_run(r, rank)) {
            r->runs[r->part_of[rank]].n++;
            n++;
        }
    return n;
}

/* Room for the runs of all parts in one piece of memory, the own part's first: there the operands
 * of its ranks are gathered before. */
static int open_runs(struct wsp_reduction *r)
{
    const struct wsp_comm *comm = r->s.comm;
    r->part_of = list_parts(comm);
    r->runs = calloc((unsigned)comm->n_parts, sizeof *r->runs);
    if (!r->part_of || !r->runs)
        return MPI_ERR_NO_MEM;
    uint64_t n_runs = (uint64_t)count_runs(r), n_own = (uint64_t)wsp_comm_here(comm)->n_ranks;
    r->run_memory = malloc(n_own * r->n_bytes + n_runs * r->share_bytes);
    if (!r->run_memory)
        return MPI_ERR_NO_MEM;
    char *next = r->run_memory + n_own * r->n_bytes;
    for (int p = 0; p < comm->n_parts; p++) {
        r->runs[p].bytes = p == comm->part ? r->run_memory : next;
        next += p == comm->part ? 0 : (uint64_t)r->runs[p].n * r->share_bytes;
    }
    return MPI_SUCCESS;
}

int wsp_reduce_runs_gather(struct wsp_schedule *s)
{
    struct wsp_reduction *r = (struct wsp_reduction *)s;
    int err = s->err;
    if (err == MPI_SUCCESS && wsp_reduction_is_collector(r))
        err = open_runs(r);
    if (err == MPI_SUCCESS)
        err = wsp_operand_open_packed(&r->mine, wsp_reduction_operand(r), r->count, r->type);
    if (err == MPI_SUCCESS)
        err = wsp_phase_gather(s, r->mine.wire, r->n_bytes, r->run_memory, r->home_root);
    return err;
}

/* One value for each run of this site, where its operands stood. */
static int combine_own_runs(const struct wsp_reduction *r)
{
    const struct wsp_part *here = wsp_comm_here(r->s.comm);
    int err = MPI_SUCCESS, n_runs = 0;
    for (int i = 0; err == MPI_SUCCESS && i < here->n_ranks;) {
        int n = 1;
        while (i + n < here->n_ranks && !begins_run(r, here->ranks[i + n]))
            n++;
        err =
            wsp_operand_combine(r->count, r->type, r->op, r->run_memory + (uint64_t)i * r->n_bytes,
                                n, r->run_memory + (uint64_t)n_runs++ * r->n_bytes);
        i += n;
    }
    return err;
}

static void exchange_runs(struct wsp_reduction *r)
{
    struct wsp_schedule *s = &r->s;
    const struct wsp_comm *comm = s->comm;
    const struct wsp_run_values *own = &r->runs[comm->part];
    const char *bytes;
    for (int p = 0; wsp_reduction_has_result(r) && p < comm->n_parts; p++)
        if (p != comm->part && r->share_bytes > 0)
            wsp_exchange_receive(&s->exchange, comm->parts[p].ranks[0], r->runs[p].bytes,
                                 (uint64_t)r->runs[p].n * r->share_bytes);
    for (int p = 0; r->root < 0 && p < comm->n_parts; p++) {
        uint64_t length = wsp_reduction_share(r, own->bytes, own->n, p, &bytes);
        if (p != comm->part && length > 0)
            wsp_exchange_send(&s->exchange, comm->parts[p].ranks[0], bytes, length);
    }
    if (!wsp_reduction_has_result(r))
        wsp_exchange_send(&s->exchange, r->root, own->bytes, (uint64_t)own->n * r->n_bytes);
}

int wsp_reduce_runs_exchange(struct wsp_schedule *s)
{
    struct wsp_reduction *r = (struct wsp_reduction *)s;
    if (s->err != MPI_SUCCESS || !wsp_reduction_is_collector(r))
        return MPI_SUCCESS;
    const struct wsp_run_values *own = &r->runs[s->comm->part];
    int err = combine_own_runs(r);
    if (err == MPI_SUCCESS && r->starts)
        err = wsp_reduction_cut(r, own->bytes, own->n);
    if (err == MPI_SUCCESS)
        err = wsp_schedule_open_exchange(s, 2 * s->comm->n_parts);
    if (err == MPI_SUCCESS)
        exchange_runs(r);
    return err;
}

/* Lays the runs of all sites behind each other in the order of ranks, and combines them. */
int wsp_reduce_runs_combine(struct wsp_reduction *r, struct wsp_operand *result)
{
    const struct wsp_comm *comm = r->s.comm;
    const struct wsp_run_values *own = &r->runs[comm->part];
    const char **at = calloc((unsigned)comm->n_parts, sizeof *at);
    char *in_order = malloc((uint64_t)comm->size * r->share_bytes + 1);
    int n_runs = 0, err = at && in_order ? MPI_SUCCESS : MPI_ERR_NO_MEM;
    for (int p = 0; err == MPI_SUCCESS && p < comm->n_parts; p++) {
        at[p] = r->runs[p].bytes;
        if (p == comm->part)
            wsp_reduction_share(r, own->bytes, own->n, p, &at[p]);
    }
    for (int rank = 0; err == MPI_SUCCESS && rank < comm->size; rank++) {
        if (!begins_run(r, rank))
            continue;
        const char **from = &at[r->part_of[rank]];
        memcpy(in_order + (uint64_t)n_runs++ * r->share_bytes, *from, r->share_bytes);
        *from += r->share_bytes;
    }
    if (err == MPI_SUCCESS)
        err = wsp_operand_combine(r->share, r->type, r->op, in_order, n_runs, result->wire);
    if (err == MPI_SUCCESS)
        err = wsp_operand_unpack(result);
    free(in_order);
    free(at);
    return err;
}

void wsp_reduce_runs_close(struct wsp_reduction *r)
{
    wsp_operand_close(&r->mine);
    free(r->part_of);
    free(r->runs);
    free(r->run_memory);
}
