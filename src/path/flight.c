/* SPDX-License-Identifier: BSD-3-Clause */
/* Segments between being cut and being acknowledged: which stream carries them, which are to be
 * sent again, and what an acknowledgement releases. */
#include "path/end_internal.h"

#include <stdlib.h>

static struct wsp_seg **place_of(struct wsp_end *end, uint64_t number)
{
    return &end->ring[number & (end->ring_size - 1)];
}

/* Doubles the ring; it never holds more than the window. */
static bool grow_ring(struct wsp_end *end)
{
    uint64_t size = end->ring_size ? end->ring_size * 2 : 64;
    struct wsp_seg **ring = calloc(size, sizeof *ring);
    if (!ring)
        return false;
    for (uint64_t n = end->unacked_segment; n < end->next_segment; n++)
        ring[n & (size - 1)] = *place_of(end, n);
    free(end->ring);
    end->ring = ring;
    end->ring_size = size;
    return true;
}

bool wsp_seg_has_room(const struct wsp_end *end)
{
    return end->next_segment - end->unacked_segment < WSP_WINDOW;
}

struct wsp_seg *wsp_seg_new(struct wsp_end *end, struct wsp_tx *tx, uint64_t length)
{
    if (end->next_segment - end->unacked_segment == end->ring_size && !grow_ring(end))
        return NULL;
    struct wsp_seg *seg = wsp_spares_take_zeroed(end->config.spares, sizeof *seg);
    if (!seg)
        return NULL;
    if (end->unacked_segment == end->next_segment)
        end->acked_ns = end->now_ns;
    seg->tx = tx;
    seg->number = end->next_segment++;
    seg->offset = tx->cut;
    seg->length = (uint32_t)length;
    seg->payload = length ? tx->data + tx->cut : NULL;
    seg->slot = seg->avoids = -1;
    wsp_node_init(&seg->node);
    *place_of(end, seg->number) = seg;
    wsp_list_push_back(&tx->segs, &seg->sibling);
    tx->cut += length;
    tx->n_unacked++;
    tx->n_unwritten++;
    tx->unacked_bytes += length;
    return seg;
}

static void free_copy(struct wsp_end *end, struct wsp_seg *seg)
{
    if (!seg->copy)
        return;
    wsp_budget_give(end->config.replay, seg->length);
    end->stats.replay_bytes -= seg->length;
    wsp_spares_give(end->config.spares, seg->copy, seg->length);
    seg->copy = NULL;
}

/* Takes a segment out of everything but its tx's counts. */
void wsp_seg_free(struct wsp_end *end, struct wsp_seg *seg)
{
    wsp_seg_unpin(end, seg);
    free_copy(end, seg);
    if (seg->slot >= 0)
        wsp_meter_dropped(&end->slots[seg->slot]->meter, seg->length);
    wsp_node_remove(&seg->node);
    wsp_node_remove(&seg->sibling);
    *place_of(end, seg->number) = NULL;
    wsp_spares_give(end->config.spares, seg, sizeof *seg);
}

void wsp_seg_bind(struct wsp_end *end, struct wsp_seg *seg, unsigned index, uint64_t now_ns)
{
    struct wsp_slot *slot = end->slots[index];
    if (wsp_list_is_empty(&slot->under_way))
        slot->progress_ns = now_ns;
    slot->used_ns = now_ns;
    wsp_node_remove(&seg->node);
    wsp_list_push_back(&slot->under_way, &seg->node);
    seg->slot = (int)index;
    seg->sent_ns = now_ns;
    seg->order = ++end->next_order;
    slot->bytes_sent += seg->length;
    seg->hop_sequence = slot->hop_sent; /* of the frame that is made next */
    wsp_meter_sent(&slot->meter, seg->length, now_ns);
}

/* By number: the receiver's window moves with the lowest. */
static void queue_replay(struct wsp_end *end, struct wsp_seg *seg)
{
    if (WSP_PLANTED(REPLAY) && seg->is_written)
        return;
    struct wsp_node *at = end->replay.head.prev;
    while (at != &end->replay.head && WSP_CONTAINER(at, struct wsp_seg, node)->number > seg->number)
        at = at->prev;
    wsp_node_insert_before(at->next, &seg->node);
}

void wsp_seg_unbind(struct wsp_end *end, struct wsp_seg *seg)
{
    wsp_meter_dropped(&end->slots[seg->slot]->meter, seg->length);
    seg->slot = -1;
    wsp_node_remove(&seg->node);
    queue_replay(end, seg);
}

void wsp_seg_unbind_all(struct wsp_end *end, unsigned index)
{
    struct wsp_slot *slot = end->slots[index];
    WSP_LIST_EACH_SAFE(node, &slot->under_way)
    {
        wsp_seg_unbind(end, WSP_CONTAINER(node, struct wsp_seg, node));
    }
}

void wsp_seg_unpin(struct wsp_end *end, struct wsp_seg *seg)
{
    for (unsigned i = 0; i < end->n_slots && seg->n_pins > 0; i++) {
        struct wsp_slot *slot = end->slots[i];
        if (slot->writing != seg)
            continue;
        slot->writing = NULL;
        seg->n_pins--;
        if (seg->length)
            end->config.handler->unpin(end->config.user, i);
    }
}

/* A time from sending to acknowledgement, waiting in sockets and for company included. */
static void note_lag(struct wsp_end *end, uint64_t lag_ns)
{
    if (end->lag_ns == 0) {
        end->lag_ns = lag_ns;
        end->lag_spread_ns = lag_ns / 2;
        return;
    }
    if (lag_ns > 2 * end->lag_ns)
        lag_ns = 2 * end->lag_ns; /* one that was stuck says little of the others */
    int64_t off = (int64_t)lag_ns - (int64_t)end->lag_ns;
    int64_t spread = (off < 0 ? -off : off) - (int64_t)end->lag_spread_ns;
    end->lag_ns += (uint64_t)(off / 8);
    end->lag_spread_ns += (uint64_t)(spread / 4);
}

static void acknowledge_one(struct wsp_end *end, uint64_t number, uint64_t now_ns)
{
    struct wsp_seg *seg = *place_of(end, number);
    if (!seg)
        return;
    end->acked_ns = now_ns;
    struct wsp_tx *tx = seg->tx;
    if (seg->slot >= 0) {
        struct wsp_slot *slot = end->slots[seg->slot];
        wsp_meter_acked(&slot->meter, seg->length, now_ns);
        if (seg->order > slot->last_acked_order)
            slot->last_acked_order = seg->order;
        wsp_watch_progress(end, (unsigned)seg->slot, now_ns);
        end->stall_factor = 1;
        if (seg->n_raced == 0) {
            note_lag(end, now_ns - seg->sent_ns);
            if (seg->order > end->acked_order)
                end->acked_order = seg->order;
        }
        seg->slot = -1;
    }
    if (!seg->is_written)
        tx->n_unwritten--;
    tx->n_unacked--;
    tx->unacked_bytes -= seg->length;
    end->bytes_acked += seg->length;
    wsp_seg_free(end, seg);
    wsp_tx_settle(end, tx);
}

wsp_err wsp_seg_acknowledge(struct wsp_end *end, uint64_t cumulative,
                            const struct wsp_range *ranges, unsigned n_ranges, uint64_t now_ns)
{
    if (cumulative > end->next_segment)
        return WSP_ERR_PROTOCOL;
    for (unsigned i = 0; i < n_ranges; i++)
        if (ranges[i].first > ranges[i].end || ranges[i].end > end->next_segment)
            return WSP_ERR_PROTOCOL;

    uint64_t from = end->unacked_segment;
    if (cumulative > from)
        end->unacked_segment = cumulative;
    for (uint64_t n = from; n < cumulative; n++)
        acknowledge_one(end, n, now_ns);
    for (unsigned i = 0; i < n_ranges; i++) {
        uint64_t first = ranges[i].first;
        if (first < end->unacked_segment)
            first = end->unacked_segment;
        for (uint64_t n = first; n < ranges[i].end; n++)
            acknowledge_one(end, n, now_ns);
    }
    if (cumulative > from)
        wsp_end_check_closed(end);
    return WSP_OK;
}

void wsp_seg_nacked(struct wsp_end *end, uint64_t number)
{
    if (number < end->unacked_segment || number >= end->next_segment)
        return;
    struct wsp_seg *seg = *place_of(end, number);
    if (!seg || seg->slot < 0)
        return;
    wsp_seg_unbind(end, seg);
    wsp_end_wake_all(end);
}
