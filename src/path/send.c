/* SPDX-License-Identifier: BSD-3-Clause */
/* Outgoing messages and control items: from the call to the moment nothing of them is left. */
#include "path/end_internal.h"

#include <string.h>

static struct wsp_tx *new_tx(struct wsp_end *end, uint8_t type)
{
    struct wsp_tx *tx = wsp_spares_take_zeroed(end->config.spares, sizeof *tx);
    if (!tx)
        return NULL;
    tx->type = type;
    wsp_node_init(&tx->queue);
    wsp_list_init(&tx->segs);
    wsp_list_push_back(&end->all_tx, &tx->all);
    return tx;
}

static void note_replay_bytes(struct wsp_end *end, int64_t change)
{
    end->stats.replay_bytes += (uint64_t)change;
    if (end->stats.replay_bytes > end->stats.replay_bytes_peak)
        end->stats.replay_bytes_peak = end->stats.replay_bytes;
}

static void free_tx(struct wsp_end *end, struct wsp_tx *tx)
{
    if (tx->copy) {
        if (tx->copy_in_budget)
            wsp_budget_give(end->config.replay, tx->envelope.length);
        note_replay_bytes(end, -(int64_t)tx->envelope.length);
        wsp_spares_give(end->config.spares, tx->copy, tx->envelope.length);
    }
    wsp_node_remove(&tx->queue);
    wsp_node_remove(&tx->all);
    wsp_spares_give(end->config.spares, tx, sizeof *tx);
}

wsp_err wsp_tx_control(struct wsp_end *end, uint8_t type, uint64_t target, uint64_t value)
{
    struct wsp_tx *tx = new_tx(end, type);
    if (!tx)
        return WSP_ERR_NO_MEMORY;
    tx->is_sent = true;
    tx->target = target;
    tx->value = value;
    wsp_list_push_back(&end->controls, &tx->queue);
    wsp_end_wake_one(end);
    return WSP_OK;
}

/* Small messages are copied at once, so that the caller has its buffer back; control messages
 * always are, their reserve is that they are small and few. */
static void copy_small(struct wsp_end *end, struct wsp_tx *tx)
{
    uint64_t length = tx->envelope.length;
    bool is_control = tx->flags & WSP_SEND_CONTROL;
    if (length == 0 || (!is_control && length > end->config.eager_bytes))
        return;
    if (!is_control && !wsp_budget_take(end->config.replay, length))
        return;
    tx->copy = wsp_spares_take(end->config.spares, length);
    if (!tx->copy) {
        if (!is_control)
            wsp_budget_give(end->config.replay, length);
        return;
    }
    memcpy(tx->copy, tx->data, length);
    tx->data = tx->copy;
    tx->copy_in_budget = !is_control;
    note_replay_bytes(end, (int64_t)length);
}

static wsp_err check_send(const struct wsp_end *end, const struct wsp_envelope *envelope,
                          unsigned flags)
{
    if (end->is_closing || end->is_closed || end->is_failed)
        return WSP_ERR_CLOSED;
    if ((flags & WSP_SEND_CONTROL) && envelope->length > WSP_CONTROL_MAX)
        return WSP_ERR_INVALID;
    return WSP_OK;
}

wsp_err wsp_end_send(struct wsp_end *end, const struct wsp_envelope *envelope, const void *data,
                     unsigned flags, void *tx_user, uint64_t now_ns, struct wsp_tx **tx)
{
    wsp_err err = check_send(end, envelope, flags);
    if (err)
        return err;
    struct wsp_tx *new = new_tx(end, WSP_FRAME_HEAD);
    if (!new)
        return WSP_ERR_NO_MEMORY;
    new->envelope = *envelope;
    if (flags & WSP_SEND_SYNC)
        new->envelope.flags |= WSP_ENVELOPE_SYNC;
    new->data = data;
    new->flags = flags;
    new->user = tx_user;
    copy_small(end, new);
    wsp_list_push_back(&end->heads, &new->queue);
    uint64_t flood = wsp_lane_is_middling(end, envelope->length) ? wsp_lane_flood_bytes(end) : 0;
    wsp_steer_demand(end, flood ? flood : envelope->length, now_ns);
    end->stats.messages_sent++;
    wsp_end_arm(end, now_ns + WSP_TICK_NS);
    if (tx)
        *tx = new;
    wsp_end_wake_one(end);
    wsp_tx_settle(end, new);
    return WSP_OK;
}

uint64_t wsp_tx_allowed(const struct wsp_tx *tx)
{
    return tx->is_accepted ? tx->envelope.length : tx->prefix;
}

static bool is_all_cut(const struct wsp_tx *tx)
{
    return tx->is_cut_once && (tx->is_cancelled || tx->cut == tx->envelope.length);
}

/* Twice what is under way in a round trip at the speed measured: with more than that
 * unacknowledged, the first of it will be acknowledged sooner than it is copied. */
static uint64_t tail_limit_bytes(const struct wsp_end *end)
{
    double rate_bps = 0;
    uint64_t rtt_ns = end->stats.rtt_ns; /* a ping may have stood behind bulk */
    if (end->rtt.ns > 0 && end->rtt.ns < rtt_ns)
        rtt_ns = end->rtt.ns;
    for (unsigned i = 0; i < end->n_slots; i++)
        rate_bps += end->slots[i]->is_up ? end->slots[i]->meter.rate_bps : 0;
    if (rate_bps <= 0 || rtt_ns == 0)
        return UINT64_MAX; /* not known yet: the budget alone decides */
    double bytes = 2 * rate_bps * (double)rtt_ns / (double)WSP_NS_PER_S;
    return (uint64_t)bytes + end->config.segment_bytes;
}

/* Copies what is not acknowledged of a message that was written whole, if the budget allows, so
 * that the caller need not wait for a round trip. All or nothing. */
static bool copy_tail(struct wsp_end *end, struct wsp_tx *tx)
{
    uint64_t bytes = tx->unacked_bytes;
    if (bytes > tail_limit_bytes(end) || !wsp_budget_take(end->config.replay, bytes))
        return false;
    WSP_LIST_EACH(node, &tx->segs)
    {
        struct wsp_seg *seg = WSP_CONTAINER(node, struct wsp_seg, sibling);
        if (seg->length == 0)
            continue;
        seg->copy = wsp_spares_take(end->config.spares, seg->length);
        if (!seg->copy)
            break;
        memcpy(seg->copy, seg->payload, seg->length);
        bytes -= seg->length;
    }
    bool is_whole = bytes == 0;
    WSP_LIST_EACH(node, &tx->segs)
    {
        struct wsp_seg *seg = WSP_CONTAINER(node, struct wsp_seg, sibling);
        if (is_whole && seg->length) {
            wsp_seg_unpin(end, seg);
            seg->payload = seg->copy;
        } else {
            wsp_spares_give(end->config.spares, seg->copy, seg->length);
            seg->copy = NULL;
        }
    }
    if (is_whole)
        note_replay_bytes(end, (int64_t)tx->unacked_bytes);
    else
        wsp_budget_give(end->config.replay, tx->unacked_bytes);
    return is_whole;
}

static bool is_buffer_free(struct wsp_end *end, struct wsp_tx *tx)
{
    if (tx->copy || tx->envelope.length == 0)
        return true;
    if (!is_all_cut(tx))
        return false;
    return tx->n_unacked == 0 || (tx->n_unwritten == 0 && copy_tail(end, tx));
}

static bool is_sent_due(struct wsp_end *end, struct wsp_tx *tx)
{
    if (tx->is_cancelling)
        return false;
    if (tx->is_cancelled)
        return tx->n_unacked == 0;
    if ((tx->flags & WSP_SEND_SYNC) && !tx->is_accepted)
        return false;
    return is_buffer_free(end, tx);
}

void wsp_tx_settle(struct wsp_end *end, struct wsp_tx *tx)
{
    if (!tx->is_sent && is_sent_due(end, tx)) {
        tx->is_sent = true;
        wsp_err err = tx->is_cancelled ? WSP_ERR_CANCELLED : WSP_OK;
        end->config.handler->sent(end->config.user, tx->user, err);
    }
    /* A message is over for us when all of it is acknowledged; then no answer is awaited either,
     * for a message that needs an ACCEPT is not all cut or not `sent` before it. */
    if (tx->is_sent && is_all_cut(tx) && tx->n_unacked == 0) {
        free_tx(end, tx);
        wsp_end_check_closed(end);
    }
}

static struct wsp_tx *find_answered(struct wsp_end *end, uint64_t item)
{
    return wsp_map_get(&end->answers, item);
}

static void stop_awaiting(struct wsp_end *end, struct wsp_tx *tx)
{
    bool needs_accept = !tx->is_accepted && !tx->is_cancelled &&
                        (tx->prefix < tx->envelope.length || (tx->flags & WSP_SEND_SYNC));
    if (!needs_accept && !tx->is_cancelling)
        (void)wsp_map_take(&end->answers, tx->item);
}

static void queue_rest(struct wsp_end *end, struct wsp_tx *tx)
{
    if (tx->cut >= wsp_tx_allowed(tx))
        return;
    if (!wsp_node_is_linked(&tx->queue))
        wsp_bulk_add(end, tx);
    wsp_end_wake_all(end);
}

wsp_err wsp_tx_accepted(struct wsp_end *end, uint64_t item)
{
    struct wsp_tx *tx = find_answered(end, item);
    if (!tx || tx->is_accepted || tx->is_cancelled)
        return WSP_ERR_PROTOCOL;
    tx->is_accepted = true;
    stop_awaiting(end, tx);
    if (!tx->is_cancelling)
        queue_rest(end, tx);
    wsp_tx_settle(end, tx);
    return WSP_OK;
}

void wsp_end_cancel(struct wsp_end *end, struct wsp_tx *tx, uint64_t now_ns)
{
    if (tx->is_sent || tx->is_cancelling || wsp_end_is_over(end))
        return;
    if (!tx->is_cut_once) {
        tx->is_sent = true;
        wsp_node_remove(&tx->queue);
        end->config.handler->sent(end->config.user, tx->user, WSP_ERR_CANCELLED);
        free_tx(end, tx);
        return;
    }
    tx->is_cancelling = true;
    wsp_node_remove(&tx->queue);
    if (wsp_map_put(&end->answers, tx->item, tx) ||
        wsp_tx_control(end, WSP_FRAME_CANCEL, tx->item, tx->cut)) {
        tx->is_cancelling = false; /* no memory to ask with: the message goes its way */
        queue_rest(end, tx);
    }
    wsp_end_arm(end, now_ns + WSP_TICK_NS);
}

wsp_err wsp_tx_cancel_answered(struct wsp_end *end, uint64_t item, bool is_granted)
{
    struct wsp_tx *tx = find_answered(end, item);
    if (!tx || !tx->is_cancelling)
        return WSP_ERR_PROTOCOL;
    tx->is_cancelling = false;
    tx->is_cancelled = is_granted;
    stop_awaiting(end, tx);
    if (!is_granted)
        queue_rest(end, tx);
    wsp_tx_settle(end, tx);
    return WSP_OK;
}

void wsp_tx_fail_all(struct wsp_end *end, wsp_err err)
{
    WSP_LIST_EACH(node, &end->all_tx)
    {
        struct wsp_tx *tx = WSP_CONTAINER(node, struct wsp_tx, all);
        WSP_LIST_EACH(sibling, &tx->segs)
        wsp_seg_unpin(end, WSP_CONTAINER(sibling, struct wsp_seg, sibling));
    }
    /* All are marked first: a handler may try to cancel one of them. */
    struct wsp_list unsent;
    wsp_list_init(&unsent);
    WSP_LIST_EACH_SAFE(node, &end->all_tx)
    {
        struct wsp_tx *tx = WSP_CONTAINER(node, struct wsp_tx, all);
        if (tx->is_sent)
            continue;
        tx->is_sent = true;
        wsp_node_remove(&tx->all);
        wsp_list_push_back(&unsent, &tx->all);
    }
    struct wsp_node *node;
    while ((node = wsp_list_pop_front(&unsent))) {
        struct wsp_tx *tx = WSP_CONTAINER(node, struct wsp_tx, all);
        wsp_list_push_back(&end->all_tx, &tx->all);
        end->config.handler->sent(end->config.user, tx->user, err);
    }
}

void wsp_tx_free_all(struct wsp_end *end)
{
    WSP_LIST_EACH_SAFE(node, &end->all_tx)
    {
        struct wsp_tx *tx = WSP_CONTAINER(node, struct wsp_tx, all);
        struct wsp_node *sibling;
        while ((sibling = wsp_list_first(&tx->segs)))
            wsp_seg_free(end, WSP_CONTAINER(sibling, struct wsp_seg, sibling));
        free_tx(end, tx);
    }
}
