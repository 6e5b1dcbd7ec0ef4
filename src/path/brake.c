/* SPDX-License-Identifier: BSD-3-Clause */
#include "path/brake.h"

#include "base/clock.h"

/* Of the round trip: how often we look, and for how long streams are young, and held. */
#define LOOKS_PER_RTT 4
#define YOUNG_RTTS    16
#define HELD_RTTS     10
/* The round trip has grown by one part of so many: a queue. */
#define QUEUE_PART     16
#define QUEUE_LEAST_NS (2 * WSP_NS_PER_MS)
/* How much of what goes through may be sent: what has been sent already comes on top while there is
 * a queue. */
#define WITH_QUEUE    0.85
#define WITHOUT_QUEUE 1.25

uint64_t wsp_brake_interval_ns(uint64_t min_rtt_ns)
{
    return min_rtt_ns / LOOKS_PER_RTT;
}

void wsp_brake_renew(struct wsp_brake *brake)
{
    brake->looks_left = YOUNG_RTTS * LOOKS_PER_RTT;
}

void wsp_brake_begin(struct wsp_brake *brake)
{
    brake->n_looks = 0;
    brake->least_rtt_ns = 0;
    brake->held_bps = 0;
    if (brake->looks_left > 0 && brake->has_filled)
        brake->held_bps = WITHOUT_QUEUE * brake->best_bps;
}

void wsp_brake_end(struct wsp_brake *brake)
{
    brake->held_bps = 0;
}

bool wsp_brake_is_needed(const struct wsp_brake *brake, uint64_t now_ns)
{
    return brake->looks_left > 0 || (brake->held_bps > 0 && now_ns < brake->held_until_ns);
}

/* What was delivered in a second lately; 0: not known. */
static double rate_of(const struct wsp_brake *brake, const struct wsp_look *look, uint64_t now_ns)
{
    unsigned oldest = brake->n_looks % WSP_BRAKE_LOOKS;
    if (brake->n_looks < WSP_BRAKE_LOOKS || look->delivered_bytes < brake->delivered_bytes[oldest])
        return 0;
    return (double)(look->delivered_bytes - brake->delivered_bytes[oldest]) * (double)WSP_NS_PER_S /
           (double)(now_ns - brake->looked_ns[oldest]);
}

static void remember(struct wsp_brake *brake, const struct wsp_look *look, uint64_t now_ns)
{
    unsigned oldest = brake->n_looks++ % WSP_BRAKE_LOOKS;
    brake->delivered_bytes[oldest] = look->delivered_bytes;
    brake->looked_ns[oldest] = now_ns;
}

/* More than the least since we look: a queue from before is others', or a measurement from then. */
static bool has_queue(const struct wsp_brake *brake, const struct wsp_look *look)
{
    uint64_t queue = look->min_rtt_ns / QUEUE_PART, from = brake->least_rtt_ns;
    if (look->standing_ns > 0 && from < look->min_rtt_ns + look->standing_ns)
        from = look->min_rtt_ns + look->standing_ns;
    return look->rtt_ns > from + (queue > QUEUE_LEAST_NS ? queue : QUEUE_LEAST_NS);
}

void wsp_brake_look(struct wsp_brake *brake, const struct wsp_look *look, uint64_t now_ns)
{
    if (look->n == 0)
        return;
    if (brake->least_rtt_ns == 0 || look->rtt_ns < brake->least_rtt_ns)
        brake->least_rtt_ns = look->rtt_ns;
    double rate = rate_of(brake, look, now_ns);
    bool is_full = has_queue(brake, look);
    if (rate > brake->best_bps)
        brake->best_bps = rate;
    /* What a short message reached says nothing of the way. */
    if (rate > 0 && is_full && look->is_flowing && !brake->has_filled) {
        brake->has_filled = true;
        brake->held_until_ns = now_ns + HELD_RTTS * look->min_rtt_ns;
    }
    if (rate > 0 && brake->has_filled && (is_full || brake->held_bps > 0))
        brake->held_bps = brake->best_bps * (is_full ? WITH_QUEUE : WITHOUT_QUEUE);
    remember(brake, look, now_ns);
    if (brake->looks_left > 0 && look->is_flowing)
        brake->looks_left--; /* without bulk they grow no older */
}
