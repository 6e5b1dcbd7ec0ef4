/* SPDX-License-Identifier: BSD-3-Clause */
/* Time, in nanoseconds since an arbitrary start, never going back. */
#ifndef WSP_BASE_CLOCK_H
#define WSP_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define WSP_NS_PER_US  UINT64_C(1000)
#define WSP_NS_PER_MS  UINT64_C(1000000)
#define WSP_NS_PER_S   UINT64_C(1000000000)
#define WSP_TIME_NEVER UINT64_MAX

static inline uint64_t wsp_clock_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * WSP_NS_PER_S + (uint64_t)t.tv_nsec;
}

#endif
