/* SPDX-License-Identifier: BSD-3-Clause */
#include "coll/schedule.h"

#include "base/clock.h"
#include "coll/coll.h"
#include "host/error.h"
#include "host/host.h"
#include "request/progress.h"
#include "type/type.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define LINGER_NS (500 * WSP_NS_PER_US)

atomic_int wsp_coll_n_running;

/* In the order of calls. Recursive: an error handler of the program may start a collective. */
static struct wsp_list running = {{&running.head, &running.head}};
static pthread_mutex_t running_mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static bool is_progressing;  /* under the lock */
static atomic_int n_ordered; /* listed ones that are exclusive, or have not begun */

static uint32_t draw_tag(struct wsp_comm *comm)
{
    return comm->coll_sequence++ % WSP_TAG_TALK;
}

void *wsp_schedule_new(size_t size, struct wsp_comm *comm, const struct wsp_step *steps,
                       void (*close)(struct wsp_schedule *schedule))
{
    struct wsp_schedule *s = calloc(1, size);
    if (!s)
        return NULL;
    wsp_node_init(&s->node);
    s->comm = wsp_comm_hold(comm);
    atomic_fetch_add(&comm->n_handle_users, 1);
    s->tag = draw_tag(comm);
    s->steps = steps;
    s->function = wsp_function;
    s->close = close;
    s->home = s->home_few;
    s->home_capacity = (int)(sizeof s->home_few / sizeof *s->home_few);
    return s;
}

int wsp_schedule_refuse(struct wsp_comm *comm, int err)
{
    draw_tag(comm);
    return wsp_raise(comm->handle, err);
}

MPI_Request *wsp_schedule_slot(struct wsp_schedule *s)
{
    if (s->n_home == s->home_capacity) {
        int capacity = 4 * s->home_capacity;
        MPI_Request *bigger = malloc((size_t)capacity * sizeof *bigger);
        if (!bigger)
            return NULL;
        memcpy(bigger, s->home, (size_t)s->n_home * sizeof *bigger);
        if (s->home != s->home_few)
            free(s->home);
        s->home = bigger;
        s->home_capacity = capacity;
    }
    s->home[s->n_home] = MPI_REQUEST_NULL;
    return &s->home[s->n_home++];
}

int wsp_schedule_take_type(struct wsp_schedule *s, MPI_Datatype type)
{
    MPI_Datatype *held = realloc(s->held, (size_t)(s->n_held + 1) * sizeof *held);
    if (!held) {
        host.Type_free(&type);
        return MPI_ERR_NO_MEM;
    }
    s->held = held;
    s->held[s->n_held++] = type;
    return MPI_SUCCESS;
}

/* What is made out of a type keeps it alive. */
int wsp_schedule_keep_type(struct wsp_schedule *s, MPI_Datatype type)
{
    MPI_Datatype held;
    int err = wsp_type_hold(type, &held);
    return err == MPI_SUCCESS && held != MPI_DATATYPE_NULL ? wsp_schedule_take_type(s, held) : err;
}

void *wsp_schedule_copy(struct wsp_schedule *s, const void *bytes, size_t length)
{
    void *copy = malloc(length ? length : 1);
    if (copy && length)
        memcpy(copy, bytes, length);
    s->memory[s->memory[0] != NULL] = copy;
    return copy;
}

int wsp_schedule_open_exchange(struct wsp_schedule *s, int n_max)
{
    int err = wsp_exchange_open(&s->exchange, s->comm, s->tag, n_max);
    s->has_exchange = err == MPI_SUCCESS;
    return err;
}

static void let_go_of(struct wsp_comm *comm)
{
    atomic_fetch_sub(&comm->n_handle_users, 1);
    wsp_comm_release(comm);
}

void wsp_schedule_send(struct wsp_schedule *s, int dest, const void *bytes, uint64_t length)
{
    if (s->err == MPI_SUCCESS)
        wsp_exchange_send(&s->exchange, dest, bytes, length);
    else
        wsp_exchange_send_error(&s->exchange, dest, s->err);
}

void wsp_schedule_receive(struct wsp_schedule *s, int source, void *bytes, uint64_t length)
{
    if (s->err == MPI_SUCCESS)
        wsp_exchange_receive(&s->exchange, source, bytes, length);
    else
        wsp_exchange_let_go(&s->exchange, source);
}

static void note_error(struct wsp_schedule *s, int err)
{
    if (s->err == MPI_SUCCESS)
        s->err = err;
}

/* Frees all but what a waiting call still looks at. */
static void release(struct wsp_schedule *s)
{
    if (s->close)
        s->close(s);
    for (int i = 0; i < s->n_held; i++)
        host.Type_free(&s->held[i]);
    free(s->held);
    for (size_t i = 0; i < sizeof s->memory / sizeof *s->memory; i++)
        free(s->memory[i]);
    if (s->home != s->home_few)
        free(s->home);
}

static bool home_is_over(struct wsp_schedule *s)
{
    for (int i = 0; i < s->n_home; i++) {
        int is_done = 1;
        if (s->home[i] != MPI_REQUEST_NULL)
            note_error(s, host.Test(&s->home[i], &is_done, MPI_STATUS_IGNORE));
        if (!is_done)
            return false;
    }
    s->n_home = 0;
    return true;
}

static bool wide_is_over(struct wsp_schedule *s)
{
    if (!s->has_exchange || s->defers_exchange)
        return true;
    if (s->awaits_arrivals)
        return wsp_exchange_has_arrived(&s->exchange);
    if (!wsp_exchange_is_over(&s->exchange))
        return false;
    note_error(s, wsp_exchange_close(&s->exchange));
    s->has_exchange = false;
    return true;
}

bool wsp_schedule_has_turn(const struct wsp_schedule *s)
{
    bool is_ours = true;
    pthread_mutex_lock(&running_mutex);
    WSP_LIST_EACH(node, &running)
    {
        const struct wsp_schedule *other = WSP_CONTAINER(node, struct wsp_schedule, node);
        if (other == s)
            break;
        is_ours = is_ours && (other->comm != s->comm || other->has_passed);
    }
    pthread_mutex_unlock(&running_mutex);
    return is_ours;
}

/* True if no collective called before `s` (NULL: before now) has the handle's for itself, or waits
 * for one that has. */
static bool is_free(MPI_Comm handle, const struct wsp_schedule *s)
{
    bool is_free = true;
    if (atomic_load_explicit(&n_ordered, memory_order_relaxed) == 0)
        return true;
    pthread_mutex_lock(&running_mutex);
    WSP_LIST_EACH(node, &running)
    {
        const struct wsp_schedule *other = WSP_CONTAINER(node, struct wsp_schedule, node);
        if (other == s)
            break;
        bool is_in_way = !other->has_begun || (other->is_exclusive && !other->has_passed);
        is_free = is_free && (other->comm->handle != handle || !is_in_way);
    }
    pthread_mutex_unlock(&running_mutex);
    return is_free;
}

bool wsp_coll_is_held_up(MPI_Comm handle)
{
    return !is_free(handle, NULL);
}

void wsp_coll_await_idup(MPI_Comm handle)
{
    struct wsp_pause pause = {0};
    while (wsp_coll_is_held_up(handle))
        wsp_progress(&pause);
}

static void begin(struct wsp_schedule *s)
{
    if (!s->has_begun && !s->is_exclusive && atomic_load(&s->is_listed))
        atomic_fetch_sub(&n_ordered, 1);
    s->has_begun = true;
}

/* Runs steps as far as they go; true if anything was done. */
static bool run_steps(struct wsp_schedule *s)
{
    bool is_news = false;
    while (home_is_over(s) && wide_is_over(s)) {
        note_error(s, s->agreed);
        s->agreed = MPI_SUCCESS;
        if (!s->steps->run) {
            s->defers_exchange = s->awaits_arrivals = false;
            if (!wide_is_over(s))
                return is_news;
            atomic_store_explicit(&s->is_over, true, memory_order_relaxed);
            return true;
        }
        if (s->steps->at_turn && !wsp_schedule_has_turn(s))
            return is_news;
        if (!s->has_begun && !is_free(s->comm->handle, s))
            return is_news;
        const struct wsp_step *step = s->steps++;
        begin(s);
        s->has_passed = s->has_passed || (step->at_turn && !s->is_exclusive);
        s->defers_exchange = s->awaits_arrivals = false;
        int err = step->run(s);
        if (err == MPI_ERR_NO_MEM && !s->is_raised && !s->tells_errors)
            wsp_job_abort(1, "out of memory in a collective; other ranks would wait for this one");
        note_error(s, err);
        is_news = true;
    }
    return is_news;
}

/* The same; what it sends and posts counts for the collective. */
static bool advance(struct wsp_schedule *s)
{
    enum wsp_function before = wsp_count_switch(s->function);
    bool is_news = run_steps(s);
    wsp_count_switch(before);
    return is_news;
}

/* The end of one that hangs on a request: the request may be gone as soon as its op is done. */
static void hand_to_request(struct wsp_schedule *s)
{
    struct wsp_comm *comm = s->comm;
    struct wsp_request *request = s->request;
    request->coll_code = s->err;
    request->is_coll_raised = s->is_raised;
    release(s);
    free(s);
    atomic_store_explicit(&request->op.done, true, memory_order_release);
    let_go_of(comm);
}

bool wsp_coll_progress(void)
{
    bool is_news = false;
    if (atomic_load_explicit(&wsp_coll_n_running, memory_order_relaxed) == 0 ||
        pthread_mutex_trylock(&running_mutex) != 0)
        return false;
    bool is_outermost = !is_progressing;
    is_progressing = true;
    struct wsp_node *next;
    for (struct wsp_node *node = running.head.next; is_outermost && node != &running.head;
         node = next) {
        struct wsp_schedule *s = WSP_CONTAINER(node, struct wsp_schedule, node);
        is_news = advance(s) || is_news;
        next = node->next;
        if (!atomic_load_explicit(&s->is_over, memory_order_relaxed))
            continue;
        wsp_node_remove(node);
        atomic_fetch_sub(&wsp_coll_n_running, 1);
        if (s->is_exclusive)
            atomic_fetch_sub(&n_ordered, 1);
        if (s->request)
            hand_to_request(s);
        else
            atomic_store_explicit(&s->is_listed, false, memory_order_release);
    }
    is_progressing = is_progressing && !is_outermost;
    pthread_mutex_unlock(&running_mutex);
    return is_news;
}

static void list(struct wsp_schedule *s)
{
    pthread_mutex_lock(&running_mutex);
    atomic_store_explicit(&s->is_listed, true, memory_order_relaxed);
    wsp_list_push_back(&running, &s->node);
    if (s->is_exclusive || !s->has_begun)
        atomic_fetch_add(&n_ordered, 1);
    atomic_fetch_add(&wsp_coll_n_running, 1);
    pthread_mutex_unlock(&running_mutex);
}

/* A blocking call: drives to the end. */
static int drive(struct wsp_schedule *s)
{
    struct wsp_comm *comm = s->comm;
    struct wsp_pause pause = {0};
    if (!atomic_load(&s->is_over))
        list(s);
    while (atomic_load_explicit(&s->is_listed, memory_order_acquire))
        wsp_progress(&pause);
    int err = s->err;
    bool is_raised = s->is_raised || s->is_quiet;
    release(s);
    free(s);
    if (err != MPI_SUCCESS && !is_raised)
        wsp_raise(comm->handle, err);
    let_go_of(comm);
    return err;
}

/* A call that returns: what it started goes on with the request. */
static int hang_on_request(struct wsp_schedule *s, struct wsp_request *request, MPI_Request *handle)
{
    s->request = request;
    *handle = request->handle;
    if (!atomic_load(&s->is_over)) {
        list(s);
        return MPI_SUCCESS;
    }
    int err = s->err;
    if (err != MPI_SUCCESS) {
        /* Wrong from the start: the call itself fails, and there is no request. */
        *handle = MPI_REQUEST_NULL;
        s->request = NULL;
        wsp_request_delete(request);
        return drive(s);
    }
    hand_to_request(s);
    return MPI_SUCCESS;
}

/* What is wide goes on while the program computes, but begins only behind the first home phase,
 * which needs calls of the program. The other ranks are mostly about to enter, too: it is worth a
 * moment to have that phase over. */
static void linger(struct wsp_schedule *s, const struct wsp_step *first)
{
    struct wsp_pause pause = {0};
    uint64_t until_ns = wsp_clock_now_ns() + LINGER_NS;
    while (s->n_home > 0 && s->steps == first + 1 && wsp_clock_now_ns() < until_ns) {
        wsp_progress(&pause);
        advance(s);
    }
}

int wsp_schedule_run(struct wsp_schedule *s, MPI_Request *handle)
{
    struct wsp_request *request = NULL;
    if (handle) {
        request = wsp_request_new(WSP_REQUEST_COLL, s->comm, MPI_REQUEST_NULL);
        if (!request) {
            s->err = MPI_ERR_NO_MEM;
            atomic_store(&s->is_over, true);
            return drive(s);
        }
    }
    const struct wsp_step *first = s->steps;
    advance(s);
    if (!request)
        return drive(s);
    linger(s, first);
    return hang_on_request(s, request, handle);
}
