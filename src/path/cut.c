/* SPDX-License-Identifier: BSD-3-Clause */
/* What a stream sends next: cutting messages into segments as late as possible, when the stream
 * asks. Order: what keeps the other side going (acknowledgements, answers to pings), what was lost,
 * control items, first segments of messages, bulk. */
#include "path/end_internal.h"

static void fill_common(struct wsp_end *end, unsigned index, struct wsp_frame *frame)
{
    struct wsp_slot *slot = end->slots[index];
    frame->hop_limit = 8;
    frame->hop_epoch = slot->generation;
    frame->hop_sequence = slot->hop_sent++;
    frame->hop_ack = slot->hop_received;
    frame->source = end->config.local_rank;
    frame->destination = end->config.remote_rank;
    wsp_ack_fill(end, frame);
    slot->writing_ack = frame->ack;
}

static void emit(struct wsp_end *end, unsigned index, struct wsp_frame *frame, struct wsp_seg *seg,
                 uint64_t now_ns, struct wsp_out *out)
{
    struct wsp_slot *slot = end->slots[index];
    fill_common(end, index, frame);
    slot->is_writing = true;
    slot->writing_ns = now_ns;
    slot->writing = seg;
    slot->is_writing_bulk = seg && seg->type == WSP_FRAME_DATA;
    if (seg)
        seg->n_pins++;
    out->payload = seg ? seg->payload : NULL;
    out->payload_length = seg ? seg->length : 0;
    out->header_length = wsp_frame_encode(frame, out->header);
}

static void emit_plain(struct wsp_end *end, unsigned index, uint8_t type, uint64_t target,
                       uint64_t now_ns, struct wsp_out *out)
{
    struct wsp_frame frame = {.type = type, .target = target, .traffic_class = WSP_TRAFFIC_CONTROL};
    emit(end, index, &frame, NULL, now_ns, out);
}

static uint8_t traffic_class(const struct wsp_end *end, const struct wsp_seg *seg)
{
    if (seg->type != WSP_FRAME_HEAD && seg->type != WSP_FRAME_DATA)
        return WSP_TRAFFIC_CONTROL;
    return seg->tx->envelope.length <= end->config.eager_bytes ? WSP_TRAFFIC_SMALL
                                                               : WSP_TRAFFIC_BULK;
}

static void emit_segment(struct wsp_end *end, unsigned index, struct wsp_seg *seg, uint64_t now_ns,
                         struct wsp_out *out)
{
    const struct wsp_tx *tx = seg->tx;
    struct wsp_frame frame = {
        .type = seg->type,
        .flags = (uint8_t)((seg->is_charged ? WSP_FRAME_CHARGED : 0) |
                           (tx->flags & WSP_SEND_CONTROL ? WSP_FRAME_CONTROL : 0)),
        .traffic_class = traffic_class(end, seg),
        .source = end->config.local_rank,
        .destination = end->config.remote_rank,
        .segment = seg->number,
        .item = tx->item,
        .offset = seg->offset,
        .length = seg->length,
        .wire_length = seg->length,
        .checksum_kind = seg->length ? WSP_CHECKSUM_XXH3 : WSP_CHECKSUM_NONE,
        .envelope = tx->envelope,
        .prefix = tx->prefix,
        .target = tx->target,
        .value = tx->value,
    };
    if (!seg->has_checksum) {
        seg->checksum = wsp_frame_checksum(&frame, seg->payload);
        seg->has_checksum = true;
    }
    frame.checksum = seg->checksum;
    wsp_seg_bind(end, seg, index, now_ns);
    end->stats.segments_sent++;
    emit(end, index, &frame, seg, now_ns, out);
}

/* Cuts the first segment of a message or control item, which fixes its number and its prefix. */
static struct wsp_seg *cut_first(struct wsp_end *end, struct wsp_tx *tx)
{
    uint64_t length = tx->envelope.length;
    bool is_control = tx->flags & WSP_SEND_CONTROL;
    uint64_t prefix =
        is_control ? length : wsp_purse_take(&end->purse, length, end->config.eager_bytes);
    uint64_t first = prefix < end->segment_bytes ? prefix : end->segment_bytes;
    bool is_flood =
        end->n_used > 1 && wsp_lane_is_middling(end, length) && wsp_lane_flood_bytes(end) > 0;
    bool is_large = length > end->config.eager_bytes && (end->n_used > 1 || prefix < length);
    if (!is_control && (is_large || is_flood))
        first = 0; /* the envelope goes ahead, its bytes with the bulk: the answer comes sooner */
    bool is_awaiting = prefix < length || (tx->flags & WSP_SEND_SYNC);
    bool is_noted = !is_awaiting || !wsp_map_put(&end->answers, end->next_item_out, tx);
    struct wsp_seg *seg = is_noted ? wsp_seg_new(end, tx, first) : NULL;
    if (!seg) { /* without memory: it is tried again, and nothing of this may stay */
        end->purse.charged -= is_control ? 0 : prefix;
        if (is_awaiting && is_noted)
            wsp_map_take(&end->answers, end->next_item_out);
        return NULL;
    }
    seg->type = tx->type;
    seg->is_charged = !is_control && first > 0;
    tx->item = end->next_item_out++;
    tx->prefix = prefix;
    tx->is_cut_once = true;
    end->stats.bytes_sent += first;
    if (prefix < length)
        end->stats.rendezvous++;
    wsp_node_remove(&tx->queue);
    if (tx->cut < prefix) {
        wsp_bulk_add(end, tx);
        wsp_end_wake_all(end);
    }
    return seg;
}

/* Is the next small thing the express lane's? Not if that has much under way already, or is still
 * writing bulk of before it was the lane: of which another copy may have arrived. */
static bool is_lanes(const struct wsp_end *end, unsigned index)
{
    const struct wsp_slot *lane = end->slots[0];
    bool is_held_up = lane->is_writing && lane->is_writing_bulk;
    return index > 0 && wsp_lane_is_kept(end) && !is_held_up &&
           lane->meter.in_flight_bytes < WSP_SEGMENT_LEAST;
}

static void queue_close(struct wsp_end *end)
{
    if (!end->is_closing || end->is_close_queued || !wsp_list_is_empty(&end->heads))
        return;
    end->is_close_queued = wsp_tx_control(end, WSP_FRAME_CLOSE, 0, 0) == WSP_OK;
}

static struct wsp_seg *next_segment(struct wsp_end *end, unsigned index, uint64_t now_ns)
{
    struct wsp_node *node;
    struct wsp_seg *again = wsp_replay_next(end, index);
    if (again) {
        end->stats.segments_replayed++;
        return again;
    }
    if (!wsp_seg_has_room(end))
        return NULL;
    queue_close(end);
    node = wsp_list_first(&end->controls);
    if (!node)
        node = wsp_list_first(&end->heads);
    if (node && !is_lanes(end, index))
        return cut_first(end, WSP_CONTAINER(node, struct wsp_tx, queue));
    return wsp_bulk_next(end, index, now_ns);
}

/* Frames outside of the flow that are pressing. */
static bool pull_plain(struct wsp_end *end, unsigned index, uint64_t now_ns, struct wsp_out *out)
{
    struct wsp_slot *slot = end->slots[index];
    if (slot->pong_due) {
        slot->pong_due = false;
        emit_plain(end, index, WSP_FRAME_PONG, slot->pong_token, now_ns, out);
    } else if (slot->ping_due) {
        slot->ping_due = false;
        slot->ping_ns = now_ns;
        emit_plain(end, index, WSP_FRAME_PING, now_ns, now_ns, out);
    } else if (end->n_nacks > 0) {
        emit_plain(end, index, WSP_FRAME_NACK, end->nacks[--end->n_nacks], now_ns, out);
    } else if (wsp_ack_is_pressing(end, now_ns)) {
        end->stats.acks_sent++;
        emit_plain(end, index, WSP_FRAME_ACK, 0, now_ns, out);
    } else {
        return false;
    }
    return true;
}

/* A suspect stream gets nothing that another could carry. */
static bool is_spared(const struct wsp_end *end, unsigned index)
{
    return end->slots[index]->is_suspect && wsp_slot_has_other(end, index);
}

bool wsp_end_pull(struct wsp_end *end, unsigned index, uint64_t now_ns, struct wsp_out *out)
{
    if (end->is_failed || index >= end->n_slots)
        return false;
    const struct wsp_slot *slot = end->slots[index];
    if (!slot->is_up || slot->is_writing)
        return false;
    end->now_ns = now_ns;
    if (pull_plain(end, index, now_ns, out))
        return true;
    if (is_spared(end, index))
        return false;
    struct wsp_seg *seg = next_segment(end, index, now_ns);
    if (!seg)
        return false;
    emit_segment(end, index, seg, now_ns, out);
    wsp_end_arm(end, now_ns + WSP_TICK_NS);
    return true;
}

void wsp_end_written(struct wsp_end *end, unsigned index, uint64_t now_ns)
{
    struct wsp_slot *slot = end->slots[index];
    if (!slot->is_writing)
        return;
    struct wsp_seg *seg = slot->writing;
    slot->is_writing = false;
    slot->writing = NULL;
    if (slot->writing_ack > end->ack_told)
        end->ack_told = slot->writing_ack;
    if (seg) {
        seg->n_pins--;
        /* The socket took a large piece, so the network took what was in it before. */
        if (seg->length >= WSP_SEGMENT_LEAST)
            slot->progress_ns = now_ns;
        if (!seg->is_written) {
            seg->is_written = true;
            seg->tx->n_unwritten--;
            wsp_tx_settle(end, seg->tx);
        }
    }
    wsp_end_check_closed(end);
}
