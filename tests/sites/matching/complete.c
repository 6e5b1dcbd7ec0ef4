/* SPDX-License-Identifier: BSD-3-Clause */
/* Completion in the matching test: one array with the requests of home and wide operations,
 * persistent ones and MPI_REQUEST_NULL among them, ended by every function there is. */
#include "run.h"

#include <sched.h>

void pending_add(struct run *run, MPI_Request request, struct pending pending)
{
    if (run->n_pending == MAX_PENDING)
        fail(run, "too many requests");
    run->requests[run->n_pending] = request;
    run->pending[run->n_pending++] = pending;
}

static bool is_open(const struct run *run, int i)
{
    return run->pending[i].receive || run->pending[i].send_box.data;
}

/* The request at i has ended; status may be NULL if nobody needs it. */
static void finish(struct run *run, int i, const MPI_Status *status)
{
    struct pending *pending = &run->pending[i];
    if (!is_open(run, i))
        fail(run, "request %d ended twice", i);
    if (pending->is_persistent)
        MPI_Request_free(&run->requests[i]);
    if (run->requests[i] != MPI_REQUEST_NULL)
        fail(run, "request %d ended and is not MPI_REQUEST_NULL", i);
    if (pending->receive) {
        struct receive *receive = pending->receive;
        receive->is_done = true;
        receive->has_count = status != NULL;
        if (status)
            receive->status = *status;
        receive->status.MPI_SOURCE = status ? status->MPI_SOURCE : receive->source;
        receive->status.MPI_TAG = status ? status->MPI_TAG : receive->tag;
    }
    box_discard(&pending->send_box);
    *pending = (struct pending){0};
}

static int count_open(const struct run *run)
{
    int n = 0;
    for (int i = 0; i < run->n_pending; i++)
        n += is_open(run, i);
    return n;
}

static void finish_listed(struct run *run, int n, const int *indices, const MPI_Status *statuses)
{
    if (n == MPI_UNDEFINED)
        fail(run, "no active request in an array with %d", count_open(run));
    for (int i = 0; i < n; i++)
        finish(run, indices[i], &statuses[i]);
}

static void finish_every(struct run *run, const MPI_Status *statuses)
{
    for (int i = 0; i < run->n_pending; i++)
        if (is_open(run, i))
            finish(run, i, statuses ? &statuses[i] : NULL);
}

static bool needs_status(const struct run *run)
{
    for (int i = 0; i < run->n_pending; i++) {
        const struct receive *r = run->pending[i].receive;
        if (r && (r->source == MPI_ANY_SOURCE || r->tag == MPI_ANY_TAG))
            return true;
    }
    return false;
}

static void wait_each(struct run *run, bool polls)
{
    int n = run->n_pending, first = draw_below(&run->state, n);
    for (int k = 0; k < n; k++) {
        int i = (first + k) % n, flag = !polls;
        MPI_Status status;
        if (!is_open(run, i))
            continue;
        while (!flag) {
            MPI_Request_get_status(run->requests[i], &flag, &status);
            if (!flag)
                sched_yield();
        }
        MPI_Wait(&run->requests[i], &status);
        finish(run, i, &status);
    }
}

/* One call of one function over the whole array. */
static void complete_step(struct run *run, int kind)
{
    int n = run->n_pending, index, n_done, flag = 1, indices[MAX_PENDING];
    MPI_Request *requests = run->requests;
    MPI_Status statuses[MAX_PENDING];
    switch (kind) {
    case 0:
        MPI_Waitall(n, requests, statuses);
        finish_every(run, statuses);
        break;
    case 1:
        MPI_Waitany(n, requests, &index, statuses);
        finish_listed(run, index == MPI_UNDEFINED ? index : 1, &index, statuses);
        break;
    case 2:
        MPI_Waitsome(n, requests, &n_done, indices, statuses);
        finish_listed(run, n_done, indices, statuses);
        break;
    case 3:
        wait_each(run, false);
        break;
    case 4:
        wait_each(run, true);
        break;
    case 5:
        MPI_Testall(n, requests, &flag, statuses);
        if (flag)
            finish_every(run, statuses);
        break;
    case 6:
        MPI_Testany(n, requests, &index, &flag, statuses);
        if (flag)
            finish_listed(run, index == MPI_UNDEFINED ? index : 1, &index, statuses);
        break;
    case 7:
        MPI_Testsome(n, requests, &n_done, indices, statuses);
        finish_listed(run, n_done, indices, statuses);
        flag = n_done > 0;
        break;
    default:
        index = draw_below(&run->state, n);
        flag = 0;
        if (is_open(run, index))
            MPI_Test(&requests[index], &flag, statuses);
        if (flag)
            finish(run, index, statuses);
    }
    if (!flag)
        sched_yield();
}

/* Entries that have ended are swept out once in a while only. */
static void sweep(struct run *run)
{
    int kept = 0;
    for (int i = 0; i < run->n_pending; i++)
        if (is_open(run, i)) {
            run->requests[kept] = run->requests[i];
            run->pending[kept++] = run->pending[i];
        }
    run->n_pending = kept;
}

void complete_all(struct run *run)
{
    if (!needs_status(run) && once_in(&run->state, 3)) {
        MPI_Waitall(run->n_pending, run->requests, MPI_STATUSES_IGNORE);
        finish_every(run, NULL);
    }
    for (int kind = draw_below(&run->state, 9); count_open(run) > 0;) {
        complete_step(run, kind);
        if (once_in(&run->state, 50))
            kind = draw_below(&run->state, 9);
        if (once_in(&run->state, 16))
            sweep(run);
    }
    sweep(run);
}

void complete_by_test(struct run *run)
{
    if (count_open(run) > 0)
        complete_step(run, 5 + draw_below(&run->state, 4));
    if (once_in(&run->state, 8))
        sweep(run);
}
