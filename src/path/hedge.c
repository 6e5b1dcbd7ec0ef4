/* SPDX-License-Identifier: BSD-3-Clause */
/* The last part of a burst goes twice where packets are lost by chance. A loss becomes known to the
 * kernel a round trip after it was sent, and is mended half of one later; when all is cut, nothing
 * else is to be sent meanwhile. A copy on another stream, sent at once, is there before the repair
 * of what was sent in the last half of a round trip could be. */
#include "path/end_internal.h"

/* No more than one part of so many of a burst. */
#define COPIED_PART 16
/* Fewer losses to be expected in what would be copied are not worth it. */
#define LOSSES_LEAST 0.5
#define PACKET_BYTES 1448
/* What was counted before counts for less with each interval. */
#define FADE 0.9

void wsp_hedge_count(struct wsp_end *end, const struct wsp_reading *reading)
{
    struct wsp_hedge *hedge = &end->hedge;
    if (wsp_young_are(end, end->now_ns))
        return; /* young streams overrun the queue, which is not chance */
    hedge->n_sent = FADE * hedge->n_sent + (double)reading->n_sent;
    hedge->n_sent_again = FADE * hedge->n_sent_again + (double)reading->n_sent_again;
}

static bool is_worth_it(const struct wsp_hedge *hedge, uint64_t bytes)
{
    double n = (double)bytes / PACKET_BYTES;
    return hedge->n_sent > 0 && n * hedge->n_sent_again >= LOSSES_LEAST * hedge->n_sent;
}

/* The latest segment on a stream, if it was sent since, and once. */
static struct wsp_seg *latest(const struct wsp_slot *slot, uint64_t since_ns)
{
    if (wsp_list_is_empty(&slot->under_way))
        return NULL;
    struct wsp_seg *seg = WSP_CONTAINER(slot->under_way.head.prev, struct wsp_seg, node);
    return seg->sent_ns >= since_ns && seg->n_raced == 0 && seg->length > 0 ? seg : NULL;
}

static uint64_t copy_latest(struct wsp_end *end, unsigned index, uint64_t since_ns, uint64_t most)
{
    uint64_t bytes = 0;
    struct wsp_seg *seg;
    while ((seg = latest(end->slots[index], since_ns)) && bytes + seg->length <= most) {
        bytes += seg->length;
        end->stats.segments_hedged++;
        wsp_race_seg(end, index, seg);
    }
    return bytes;
}

static uint64_t sent_since(const struct wsp_end *end, uint64_t since_ns)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < end->n_slots; i++) {
        const struct wsp_list *list = &end->slots[i]->under_way;
        for (const struct wsp_node *at = list->head.prev; at != &list->head; at = at->prev) {
            const struct wsp_seg *seg = WSP_CONTAINER(at, const struct wsp_seg, node);
            if (seg->sent_ns < since_ns)
                break;
            bytes += seg->length;
        }
    }
    return bytes;
}

void wsp_hedge_end(struct wsp_end *end, uint64_t now_ns)
{
    uint64_t most = (end->bulk_bytes - end->hedge.bulk_bytes) / COPIED_PART;
    uint64_t span_ns = end->rtt.min_ns / 2;
    end->hedge.bulk_bytes = end->bulk_bytes;
    if (end->rtt.min_ns < WSP_TUNE_NEAR_NS || wsp_young_are(end, now_ns) ||
        !is_worth_it(&end->hedge, most))
        return;
    uint64_t late_bytes = sent_since(end, now_ns - span_ns);
    if (late_bytes > most)
        span_ns = (uint64_t)((double)span_ns * (double)most / (double)late_bytes);
    else if (!is_worth_it(&end->hedge, late_bytes))
        return;
    for (unsigned i = 0; i < end->n_slots; i++)
        most -= copy_latest(end, i, now_ns - span_ns, most);
    wsp_end_wake_all(end);
}
