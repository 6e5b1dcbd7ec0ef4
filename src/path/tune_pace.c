/* SPDX-License-Identifier: BSD-3-Clause */
/* The pace of bulk: see tune.h. */
#include "path/tune_internal.h"

#include "base/clock.h"

#include <math.h>

/* Of the round trip: the queue that is aimed at, and the one that begins or ends an episode. */
#define AIM          0.10
#define CROWDED      0.25
#define LEAST_NS     2e6 /* of the aim. Less is jitter */
#define CROWDED_AIMS 2.5 /* the least of a crowd: what we aim at is none */
/* A kernel that does not pace sends a segment at once; the bottleneck's time for it is no queue.
 * So many are one. */
#define CROWDED_SEGMENTS 1.5
/* Who sends more aims at less of a queue, so that paths that meet in one come to equal shares: of
 * the aim at REFERENCE_BPS so much less for each doubling, within limits. */
#define REFERENCE_BPS 100e6
#define MODESTY       0.4
#define AIM_PART_MIN  0.3
#define AIM_PART_MAX  2.0
/* Those of one machine need not wait for that: so much nearer to their mean with each interval. */
#define NEARER    0.1
#define EMPTY     0.75 /* of the aim: no queue */
#define STEEPNESS 0.28 /* how much a round trip of queue slows down: it is gone after some four */
#define SLOWEST   0.70
#define FASTEST   1.03
/* Without a queue the pace rises, first slowly; never far above what was delivered of late, whose
 * best fades with each interval. */
#define RISE       0.02
#define RISE_MOST  0.20
#define RISE_AFTER 5 /* intervals that double the step, each time */
#define ABOVE      1.25
#define FADE       0.98
/* Of less, the longest interval of steer.c would not hold its segments: the kernel's affair. */
#define CAPACITY_LEAST_BPS 1e6
#define YOUNG              8  /* so many intervals the capacity is taken as it is seen */
#define CLEAR_MOST         12 /* for so many the pace is still taken for the bottleneck's */
/* Of the capacity: less is what the kernels let go, not what the bottleneck gives. */
#define PINCHED_MOST 0.5
/* Less than this part of the capacity: the machine or the way has paused; more than so many such
 * intervals in a row are a bottleneck that gives less. */
#define PAUSED      0.9
#define PAUSED_MOST 3
/* A pause costs what the bottleneck cannot carry from its queue meanwhile. The aim grows with each,
 * up to so much of the round trip, and shrinks with each interval: once in a while does not pay. */
#define PAUSE_GROWS 1.2
#define PAUSE_FADES 0.993
#define PAUSE_AIM   0.30
/* Intervals with a queue that no holding back shrinks: it is others'. */
#define OTHERS        12
#define SHRINKING     0.95
#define LET_GO_NS     (10 * WSP_NS_PER_S)
#define LET_GO_MAX_NS (80 * WSP_NS_PER_S)

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

static double within(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

struct aim {
    double ns, crowd_ns; /* the queue that is aimed at, and a long one */
};

static struct aim aim_of(const struct wsp_tune *tune, double base)
{
    double ns = larger(AIM * base, LEAST_NS), segment_ns = 0;
    if (tune->capacity_bps > 0) {
        double part = 1 + MODESTY * log2(REFERENCE_BPS / tune->capacity_bps);
        ns *= within(part, AIM_PART_MIN, AIM_PART_MAX);
        segment_ns = WSP_SEGMENT_LEAST * (double)WSP_NS_PER_S / tune->capacity_bps;
    }
    ns = larger(ns, smaller(ns * tune->pause_aims, PAUSE_AIM * base));
    double crowd_ns = larger(CROWDED * base, CROWDED_AIMS * larger(ns, LEAST_NS));
    return (struct aim){.ns = larger(ns, segment_ns),
                        .crowd_ns = larger(crowd_ns, CROWDED_SEGMENTS * segment_ns)};
}

uint64_t wsp_tune_standing_ns(const struct wsp_tune *tune, uint64_t min_rtt_ns)
{
    return tune->is_paced ? (uint64_t)aim_of(tune, (double)min_rtt_ns).ns : 0;
}

static void end_pace(struct wsp_tune *tune)
{
    wsp_tune_way_stop(&tune->way);
    tune->is_paced = false;
    tune->rate_bps = 0;
    tune->n_crowded = 0;
}

static void let_go(struct wsp_tune *tune, uint64_t now_ns)
{
    end_pace(tune);
    tune->let_go_ns = tune->let_go_ns ? 2 * tune->let_go_ns : LET_GO_NS;
    if (tune->let_go_ns > LET_GO_MAX_NS)
        tune->let_go_ns = LET_GO_MAX_NS;
    tune->let_go_until_ns = now_ns + tune->let_go_ns;
}

static void begin_pace(struct wsp_tune *tune, double bps)
{
    tune->is_paced = true;
    tune->n_crowded = tune->n_clear = tune->n_paced = 0;
    tune->capacity_bps = bps;
    wsp_tune_way_reset(&tune->way, bps);
}

void wsp_tune_take_pace(struct wsp_tune *tune, double bps, uint64_t now_ns)
{
    if (tune->is_paced || tune->is_rate_fixed || now_ns < tune->let_go_until_ns)
        return;
    tune->peak_bps = larger(tune->peak_bps, bps);
    begin_pace(tune, bps);
    tune->rate_bps = bps;
}

/* A queue has formed and deliveries do not grow any more: from now on the pace is ours. */
static void watch_for_queue(struct wsp_tune *tune, bool is_crowded, double bps, uint64_t now_ns)
{
    bool is_growing = bps > 1.15 * tune->last_bps;
    tune->n_crowded = is_crowded && !is_growing ? tune->n_crowded + 1 : 0;
    if (tune->n_crowded < 2 || now_ns < tune->let_go_until_ns)
        return;
    begin_pace(tune, tune->peak_bps);
}

/* Whether what was delivered is what the bottleneck gives. It is not in a pause, nor if it is
 * nothing: the way was cut, or the pace is so low that segments are intervals apart, and would sink
 * further with each of them. */
static bool is_telling(struct wsp_tune *tune, double bps)
{
    if (bps <= 0)
        return false;
    bool is_slow = bps < PAUSED * tune->capacity_bps;
    bool has_paused = !is_slow && tune->n_slow > 0 && tune->n_slow <= PAUSED_MOST;
    tune->n_slow = is_slow ? tune->n_slow + 1 : 0;
    double aims = tune->pause_aims * (has_paused ? PAUSE_GROWS : PAUSE_FADES);
    tune->pause_aims = within(aims, 1, PAUSE_AIM / AIM);
    return !is_slow || tune->n_slow > PAUSED_MOST;
}

/* Follows the bottleneck while it has a queue, and looks for more while it has none. */
static void follow(struct wsp_tune *tune, const struct wsp_reading *reading, double bps,
                   double queue, double aim)
{
    double step = RISE * exp2((double)tune->n_clear / RISE_AFTER);
    double most = tune->capacity_bps * smaller(step, reading->equal_bps > 0 ? NEARER : RISE_MOST);
    bool is_empty = queue <= EMPTY * aim, is_young = tune->n_paced++ < YOUNG;
    bool tells = is_telling(tune, bps);
    if (!is_empty)
        tune->n_clear = 0;
    else if (reading->is_held)
        tune->n_clear++;
    /* With a short queue a slow interval says nothing: we, or the machine, may have been late. */
    if (!is_empty && is_young)
        tune->capacity_bps = larger(tune->capacity_bps, bps);
    else if ((queue > aim && tells) || (!is_empty && bps > tune->capacity_bps))
        tune->capacity_bps += within((bps - tune->capacity_bps) / (tune->n_crowded ? 2 : 4),
                                     -tune->capacity_bps, most);
    else if (is_empty && reading->is_held)
        tune->capacity_bps += most;
    if (tune->capacity_bps > ABOVE * tune->peak_bps)
        tune->capacity_bps = ABOVE * tune->peak_bps;
    if (reading->equal_bps > 0)
        tune->capacity_bps += NEARER * (reading->equal_bps - tune->capacity_bps);
    tune->capacity_bps = larger(tune->capacity_bps, CAPACITY_LEAST_BPS);
}

/* Intervals in which a queue has not become shorter. While more is delivered than we let go, what
 * our sockets held before goes out: that tells nothing of others. */
static void count_crowded(struct wsp_tune *tune, double bps, double queue, bool is_crowded)
{
    if (is_crowded && bps > WSP_TUNE_DRAINING * tune->rate_bps)
        return;
    bool is_shrinking = tune->n_crowded == 0 || queue < SHRINKING * tune->least_queue_ns;
    if (is_shrinking)
        tune->least_queue_ns = queue;
    tune->n_crowded = !is_crowded ? 0 : is_shrinking ? 1 : tune->n_crowded + 1;
}

/* The burst ends: what is delivered says little, but the queue is real. */
static bool pace_the_end(struct wsp_tune *tune, double bps, bool is_full, bool is_crowded,
                         uint64_t now_ns)
{
    tune->peak_bps = larger(bps, tune->peak_bps); /* it can carry this much at least */
    if (wsp_tune_way_stop(&tune->way))
        tune->rate_bps = tune->capacity_bps;
    if (tune->is_paced && bps > tune->capacity_bps) {
        tune->capacity_bps = bps;
        if (tune->rate_bps > 0) /* 0 is no pace yet, not a low one */
            tune->rate_bps = larger(tune->rate_bps, SLOWEST * bps);
    } else if (!tune->is_paced && is_crowded) {
        watch_for_queue(tune, true, bps, now_ns);
    }
    return is_full;
}

/* BBR that looks for the least round trip lets four packets go, for a fifth of a second. Their
 * round trips count how long the other side waits for company to acknowledge: it looks like a
 * queue, and what is delivered like a bottleneck that has closed. */
static bool is_pinched(const struct wsp_tune *tune, const struct wsp_reading *reading, double bps)
{
    return reading->pinched_share > 0.5 && bps < PINCHED_MOST * tune->capacity_bps;
}

bool wsp_tune_pace(struct wsp_tune *tune, const struct wsp_reading *reading, uint64_t now_ns)
{
    double bps = (double)reading->delivered_bytes * (double)WSP_NS_PER_S / (double)reading->span_ns;
    double base = (double)reading->min_rtt_ns;
    if (reading->rtt_ns == 0)
        return false;
    if (reading->min_rtt_ns < WSP_TUNE_NEAR_NS) {
        if (tune->is_paced) /* its first round trips were those of our own buffers */
            end_pace(tune);
        return false;
    }
    double queue = wsp_tune_queue_ns(tune, reading);
    struct aim aim = aim_of(tune, base);
    bool is_full = queue > EMPTY * aim.ns, is_crowded = queue > aim.crowd_ns;
    if (tune->is_rate_fixed || is_pinched(tune, reading, bps))
        return is_full;
    if (!reading->is_backlogged)
        return pace_the_end(tune, bps, is_full, is_crowded, now_ns);
    if (bps > 0)
        tune->peak_bps = larger(bps, FADE * tune->peak_bps);
    if (!tune->is_paced)
        watch_for_queue(tune, is_crowded, bps, now_ns);
    tune->last_bps = bps;
    if (!tune->is_paced)
        return is_full;

    count_crowded(tune, bps, queue, is_crowded);
    if (tune->n_crowded >= OTHERS) {
        let_go(tune, now_ns);
        return true;
    }
    if (!is_full)
        tune->let_go_ns = 0; /* it was ours after all */
    double tried_bps = wsp_tune_way(tune, bps, queue, aim.ns);
    if (tried_bps > 0) {
        tune->rate_bps = tried_bps;
        return is_full;
    }
    follow(tune, reading, bps, queue, aim.ns);
    tune->rate_bps =
        tune->capacity_bps * within(1 + STEEPNESS * (aim.ns - queue) / base, SLOWEST, FASTEST);
    return is_full || (reading->is_held && tune->n_clear < CLEAR_MOST);
}
