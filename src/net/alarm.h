/* SPDX-License-Identifier: BSD-3-Clause */
/* A clock that rings to the microsecond: a descriptor that is readable from a given time on, for
 * what the loop's own timers, which wait in milliseconds, are too coarse for. */
#ifndef WSP_NET_ALARM_H
#define WSP_NET_ALARM_H

#include "base/err.h"

#include <stdint.h>

/* fd is the caller's to close. */
wsp_err wsp_alarm_open(int *fd) WSP_MUST_USE;

/* Sets it anew, which also silences it; WSP_TIME_NEVER: it does not ring. */
void wsp_alarm_set(int fd, uint64_t at_ns);

#endif
