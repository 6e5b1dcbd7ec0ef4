/* SPDX-License-Identifier: BSD-3-Clause */
/* Tuning put to work: reads an interval off the streams, has tune.c decide, and applies it. Also
 * which streams bulk may use, and when. */
#include "path/end_internal.h"

#include "base/log.h"

#include <stdlib.h>

/* With so many streams up, the first is left to what is small. */
#define LANE_STREAMS 4
/* Segments last so long on a stream at its rate, within limits. */
#define SEGMENT_NS    (25 * WSP_NS_PER_MS)
#define SEGMENT_START (UINT32_C(64) << 10)
/* A path without bulk for so long goes back to one stream. */
#define IDLE_NS (10 * WSP_NS_PER_S)
/* The least round trip is that of so long, or twice as long. */
#define LEAST_NS (60 * WSP_NS_PER_S)
/* Without bulk for so long, or a round trip, a burst is over. */
#define GAP_NS (100 * WSP_NS_PER_MS)
/* A path without bulk is measured no more after this. */
#define PAUSE_NS WSP_NS_PER_S
/* So many segments in an interval, unless that takes longer than this. */
#define SEGMENTS         8
#define INTERVAL_MOST_NS (250 * WSP_NS_PER_MS)

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

static bool is_sound(const struct wsp_slot *slot)
{
    return slot->is_up && !slot->is_suspect;
}

/* Is one of those for bulk sound, from this one on? */
static bool is_any_used_sound(const struct wsp_end *end, unsigned from)
{
    for (unsigned i = from; i < end->n_used && i < end->n_slots; i++)
        if (is_sound(end->slots[i]))
            return true;
    return false;
}

bool wsp_steer_has_lane(const struct wsp_end *end)
{
    return end->config.tunes_streams && end->n_used >= LANE_STREAMS && end->n_up >= LANE_STREAMS &&
           is_sound(end->slots[0]) && is_any_used_sound(end, 1);
}

bool wsp_steer_carries_bulk(const struct wsp_end *end, unsigned index)
{
    if (index >= end->n_used)
        return !is_any_used_sound(end, 0);
    return index > 0 || !wsp_steer_has_lane(end);
}

bool wsp_steer_may_cut(struct wsp_end *end, unsigned index, uint64_t now_ns)
{
    if (!wsp_steer_carries_bulk(end, index))
        return false;
    if (wsp_pacer_is_open(&end->pacer, now_ns, &end->release_at_ns))
        return true;
    end->was_held = true;
    return false;
}

/* The middle of the round trips; sorts them. */
static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static uint64_t middle(uint64_t *values, unsigned n)
{
    qsort(values, n, sizeof *values, compare);
    return values[n / 2];
}

static uint64_t since(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

/* What the streams' kernels tell, summed up. */
struct sums {
    struct wsp_reading reading;
    uint64_t rtts[WSP_STREAMS_MAX];
    unsigned n;
    double least, most; /* delivered by a stream */
};

static void add_stream(struct wsp_end *end, unsigned index, struct sums *sums)
{
    struct wsp_slot *slot = end->slots[index];
    struct wsp_stream_sample before = slot->sample, now = {0};
    if (!end->config.handler->sample(end->config.user, index, &now))
        return;
    slot->sample = now;
    double delivered = (double)since(now.delivered_bytes, before.delivered_bytes);
    sums->reading.delivered_bytes += (uint64_t)delivered;
    if (!wsp_steer_carries_bulk(end, index))
        return;
    sums->reading.n_sent += since(now.n_sent, before.n_sent);
    sums->reading.n_sent_again += since(now.n_sent_again, before.n_sent_again);
    sums->reading.dry_share += now.unsent_bytes == 0;
    sums->reading.pinched_share += now.is_pinched;
    uint64_t busy = since(now.busy_ns, before.busy_ns);
    uint64_t limited = since(now.receiver_limited_ns, before.receiver_limited_ns);
    sums->reading.receiver_share += busy ? (double)limited / (double)busy : 0;
    if (sums->n == 0 || delivered < sums->least)
        sums->least = delivered;
    if (delivered > sums->most)
        sums->most = delivered;
    sums->rtts[sums->n++] = now.rtt_ns;
}

/* The least of one to two minutes: a route may become longer. */
static void note_round_trip(struct wsp_end *end, uint64_t rtt_ns, uint64_t now_ns)
{
    if (now_ns - end->least_since_ns > LEAST_NS) {
        end->least_before_ns = end->least_now_ns;
        end->least_now_ns = 0;
        end->least_since_ns = now_ns;
    }
    if (end->least_now_ns == 0 || rtt_ns < end->least_now_ns)
        end->least_now_ns = rtt_ns;
    bool is_before_less = end->least_before_ns && end->least_before_ns < end->least_now_ns;
    end->min_rtt_ns = is_before_less ? end->least_before_ns : end->least_now_ns;
    wsp_pair_note_rtt(end->config.pair, end->min_rtt_ns);
}

static void read_streams(struct wsp_end *end, struct sums *sums)
{
    for (unsigned i = 0; i < end->n_slots && end->config.handler->sample; i++)
        if (end->slots[i]->is_up)
            add_stream(end, i, sums);
    struct wsp_reading *reading = &sums->reading;
    if (sums->n == 0) {
        reading->delivered_bytes = end->bytes_acked - end->interval_acked;
        return;
    }
    reading->dry_share /= sums->n;
    reading->pinched_share /= sums->n;
    reading->receiver_share /= sums->n;
    reading->evenness = sums->most > 0 ? sums->least / sums->most : 0;
    end->rtt_ns = reading->rtt_ns = middle(sums->rtts, sums->n);
}

/* Of single packets, and of streams that have sent few, the least is the luckiest where round trips
 * differ by themselves: it counts only until an interval in which most streams were up. */
static void note_interval(struct wsp_end *end, struct sums *sums, uint64_t now_ns)
{
    if (sums->n == 0)
        return;
    if (!end->is_least_known && 2 * sums->n >= end->n_used) {
        end->least_now_ns = end->least_before_ns = 0;
        end->is_least_known = true;
    }
    note_round_trip(end, end->rtt_ns, now_ns);
    sums->reading.min_rtt_ns = end->min_rtt_ns;
}

static void note_first_look(struct wsp_end *end, uint64_t rtt_ns, uint64_t now_ns)
{
    if (!end->is_least_known)
        note_round_trip(end, rtt_ns, now_ns);
}

void wsp_steer_look(const struct wsp_end *end, struct wsp_look *look)
{
    uint64_t rtts[WSP_STREAMS_MAX];
    for (unsigned i = 0; i < end->n_slots; i++) {
        struct wsp_stream_sample now;
        if (!end->slots[i]->is_up || !wsp_steer_carries_bulk(end, i) ||
            !end->config.handler->sample(end->config.user, i, &now))
            continue;
        look->delivered_bytes += now.delivered_bytes;
        rtts[look->n++] = now.rtt_ns;
    }
    if (look->n > 0)
        look->rtt_ns = middle(rtts, look->n);
}

/* Long enough for several segments: fewer tell no rate. */
static uint64_t interval_ns(const struct wsp_end *end)
{
    uint64_t least_ns = wsp_tune_interval_ns(end->min_rtt_ns), ns = INTERVAL_MOST_NS;
    double bytes = SEGMENTS * (double)end->segment_bytes;
    if (end->tune.goodput_bps * (double)ns > bytes * (double)WSP_NS_PER_S)
        ns = (uint64_t)(bytes * (double)WSP_NS_PER_S / end->tune.goodput_bps);
    return end->tune.goodput_bps <= 0 || ns < least_ns ? least_ns : ns;
}

static void begin_interval(struct wsp_end *end, uint64_t now_ns)
{
    end->interval_ns = now_ns;
    end->interval_acked = end->bytes_acked;
    end->is_starved = end->was_held = false;
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
    choose_segments(end);
}

void wsp_steer_take_pace(struct wsp_end *end, double bps, uint64_t now_ns)
{
    wsp_tune_take_pace(&end->tune, bps, now_ns);
    apply(end, now_ns);
}

void wsp_steer_stop(struct wsp_end *end)
{
    end->steer_at_ns = WSP_TIME_NEVER;
    if (end->is_counted)
        wsp_pair_leave(end->config.pair);
    wsp_pair_tell(end->config.pair, &end->told_bps, 0);
    end->is_counted = false;
    wsp_young_stop(end);
}

static void measure(struct wsp_end *end, uint64_t now_ns)
{
    struct sums sums = {0};
    sums.reading.span_ns = now_ns - end->interval_ns;
    sums.reading.is_backlogged = !end->is_starved && !wsp_list_is_empty(&end->bulk);
    sums.reading.is_held = end->was_held;
    sums.reading.is_kernel_pacing = end->is_kernel_pacing;
    sums.reading.burst_ns = now_ns - end->burst_ns;
    read_streams(end, &sums);
    note_interval(end, &sums, now_ns);
    end->tune.n_max =
        wsp_pair_part(end->config.streams_max, wsp_pair_others(end->config.pair, end->is_counted));
    sums.reading.equal_bps = wsp_pair_equal_bps(end->config.pair);
    wsp_hedge_count(end, &sums.reading);
    wsp_tune_step(&end->tune, &sums.reading, now_ns);
    bool is_shared = end->tune.is_paced && sums.reading.is_backlogged;
    wsp_pair_tell(end->config.pair, &end->told_bps,
                  is_shared ? (uint64_t)end->tune.capacity_bps : 0);
    apply(end, now_ns);
    wsp_debug(
        "path to rank %u: %u streams, %u up, %.1f MB/s, rtt %.2f of %.2f ms, pace %.1f MB/s, %s",
        end->config.remote_rank, end->n_used, end->n_up,
        (double)sums.reading.delivered_bytes * 1e3 / (double)sums.reading.span_ns,
        (double)end->rtt_ns / 1e6, (double)end->min_rtt_ns / 1e6, end->pacer.rate_bps / 1e6,
        wsp_limit_name(end->tune.limit));
    if (now_ns - end->bulk_ns > PAUSE_NS)
        wsp_steer_stop(end);
    else
        begin_interval(end, now_ns);
}

void wsp_steer_cut(struct wsp_end *end, uint64_t length, uint64_t now_ns)
{
    uint64_t gap_ns = end->min_rtt_ns > GAP_NS ? end->min_rtt_ns : GAP_NS;
    wsp_pacer_take(&end->pacer, length);
    if (end->steer_at_ns == WSP_TIME_NEVER || now_ns - end->bulk_ns > gap_ns)
        end->burst_ns = now_ns;
    end->bulk_ns = now_ns;
    end->bulk_bytes += length;
    end->n_up_bulk = end->n_up;
    if (!is_tuned(end) || end->steer_at_ns != WSP_TIME_NEVER)
        return;
    wsp_pair_join(end->config.pair);
    end->is_counted = true;
    struct sums first = {0}; /* where counts stand */
    read_streams(end, &first);
    if (first.n > 0)
        note_first_look(end, end->rtt_ns, now_ns);
    begin_interval(end, now_ns);
    wsp_young_flow(end, now_ns);
}

/* One's own, or that of another path between the same places; 0: nobody has seen one. */
static uint64_t known_round_trip_ns(const struct wsp_end *end)
{
    if (end->min_rtt_ns)
        return end->min_rtt_ns;
    return end->stats.rtt_ns ? end->stats.rtt_ns : wsp_pair_rtt_ns(end->config.pair);
}

/* What more streams than now a message deserves, by what is known of the way. */
void wsp_steer_demand(struct wsp_end *end, uint64_t length, uint64_t now_ns)
{
    if (!end->config.tunes_streams || length <= end->config.eager_bytes)
        return;
    struct wsp_outlook way = {.rtt_ns = known_round_trip_ns(end),
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
    note_first_look(end, rtt_ns, now_ns);
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
        .rtt_ns = end->rtt_ns,
        .min_rtt_ns = end->min_rtt_ns,
        .limit_id = end->tune.limit,
        .limit = wsp_limit_name(end->tune.limit),
        .limit_text = wsp_limit_text(end->tune.limit),
    };
}

uint64_t wsp_end_stream_bytes(const struct wsp_end *end, unsigned index)
{
    return index < end->n_slots ? end->slots[index]->bytes_sent : 0;
}
