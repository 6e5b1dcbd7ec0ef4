/* SPDX-License-Identifier: BSD-3-Clause */
/* Time: what is due, which stream is suspect, and when the other side is given up. */
#include "path/end_internal.h"

#include "base/log.h"

/* An unanswered ping alone holds nothing up: a peer that has no processor gets some time more. */
#define PING_GRACE_NS (2 * WSP_SUSPECT_NS)
/* Of the patience, for a stream on which bytes still get through. */
#define MOVING_PATIENCE 4
/* After so long without a suspicion the patience is the usual one. */
#define FORGET_NS (60 * WSP_NS_PER_S)

void wsp_watch_progress(struct wsp_end *end, unsigned index, uint64_t now_ns)
{
    end->slots[index]->progress_ns = now_ns;
    end->slots[index]->is_suspect = false;
}

/* How long a stream may go without progress. Beside round trips it allows for what it carries at
 * its own rate, and grows until a segment is acknowledged, so that a slow network is not reset for
 * ever. */
static uint64_t patience_ns(const struct wsp_end *end, const struct wsp_slot *slot)
{
    uint64_t base = 4 * end->lag_ns;
    if (base < WSP_SUSPECT_NS)
        base = WSP_SUSPECT_NS;
    base += (uint64_t)wsp_meter_finish_ns(&slot->meter, 0, 0);
    return base * end->stall_factor;
}

static void suspect(struct wsp_end *end, unsigned index, uint64_t now_ns)
{
    struct wsp_slot *slot = end->slots[index];
    slot->is_suspect = true;
    end->stats.stalls++;
    end->stalled_ns = now_ns;
    if (end->stall_factor < 16)
        end->stall_factor *= 2;
    wsp_slot_take_over(end, index);
    wsp_slot_ask(end, index, now_ns);
    wsp_end_wake_all(end);
}

/* Has the other side read all of the segment's frame? It has if something later of the same stream
 * arrived there. */
static bool is_read(const struct wsp_slot *slot, const struct wsp_seg *seg)
{
    return seg->order < slot->last_acked_order || seg->hop_sequence + 1 < slot->hop_acked;
}

/* A segment that was read and is not acknowledged was damaged, and the request for it was lost. */
static void replay_skipped(struct wsp_end *end, struct wsp_slot *slot, uint64_t now_ns)
{
    uint64_t patience = patience_ns(end, slot);
    WSP_LIST_EACH_SAFE(node, &slot->under_way)
    {
        struct wsp_seg *seg = WSP_CONTAINER(node, struct wsp_seg, node);
        if (!is_read(slot, seg) || now_ns - seg->sent_ns < patience)
            return;
        wsp_seg_unbind(end, seg);
        wsp_end_wake_one(end);
    }
}

/* Since when something sent on this stream has been waiting for a sign of life. */
static uint64_t waiting_since_ns(const struct wsp_slot *slot)
{
    uint64_t since = WSP_TIME_NEVER;
    if (slot->ping_ns)
        since = slot->ping_ns + PING_GRACE_NS;
    if (slot->is_writing && slot->writing_ns < since)
        since = slot->writing_ns;
    const struct wsp_node *first = slot->under_way.head.next;
    if (first != &slot->under_way.head) {
        const struct wsp_seg *seg = WSP_CONTAINER(first, const struct wsp_seg, node);
        if (seg->sent_ns < since)
            since = seg->sent_ns;
    }
    if (since != WSP_TIME_NEVER && slot->progress_ns > since)
        since = slot->progress_ns;
    /* What is waited for may stand behind a payload that is just coming. */
    bool is_behind = slot->has_frame && slot->header_ns <= since;
    return is_behind && since != WSP_TIME_NEVER && slot->part_ns > since ? slot->part_ns : since;
}

/* Does the other kernel still get bytes, though no segment is whole there? Slow is not stalled. It
 * is looked at anew each half of the patience; after the first look it is taken to do. */
static bool is_moving(struct wsp_end *end, unsigned index, uint64_t patience, uint64_t now_ns)
{
    struct wsp_slot *slot = end->slots[index];
    struct wsp_stream_sample now = {0};
    if (now_ns - slot->looked_ns < patience / 2)
        return slot->is_moving;
    if (!end->config.handler->sample || !end->config.handler->sample(end->config.user, index, &now))
        return false;
    slot->is_moving = slot->looked_ns == 0 || now.delivered_bytes != slot->looked_bytes;
    slot->looked_bytes = now.delivered_bytes;
    slot->looked_ns = now_ns;
    return slot->is_moving;
}

/* One that only moves is waited for longer where others could carry what it holds, and for as long
 * as it does where there is none. */
static bool is_overdue(struct wsp_end *end, unsigned index, uint64_t waited_ns, uint64_t patience,
                       uint64_t now_ns)
{
    if (waited_ns <= patience / 2)
        return false;
    bool moves = is_moving(end, index, patience, now_ns);
    if (waited_ns <= patience || (moves && !wsp_slot_has_other(end, index)))
        return false;
    return !moves || waited_ns > MOVING_PATIENCE * patience;
}

static void judge(struct wsp_end *end, unsigned index, uint64_t now_ns)
{
    struct wsp_slot *slot = end->slots[index];
    replay_skipped(end, slot, now_ns);
    uint64_t patience = patience_ns(end, slot);
    uint64_t since = waiting_since_ns(slot);
    if (slot->is_suspect) {
        if (now_ns - slot->progress_ns > 3 * patience && now_ns - slot->heard_ns > 3 * patience &&
            !is_moving(end, index, patience, now_ns))
            end->config.handler->want_reset(end->config.user, index, WSP_ERR_STALLED);
    } else if (since < now_ns && is_overdue(end, index, now_ns - since, patience, now_ns)) {
        suspect(end, index, now_ns);
    }
}

static void test_idle(struct wsp_end *end, unsigned index, uint64_t now_ns)
{
    struct wsp_slot *slot = end->slots[index];
    uint64_t every = end->config.heartbeat_ns;
    if (every > end->config.outage_ns / 4)
        every = end->config.outage_ns / 4;
    if (slot->ping_ns || slot->ping_due || now_ns - slot->heard_ns < every)
        return;
    slot->ping_due = true;
    if (!slot->is_writing)
        end->config.handler->want_write(end->config.user, index);
}

static void tend_slot(struct wsp_end *end, unsigned index, uint64_t now_ns)
{
    struct wsp_slot *slot = end->slots[index];
    if (slot->is_wanted && index >= wsp_slot_n_wanted(end))
        slot->is_wanted = false;
    if (slot->is_wanted && now_ns - slot->asked_ns >= WSP_ASK_AGAIN_NS)
        wsp_slot_ask(end, index, now_ns);
    if (!slot->is_up)
        return;
    test_idle(end, index, now_ns);
    if (!end->config.hold_timers)
        judge(end, index, now_ns);
    wsp_slot_retire(end, index, now_ns);
}

static bool is_given_up(const struct wsp_end *end, uint64_t now_ns)
{
    if (end->config.hold_timers)
        return false;
    if (!end->was_up)
        return now_ns - end->opened_ns > end->config.connect_ns;
    return now_ns - end->heard_ns > end->config.outage_ns;
}

/* Connections come up and pings are answered, but no segment arrives, on whatever stream. */
static void look_for_hole(struct wsp_end *end, uint64_t now_ns)
{
    bool is_waiting = end->unacked_segment != end->next_segment;
    if (!is_waiting || now_ns - end->acked_ns <= end->config.outage_ns) {
        end->is_stuck = false;
        return;
    }
    if (!end->is_stuck && !end->config.hold_timers)
        wsp_warn("path to rank %u: nothing large has got through for %llu s, though small packets "
                 "do; does the network between drop large ones (look at the MTU at both ends)?",
                 end->config.remote_rank,
                 (unsigned long long)((now_ns - end->acked_ns) / WSP_NS_PER_S));
    end->is_stuck = true;
}

/* Busy pairs get what credit there is; that of idle ones goes back to a budget that runs short. */
static void tend_credit(struct wsp_end *end, uint64_t now_ns)
{
    const struct wsp_budget *budget = end->config.unexpected;
    bool is_short = budget->limit_bytes - budget->used_bytes < budget->limit_bytes / 8;
    bool is_idle = now_ns - end->charged_ns > end->config.heartbeat_ns;
    if (!is_idle)
        wsp_rx_grant(end);
    if (!is_short || !is_idle || end->is_reclaiming || !end->n_up)
        return;
    if (wsp_grant_unused(&end->grant) < end->grant.want_bytes / 8 ||
        wsp_grant_unused(&end->grant) == 0)
        return;
    end->is_reclaiming = wsp_tx_control(end, WSP_FRAME_RECLAIM, 0, 0) == WSP_OK;
}

static bool is_busy(const struct wsp_end *end)
{
    if (end->n_up != wsp_slot_n_wanted(end) && end->was_up)
        return true;
    return !wsp_list_is_empty(&end->all_tx) || end->is_closing || end->ack_due;
}

static void arm_next(struct wsp_end *end, uint64_t now_ns)
{
    uint64_t every = WSP_TICK_NS;
    if (!is_busy(end) && end->was_up && end->config.heartbeat_ns / 2 > every)
        every = end->config.heartbeat_ns / 2;
    end->tick_at_ns = now_ns + every;
    if (end->ack_due && end->ack_at_ns > now_ns && end->ack_at_ns < end->tick_at_ns)
        end->tick_at_ns = end->ack_at_ns;
}

void wsp_end_tick(struct wsp_end *end, uint64_t now_ns)
{
    if (wsp_end_is_over(end))
        return;
    end->now_ns = now_ns;
    wsp_steer_tick(end, now_ns);
    wsp_young_tick(end, now_ns);
    wsp_race_tick(end, now_ns);
    if (now_ns < end->tick_at_ns)
        return;
    if (now_ns - end->tick_at_ns > WSP_LATE_NS) {
        wsp_end_resume(end, now_ns);
        return;
    }
    if (is_given_up(end, now_ns)) {
        wsp_end_fail(end, WSP_ERR_OUTAGE);
        return;
    }
    look_for_hole(end, now_ns);
    arm_next(end, now_ns);
    for (unsigned i = 0; i < end->n_slots; i++)
        tend_slot(end, i, now_ns);
    tend_credit(end, now_ns);
    if (now_ns - end->stalled_ns > FORGET_NS)
        end->stall_factor = 1;
    wsp_spares_tick(end->config.spares, now_ns);
    bool has_work = wsp_ack_is_pressing(end, now_ns) || !wsp_list_is_empty(&end->replay) ||
                    !wsp_list_is_empty(&end->controls) || !wsp_list_is_empty(&end->heads) ||
                    !wsp_list_is_empty(&end->bulk) || end->n_nacks > 0 ||
                    (end->is_closing && !end->is_close_queued);
    if (has_work)
        wsp_end_wake_all(end);
}

static void shift(uint64_t *at_ns, uint64_t by_ns, uint64_t now_ns)
{
    *at_ns = *at_ns + by_ns < now_ns ? *at_ns + by_ns : now_ns;
}

/* The clocks by which the other side is judged stood still as long as we did; no longer, or a
 * machine that is always late would never give anybody up. */
void wsp_end_resume(struct wsp_end *end, uint64_t now_ns)
{
    if (wsp_end_is_over(end) || now_ns <= end->tick_at_ns)
        return;
    uint64_t pause_ns = now_ns - end->tick_at_ns;
    shift(&end->heard_ns, pause_ns, now_ns);
    shift(&end->opened_ns, pause_ns, now_ns);
    shift(&end->acked_ns, pause_ns, now_ns);
    for (unsigned i = 0; i < end->n_slots; i++) {
        struct wsp_slot *slot = end->slots[i];
        shift(&slot->progress_ns, pause_ns, now_ns);
        shift(&slot->heard_ns, pause_ns, now_ns);
        if (slot->ping_ns)
            shift(&slot->ping_ns, pause_ns, now_ns);
    }
    end->tick_at_ns = now_ns + WSP_TICK_NS;
}
