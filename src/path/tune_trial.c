/* SPDX-License-Identifier: BSD-3-Clause */
/* Trials of another number of streams, or of even ones: what is tried, and what is kept. */
#include "path/tune_internal.h"

#include "base/clock.h"

#include <math.h>

#define SETTLE_LEAST_NS (250 * WSP_NS_PER_MS)
#define REST_FIRST_NS   (10 * WSP_NS_PER_S)
#define REST_MOST_NS    (160 * WSP_NS_PER_S)
/* What more streams must bring, and fewer may cost, beyond the noise. */
#define GAIN_LEAST 1.04
#define COST_MOST  0.995
/* Windows by which what should cost nothing is judged: at least so many, then until their mean is
 * known this well. The mean of more than MEAN_OVER follows what changes. */
#define WINDOWS_LEAST  3
#define WINDOWS_ENOUGH 20
#define SURE           0.01
#define MEAN_OVER      24
/* Fewer are tried only while bulk flows for longer than this. */
#define STEADY_NS (3 * WSP_NS_PER_S)
/* Young streams are faster than they will be, or slower: fewer are not held against them, nor more
 * against those that the kernel paces, which open up by themselves. */
#define YOUNG_NS (3 * WSP_NS_PER_S)
/* With each window the best one with this number fades by so much, and the best mean of any. */
#define FADE     0.99
#define FADE_TOP 0.9999
/* Fewer streams may not have more packets sent again than this, and half as many more; with so much
 * more they are given up at once. */
#define AGAIN_LEAST 0.002
#define AGAIN_PLAIN 0.010
/* More than chance does on most ways: remedies are tried. They must make it less by this factor,
 * for no more than this of the goodput. */
#define AGAIN_MUCH   0.005
#define AGAIN_BETTER 0.5
#define REMEDY_COST  0.98
/* Deliveries have fallen so far that the number is not why: what was found before holds no more. */
#define FALLEN 0.9
/* A window so much better than the one before: the streams still open up. */
#define STILL_GROWING 1.10
#define WINDOWS_MOST  5

void wsp_trial_init(struct wsp_tune *tune)
{
    for (int trial = 0; trial < WSP_TRIAL_COUNT_; trial++)
        tune->rests[trial].next_ns = REST_FIRST_NS;
}

static void change(struct wsp_tune *tune, unsigned n, const struct wsp_reading *reading,
                   uint64_t now_ns)
{
    uint64_t settle_ns = 6 * reading->min_rtt_ns;
    tune->n = n;
    tune->n_windows = 0;
    tune->window_bps = tune->best_bps = 0;
    tune->windows = (struct wsp_windows){0};
    tune->tally = (struct wsp_tally){0};
    tune->settle_until_ns = now_ns + (settle_ns > SETTLE_LEAST_NS ? settle_ns : SETTLE_LEAST_NS);
}

static void begin_trial(struct wsp_tune *tune, enum wsp_trial trial, unsigned n, double bps,
                        const struct wsp_reading *reading, uint64_t now_ns)
{
    tune->trial = trial;
    tune->n_before = tune->n;
    tune->before_bps = bps;
    tune->before = tune->windows;
    tune->before_capacity_bps = tune->is_paced ? tune->capacity_bps : INFINITY;
    tune->is_even |= trial == WSP_TRIAL_EVEN || trial == WSP_TRIAL_SPREAD;
    if (trial == WSP_TRIAL_SPREAD)
        tune->young_until_ns = now_ns + YOUNG_NS;
    change(tune, n, reading, now_ns);
}

static void end_trial(struct wsp_tune *tune, bool is_kept)
{
    tune->trial = WSP_TRIAL_NONE;
    if (is_kept)
        tune->was_even = tune->is_even;
    else
        tune->is_even = tune->was_even;
}

static void take_back(struct wsp_tune *tune, const struct wsp_reading *reading, uint64_t now_ns)
{
    struct wsp_tune_rest *rest = &tune->rests[tune->trial];
    rest->from_ns = now_ns + rest->next_ns;
    rest->next_ns = rest->next_ns < REST_MOST_NS ? 2 * rest->next_ns : REST_MOST_NS;
    if (tune->trial == WSP_TRIAL_UP)
        tune->refused_bps = tune->before_bps;
    else /* the queue was empty because these streams were slow: that told nothing of the way */
        tune->capacity_bps = fmin(tune->capacity_bps, tune->before_capacity_bps);
    end_trial(tune, false);
    change(tune, tune->n_before, reading, now_ns);
}

/* Is one under way that is to deliver as much as before, and need not deliver more? */
static bool is_saving(const struct wsp_tune *tune)
{
    return tune->trial != WSP_TRIAL_NONE && tune->trial != WSP_TRIAL_UP;
}

/* More streams would be of no use. */
static bool has_enough(const struct wsp_tune *tune)
{
    return tune->limit == WSP_LIMIT_LINK || tune->limit == WSP_LIMIT_SHARED ||
           tune->limit == WSP_LIMIT_CPU || tune->limit == WSP_LIMIT_PACING;
}

static void count_window(struct wsp_windows *windows, double bps, double again)
{
    double part = 1.0 / (++windows->n < MEAN_OVER ? windows->n : MEAN_OVER);
    double off = bps - windows->mean_bps;
    windows->mean_bps += part * off;
    windows->again += part * (again - windows->again);
    windows->spread_bps =
        sqrt((1 - part) * (windows->spread_bps * windows->spread_bps + part * off * off));
}

enum verdict { OPEN, KEEP, TAKE_BACK };

/* Whether this part of what was delivered before still is: on a noisy machine or way single windows
 * tell nothing. */
static enum verdict judge_goodput(const struct wsp_tune *tune, double part)
{
    const struct wsp_windows *windows = &tune->windows;
    if (windows->n == 0)
        return OPEN;
    double spread_bps = fmax(windows->spread_bps, tune->before.spread_bps);
    double error_bps = spread_bps / sqrt(windows->n), least_bps = part * tune->before_bps;
    if (windows->mean_bps + 2 * error_bps < least_bps)
        return TAKE_BACK;
    bool is_sure = error_bps < SURE * tune->before_bps || windows->n >= WINDOWS_ENOUGH;
    if (windows->n < WINDOWS_LEAST || !is_sure)
        return OPEN;
    return windows->mean_bps >= least_bps && has_enough(tune) ? KEEP : TAKE_BACK;
}

static enum verdict judge_fewer(const struct wsp_tune *tune, double again)
{
    double most = 1.5 * tune->before.again;
    enum verdict verdict = again > most + AGAIN_PLAIN ? TAKE_BACK : judge_goodput(tune, COST_MOST);
    return verdict == KEEP && again > most + AGAIN_LEAST ? TAKE_BACK : verdict;
}

static enum verdict judge_remedy(const struct wsp_tune *tune)
{
    enum verdict verdict = judge_goodput(tune, REMEDY_COST);
    bool is_better = tune->windows.again <= AGAIN_BETTER * tune->before.again;
    return verdict == KEEP && !is_better ? TAKE_BACK : verdict;
}

/* After each window of a trial. */
static enum verdict judge(const struct wsp_tune *tune, double again)
{
    switch (tune->trial) {
    case WSP_TRIAL_UP:
        return tune->window_bps > GAIN_LEAST * tune->before_bps ? KEEP : TAKE_BACK;
    case WSP_TRIAL_DOWN:
        return judge_fewer(tune, again);
    case WSP_TRIAL_EVEN:
    case WSP_TRIAL_SPREAD:
        return judge_remedy(tune);
    default:
        return KEEP;
    }
}

/* The numbers to try next; the same as now: none. */
static unsigned more(const struct wsp_tune *tune)
{
    if (tune->is_n_fixed)
        return tune->n;
    return 2 * tune->n < tune->n_max ? 2 * tune->n : tune->n_max;
}

static unsigned fewer(const struct wsp_tune *tune, const struct wsp_reading *reading)
{
    unsigned least = reading->min_rtt_ns < WSP_TUNE_NEAR_NS ? WSP_TUNE_NEAR_STREAMS : 1;
    if (tune->is_n_fixed || tune->n <= least)
        return tune->n;
    return tune->n * 3 / 5 > least ? tune->n * 3 / 5 : least;
}

/* What to try against packets that are sent again although our pace keeps the bottleneck from
 * running over. Beside others it does not. */
static enum wsp_trial remedy(const struct wsp_tune *tune, const struct wsp_reading *reading,
                             uint64_t now_ns)
{
    if (tune->windows.again < AGAIN_MUCH || tune->limit != WSP_LIMIT_LINK || !tune->is_paced ||
        !reading->is_kernel_pacing)
        return WSP_TRIAL_NONE;
    if (!tune->is_even && now_ns >= tune->rests[WSP_TRIAL_EVEN].from_ns)
        return WSP_TRIAL_EVEN;
    if (more(tune) > tune->n && now_ns >= tune->rests[WSP_TRIAL_SPREAD].from_ns)
        return WSP_TRIAL_SPREAD;
    return WSP_TRIAL_NONE;
}

static void try_another(struct wsp_tune *tune, const struct wsp_reading *reading, uint64_t now_ns)
{
    struct wsp_tune_rest *up = &tune->rests[WSP_TRIAL_UP];
    if (tune->windows.mean_bps < FALLEN * tune->top_bps)
        tune->top_bps = tune->windows.mean_bps;
    if (tune->best_bps < FALLEN * tune->refused_bps)
        *up = (struct wsp_tune_rest){now_ns, REST_FIRST_NS};
    if (!has_enough(tune)) {
        bool is_opening = reading->is_kernel_pacing && now_ns < tune->young_until_ns;
        if (!is_opening && more(tune) > tune->n && now_ns >= up->from_ns)
            begin_trial(tune, WSP_TRIAL_UP, more(tune), tune->best_bps, reading, now_ns);
        return;
    }
    if (reading->burst_ns < STEADY_NS || tune->windows.n < WINDOWS_LEAST)
        return;
    enum wsp_trial trial = remedy(tune, reading, now_ns);
    unsigned n = trial == WSP_TRIAL_SPREAD ? more(tune) : tune->n;
    if (trial == WSP_TRIAL_NONE && fewer(tune, reading) < tune->n &&
        now_ns >= tune->rests[WSP_TRIAL_DOWN].from_ns) {
        trial = WSP_TRIAL_DOWN;
        n = fewer(tune, reading);
    }
    /* Not against this number alone: small costs of many steps would add up. */
    if (trial != WSP_TRIAL_NONE)
        begin_trial(tune, trial, n, tune->top_bps, reading, now_ns);
}

/* One that plainly costs too much is not carried to its end. */
static bool is_costly(const struct wsp_tune *tune)
{
    const struct wsp_tally *tally = &tune->tally;
    if (!is_saving(tune) || tally->n < 4)
        return false;
    double bps = (double)tally->delivered_bytes * (double)WSP_NS_PER_S / (double)tally->span_ns;
    return bps < 0.85 * tune->before_bps;
}

bool wsp_trial_give_up(struct wsp_tune *tune, const struct wsp_reading *reading, uint64_t now_ns)
{
    bool gives_up = is_costly(tune);
    if (gives_up)
        take_back(tune, reading, now_ns);
    return gives_up;
}

void wsp_trial_check(struct wsp_tune *tune, const struct wsp_reading *reading, uint64_t now_ns)
{
    if (tune->n > tune->n_max && !tune->is_n_fixed) { /* others have come */
        end_trial(tune, false);
        change(tune, tune->n_max, reading, now_ns);
    }
    if (is_saving(tune) && reading->burst_ns < STEADY_NS)
        take_back(tune, reading, now_ns);
    if (tune->young_until_ns == 0)
        tune->young_until_ns = now_ns + YOUNG_NS;
}

void wsp_trial_judge(struct wsp_tune *tune, double again, const struct wsp_reading *reading,
                     uint64_t now_ns)
{
    double bps = tune->goodput_bps;
    bool is_growing = ++tune->n_windows < WINDOWS_MOST && !is_saving(tune) &&
                      bps > STILL_GROWING * tune->window_bps;
    tune->window_bps = bps;
    tune->best_bps = fmax(bps, FADE * tune->best_bps);
    if (now_ns >= tune->young_until_ns)
        count_window(&tune->windows, bps, again);
    tune->top_bps *= FADE_TOP;
    if (tune->windows.n >= WINDOWS_LEAST)
        tune->top_bps = fmax(tune->windows.mean_bps, tune->top_bps);
    if (is_growing)
        return;
    enum verdict verdict = judge(tune, again);
    if (verdict == TAKE_BACK)
        take_back(tune, reading, now_ns);
    if (verdict != KEEP)
        return;
    if (tune->trial != WSP_TRIAL_DOWN)
        tune->rests[tune->trial].next_ns = REST_FIRST_NS;
    end_trial(tune, true);
    tune->n_windows = 0;
    try_another(tune, reading, now_ns);
}
