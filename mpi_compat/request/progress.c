/* SPDX-License-Identifier: BSD-3-Clause */
#include "request/progress.h"
#include "base/clock.h"
#include "coll/coll.h"
#include "host/host.h"
#include "host/route.h"
#include "request/wildcard.h"

#include <sched.h>

/* A wait looks again and again, then sleeps in the link's poll. Where there are other ranks at
 * home, whose messages may need each look of ours and do not end a sleep, it sleeps for short; it
 * looks long before where it waits for the host itself, or where a collective or a receive from any
 * source is under way, whose halves at home go from look to look, and less where what it waits for
 * is wide: each look may give the processor away. A rank that is alone at its site loses nothing by
 * sleeping soon, and at most for as long as it has waited: each waking of its processor beside the
 * one that carries the messages makes their way longer. */
#define LOOKS_FOR_HOME 2000
#define LOOKS_FOR_WIDE 100
#define SPIN_NS        WSP_NS_PER_MS
#define SLEEP_MIN_NS   (100 * WSP_NS_PER_US)
#define SLEEP_MAX_NS   WSP_NS_PER_MS
#define SLEEP_ALONE_NS (64 * WSP_NS_PER_MS)

/* Looks between two yields. A yield that takes long says that others want this processor: then it
 * is offered after each look, for one of them may be the rank that is to answer. One that takes
 * very long says that they do not give it back; a sleeper is woken at once, so then waits sleep. */
#define LOOKS_MAX     32
#define YIELD_LONG_NS (3 * WSP_NS_PER_US)
#define YIELD_LOST_NS (300 * WSP_NS_PER_US)
#define WAITS_CROWDED 256 /* before it is tried again */

/* A site of one rank hears nothing from home but what it says to itself. */
#define LOOKS_PER_HOME 16

static _Thread_local struct {
    unsigned n_allowed, n_done; /* looks between two yields */
    unsigned n_crowded;         /* looks without news that are to sleep at once */
    unsigned n_for_home;        /* since the host was driven last */
} looks __attribute__((tls_model("initial-exec"))) = {.n_allowed = LOOKS_MAX};

static void give_way(void)
{
    if (++looks.n_done <= looks.n_allowed)
        return;
    looks.n_done = 0;
    uint64_t before_ns = wsp_clock_now_ns();
    sched_yield();
    uint64_t span_ns = wsp_clock_now_ns() - before_ns;
    if (span_ns > YIELD_LOST_NS)
        looks.n_crowded = WAITS_CROWDED;
    if (span_ns > YIELD_LONG_NS)
        looks.n_allowed = 0;
    else if (looks.n_allowed < LOOKS_MAX)
        looks.n_allowed++;
}

static uint64_t within(uint64_t span_ns, uint64_t least_ns, uint64_t most_ns)
{
    return span_ns < least_ns ? least_ns : span_ns > most_ns ? most_ns : span_ns;
}

/* How long a rank that is alone waits for the link; 0: it looks. */
static uint64_t patience_alone_ns(const struct wsp_pause *pause, uint64_t idle_ns)
{
    if (looks.n_crowded > 0)
        looks.n_crowded--;
    else if (idle_ns < SPIN_NS && !wsp_link_is_streaming(wsp_job.link))
        return 0;
    if (pause->hears_host || wsp_job.is_threaded)
        return SLEEP_MAX_NS; /* from the host (a process it spawned), or by another thread to us */
    return within(idle_ns, SLEEP_MAX_NS, SLEEP_ALONE_NS);
}

static unsigned looks_before_sleep(const struct wsp_pause *pause)
{
    return pause->hears_host || wsp_must_drive() ? LOOKS_FOR_HOME : LOOKS_FOR_WIDE;
}

static uint64_t patience_ns(const struct wsp_pause *pause, uint64_t now_ns)
{
    if (pause->n_idle == 0)
        return 0;
    uint64_t idle_ns = now_ns - pause->idle_ns;
    if (wsp_job.home_size == 1)
        return patience_alone_ns(pause, idle_ns);
    if (pause->n_idle < looks_before_sleep(pause) || idle_ns < SPIN_NS)
        return 0;
    return within(idle_ns / 8, SLEEP_MIN_NS, SLEEP_MAX_NS);
}

static void drive_link(struct wsp_pause *pause)
{
    uint64_t now_ns = wsp_clock_now_ns(), wait_ns = patience_ns(pause, now_ns);
    bool is_news = wsp_link_progress(wsp_job.link, wait_ns);
    if (wait_ns > 0)
        looks.n_for_home = LOOKS_PER_HOME;
    if (is_news)
        pause->n_idle = 0;
    else if (pause->n_idle++ == 0)
        pause->idle_ns = now_ns;
    if (!is_news && wait_ns == 0)
        give_way();
}

static void drive_home(void)
{
    int is_there;
    looks.n_for_home = 0;
    host.Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, wsp_job.self, &is_there, MPI_STATUS_IGNORE);
}

void wsp_progress(struct wsp_pause *pause)
{
    wsp_wildcard_settle();
    if (wsp_job.home_size > 1 || ++looks.n_for_home >= LOOKS_PER_HOME)
        drive_home();
    if (wsp_coll_progress())
        pause->n_idle = 0;
    drive_link(pause);
}

void wsp_progress_once(void)
{
    wsp_wildcard_settle();
    drive_home();
    wsp_coll_progress();
    wsp_link_progress(wsp_job.link, 0);
}

void wsp_progress_glance(void)
{
    wsp_wildcard_settle();
    wsp_coll_progress();
}

int wsp_drive_host(MPI_Request *request, MPI_Status *status)
{
    struct wsp_pause pause = {.hears_host = true};
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
