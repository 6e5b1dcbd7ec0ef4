/* SPDX-License-Identifier: BSD-3-Clause */
/* Tuning put to work: has tune.c decide after each interval of bulk, and applies it. */
#include "path/end_internal.h"

#include "base/log.h"

/* Segments last so long on a stream at its rate, within limits. */
#define SEGMENT_NS    (25 * WSP_NS_PER_MS)
#define SEGMENT_START (UINT32_C(64) << 10)
/* A path without bulk for so long goes back to one stream. */
#define IDLE_NS (10 * WSP_NS_PER_S)
/* Without bulk for so long, or a round trip, a burst is over. */
#define GAP_NS (100 * WSP_NS_PER_MS)
/* A path without bulk is measured no more after this. */
#define PAUSE_NS WSP_NS_PER_S
/* So many segments in an interval, unless that takes longer than this. */
#define SEGMENTS         8
#define INTERVAL_MOST_NS (250 * WSP_NS_PER_MS)
/* An interval tells what the way gives if less than one part of so many was without bulk. */
#define IDLE_PARTS 20

static uint32_t segment_least(const struct wsp_end *end)
{
    return end->config.segment_bytes < WSP_SEGMENT_LEAST ? end->config.segment_bytes
                                                         : WSP_SEGMENT_LEAST;
}

static bool is_tuned(const struct wsp_end *end)
{
    return end->config.tunes_streams || end->config.tunes_pace || end->config.tunes_segments;
}

void wsp_steer_open(struct wsp_end *end)
{
    end->steer_at_ns = end->release_at_ns = end->race_at_ns = WSP_TIME_NEVER;
    end->look_at_ns = WSP_TIME_NEVER;
    end->segment_bytes = end->config.segment_bytes;
    if (end->config.tunes_segments && end->segment_bytes > SEGMENT_START)
        end->segment_bytes = SEGMENT_START;
    wsp_tune_init(&end->tune, end->config.streams_max);
    end->tune.n = end->n_used;
    end->tune.is_n_fixed = !end->config.tunes_streams;
    end->tune.is_rate_fixed = !end->config.tunes_pace;
    end->tune.rate_bps = (double)end->config.pace_bps;
    wsp_pacer_set(&end->pacer, end->tune.rate_bps, end->opened_ns);
}

bool wsp_steer_may_cut(struct wsp_end *end, unsigned index, uint64_t now_ns)
{
    if (!wsp_lane_is_for_bulk(end, index))
        return false;
    if (wsp_pacer_is_open(&end->pacer, now_ns, &end->release_at_ns))
        return true;
    end->was_held = true;
    return false;
}

/* Long enough for several segments: fewer tell no rate. */
static uint64_t interval_ns(const struct wsp_end *end)
{
    uint64_t least_ns = wsp_tune_interval_ns(end->rtt.min_ns), ns = INTERVAL_MOST_NS;
    double bytes = SEGMENTS * (double)end->segment_bytes;
    if (end->tune.goodput_bps * (double)ns > bytes * (double)WSP_NS_PER_S)
        ns = (uint64_t)(bytes * (double)WSP_NS_PER_S / end->tune.goodput_bps);
    return end->tune.goodput_bps <= 0 || ns < least_ns ? least_ns : ns;
}

static void begin_interval(struct wsp_end *end, uint64_t now_ns)
{
    end->interval_ns = now_ns;
    end->interval_acked = end->bytes_acked;
    end->was_held = false;
    end->idle_ns = 0;
    if (end->idle_since_ns)
        end->idle_since_ns = now_ns;
    end->steer_at_ns = now_ns + interval_ns(end);
}

static void choose_segments(struct wsp_end *end)
{
    if (!end->config.tunes_segments || end->tune.goodput_bps <= 0)
        return;
    double bytes = end->tune.goodput_bps / end->n_used * (double)SEGMENT_NS / (double)WSP_NS_PER_S;
    uint32_t least = segment_least(end);
    uint32_t size = end->config.segment_bytes;
    while (size / 2 >= least && size > bytes)
        size /= 2;
    end->segment_bytes = size;
}

static void apply(struct wsp_end *end, uint64_t now_ns)
{
    if (end->tune.rate_bps != end->pacer.rate_bps) {
        wsp_pacer_set(&end->pacer, end->tune.rate_bps, now_ns);
        end->release_at_ns = now_ns;
    }
    wsp_end_use_streams(end, end->tune.n, now_ns);
    wsp_hold_apply(end);
    choose_segments(end);
}

void wsp_steer_take_pace(struct wsp_end *end, double bps, uint64_t now_ns)
{
    wsp_tune_take_pace(&end->tune, bps, now_ns);
    apply(end, now_ns);
}

static void join(struct wsp_end *end)
{
    if (!end->is_counted)
        wsp_pair_join(end->config.pair);
    end->is_counted = true;
}

static void leave(struct wsp_end *end)
{
    if (end->is_counted)
        wsp_pair_leave(end->config.pair);
    end->is_counted = false;
}

void wsp_steer_stop(struct wsp_end *end)
{
    end->steer_at_ns = WSP_TIME_NEVER;
    leave(end);
    wsp_pair_tell(end->config.pair, &end->told_bps, 0);
    wsp_young_stop(end);
}

/* A program that sends one message after the other leaves moments between them. */
static bool is_backlogged(const struct wsp_end *end, uint64_t now_ns)
{
    uint64_t idle_ns = end->idle_ns + (end->idle_since_ns ? now_ns - end->idle_since_ns : 0);
    return idle_ns * IDLE_PARTS <= now_ns - end->interval_ns;
}

static void measure(struct wsp_end *end, uint64_t now_ns)
{
    struct wsp_reading reading = {
        .span_ns = now_ns - end->interval_ns,
        .is_backlogged = is_backlogged(end, now_ns),
        .is_held = end->was_held,
        .is_kernel_pacing = end->is_kernel_pacing,
        .burst_ns = now_ns - end->burst_ns,
        .equal_bps = wsp_pair_equal_bps(end->config.pair),
    };
    unsigned n_read = wsp_reading_take(end, &reading);
    if (n_read > 0) {
        wsp_rtt_note_interval(&end->rtt, 2 * n_read >= end->n_used, now_ns);
        wsp_pair_note_rtt(end->config.pair, end->rtt.min_ns);
        reading.min_rtt_ns = end->rtt.min_ns;
    }
    end->tune.n_max =
        wsp_pair_part(end->config.streams_max, wsp_pair_others(end->config.pair, end->is_counted));
    wsp_hedge_count(end, &reading);
    wsp_tune_step(&end->tune, &reading, now_ns);
    bool is_shared = end->tune.is_paced && reading.is_backlogged;
    wsp_pair_tell(end->config.pair, &end->told_bps,
                  is_shared ? (uint64_t)end->tune.capacity_bps : 0);
    apply(end, now_ns);
    wsp_debug(
        "path to rank %u: %u streams, %u up, %.1f MB/s, rtt %.2f of %.2f ms, pace %.1f MB/s, %s",
        end->config.remote_rank, end->n_used, end->n_up,
        (double)reading.delivered_bytes * 1e3 / (double)reading.span_ns, (double)end->rtt.ns / 1e6,
        (double)end->rtt.min_ns / 1e6, end->pacer.rate_bps / 1e6, wsp_limit_name(end->tune.limit));
    if (now_ns - end->bulk_ns > PAUSE_NS)
        wsp_steer_stop(end);
    else
        begin_interval(end, now_ns);
}

static void note_packet(struct wsp_end *end, uint64_t rtt_ns, uint64_t now_ns)
{
    wsp_rtt_note_packet(&end->rtt, rtt_ns, now_ns);
    wsp_pair_note_rtt(end->config.pair, end->rtt.min_ns);
}

void wsp_steer_cut(struct wsp_end *end, uint64_t length, uint64_t now_ns)
{
    uint64_t gap_ns = end->rtt.min_ns > GAP_NS ? end->rtt.min_ns : GAP_NS;
    wsp_pacer_take(&end->pacer, length);
    if (end->steer_at_ns == WSP_TIME_NEVER || now_ns - end->bulk_ns > gap_ns)
        end->burst_ns = now_ns;
    end->bulk_ns = now_ns;
    end->bulk_bytes += length;
    end->n_up_bulk = end->n_up;
    if (!is_tuned(end) || end->steer_at_ns != WSP_TIME_NEVER)
        return;
    join(end);
    struct wsp_reading first = {0}; /* where counts stand */
    if (wsp_reading_take(end, &first) > 0)
        note_packet(end, end->rtt.ns, now_ns);
    begin_interval(end, now_ns);
    wsp_young_flow(end, now_ns);
}

/* This path's, or that of another between the same places; 0: nobody has seen one. */
static uint64_t known_rtt_ns(const struct wsp_end *end)
{
    if (end->rtt.min_ns)
        return end->rtt.min_ns;
    return end->stats.rtt_ns ? end->stats.rtt_ns : wsp_pair_rtt_ns(end->config.pair);
}

/* What more streams than now a message deserves, by what is known of the way. */
void wsp_steer_demand(struct wsp_end *end, uint64_t length, uint64_t now_ns)
{
    if (!end->config.tunes_streams || length <= end->config.eager_bytes || wsp_end_is_over(end) ||
        end->is_closing)
        return;
    struct wsp_outlook way = {.rtt_ns = known_rtt_ns(end),
                              .is_kernel_pacing = end->is_kernel_pacing ||
                                                  wsp_pair_is_kernel_pacing(end->config.pair)};
    unsigned n = wsp_pair_part(wsp_tune_guess(&way, length, end->config.streams_guess),
                               wsp_pair_others(end->config.pair, end->is_counted));
    if (end->tune.goodput_bps > 0) {
        n = end->n_used > end->tune.n ? end->n_used : end->tune.n; /* as it was before the pause */
    } else if (length > end->demand_bytes) {
        end->demand_bytes = length;
    }
    if (n > end->config.streams_max)
        n = end->config.streams_max;
    bool is_better_guess = end->is_blind && way.rtt_ns && n < end->n_used;
    end->is_blind = way.rtt_ns == 0 && end->config.streams_guess == 0;
    if (n <= end->n_used && !is_better_guess)
        return;
    end->bulk_ns = now_ns; /* it is about to flow */
    join(end);             /* before others ask how many streams are left for them */
    if (end->tune.n < n || is_better_guess)
        end->tune.n = n;
    wsp_end_use_streams(end, n, now_ns);
}

void wsp_end_hint_kernel_pacing(struct wsp_end *end, bool is_pacing)
{
    end->is_kernel_pacing = is_pacing;
    wsp_pair_note_kernel_pacing(end->config.pair, is_pacing);
}

void wsp_end_hint_rtt(struct wsp_end *end, uint64_t rtt_ns, uint64_t now_ns)
{
    if (end->stats.rtt_ns == 0)
        end->stats.rtt_ns = rtt_ns;
    note_packet(end, rtt_ns, now_ns);
    if (end->demand_bytes && end->tune.goodput_bps <= 0)
        wsp_steer_demand(end, end->demand_bytes, now_ns);
}

static void release(struct wsp_end *end)
{
    end->release_at_ns = WSP_TIME_NEVER;
    if (!wsp_list_is_empty(&end->bulk))
        wsp_end_wake_all(end);
}

void wsp_steer_tick(struct wsp_end *end, uint64_t now_ns)
{
    if (now_ns >= end->steer_at_ns)
        measure(end, now_ns);
    if (now_ns >= end->release_at_ns)
        release(end);
    bool is_idle = now_ns - end->bulk_ns > IDLE_NS && wsp_list_is_empty(&end->bulk);
    if (is_idle && end->steer_at_ns == WSP_TIME_NEVER)
        leave(end); /* what was announced never flowed */
    if (end->config.tunes_streams && end->n_used > 1 && is_idle)
        wsp_end_use_streams(end, 1, now_ns);
}

void wsp_end_get_tuning(const struct wsp_end *end, struct wsp_end_tuning *tuning)
{
    *tuning = (struct wsp_end_tuning){
        .n_streams = end->n_used,
        .n_up = end->n_up,
        .n_streams_bulk = end->n_used > end->tune.n ? end->n_used : end->tune.n,
        .n_up_bulk = end->n_up_bulk,
        .bulk_bytes = end->bulk_bytes,
        .credit_bytes = end->grant.want_bytes,
        .segment_bytes = end->segment_bytes,
        .pace_bps = end->pacer.rate_bps,
        .goodput_bps = end->tune.goodput_bps,
        .rtt_ns = end->rtt.ns,
        .min_rtt_ns = end->rtt.min_ns,
        .limit_id = end->tune.limit,
        .limit = wsp_limit_name(end->tune.limit),
        .limit_text = wsp_limit_text(end->tune.limit),
    };
}

uint64_t wsp_end_stream_bytes(const struct wsp_end *end, unsigned index)
{
    return index < end->n_slots ? end->slots[index]->bytes_sent : 0;
}
