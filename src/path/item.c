/* SPDX-License-Identifier: BSD-3-Clause */
/* Incoming items: messages and control items, from their first segment to their end. */
#include "path/end_internal.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* A reader can be so many items ahead: each has a segment of its own in the window. */
#define ITEMS_AHEAD WSP_WINDOW
/* Credit grows by itself where the round trip is at least this, to this part of the memory. */
#define WISH_RTT_NS (5 * WSP_NS_PER_MS)
#define WISH_PARTS  8
/* So many messages without a receive are worth a line. */
#define UNMATCHED_WARN 100000

wsp_err wsp_rx_find(struct wsp_end *end, uint64_t item, struct wsp_rx **rx)
{
    *rx = wsp_map_get(&end->items, item);
    if (*rx)
        return WSP_OK;
    if (item < end->next_item_in || item - end->next_item_in >= ITEMS_AHEAD)
        return WSP_ERR_PROTOCOL;
    struct wsp_rx *new = wsp_spares_take_zeroed(end->config.spares, sizeof *new);
    if (!new)
        return WSP_ERR_NO_MEMORY;
    new->item = item;
    wsp_list_init(&new->chunks);
    wsp_err err = wsp_map_put(&end->items, item, new);
    if (err) {
        wsp_spares_give(end->config.spares, new, sizeof *new);
        return err;
    }
    *rx = new;
    return WSP_OK;
}

void wsp_rx_release(struct wsp_end *end, uint64_t bytes)
{
    wsp_grant_release(&end->grant, bytes);
    wsp_rx_grant(end);
}

void wsp_rx_grant(struct wsp_end *end)
{
    uint64_t raise = wsp_grant_top_up(&end->grant);
    if (raise == 0)
        return;
    end->untold_bytes += raise;
    wsp_ack_soon(end, end->untold_bytes >= end->grant.want_bytes / 4);
}

void wsp_rx_store(struct wsp_end *end, struct wsp_rx *rx, struct wsp_chunk *chunk)
{
    wsp_list_push_back(&rx->chunks, &chunk->node);
    end->stats.unexpected_bytes += chunk->length;
    if (end->stats.unexpected_bytes > end->stats.unexpected_bytes_peak)
        end->stats.unexpected_bytes_peak = end->stats.unexpected_bytes;
}

static void free_chunk(struct wsp_end *end, struct wsp_chunk *chunk)
{
    wsp_node_remove(&chunk->node);
    end->stats.unexpected_bytes -= chunk->length;
    if (chunk->is_charged)
        wsp_rx_release(end, chunk->length);
    wsp_chunk_free(end, chunk);
}

void wsp_rx_copy(struct wsp_rx *rx, uint64_t offset, const uint8_t *from, uint32_t length)
{
    if (offset >= rx->capacity)
        return;
    uint64_t room = rx->capacity - offset;
    if (length > 0)
        memcpy(rx->buffer + offset, from, length < room ? length : room);
}

static void drop_chunks(struct wsp_end *end, struct wsp_rx *rx)
{
    struct wsp_node *node;
    while ((node = wsp_list_first(&rx->chunks)))
        free_chunk(end, WSP_CONTAINER(node, struct wsp_chunk, node));
}

static void free_rx(struct wsp_end *end, struct wsp_rx *rx)
{
    wsp_claim_forget(end, rx);
    drop_chunks(end, rx);
    (void)wsp_map_take(&end->items, rx->item);
    wsp_spares_give(end->config.spares, rx, sizeof *rx);
}

/* Ends a message that is whole: accepted, or withdrawn. */
static void finish_if_whole(struct wsp_end *end, struct wsp_rx *rx)
{
    if (rx->received != rx->expected)
        return;
    if (rx->is_withdrawn) {
        free_rx(end, rx);
    } else if (rx->is_accepted) {
        void *user = rx->user;
        uint64_t length = rx->envelope.length;
        wsp_err err = length > rx->capacity ? WSP_ERR_TRUNCATED : WSP_OK;
        free_rx(end, rx);
        end->config.handler->landed(end->config.user, user, length, err);
    } else {
        return;
    }
    wsp_end_check_closed(end);
}

static bool needs_accept(const struct wsp_rx *rx)
{
    return rx->prefix < rx->envelope.length || (rx->envelope.flags & WSP_ENVELOPE_SYNC);
}

void wsp_end_accept(struct wsp_end *end, struct wsp_rx *rx, void *buffer, uint64_t capacity,
                    void *rx_user, uint64_t now_ns)
{
    if (end->is_failed) {
        end->config.handler->landed(end->config.user, rx_user, 0, end->failure);
        return;
    }
    end->now_ns = now_ns;
    end->n_unmatched--;
    rx->is_accepted = true;
    rx->buffer = buffer;
    rx->capacity = capacity;
    rx->user = rx_user;
    WSP_LIST_EACH(node, &rx->chunks)
    {
        const struct wsp_chunk *chunk = WSP_CONTAINER(node, struct wsp_chunk, node);
        wsp_rx_copy(rx, chunk->offset, chunk->data, chunk->length);
    }
    drop_chunks(end, rx);
    wsp_end_arm(end, now_ns + WSP_ACK_DELAY_NS);
    if (needs_accept(rx) && wsp_tx_control(end, WSP_FRAME_ACCEPT, rx->item, 0)) {
        wsp_end_fail(end, WSP_ERR_NO_MEMORY);
        return;
    }
    finish_if_whole(end, rx);
}

/* Envelopes cannot be bounded: a receive with another tag may be what frees the sender. */
static void count_unmatched(struct wsp_end *end)
{
    end->n_unmatched++;
    if (end->n_unmatched % UNMATCHED_WARN == 0)
        wsp_warn("path to rank %u: %llu messages wait for a receive", end->config.remote_rank,
                 (unsigned long long)end->n_unmatched);
}

uint64_t wsp_end_credit_most(const struct wsp_end_config *config)
{
    return config->unexpected->limit_bytes / WISH_PARTS;
}

/* Far away, what is sent before the answer comes back should fill the way: credit of a product of
 * bandwidth and round trip, which a sender that runs short of it lets us find. */
static void raise_wish(struct wsp_end *end, uint64_t length)
{
    struct wsp_grant *grant = &end->grant;
    uint64_t most = wsp_end_credit_most(&end->config);
    if (!end->config.tunes_credit || end->stats.rtt_ns < WISH_RTT_NS || length < grant->want_bytes)
        return;
    if (2 * grant->want_bytes <= most)
        grant->want_bytes *= 2;
}

static void arrive(struct wsp_end *end, struct wsp_rx *rx)
{
    end->stats.messages_received++;
    count_unmatched(end);
    /* The other side was short of credit: give what there is. */
    if (rx->prefix < rx->envelope.length) {
        end->charged_ns = end->now_ns;
        raise_wish(end, rx->envelope.length);
        wsp_rx_grant(end);
    }
    struct wsp_envelope envelope = rx->envelope;
    end->config.handler->arrived(end->config.user, rx, &envelope);
}

/* Gives a message back to its sender, if nobody took it: what of it is still on its way is read
 * away, and the credit of what will never come is released. */
static wsp_err cancel(struct wsp_end *end, uint64_t item, uint64_t n_cut)
{
    struct wsp_rx *rx = wsp_map_get(&end->items, item);
    bool is_ours = item < end->next_item_in && (!rx || rx->type == WSP_FRAME_HEAD);
    if (!is_ours || (rx && (rx->is_withdrawn || n_cut > rx->expected || n_cut < rx->received)))
        return WSP_ERR_PROTOCOL;
    bool is_granted = rx && !rx->is_accepted && end->config.handler->withdraw(end->config.user, rx);
    if (is_granted) {
        uint64_t never = rx->prefix > n_cut ? rx->prefix - n_cut : 0;
        if (rx->flags & WSP_FRAME_CONTROL)
            never = 0;
        if (!wsp_grant_charge(&end->grant, never))
            return WSP_ERR_PROTOCOL;
        rx->is_withdrawn = true;
        end->n_unmatched--;
        rx->expected = n_cut;
        wsp_claim_withdraw(end, rx);
        drop_chunks(end, rx);
        wsp_rx_release(end, never);
        finish_if_whole(end, rx);
    }
    return wsp_tx_control(end, WSP_FRAME_CANCEL_ANSWER, item, is_granted);
}

/* Control items that wait for their turn, and messages. */
static wsp_err take_turn(struct wsp_end *end, struct wsp_rx *rx)
{
    rx->is_dispatched = true;
    uint8_t type = rx->type;
    uint64_t target = rx->target, value = rx->value;
    if (type == WSP_FRAME_HEAD) {
        arrive(end, rx);
        return WSP_OK;
    }
    free_rx(end, rx);
    if (type == WSP_FRAME_CANCEL)
        return cancel(end, target, value);
    if (type == WSP_FRAME_CLOSE)
        end->is_peer_closing = true;
    return WSP_OK;
}

/* Hands up the items whose turn has come. */
static wsp_err dispatch(struct wsp_end *end)
{
    struct wsp_rx *rx;
    while (!end->is_failed && (rx = wsp_map_get(&end->items, end->next_item_in)) && rx->has_head) {
        end->next_item_in++;
        wsp_err err = take_turn(end, rx);
        if (err)
            return err;
    }
    return WSP_OK;
}

static wsp_err yielded(struct wsp_end *end, uint64_t epoch, uint64_t limit)
{
    end->is_reclaiming = false;
    return epoch <= UINT32_MAX && wsp_grant_yielded(&end->grant, (uint32_t)epoch, limit)
               ? WSP_OK
               : WSP_ERR_PROTOCOL;
}

static wsp_err yield(struct wsp_end *end)
{
    wsp_purse_yield(&end->purse);
    return wsp_tx_control(end, WSP_FRAME_YIELD, end->purse.epoch, end->purse.limit);
}

/* Control items that concern nothing that came before them do not wait for it. */
static wsp_err take_at_once(struct wsp_end *end, const struct wsp_rx *rx)
{
    switch (rx->type) {
    case WSP_FRAME_ACCEPT:
        return wsp_tx_accepted(end, rx->target);
    case WSP_FRAME_CANCEL_ANSWER:
        return wsp_tx_cancel_answered(end, rx->target, rx->value != 0);
    case WSP_FRAME_RECLAIM:
        return yield(end);
    case WSP_FRAME_STREAMS:
        wsp_slot_told(end, rx->item, rx->target, end->now_ns);
        return WSP_OK;
    case WSP_FRAME_YIELD:
        return yielded(end, rx->target, rx->value);
    default:
        return WSP_OK;
    }
}

wsp_err wsp_rx_progress(struct wsp_end *end, struct wsp_rx *rx)
{
    if (rx->has_head && rx->received > rx->expected)
        return WSP_ERR_PROTOCOL;
    if (rx->is_dispatched) {
        finish_if_whole(end, rx);
        return WSP_OK;
    }
    if (!rx->has_head)
        return WSP_OK;
    wsp_err err = take_at_once(end, rx);
    if (WSP_PLANTED(ORDER) && !err && rx->type == WSP_FRAME_HEAD)
        return take_turn(end, rx);
    return err ? err : dispatch(end);
}

static void look_if_owing(uint64_t key, void *value, void *user)
{
    const struct wsp_rx *rx = value;
    bool *is_owing = user;
    if (rx->received != rx->expected || (!rx->is_accepted && needs_accept(rx)))
        *is_owing = true;
}

bool wsp_rx_is_owing(const struct wsp_end *end)
{
    bool is_owing = false;
    wsp_map_each(&end->items, look_if_owing, &is_owing);
    return is_owing;
}

/* The map stays as it is meanwhile: a failed end neither takes nor ends items. */
void wsp_rx_fail_all(struct wsp_end *end, wsp_err err)
{
    for (size_t i = 0; i < end->items.n_slots; i++) {
        struct wsp_rx *rx = end->items.slots[i].value;
        if (rx && rx->is_accepted)
            end->config.handler->landed(end->config.user, rx->user, 0, err);
    }
}

void wsp_rx_free_all(struct wsp_end *end)
{
    for (size_t i = 0; i < end->items.n_slots; i++) {
        struct wsp_rx *rx = end->items.slots[i].value;
        if (!rx)
            continue;
        drop_chunks(end, rx);
        wsp_spares_give(end->config.spares, rx, sizeof *rx);
    }
}
