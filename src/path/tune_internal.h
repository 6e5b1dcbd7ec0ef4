/* SPDX-License-Identifier: BSD-3-Clause */
/* The halves of tuning, for each other. */
#ifndef WSP_PATH_TUNE_INTERNAL_H
#define WSP_PATH_TUNE_INTERNAL_H

#include "path/tune.h"

/* tune_pace.c: sets the pace; returns whether the bottleneck has a queue. */
bool wsp_tune_pace(struct wsp_tune *tune, const struct wsp_reading *reading, uint64_t now_ns);

#endif
