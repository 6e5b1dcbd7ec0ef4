/* SPDX-License-Identifier: BSD-3-Clause */
/* The signals that end a job, read from a descriptor on the owner's loop. */
#ifndef WSP_TOOLS_SIGNALS_H
#define WSP_TOOLS_SIGNALS_H

#include "net/loop.h"

#include <stdbool.h>

struct wsp_signals {
    int fd; /* -1: not open */
    struct wsp_watch *watch;
};

/* Blocks SIGINT, SIGTERM and SIGHUP, and SIGCHLD if with_children, and has `fn` called when some
 * have come. One that whoever started us has us ignore, as nohup(1) does with SIGHUP, stays
 * ignored, but for SIGCHLD: where that is, nothing is told of children. */
wsp_err wsp_signals_open(struct wsp_signals *signals, struct wsp_loop *loop, bool with_children,
                         wsp_watch_fn fn, void *user) WSP_MUST_USE;

/* Takes the next that has come; false if there is none. */
bool wsp_signals_take(const struct wsp_signals *signals, int *number);

/* Good for what was never opened, if it was set to {.fd = -1}. */
void wsp_signals_close(struct wsp_signals *signals);

#endif
