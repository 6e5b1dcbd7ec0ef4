/* SPDX-License-Identifier: BSD-3-Clause */
/* The steps of tuning: the first number of streams, what limits bulk, and who decides what after
 * each interval and each window of several. */
#include "path/tune_internal.h"

#include "base/clock.h"

#define INTERVAL_LEAST_NS (20 * WSP_NS_PER_MS)
#define WINDOW_LEAST_NS   (400 * WSP_NS_PER_MS)
/* The first number: a stream for each so much of a round trip. Those that the kernel paces need
 * fewer, and many of them send small packets. Those that it does not all overflow the queue as they
 * start; on a long way, where losses keep windows small, more are needed all the same. */
#define GUESS_RTT_NS         (700 * WSP_NS_PER_US)
#define GUESS_RTT_UNPACED_NS (1000 * WSP_NS_PER_US)
#define GUESS_LONG_NS        (50 * WSP_NS_PER_MS)
#define GUESS_MAX            128
#define GUESS_MAX_PACED      16
#define GUESS_BLIND          8                    /* while the round trip is not known */
#define GUESS_BYTES          (UINT64_C(64) << 10) /* no more streams than pieces of this size */

static const char *const names[] = {"none", "sender",  "link",     "shared", "window",
                                    "loss", "policed", "receiver", "cpu",    "pacing"};
_Static_assert(sizeof names / sizeof *names == WSP_LIMIT_COUNT_, "a name for each limit");

const char *wsp_limit_name(enum wsp_limit limit)
{
    return names[limit];
}

const char *wsp_limit_text(enum wsp_limit limit)
{
    static const char *const texts[] = {
#define TEXT(name, text) text,
        WSP_LIMIT_TABLE(TEXT)
#undef TEXT
    };
    return texts[limit];
}

void wsp_tune_init(struct wsp_tune *tune, unsigned n_max)
{
    *tune = (struct wsp_tune){.n_max = n_max, .n = 1, .pause_aims = 1};
    wsp_trial_init(tune);
}

unsigned wsp_tune_guess(const struct wsp_outlook *way, uint64_t bytes, unsigned last_n)
{
    bool overflows = !way->is_kernel_pacing && way->rtt_ns < GUESS_LONG_NS;
    uint64_t each_ns = overflows ? GUESS_RTT_UNPACED_NS : GUESS_RTT_NS;
    uint64_t n = way->rtt_ns ? way->rtt_ns / each_ns : GUESS_BLIND;
    uint64_t most = way->is_kernel_pacing ? GUESS_MAX_PACED : GUESS_MAX;
    uint64_t pieces = bytes / GUESS_BYTES;
    if (way->rtt_ns > 0 && way->rtt_ns < WSP_TUNE_NEAR_NS)
        n = WSP_TUNE_NEAR_STREAMS;
    if (n > most)
        n = most;
    if (last_n > 0)
        n = last_n;
    if (n > pieces)
        n = pieces;
    return n < 1 ? 1 : (unsigned)n;
}

uint64_t wsp_tune_interval_ns(uint64_t min_rtt_ns)
{
    uint64_t interval = min_rtt_ns + min_rtt_ns / 2;
    return interval > INTERVAL_LEAST_NS ? interval : INTERVAL_LEAST_NS;
}

static void add(struct wsp_tally *tally, const struct wsp_reading *reading, bool is_full)
{
    tally->span_ns += reading->span_ns;
    tally->delivered_bytes += reading->delivered_bytes;
    tally->n_sent += reading->n_sent;
    tally->n_sent_again += reading->n_sent_again;
    tally->n++;
    tally->n_full += is_full;
    tally->n_held += reading->is_held;
    tally->dry += reading->dry_share;
    tally->receiver += reading->receiver_share;
    tally->evenness += reading->evenness;
}

/* Why bulk is not faster, by the last window. */
static enum wsp_limit limit_of(const struct wsp_tune *tune)
{
    const struct wsp_tally *tally = &tune->tally;
    double n = tally->n;
    if (tune->is_rate_fixed && tally->n_held > n / 2)
        return WSP_LIMIT_PACING;
    if (tally->n_full > n / 2)
        return tune->let_go_ns ? WSP_LIMIT_SHARED : WSP_LIMIT_LINK;
    if (tally->receiver > n / 2)
        return WSP_LIMIT_RECEIVER;
    if (tally->dry > n / 2)
        return WSP_LIMIT_CPU;
    if (tally->n_sent_again * 50 > tally->n_sent && tally->evenness > 0.7 * n)
        return WSP_LIMIT_POLICED;
    return tally->n_sent_again ? WSP_LIMIT_LOSS : WSP_LIMIT_WINDOW;
}

/* A whole window has passed. */
static void decide(struct wsp_tune *tune, const struct wsp_reading *reading, uint64_t now_ns)
{
    const struct wsp_tally *tally = &tune->tally;
    double again = (double)tally->n_sent_again / (double)(tally->n_sent + 1);
    tune->limit = limit_of(tune);
    tune->goodput_bps =
        (double)tally->delivered_bytes * (double)WSP_NS_PER_S / (double)tally->span_ns;
    tune->tally = (struct wsp_tally){0};
    wsp_trial_judge(tune, again, reading, now_ns);
}

void wsp_tune_step(struct wsp_tune *tune, const struct wsp_reading *reading, uint64_t now_ns)
{
    if (reading->span_ns == 0)
        return;
    if (!reading->is_backlogged) {
        tune->limit = WSP_LIMIT_SENDER;
        wsp_tune_pace(tune, reading, now_ns);
        return;
    }
    wsp_trial_check(tune, reading, now_ns);
    bool is_full = wsp_tune_pace(tune, reading, now_ns);
    if (now_ns < tune->settle_until_ns)
        return;
    add(&tune->tally, reading, is_full);
    uint64_t window_ns = 6 * reading->min_rtt_ns;
    if (window_ns < WINDOW_LEAST_NS)
        window_ns = WINDOW_LEAST_NS;
    if (!wsp_trial_give_up(tune, reading, now_ns) && tune->tally.span_ns >= window_ns)
        decide(tune, reading, now_ns);
}
