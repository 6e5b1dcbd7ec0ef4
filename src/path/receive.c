/* SPDX-License-Identifier: BSD-3-Clause */
/* Incoming frames: checked, their news heard, their payload given a place. */
#include "path/end_internal.h"

static wsp_err fail(struct wsp_end *end, wsp_err err)
{
    wsp_end_fail(end, err);
    return err;
}

/* On one stream frames come in order and none is lost; another's epoch has no business here. */
static bool is_next_of_stream(const struct wsp_end *end, const struct wsp_slot *slot,
                              const struct wsp_frame *frame)
{
    return frame->hop_epoch == slot->generation && frame->hop_sequence == slot->hop_received &&
           frame->hop_ack >= slot->hop_acked && frame->hop_ack <= slot->hop_sent &&
           frame->source == end->config.remote_rank && frame->destination == end->config.local_rank;
}

/* What every frame tells. */
static wsp_err hear(struct wsp_end *end, unsigned index, const struct wsp_frame *frame,
                    uint64_t now_ns)
{
    struct wsp_slot *slot = end->slots[index];
    slot->hop_received++;
    slot->heard_ns = end->heard_ns = now_ns;
    if (frame->hop_ack > slot->hop_acked) {
        slot->hop_acked = frame->hop_ack;
        wsp_watch_progress(end, index, now_ns);
    }
    wsp_purse_hear(&end->purse, frame->credit_epoch, frame->credit_limit);
    if (frame->type == WSP_FRAME_ACK)
        end->stats.acks_received++;
    return wsp_seg_acknowledge(end, frame->ack, frame->ranges, frame->n_ranges, now_ns);
}

wsp_err wsp_end_header(struct wsp_end *end, unsigned index, const uint8_t *header, size_t length,
                       uint64_t now_ns, struct wsp_landing *landing)
{
    struct wsp_slot *slot = end->slots[index];
    if (end->is_failed || !slot->is_up || slot->has_frame)
        return WSP_ERR_CLOSED;
    end->now_ns = now_ns;
    wsp_err err = wsp_frame_decode(header, length, &slot->frame);
    if (err == WSP_ERR_DAMAGED) {
        end->stats.headers_damaged++;
        return wsp_end_damage(end, now_ns) ? WSP_ERR_PROTOCOL : WSP_ERR_DAMAGED;
    }
    if (err || !is_next_of_stream(end, slot, &slot->frame))
        return fail(end, WSP_ERR_PROTOCOL);
    err = hear(end, index, &slot->frame, now_ns);
    if (err)
        return fail(end, err);
    slot->has_frame = true;
    slot->header_ns = slot->part_ns = now_ns;
    *landing = (struct wsp_landing){.length = slot->frame.wire_length};
    if (wsp_frame_is_sequenced(slot->frame.type)) {
        slot->used_ns = now_ns;
        err = wsp_claim_make(end, index, landing);
    }
    return err ? fail(end, err) : WSP_OK;
}

static void pong(struct wsp_end *end, unsigned index, uint64_t token, uint64_t now_ns)
{
    struct wsp_slot *slot = end->slots[index];
    if (slot->ping_ns == 0)
        return;
    slot->ping_ns = 0;
    wsp_watch_progress(end, index, now_ns);
    if (token > now_ns)
        return;
    uint64_t sample_ns = now_ns - token;
    int64_t difference = (int64_t)sample_ns - (int64_t)end->stats.rtt_ns;
    end->stats.rtt_ns =
        end->stats.rtt_ns ? end->stats.rtt_ns + (uint64_t)(difference / 8) : sample_ns;
}

/* Frames outside of the flow. */
static void handle_plain(struct wsp_end *end, unsigned index, uint64_t now_ns)
{
    struct wsp_slot *slot = end->slots[index];
    const struct wsp_frame *frame = &slot->frame;
    switch (frame->type) {
    case WSP_FRAME_NACK:
        wsp_seg_nacked(end, frame->target);
        break;
    case WSP_FRAME_PING:
        slot->pong_due = true;
        slot->pong_token = frame->target;
        end->config.handler->want_write(end->config.user, index);
        break;
    case WSP_FRAME_PONG:
        pong(end, index, frame->target, now_ns);
        break;
    default:
        break; /* an ACK was heard with its header; what we do not know may be ignored */
    }
}

void wsp_end_payload_part(struct wsp_end *end, unsigned index, uint64_t now_ns)
{
    end->slots[index]->heard_ns = end->slots[index]->part_ns = end->heard_ns = now_ns;
}

wsp_err wsp_end_payload(struct wsp_end *end, unsigned index, uint64_t now_ns)
{
    struct wsp_slot *slot = end->slots[index];
    if (end->is_failed || !slot->has_frame)
        return WSP_ERR_CLOSED;
    end->now_ns = now_ns;
    wsp_err err = WSP_OK;
    if (wsp_frame_is_sequenced(slot->frame.type))
        err = wsp_claim_finish(end, index, now_ns);
    else
        handle_plain(end, index, now_ns);
    slot->has_frame = false;
    return err ? fail(end, err) : WSP_OK;
}
