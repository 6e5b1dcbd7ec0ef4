/* SPDX-License-Identifier: BSD-3-Clause */
/* Event loop: descriptors (epoll), timers and a wake-up that any thread may give. One thread at a
 * time runs it; the owner's lock guards everything but wsp_loop_wake. */
#ifndef WSP_NET_LOOP_H
#define WSP_NET_LOOP_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct wsp_loop;
struct wsp_watch;

enum wsp_event { WSP_READABLE = 1, WSP_WRITABLE = 2 };

/* events: those of enum wsp_event that hold; an error or hang-up reports all that are watched. */
typedef void (*wsp_watch_fn)(void *user, unsigned events);
typedef void (*wsp_timer_fn)(void *user, uint64_t now_ns);

/* A one-shot timer, embedded in its owner. */
struct wsp_timer {
    uint64_t at_ns;
    wsp_timer_fn fn;
    void *user;
    unsigned heap_index; /* 0: not running */
};

wsp_err wsp_loop_open(struct wsp_loop **loop) WSP_MUST_USE;
void wsp_loop_close(struct wsp_loop **loop);

/* In a forked child: closes the descriptors without a change to the set, which the parent shares.
 * Nothing else may be called on the loop afterwards. */
void wsp_loop_abandon(struct wsp_loop *loop);

/* Watches fd, which stays the caller's; level-triggered. A watch may be removed from within any
 * callback; its function is not called afterwards. */
wsp_err wsp_loop_watch(struct wsp_loop *loop, int fd, unsigned events, wsp_watch_fn fn, void *user,
                       struct wsp_watch **watch) WSP_MUST_USE;
void wsp_watch_set(struct wsp_watch *watch, unsigned events);
void wsp_watch_remove(struct wsp_watch **watch);

/* Starts, moves or stops a timer. */
wsp_err wsp_timer_set(struct wsp_loop *loop, struct wsp_timer *timer, uint64_t at_ns) WSP_MUST_USE;
void wsp_timer_stop(struct wsp_loop *loop, struct wsp_timer *timer);

/* Waits for events up to timeout_ns (WSP_TIME_NEVER: no limit), not holding the owner's lock,
 * then runs their callbacks and those of due timers. The two halves are apart so that the owner
 * can take its lock between them. wsp_loop_wait returns how many are ready (0 at the timeout). */
int wsp_loop_wait(struct wsp_loop *loop, uint64_t timeout_ns);
void wsp_loop_dispatch(struct wsp_loop *loop);

/* When the next timer is due, or WSP_TIME_NEVER. */
uint64_t wsp_loop_deadline(const struct wsp_loop *loop);

/* Makes a wsp_loop_wait under way, or the next one, return. Any thread, any time. */
void wsp_loop_wake(struct wsp_loop *loop);

/* A descriptor that is readable while the loop has events; for nesting in another epoll. */
int wsp_loop_fd(const struct wsp_loop *loop);

#endif
