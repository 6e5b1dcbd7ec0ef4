/* SPDX-License-Identifier: BSD-3-Clause */
/* Who drives the sockets. A round is: look what is ready, run the callbacks; it needs the lock, so
 * there is one driver at a time. Most rounds of a program thread do not ask what is ready: they
 * read from the stream that spoke last, which in a ping-pong is the one that answers. The I/O
 * thread sleeps in an outer epoll that looks at the loop. A program thread that waits does rounds
 * itself; as long as it comes back within a millisecond the I/O thread leaves the loop to it
 * (is_armed false: no wake-up for each message) and only glances at the clock. A program that
 * computes gets its I/O thread back after that millisecond. */
#include "link/link_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/placement.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LEASE_NS     WSP_NS_PER_MS /* a program thread keeps the loop for so long */
#define LEASE_MS     1
#define DRIVEN_MS    4                     /* glances at the clock while a program thread waits */
#define PAUSE_NS     (500 * WSP_NS_PER_MS) /* so late, and we were stopped, not just slow */
#define HOT_TURNS    4                     /* one round of so many looks at all streams */
#define STREAMING_NS WSP_NS_PER_MS         /* after a large payload moved, more is expected */

/* What a thread has seen of a link's happenings, so that none is slept through. */
static _Thread_local struct {
    const struct wsp_link *link;
    uint64_t happened;
} seen __attribute__((tls_model("initial-exec")));

void wsp_driver_tell(struct wsp_link *link)
{
    link->happened++;
    if (link->is_driven)
        wsp_loop_wake(link->loop);
    if (link->n_waiting)
        pthread_cond_broadcast(&link->round_done);
}

void wsp_link_wake(struct wsp_link *link)
{
    wsp_link_lock(link);
    wsp_driver_tell(link);
    wsp_link_unlock(link);
}

/* Whether something happened since this thread last asked. */
static bool look(const struct wsp_link *link)
{
    bool is_news = seen.link != link || seen.happened != link->happened;
    seen.link = link;
    seen.happened = link->happened;
    return is_news;
}

/* The I/O thread has a descriptor of its own for this: a wake-up of the loop would be taken by
 * whichever thread drives it, at worst over and over by the one that gave it. */
static void wake_io_thread(struct wsp_link *link)
{
    uint64_t one = 1;
    link->io_until_ns = 0;
    link->io_woken = true;
    ssize_t n = write(link->io_wake, &one, sizeof one);
    (void)n; /* full: it is readable, which is all that is wanted */
}

void wsp_driver_check_deadline(struct wsp_link *link)
{
    uint64_t deadline = wsp_loop_deadline(link->loop);
    if (link->is_driven && deadline < link->driver_until_ns) {
        link->driver_until_ns = 0;
        wsp_loop_wake(link->loop);
    } else if (!link->is_driven && deadline < link->io_until_ns) {
        wake_io_thread(link);
    }
}

/* A timer that is very late tells that this process did not run: what the others sent meanwhile
 * is in the sockets, and nobody is to be judged before it has been read. */
static void notice_pause(struct wsp_link *link, uint64_t now_ns)
{
    uint64_t deadline = wsp_loop_deadline(link->loop);
    if (deadline == WSP_TIME_NEVER || now_ns < deadline + PAUSE_NS)
        return;
    wsp_debug("driver: did not run for %llu ms",
              (unsigned long long)((now_ns - deadline) / WSP_NS_PER_MS));
    wsp_link_enter(link);
    for (uint32_t i = 0; i < link->n_ranks; i++)
        if (link->peers[i] && link->peers[i]->end && !link->peers[i]->is_lost) {
            wsp_end_resume(link->peers[i]->end, now_ns);
            wsp_peer_touch(link->peers[i]);
        }
    wsp_link_leave(link);
}

static int dispatch(struct wsp_link *link, int n_ready, uint64_t now_ns)
{
    notice_pause(link, now_ns);
    wsp_loop_dispatch(link->loop);
    if (n_ready > 0)
        wsp_driver_tell(link);
    return n_ready;
}

static int round_now(struct wsp_link *link, uint64_t now_ns)
{
    return dispatch(link, wsp_loop_wait(link->loop, 0), now_ns);
}

/* The same, but mostly the stream that spoke last is all that is looked at. */
static int round_hot(struct wsp_link *link, uint64_t now_ns)
{
    bool is_due = wsp_loop_deadline(link->loop) <= now_ns;
    if (!link->hot || is_due || ++link->n_hot_turns % HOT_TURNS == 0)
        return round_now(link, now_ns);
    if (!wsp_stream_try(link->hot))
        return 0;
    wsp_driver_tell(link);
    return 1;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t after(uint64_t now_ns, uint64_t timeout_ns)
{
    return timeout_ns > WSP_TIME_NEVER - now_ns ? WSP_TIME_NEVER : now_ns + timeout_ns;
}

static uint64_t left(uint64_t until_ns, uint64_t now_ns)
{
    if (until_ns == WSP_TIME_NEVER)
        return WSP_TIME_NEVER;
    return until_ns > now_ns ? until_ns - now_ns : 0;
}

/* Waits in the loop without the lock; meanwhile nobody else may touch its events. */
static int round_wait(struct wsp_link *link, uint64_t now_ns, uint64_t timeout_ns)
{
    uint64_t until_ns = earlier(after(now_ns, timeout_ns), wsp_loop_deadline(link->loop));
    link->is_driven = true;
    link->driver_until_ns = until_ns;
    wsp_link_unlock(link);
    int n_ready = wsp_loop_wait(link->loop, left(until_ns, now_ns));
    wsp_link_lock(link);
    link->is_driven = false;
    link->program_ns = wsp_clock_now_ns();
    dispatch(link, n_ready, link->program_ns);
    if (link->n_waiting)
        pthread_cond_broadcast(&link->round_done); /* the loop is free for one of them */
    return n_ready;
}

/* Another thread is in the loop: waits for news, or for the loop. */
static void wait_behind(struct wsp_link *link, uint64_t until_ns)
{
    struct timespec until = {.tv_sec = (time_t)(until_ns / WSP_NS_PER_S),
                             .tv_nsec = (long)(until_ns % WSP_NS_PER_S)};
    link->n_waiting++;
    if (until_ns == WSP_TIME_NEVER)
        pthread_cond_wait(&link->round_done, &link->lock);
    else
        pthread_cond_timedwait(&link->round_done, &link->lock, &until);
    link->n_waiting--;
}

/* Some thread's turn, the lock held; true if anything happened. */
static bool drive(struct wsp_link *link, uint64_t timeout_ns)
{
    uint64_t now_ns = wsp_clock_now_ns();
    if (timeout_ns > 0 && look(link))
        return true;
    if (link->is_driven) {
        if (timeout_ns > 0)
            wait_behind(link, after(now_ns, timeout_ns));
        return look(link);
    }
    link->program_ns = now_ns;
    int n_ready = round_hot(link, now_ns);
    if (n_ready == 0 && timeout_ns > 0 && !look(link))
        n_ready = round_wait(link, now_ns, timeout_ns);
    wsp_driver_check_deadline(link);
    if (n_ready > 0) /* it may have been long: the lease runs from its end */
        link->program_ns = wsp_clock_now_ns();
    return look(link) || n_ready > 0;
}

bool wsp_link_progress(struct wsp_link *link, uint64_t timeout_ns)
{
    wsp_link_lock(link);
    bool is_news = !link->is_inert && drive(link, timeout_ns);
    wsp_link_unlock(link);
    return is_news;
}

bool wsp_link_is_streaming(const struct wsp_link *link)
{
    uint64_t moved_ns = atomic_load_explicit(&link->bulk_ns, memory_order_relaxed);
    return moved_ns && wsp_clock_now_ns() - moved_ns < STREAMING_NS;
}

static void arm(struct wsp_link *link, bool is_armed)
{
    if (link->is_armed == is_armed)
        return;
    struct epoll_event event = {.events = is_armed ? EPOLLIN : 0};
    epoll_ctl(link->outer_epoll, EPOLL_CTL_MOD, wsp_loop_fd(link->loop), &event);
    link->is_armed = is_armed;
}

static int in_ms(uint64_t span_ns)
{
    if (span_ns == WSP_TIME_NEVER)
        return -1;
    uint64_t ms = span_ns / WSP_NS_PER_MS + 1;
    return ms > 60000 ? 60000 : (int)ms;
}

/* What the I/O thread does when it is awake; returns for how long it may sleep. */
static int io_turn(struct wsp_link *link)
{
    uint64_t now_ns = wsp_clock_now_ns();
    link->io_until_ns = 0;
    if (link->is_driven || now_ns - link->program_ns < LEASE_NS) {
        arm(link, false);
        return link->is_driven ? DRIVEN_MS : LEASE_MS;
    }
    arm(link, true);
    round_now(link, now_ns);
    link->io_until_ns = wsp_loop_deadline(link->loop);
    return in_ms(left(link->io_until_ns, now_ns));
}

static void drain_wake(struct wsp_link *link)
{
    uint64_t count;
    if (!link->io_woken)
        return; /* the sockets or the clock ended its sleep */
    link->io_woken = false;
    ssize_t n = read(link->io_wake, &count, sizeof count);
    (void)n;
}

static void *io_main(void *user)
{
    struct wsp_link *link = user;
    struct epoll_event event;
    wsp_placement_apply();
    wsp_link_lock(link);
    while (!link->stop) {
        int timeout_ms = io_turn(link);
        wsp_link_unlock(link);
        epoll_wait(link->outer_epoll, &event, 1, timeout_ms);
        wsp_link_lock(link);
        drain_wake(link);
    }
    wsp_link_unlock(link);
    return NULL;
}

static wsp_err listen_to(struct wsp_link *link, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    if (epoll_ctl(link->outer_epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        return wsp_err_of_errno(errno);
    return WSP_OK;
}

static wsp_err open_outer(struct wsp_link *link)
{
    link->outer_epoll = epoll_create1(EPOLL_CLOEXEC);
    if (link->outer_epoll < 0)
        return wsp_err_of_errno(errno);
    wsp_link_note_descriptor(link, link->outer_epoll);
    link->io_wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (link->io_wake < 0)
        return wsp_err_of_errno(errno);
    wsp_link_note_descriptor(link, link->io_wake);
    wsp_err err = listen_to(link, wsp_loop_fd(link->loop));
    link->is_armed = !err;
    return err ? err : listen_to(link, link->io_wake);
}

wsp_err wsp_driver_start(struct wsp_link *link)
{
    wsp_err err = open_outer(link);
    if (err)
        return err;
    /* Signals are the program's: its handlers must never run in our thread. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&link->io_thread, NULL, io_main, link);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    link->has_io_thread = !failed;
    return wsp_err_of_errno(failed);
}

void wsp_driver_stop(struct wsp_link *link)
{
    wsp_link_lock(link);
    link->stop = true;
    wake_io_thread(link);
    wsp_link_unlock(link);
    if (link->has_io_thread)
        pthread_join(link->io_thread, NULL);
    link->has_io_thread = false;
    if (link->outer_epoll >= 0)
        wsp_link_close_descriptor(link, link->outer_epoll);
    if (link->io_wake >= 0)
        wsp_link_close_descriptor(link, link->io_wake);
    link->outer_epoll = link->io_wake = -1;
}
