/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/alarm.h"

#include "base/clock.h"

#include <errno.h>
#include <sys/timerfd.h>

wsp_err wsp_alarm_open(int *fd)
{
    *fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return *fd < 0 ? wsp_err_of_errno(errno) : WSP_OK;
}

void wsp_alarm_set(int fd, uint64_t at_ns)
{
    struct itimerspec when = {0}; /* all zero: never */
    if (at_ns != WSP_TIME_NEVER) {
        at_ns += at_ns == 0;
        when.it_value = (struct timespec){.tv_sec = (time_t)(at_ns / WSP_NS_PER_S),
                                          .tv_nsec = (long)(at_ns % WSP_NS_PER_S)};
    }
    timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL);
}
