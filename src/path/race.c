/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of a burst. While there is more to cut, a slow stream holds up nothing but itself; when
 * all is cut, the last segments decide when the message is whole. One that takes longer than they
 * do as a rule is sent again on another stream; whichever copy comes first counts. So are the few
 * that are left when nearly all has arrived, sooner: a packet lost at the end of what a stream had
 * to send costs its kernel two round trips to notice. What takes twice as long as the rule when the
 * end is in sight is not left for then. */
#include "path/end_internal.h"

#define LOOK_AGAIN_NS (2 * WSP_NS_PER_MS)
#define LOOKS_PER_LAG 16
/* Its second stream may have lost it, too. */
#define RACES_MOST 3

/* Nearly all has arrived when no more is left than one part of so many. */
#define FEW_PART 8

static uint64_t in_flight(const struct wsp_end *end)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < end->n_slots; i++)
        bytes += end->slots[i]->meter.in_flight_bytes;
    return bytes;
}

static bool is_all_cut(const struct wsp_end *end)
{
    return end->race_since_ns > 0;
}

/* What is overdue by how long it has been under way. */
struct limits {
    uint64_t few_ns;  /* of the burst, when few are left of it */
    uint64_t rule_ns; /* of all else */
};

static struct limits limits_of(const struct wsp_end *end, uint64_t left_bytes)
{
    uint64_t lag = end->lag_ns, margin = 2 * end->lag_spread_ns;
    uint64_t stuck_ns = 2 * lag + margin;
    if (!is_all_cut(end))
        return (struct limits){stuck_ns, stuck_ns};
    uint64_t rule_ns = lag + lag / 4 + (margin > LOOK_AGAIN_NS ? margin : LOOK_AGAIN_NS);
    uint64_t few_ns = lag + (margin < lag / 8 ? margin : lag / 8);
    bool are_few = left_bytes <= end->race_bytes / FEW_PART;
    return (struct limits){are_few ? few_ns : rule_ns, rule_ns};
}

static bool is_at_end(const struct wsp_end *end)
{
    if (end->lag_ns == 0 || end->n_up < 2)
        return false;
    return is_all_cut(end) ? wsp_list_is_empty(&end->bulk) : wsp_bulk_is_ending(end);
}

void wsp_race_seg(struct wsp_end *end, unsigned index, struct wsp_seg *seg)
{
    seg->n_raced++;
    seg->avoids = (int)index;
    wsp_seg_unbind(end, seg);
}

static void take_over(struct wsp_end *end, unsigned index, struct wsp_seg *seg)
{
    end->stats.segments_taken_over++;
    wsp_race_seg(end, index, seg);
}

/* What waits in the socket of a stream need not become overdue first, if its kernel will take
 * longer to send that than segments take as a rule: BBR that probes for the least round trip sends
 * four packets in each for a while. Young streams are faster by then than they are now. */
static void race_unsent(struct wsp_end *end, unsigned index)
{
    struct wsp_slot *slot = end->slots[index];
    struct wsp_stream_sample now;
    if (wsp_list_is_empty(&slot->under_way) || !end->config.handler->sample ||
        !end->config.handler->sample(end->config.user, index, &now) || now.pace_bps == 0)
        return;
    if (now.unsent_bytes * WSP_NS_PER_S / now.pace_bps <= end->lag_ns)
        return;
    uint64_t bytes = 0;
    while (!wsp_list_is_empty(&slot->under_way)) {
        struct wsp_seg *last = WSP_CONTAINER(slot->under_way.head.prev, struct wsp_seg, node);
        bytes += last->length;
        if (last->n_raced > 0 || bytes > now.unsent_bytes)
            return;
        take_over(end, index, last);
    }
}

/* Can another stream do better? One has, with what was sent later, or all others have nothing else
 * to do: while all are slow, a second copy is only more to carry. */
static bool is_promising(const struct wsp_end *end, unsigned index, const struct wsp_seg *seg)
{
    if (seg->order < end->acked_order)
        return true;
    for (unsigned i = 0; i < end->n_slots; i++)
        if (i != index && !wsp_list_is_empty(&end->slots[i]->under_way))
            return false;
    return true;
}

/* Sends again what is overdue on this stream; returns when the next segment will be. */
static uint64_t race_slot(struct wsp_end *end, unsigned index, struct limits limits,
                          uint64_t now_ns)
{
    if (is_all_cut(end) && end->rtt.min_ns >= WSP_TUNE_NEAR_NS && !wsp_young_are(end, now_ns))
        race_unsent(end, index);
    WSP_LIST_EACH_SAFE(node, &end->slots[index]->under_way)
    {
        struct wsp_seg *seg = WSP_CONTAINER(node, struct wsp_seg, node);
        bool is_of_burst = seg->sent_ns <= end->race_since_ns || seg->n_raced > 0;
        uint64_t at_ns = seg->sent_ns + (is_of_burst ? limits.few_ns : limits.rule_ns);
        if (seg->n_raced == RACES_MOST || seg->length == 0)
            continue;
        if (at_ns > now_ns)
            return at_ns;
        if (!is_promising(end, index, seg))
            break;
        take_over(end, index, seg);
    }
    return WSP_TIME_NEVER;
}

void wsp_race_tick(struct wsp_end *end, uint64_t now_ns)
{
    if (now_ns < end->race_at_ns)
        return;
    end->race_at_ns = WSP_TIME_NEVER;
    uint64_t left_bytes = in_flight(end);
    if (!is_at_end(end) || left_bytes == 0)
        return;
    struct limits limits = limits_of(end, left_bytes);
    end->race_at_ns = now_ns + end->lag_ns / LOOKS_PER_LAG;
    for (unsigned i = 0; i < end->n_slots; i++) {
        uint64_t at_ns = race_slot(end, i, limits, now_ns);
        if (at_ns < end->race_at_ns)
            end->race_at_ns = at_ns;
    }
    if (!wsp_list_is_empty(&end->replay))
        wsp_end_wake_all(end);
    if (end->race_at_ns < now_ns + LOOK_AGAIN_NS)
        end->race_at_ns = now_ns + LOOK_AGAIN_NS;
}

void wsp_race_begin(struct wsp_end *end, uint64_t now_ns)
{
    bool is_on = is_all_cut(end) && end->race_at_ns != WSP_TIME_NEVER;
    if (is_on || end->unacked_segment == end->next_segment)
        return;
    end->race_since_ns = now_ns;
    if (!is_at_end(end))
        return;
    end->race_at_ns = now_ns + LOOK_AGAIN_NS;
    end->race_bytes = in_flight(end);
    wsp_hedge_end(end, now_ns);
}

void wsp_race_cut(struct wsp_end *end, uint64_t now_ns)
{
    end->race_since_ns = 0;
    if (!is_at_end(end))
        end->race_at_ns = WSP_TIME_NEVER;
    else if (end->race_at_ns == WSP_TIME_NEVER)
        end->race_at_ns = now_ns + end->lag_ns / LOOKS_PER_LAG;
}
