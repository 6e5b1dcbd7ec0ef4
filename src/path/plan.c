/* SPDX-License-Identifier: BSD-3-Clause */
/* A short message on an idle path: who sends how much of it is settled at once, so that all streams
 * end together. Acknowledgements of short messages tell how long the way is, not how fast a stream
 * sends, and who got much would look fast; the kernels know. */
#include "path/end_internal.h"

/* Short: an even share is no more than so many segments. */
#define SHARE_SEGMENTS 4
/* Whoever has not taken its part by then leaves it to the others. */
#define PLAN_NS (5 * WSP_NS_PER_MS)

static uint64_t longest(const struct wsp_end *end)
{
    uint64_t bytes = SHARE_SEGMENTS * (uint64_t)end->segment_bytes;
    return bytes < end->config.segment_bytes ? bytes : end->config.segment_bytes;
}

/* Streams for bulk; 0: one of them is busy. */
static unsigned count_idle(const struct wsp_end *end)
{
    unsigned n = 0;
    for (unsigned i = 0; i < end->n_slots; i++) {
        if (!wsp_bulk_is_usable(end, i))
            continue;
        if (end->slots[i]->meter.in_flight_bytes > 0)
            return 0;
        n++;
    }
    return n;
}

static void ask_rates(struct wsp_end *end)
{
    for (unsigned i = 0; i < end->n_slots; i++) {
        struct wsp_slot *slot = end->slots[i];
        struct wsp_stream_sample now;
        slot->plan_bytes = 0;
        if (wsp_bulk_is_usable(end, i) && end->config.handler->sample &&
            end->config.handler->sample(end->config.user, i, &now) && now.pace_bps > 0)
            slot->meter.rate_bps = (double)now.pace_bps;
    }
}

/* The stream that would be first to have sent its part and this piece. */
static struct wsp_slot *first_through(struct wsp_end *end, uint64_t piece)
{
    struct wsp_slot *best = NULL;
    double best_rate = 0;
    for (unsigned i = 0; i < end->n_slots; i++) {
        struct wsp_slot *slot = end->slots[i];
        double rate = slot->meter.rate_bps > 0 ? slot->meter.rate_bps : 1;
        if (!wsp_bulk_is_usable(end, i))
            continue;
        if (!best || (double)(slot->plan_bytes + piece) * best_rate <
                         (double)(best->plan_bytes + piece) * rate) {
            best = slot;
            best_rate = rate;
        }
    }
    return best;
}

void wsp_plan_make(struct wsp_end *end, struct wsp_tx *tx, uint64_t now_ns)
{
    uint64_t left = tx->envelope.length - tx->cut;
    unsigned n = count_idle(end);
    tx->is_begun = true;
    if (n < 2 || left > n * longest(end))
        return;
    uint64_t piece = WSP_SEGMENT_LEAST < longest(end) ? WSP_SEGMENT_LEAST : longest(end);
    ask_rates(end);
    for (uint64_t given = 0; given < left; given += piece)
        first_through(end, piece)->plan_bytes += piece;
    tx->plan_until_ns = now_ns + PLAN_NS;
    wsp_end_arm(end, tx->plan_until_ns);
}

bool wsp_plan_holds(const struct wsp_tx *tx, uint64_t now_ns)
{
    return now_ns < tx->plan_until_ns;
}

uint64_t wsp_plan_take(struct wsp_end *end, unsigned index, uint64_t left)
{
    struct wsp_slot *slot = end->slots[index];
    uint64_t most = left < longest(end) ? left : longest(end);
    uint64_t length = slot->plan_bytes < most ? slot->plan_bytes : most;
    slot->plan_bytes -= length;
    return length;
}
