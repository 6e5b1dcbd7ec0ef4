/* SPDX-License-Identifier: BSD-3-Clause */
/* A removed watch is freed at the end of the next dispatch: until then the events of a wait that
 * is under way in another thread may still point to it. */
#include "net/loop.h"

#include "base/clock.h"
#include "base/list.h"
#include "net/timers.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EVENTS_AT_ONCE 64

struct wsp_watch {
    struct wsp_loop *loop;
    int fd; /* -1: removed */
    unsigned events;
    wsp_watch_fn fn;
    void *user;
    struct wsp_node node; /* in loop->watches or loop->removed */
};

/* Owner: who opened it; its lock guards all but wake_fd, and events between wait and dispatch,
 * which belong to the one thread that runs the loop. */
struct wsp_loop {
    int epoll_fd, wake_fd;
    struct epoll_event events[EVENTS_AT_ONCE];
    int n_events;
    struct wsp_list watches, removed;
    struct wsp_timers timers;
};

static wsp_err add_wake(struct wsp_loop *loop)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &event) != 0)
        return wsp_err_of_errno(errno);
    return WSP_OK;
}

wsp_err wsp_loop_open(struct wsp_loop **out)
{
    struct wsp_loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return WSP_ERR_NO_MEMORY;
    wsp_list_init(&loop->watches);
    wsp_list_init(&loop->removed);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    wsp_err err = loop->epoll_fd < 0 ? wsp_err_of_errno(errno) : WSP_OK;
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!err && loop->wake_fd < 0)
        err = wsp_err_of_errno(errno);
    if (!err)
        err = add_wake(loop);
    if (err)
        wsp_loop_close(&loop);
    else
        *out = loop;
    return err;
}

static void free_all(struct wsp_list *watches)
{
    for (struct wsp_node *node; (node = wsp_list_pop_front(watches));)
        free(WSP_CONTAINER(node, struct wsp_watch, node));
}

void wsp_loop_close(struct wsp_loop **at)
{
    struct wsp_loop *loop = *at;
    *at = NULL;
    if (!loop)
        return;
    free_all(&loop->watches);
    free_all(&loop->removed);
    wsp_timers_fini(&loop->timers);
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    free(loop);
}

void wsp_loop_abandon(struct wsp_loop *loop)
{
    close(loop->wake_fd);
    close(loop->epoll_fd);
    loop->wake_fd = loop->epoll_fd = -1;
}

static uint32_t epoll_bits(unsigned events)
{
    return (events & WSP_READABLE ? EPOLLIN : 0) | (events & WSP_WRITABLE ? EPOLLOUT : 0);
}

wsp_err wsp_loop_watch(struct wsp_loop *loop, int fd, unsigned events, wsp_watch_fn fn, void *user,
                       struct wsp_watch **out)
{
    struct wsp_watch *watch = malloc(sizeof *watch);
    if (!watch)
        return WSP_ERR_NO_MEMORY;
    *watch = (struct wsp_watch){.loop = loop, .fd = fd, .events = events, .fn = fn, .user = user};
    struct epoll_event event = {.events = epoll_bits(events), .data.ptr = watch};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        wsp_err err = wsp_err_of_errno(errno);
        free(watch);
        return err;
    }
    wsp_list_push_back(&loop->watches, &watch->node);
    *out = watch;
    return WSP_OK;
}

void wsp_watch_set(struct wsp_watch *watch, unsigned events)
{
    if (watch->events == events)
        return;
    watch->events = events;
    struct epoll_event event = {.events = epoll_bits(events), .data.ptr = watch};
    epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event);
}

void wsp_watch_remove(struct wsp_watch **at)
{
    struct wsp_watch *watch = *at;
    *at = NULL;
    if (!watch)
        return;
    epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    watch->fd = -1;
    wsp_node_remove(&watch->node);
    wsp_list_push_back(&watch->loop->removed, &watch->node);
}

wsp_err wsp_timer_set(struct wsp_loop *loop, struct wsp_timer *timer, uint64_t at_ns)
{
    return wsp_timers_set(&loop->timers, timer, at_ns);
}

void wsp_timer_stop(struct wsp_loop *loop, struct wsp_timer *timer)
{
    wsp_timers_stop(&loop->timers, timer);
}

uint64_t wsp_loop_deadline(const struct wsp_loop *loop)
{
    return wsp_timers_deadline(&loop->timers);
}

/* Rounded up: a wait that ends just before a timer is due would spin. */
static int timeout_ms(uint64_t timeout_ns)
{
    if (timeout_ns == WSP_TIME_NEVER)
        return -1;
    uint64_t ms = timeout_ns / WSP_NS_PER_MS + (timeout_ns % WSP_NS_PER_MS != 0);
    return ms > 3600000 ? 3600000 : (int)ms;
}

/* epoll_wait counts in milliseconds. */
static bool is_ready_within(const struct wsp_loop *loop, uint64_t timeout_ns)
{
    struct pollfd poll_fd = {.fd = loop->epoll_fd, .events = POLLIN};
    struct timespec timeout = {.tv_nsec = (long)timeout_ns};
    return ppoll(&poll_fd, 1, &timeout, NULL) > 0;
}

int wsp_loop_wait(struct wsp_loop *loop, uint64_t timeout_ns)
{
    if (timeout_ns > 0 && timeout_ns < WSP_NS_PER_MS) {
        if (!is_ready_within(loop, timeout_ns))
            return loop->n_events = 0;
        timeout_ns = 0;
    }
    int n = epoll_wait(loop->epoll_fd, loop->events, EVENTS_AT_ONCE, timeout_ms(timeout_ns));
    loop->n_events = n < 0 ? 0 : n;
    return loop->n_events;
}

static void drain_wake(struct wsp_loop *loop)
{
    uint64_t count;
    ssize_t n = read(loop->wake_fd, &count, sizeof count);
    (void)n; /* empty already: another dispatch was first */
}

static unsigned events_of(uint32_t bits, unsigned watched)
{
    if (bits & (EPOLLERR | EPOLLHUP))
        return watched;
    return (bits & EPOLLIN ? WSP_READABLE : 0) | (bits & EPOLLOUT ? WSP_WRITABLE : 0);
}

void wsp_loop_dispatch(struct wsp_loop *loop)
{
    int n_events = loop->n_events;
    loop->n_events = 0;
    for (int i = 0; i < n_events; i++) {
        struct wsp_watch *watch = loop->events[i].data.ptr;
        if (!watch)
            drain_wake(loop);
        else if (watch->fd >= 0)
            watch->fn(watch->user, events_of(loop->events[i].events, watch->events));
    }
    if (wsp_timers_deadline(&loop->timers) != WSP_TIME_NEVER)
        wsp_timers_run(&loop->timers, wsp_clock_now_ns());
    free_all(&loop->removed);
}

void wsp_loop_wake(struct wsp_loop *loop)
{
    uint64_t one = 1;
    ssize_t n = write(loop->wake_fd, &one, sizeof one);
    (void)n; /* full: it is readable, which is all that is wanted */
}

int wsp_loop_fd(const struct wsp_loop *loop)
{
    return loop->epoll_fd;
}
