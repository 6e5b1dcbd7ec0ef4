/* SPDX-License-Identifier: BSD-3-Clause */
/* Is it a queue, or has the way become longer? A round trip above the least looks like a queue; we
 * hold back, less is delivered, and it stays as long as it was. Then the pace is raised for a few
 * intervals: if deliveries follow and the round trip does not, there was no queue, and what it is
 * longer by counts as way until a shorter one is seen. Else others fill the bottleneck. */
#include "path/tune_internal.h"

#include <math.h>

/* So many intervals are looked at together: one is noise. */
#define LOOK 6
/* In vain: less was delivered than this part of what went with a short queue, ... */
#define VAIN 0.93
/* ... but not less than this part of the pace, nor more than it let go. */
#define FOLLOWS 0.90
/* Then the pace is raised to so much of what was delivered; of so many intervals the first does not
 * show it yet. At least so much more must be delivered, and the queue grow by less than the aim. */
#define TRY       1.10
#define TRY_LASTS 4
#define FOLLOWED  1.04
/* Intervals until the next try after one that found others: the first may be lost in noise, so it
 * doubles with each. */
#define REST_FIRST 10
#define REST_MOST  80

double wsp_tune_queue_ns(struct wsp_tune *tune, const struct wsp_reading *reading)
{
    double above_ns = (double)reading->rtt_ns - (double)reading->min_rtt_ns;
    if (above_ns < tune->way.longer_ns)
        tune->way.longer_ns = above_ns > 0 ? above_ns : 0;
    return above_ns - tune->way.longer_ns;
}

static void begin_look(struct wsp_tune_way *way)
{
    way->n = 0;
    way->sum_bps = way->sum_pace_bps = 0;
}

bool wsp_tune_way_stop(struct wsp_tune_way *way)
{
    bool was_trying = way->is_trying;
    way->is_trying = false;
    begin_look(way);
    return was_trying;
}

void wsp_tune_way_reset(struct wsp_tune_way *way, double bps)
{
    *way = (struct wsp_tune_way){.longer_ns = way->longer_ns, .short_bps = bps, .rest = REST_FIRST};
}

static void look(struct wsp_tune_way *way, double bps, double pace_bps, double queue_ns)
{
    if (way->n++ == 0 || queue_ns < way->least_queue_ns)
        way->least_queue_ns = queue_ns;
    way->sum_bps += bps;
    way->sum_pace_bps += pace_bps;
}

static void end_try(struct wsp_tune_way *way, double aim_ns)
{
    bool is_longer = way->sum_bps / way->n > FOLLOWED * way->before_bps &&
                     way->least_queue_ns < way->before_queue_ns + aim_ns;
    if (is_longer)
        way->longer_ns += way->before_queue_ns - aim_ns / 2;
    way->n_rest = is_longer ? 0 : way->rest;
    way->rest = is_longer ? REST_FIRST : way->rest < REST_MOST ? 2 * way->rest : REST_MOST;
    wsp_tune_way_stop(way);
}

static bool is_in_vain(const struct wsp_tune_way *way)
{
    return way->sum_bps < VAIN * way->short_bps * way->n &&
           way->sum_bps > FOLLOWS * way->sum_pace_bps &&
           way->sum_bps < WSP_TUNE_DRAINING * way->sum_pace_bps;
}

double wsp_tune_way(struct wsp_tune *tune, double bps, double queue_ns, double aim_ns)
{
    struct wsp_tune_way *way = &tune->way;
    if (way->n_rest > 0)
        way->n_rest--;
    else
        look(way, bps, tune->rate_bps, queue_ns);
    if (way->is_trying && way->n + 1 == TRY_LASTS)
        end_try(way, aim_ns);
    if (way->is_trying)
        return TRY * way->before_bps;
    if (queue_ns <= aim_ns) {
        way->short_bps = fmin(tune->capacity_bps, tune->peak_bps);
        way->rest = REST_FIRST;
        begin_look(way);
    }
    if (way->n < LOOK)
        return 0;
    if (is_in_vain(way)) {
        way->is_trying = true;
        way->n_rest = 1;
        way->before_bps = way->sum_bps / way->n;
        way->before_queue_ns = way->least_queue_ns;
    }
    begin_look(way);
    return way->is_trying ? TRY * way->before_bps : 0;
}
