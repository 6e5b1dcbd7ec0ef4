/* SPDX-License-Identifier: BSD-3-Clause */
/* The halves of tuning, for each other. */
#ifndef WSP_PATH_TUNE_INTERNAL_H
#define WSP_PATH_TUNE_INTERNAL_H

#include "path/tune.h"

/* tune_trial.c */
void wsp_trial_init(struct wsp_tune *tune);
/* Before a reading counts: ends a trial that what has changed makes void. */
void wsp_trial_check(struct wsp_tune *tune, const struct wsp_reading *reading, uint64_t now_ns);
/* Ends a trial that plainly costs what it may not; whether there was one. */
bool wsp_trial_give_up(struct wsp_tune *tune, const struct wsp_reading *reading, uint64_t now_ns);
/* After each window, whose limit and goodput are set; `again` is the share of its packets that were
 * sent again. */
void wsp_trial_judge(struct wsp_tune *tune, double again, const struct wsp_reading *reading,
                     uint64_t now_ns);

/* tune_pace.c: sets the pace; returns whether the bottleneck has a queue. */
bool wsp_tune_pace(struct wsp_tune *tune, const struct wsp_reading *reading, uint64_t now_ns);

/* More than this part of the pace is delivered: what the sockets held before goes out. */
#define WSP_TUNE_DRAINING 1.03

/* tune_way.c: the queue, as far as the way has not become longer. */
double wsp_tune_queue_ns(struct wsp_tune *tune, const struct wsp_reading *reading);
/* The pace becomes ours, with these deliveries. */
void wsp_tune_way_reset(struct wsp_tune_way *way, double bps);
/* The burst ends, and with it a try; true if there was one. */
bool wsp_tune_way_stop(struct wsp_tune_way *way);
/* After each interval of a pace of ours. Not 0: what to set the pace to, to find out. */
double wsp_tune_way(struct wsp_tune *tune, double bps, double queue_ns, double aim_ns);

#endif
