/* SPDX-License-Identifier: BSD-3-Clause */
/* Bulk: which stream takes the next piece of a message, and how long it is. */
#include "path/end_internal.h"

/* With more than this to send, the end of it is not in sight. */
#define TAIL_BYTES (UINT64_C(64) << 20)

void wsp_bulk_add(struct wsp_end *end, struct wsp_tx *tx)
{
    if (end->idle_since_ns && end->now_ns > end->idle_since_ns)
        end->idle_ns += end->now_ns - end->idle_since_ns;
    end->idle_since_ns = 0;
    wsp_list_push_back(&end->bulk, &tx->queue);
}

static struct wsp_seg *cut_more(struct wsp_end *end, struct wsp_tx *tx, uint64_t length)
{
    struct wsp_seg *seg = wsp_seg_new(end, tx, length);
    if (!seg)
        return NULL;
    seg->type = WSP_FRAME_DATA;
    seg->is_charged = seg->offset < tx->prefix && !(tx->flags & WSP_SEND_CONTROL);
    end->stats.bytes_sent += length;
    if (tx->cut >= wsp_tx_allowed(tx))
        wsp_node_remove(&tx->queue);
    return seg;
}

bool wsp_bulk_is_usable(const struct wsp_end *end, unsigned index)
{
    return wsp_slot_is_sound(end->slots[index]) && wsp_lane_is_for_bulk(end, index);
}

/* What of a message may be cut in one piece: none crosses the prefix, so that each is charged or
 * not as a whole. */
static uint64_t uncut(const struct wsp_tx *tx)
{
    uint64_t left = wsp_tx_allowed(tx) - tx->cut;
    uint64_t prefix_left = tx->cut < tx->prefix ? tx->prefix - tx->cut : left;
    return prefix_left < left ? prefix_left : left;
}

/* An even share of what is left for each stream, within limits: so that the streams end together.
 */
static uint64_t bulk_length(const struct wsp_end *end, uint64_t left)
{
    uint64_t share = left / end->n_used;
    if (share < WSP_SEGMENT_LEAST)
        share = WSP_SEGMENT_LEAST;
    if (share > end->segment_bytes)
        share = end->segment_bytes;
    return share < left ? share : left;
}

/* What waits to be sent, as far as it matters for the end of a burst. */
static uint64_t bulk_left(const struct wsp_end *end)
{
    uint64_t left = 0;
    WSP_LIST_EACH(node, &end->bulk)
    {
        const struct wsp_tx *tx = WSP_CONTAINER(node, struct wsp_tx, queue);
        left += wsp_tx_allowed(tx) - tx->cut;
        if (left > TAIL_BYTES)
            break;
    }
    return left;
}

/* Would these streams together be through with what is left within the usual time of a segment? */
static bool is_ending(const struct wsp_end *end, double rate_bps, uint64_t left)
{
    return (double)left * (double)WSP_NS_PER_S <= rate_bps * (double)end->lag_ns;
}

bool wsp_bulk_is_ending(const struct wsp_end *end)
{
    double rate_bps = 0;
    for (unsigned i = 0; i < end->n_slots; i++)
        if (wsp_bulk_is_usable(end, i))
            rate_bps += end->slots[i]->meter.rate_bps;
    return is_ending(end, rate_bps, bulk_left(end));
}

static uint64_t idle_ns(const struct wsp_slot *slot, uint64_t now_ns)
{
    return now_ns > slot->progress_ns ? now_ns - slot->progress_ns : 0;
}

/* The stream that would deliver a segment soonest, of those whose rate is known. */
static int soonest_stream(const struct wsp_end *end, uint64_t length, uint64_t now_ns)
{
    int best = -1;
    double best_ns = 0;
    for (unsigned i = 0; i < end->n_slots; i++) {
        const struct wsp_slot *slot = end->slots[i];
        double ns = wsp_meter_finish_ns(&slot->meter, length, idle_ns(slot, now_ns));
        if (ns <= 0 || (best >= 0 && ns >= best_ns) || !wsp_bulk_is_usable(end, i))
            continue;
        best = (int)i;
        best_ns = ns;
    }
    return best;
}

/* At the end of a burst, kernels tell better than acknowledgements how soon a stream is through: it
 * leaves the rest to others if that would take it longer than all of them. */
static bool is_too_late(const struct wsp_end *end, unsigned index, uint64_t length, uint64_t left,
                        const struct wsp_stripe *others)
{
    struct wsp_stream_sample now;
    double rate_bps = others->rate_bps + end->slots[index]->meter.rate_bps;
    if (end->rtt.min_ns < WSP_TUNE_NEAR_NS || others->n_streams == 0 ||
        !is_ending(end, rate_bps, left) || !end->config.handler->sample ||
        !end->config.handler->sample(end->config.user, index, &now) || now.pace_bps == 0)
        return false;
    double queued_ns = end->lag_ns > end->rtt.min_ns ? (double)(end->lag_ns - end->rtt.min_ns) : 0;
    double own_ns =
        (double)(now.unsent_bytes + length) * (double)WSP_NS_PER_S / (double)now.pace_bps;
    double theirs_ns = (double)left * (double)WSP_NS_PER_S / others->rate_bps;
    return own_ns > theirs_ns + queued_ns;
}

/* Until the answer comes only the prefix may be sent. Of streams that have just begun nobody knows
 * which is fast, and the first that are up would take all of it: more than their windows let go in
 * that time, while the others have nothing to send. */
static bool has_its_part(const struct wsp_end *end, const struct wsp_tx *tx,
                         const struct wsp_meter *meter, uint64_t length)
{
    return wsp_tx_allowed(tx) < tx->envelope.length && meter->rate_bps <= 0 &&
           meter->in_flight_bytes > 0 && meter->in_flight_bytes + length > tx->prefix / end->n_used;
}

/* Leaves the segment to others if they will have delivered everything before this stream could.
 * Then the soonest is woken: it never declines, so that two cannot wake each other for ever. The
 * next tick asks again, for it may be stuck. */
static bool may_take_bulk(struct wsp_end *end, unsigned index, uint64_t length, uint64_t now_ns)
{
    struct wsp_stripe others = {0};
    for (unsigned i = 0; i < end->n_slots; i++) {
        const struct wsp_slot *slot = end->slots[i];
        if (i != index && wsp_bulk_is_usable(end, i))
            wsp_stripe_add(&others, &slot->meter, length, idle_ns(slot, now_ns));
    }
    const struct wsp_slot *own = end->slots[index];
    uint64_t left = bulk_left(end);
    if (wsp_stripe_may_take(&others, &own->meter, length, left, idle_ns(own, now_ns)) &&
        !is_too_late(end, index, length, left, &others))
        return true;
    int soonest = soonest_stream(end, length, now_ns);
    if (soonest == (int)index)
        return true;
    if (soonest >= 0 && !end->slots[soonest]->is_writing)
        end->config.handler->want_write(end->config.user, (unsigned)soonest);
    wsp_end_arm(end, now_ns + WSP_ACK_DELAY_NS);
    return false;
}

struct wsp_seg *wsp_bulk_next(struct wsp_end *end, unsigned index, uint64_t now_ns)
{
    struct wsp_node *node = wsp_list_first(&end->bulk);
    if (!node) {
        if (end->idle_since_ns == 0)
            end->idle_since_ns = now_ns;
        wsp_race_begin(end, now_ns);
        return NULL;
    }
    if (!wsp_steer_may_cut(end, index, now_ns))
        return NULL;
    struct wsp_tx *tx = WSP_CONTAINER(node, struct wsp_tx, queue);
    if (!tx->is_begun)
        wsp_plan_make(end, tx, now_ns);
    uint64_t length;
    if (wsp_plan_holds(tx, now_ns)) {
        length = wsp_plan_take(end, index, uncut(tx));
        if (length == 0)
            return NULL;
    } else {
        length = bulk_length(end, uncut(tx));
        if (has_its_part(end, tx, &end->slots[index]->meter, length)) {
            bool is_near = end->rtt.min_ns < WSP_ACK_DELAY_NS;
            /* By then it may have been acknowledged. */
            wsp_end_arm(end, now_ns + (is_near ? WSP_ACK_DELAY_NS : end->rtt.min_ns));
            return NULL;
        }
        if (!may_take_bulk(end, index, length, now_ns))
            return NULL;
    }
    wsp_steer_cut(end, length, now_ns);
    struct wsp_seg *seg = cut_more(end, tx, length);
    wsp_race_cut(end, now_ns);
    return seg;
}
