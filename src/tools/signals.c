/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/signals.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

static bool is_ignored(int number)
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

wsp_err wsp_signals_open(struct wsp_signals *signals, struct wsp_loop *loop, bool with_children,
                         wsp_watch_fn fn, void *user)
{
    static const int enders[] = {SIGINT, SIGTERM, SIGHUP};
    sigset_t set;
    sigemptyset(&set);
    /* The kernel keeps a blocked signal for us even where it is to be ignored. */
    for (size_t i = 0; i < sizeof enders / sizeof *enders; i++)
        if (!is_ignored(enders[i]))
            sigaddset(&set, enders[i]);
    if (with_children) {
        signal(SIGCHLD, SIG_DFL);
        sigaddset(&set, SIGCHLD);
    }
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return wsp_err_of_errno(errno);
    signals->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signals->fd < 0)
        return wsp_err_of_errno(errno);
    return wsp_loop_watch(loop, signals->fd, WSP_READABLE, fn, user, &signals->watch);
}

bool wsp_signals_take(const struct wsp_signals *signals, int *number)
{
    struct signalfd_siginfo info;
    if (read(signals->fd, &info, sizeof info) != (ssize_t)sizeof info)
        return false;
    *number = (int)info.ssi_signo;
    return true;
}

void wsp_signals_close(struct wsp_signals *signals)
{
    wsp_watch_remove(&signals->watch);
    if (signals->fd >= 0)
        close(signals->fd);
    signals->fd = -1;
}
