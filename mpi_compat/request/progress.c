/* SPDX-License-Identifier: BSD-3-Clause */
#include "request/progress.h"
#include "base/clock.h"
#include "coll/coll.h"
#include "host/host.h"
#include "request/wildcard.h"

#include <sched.h>

/* Rounds without anything new before the thread yields, and before it sleeps a little in the
 * link's poll. A message from home is seen at the latest when that sleep ends. */
#define N_SPIN   64
#define N_YIELD  2000
#define SLEEP_NS (100 * WSP_NS_PER_US)

static void drive_link(struct wsp_pause *pause)
{
    bool is_news = wsp_link_progress(wsp_job.link, pause->n_idle < N_YIELD ? 0 : SLEEP_NS);
    pause->n_idle = is_news ? 0 : pause->n_idle + 1;
    if (!is_news && pause->n_idle > N_SPIN && pause->n_idle < N_YIELD)
        sched_yield();
}

void wsp_progress(struct wsp_pause *pause)
{
    int is_there;
    wsp_wildcard_settle();
    host.Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, wsp_job.self, &is_there, MPI_STATUS_IGNORE);
    if (wsp_coll_progress())
        pause->n_idle = 0;
    drive_link(pause);
}

void wsp_progress_glance(void)
{
    wsp_wildcard_settle();
    wsp_coll_progress();
}

int wsp_drive_host(MPI_Request *request, MPI_Status *status)
{
    struct wsp_pause pause = {0};
    for (;;) {
        int is_done = 0;
        int code = host.Test(request, &is_done, status);
        if (code || is_done)
            return code;
        wsp_wildcard_settle();
        if (wsp_coll_progress())
            pause.n_idle = 0;
        drive_link(&pause);
    }
}

wsp_err wsp_drive_ops(struct wsp_op *const *ops, int n)
{
    struct wsp_pause pause = {0};
    wsp_err err = WSP_OK;
    for (int i = 0; i < n; i++) {
        while (!atomic_load_explicit(&ops[i]->done, memory_order_acquire))
            wsp_progress(&pause);
        if (!err)
            err = ops[i]->err;
    }
    return err;
}

void wsp_wide_send(const struct wsp_comm *comm, int dest, const struct wsp_envelope *envelope,
                   const void *data, unsigned flags, struct wsp_op *op)
{
    wsp_count_sent(envelope->length);
    wsp_link_lock(wsp_job.link);
    wsp_link_send(wsp_job.link, comm->world[dest], envelope, data, flags, op);
    wsp_link_unlock(wsp_job.link);
}

void wsp_internal_send(struct wsp_comm *comm, int dest, uint32_t tag, const void *data,
                       uint64_t length, unsigned flags, struct wsp_op *op)
{
    struct wsp_envelope envelope = {.context = comm->context | WSP_CONTEXT_COLL,
                                    .source = comm->rank,
                                    .tag = (int32_t)(tag & INT32_MAX),
                                    .length = length};
    *op = (struct wsp_op){0};
    wsp_wide_send(comm, dest, &envelope, data, flags, op);
}

void wsp_internal_send_error(struct wsp_comm *comm, int dest, uint32_t tag, int code,
                             struct wsp_op *op)
{
    uint32_t why = code == MPI_ERR_NO_MEM ? WSP_WHY_NO_MEMORY : WSP_WHY_OTHER;
    struct wsp_envelope envelope = {.context = comm->context | WSP_CONTEXT_COLL,
                                    .source = comm->rank,
                                    .tag = (int32_t)(tag & INT32_MAX),
                                    .flags = WSP_ENVELOPE_FAILED | why << WSP_ENVELOPE_WHY_SHIFT};
    *op = (struct wsp_op){0};
    wsp_wide_send(comm, dest, &envelope, NULL, WSP_SEND_CONTROL, op);
}

void wsp_internal_receive(struct wsp_comm *comm, int source, uint32_t tag, void *buffer,
                          uint64_t capacity, struct wsp_posted *posted)
{
    *posted = (struct wsp_posted){.context = comm->context | WSP_CONTEXT_COLL,
                                  .source = source,
                                  .tag = (int32_t)(tag & INT32_MAX),
                                  .world_source = comm->world[source],
                                  .buffer = buffer,
                                  .capacity = capacity};
    wsp_link_lock(wsp_job.link);
    wsp_err err = wsp_match_post(posted);
    wsp_link_unlock(wsp_job.link);
    if (err) {
        posted->op.err = err;
        atomic_store(&posted->op.done, true);
    }
}
