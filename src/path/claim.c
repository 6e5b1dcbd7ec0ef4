/* SPDX-License-Identifier: BSD-3-Clause */
/* Landing: where the payload of an incoming segment is read to, and what becomes of it. A byte
 * range has one claim at a time: the first reader of a segment may read into its place; another
 * reader of the same segment reads aside, and only what is still missing is copied. */
#include "path/end_internal.h"

#include <stdlib.h>
#include <string.h>

static struct wsp_claim *claim_of(struct wsp_end *end, unsigned index)
{
    return &end->slots[index]->claim;
}

void wsp_chunk_free(struct wsp_end *end, struct wsp_chunk *chunk)
{
    if (chunk)
        wsp_spares_give(end->config.spares, chunk, sizeof *chunk + chunk->length);
}

/* Frees what the claim owns. */
static void clear(struct wsp_end *end, struct wsp_claim *claim)
{
    wsp_chunk_free(end, claim->chunk);
    free(claim->where);
    *claim = (struct wsp_claim){0};
}

/* Ends a claim whose reader is under way; the rest is read away. */
static void turn_away(struct wsp_end *end, unsigned index, enum wsp_claim_kind kind)
{
    struct wsp_claim *claim = claim_of(end, index);
    if (!WSP_PLANTED(LANDING) || claim->kind != WSP_CLAIM_PLACE)
        end->config.handler->sink(end->config.user, index);
    clear(end, claim);
    claim->kind = kind;
}

static bool is_same_segment(const struct wsp_slot *slot, uint64_t number)
{
    return slot->has_frame && slot->claim.kind != WSP_CLAIM_NONE &&
           slot->claim.kind != WSP_CLAIM_REPEATED && slot->frame.segment == number;
}

static bool is_claimed(const struct wsp_end *end, unsigned index, uint64_t number)
{
    for (unsigned i = 0; i < end->n_slots; i++)
        if (i != index && is_same_segment(end->slots[i], number))
            return true;
    return false;
}

/* Data may overtake its head only if it is charged, or part of a small control message. */
static bool is_free_before_head(const struct wsp_frame *frame)
{
    if (frame->flags & WSP_FRAME_CONTROL)
        return frame->offset + frame->length <= WSP_CONTROL_MAX;
    return frame->flags & WSP_FRAME_CHARGED;
}

/* Does the frame fit what is known of its message? */
static bool is_fitting(const struct wsp_end *end, const struct wsp_rx *rx,
                       const struct wsp_frame *frame)
{
    bool is_head = frame->type != WSP_FRAME_DATA;
    if (rx->has_head && (is_head || rx->type != WSP_FRAME_HEAD))
        return false;
    if (frame->type == WSP_FRAME_HEAD) {
        bool is_control = frame->flags & WSP_FRAME_CONTROL;
        if (frame->offset != 0 || frame->length > frame->prefix ||
            frame->prefix > frame->envelope.length)
            return false;
        if (is_control &&
            (frame->envelope.length > WSP_CONTROL_MAX || frame->prefix != frame->envelope.length))
            return false;
        return is_control || frame->length == 0 || (frame->flags & WSP_FRAME_CHARGED);
    }
    if (is_head)
        return true;
    if (!rx->has_head)
        return is_free_before_head(frame);
    uint64_t end_offset = frame->offset + frame->length;
    if (frame->flags & WSP_FRAME_CHARGED)
        return end_offset <= rx->prefix;
    return end_offset <= rx->envelope.length &&
           (rx->is_accepted || (rx->flags & WSP_FRAME_CONTROL));
}

static bool has_chargeable(const struct wsp_end *end, const struct wsp_frame *frame)
{
    return !(frame->flags & WSP_FRAME_CHARGED) || frame->length <= wsp_grant_unused(&end->grant);
}

static wsp_err make_chunk(struct wsp_end *end, struct wsp_claim *claim,
                          const struct wsp_frame *frame, struct wsp_landing *landing)
{
    struct wsp_chunk *chunk = wsp_spares_take(end->config.spares, sizeof *chunk + frame->length);
    if (!chunk)
        return WSP_ERR_NO_MEMORY;
    chunk->offset = frame->offset;
    chunk->length = frame->length;
    chunk->is_charged = (frame->flags & WSP_FRAME_CHARGED) && !WSP_PLANTED(CREDIT);
    claim->kind = WSP_CLAIM_CHUNK;
    claim->chunk = chunk;
    landing->where = chunk->data;
    return WSP_OK;
}

static wsp_err make_scratch(struct wsp_claim *claim, const struct wsp_frame *frame,
                            struct wsp_landing *landing)
{
    claim->where = malloc(frame->length);
    if (!claim->where)
        return WSP_ERR_NO_MEMORY;
    claim->kind = WSP_CLAIM_SCRATCH;
    landing->where = claim->where;
    return WSP_OK;
}

static wsp_err choose(struct wsp_end *end, unsigned index, struct wsp_landing *landing)
{
    const struct wsp_frame *frame = &end->slots[index]->frame;
    struct wsp_claim *claim = claim_of(end, index);
    const struct wsp_rx *rx = claim->rx;
    uint64_t stop = frame->offset + frame->length;
    claim->kind = WSP_CLAIM_UNWANTED;
    if (frame->length == 0 || rx->is_withdrawn ||
        (rx->is_accepted && frame->offset >= rx->capacity))
        return WSP_OK;
    bool is_shared = is_claimed(end, index, frame->segment);
    if (WSP_PLANTED(LANDING) && rx->is_accepted)
        is_shared = false;
    if (is_shared || (rx->is_accepted && stop > rx->capacity))
        return make_scratch(claim, frame, landing);
    if (!rx->is_accepted)
        return make_chunk(end, claim, frame, landing);
    claim->kind = WSP_CLAIM_PLACE;
    landing->where = rx->buffer + frame->offset;
    return WSP_OK;
}

wsp_err wsp_claim_make(struct wsp_end *end, unsigned index, struct wsp_landing *landing)
{
    const struct wsp_frame *frame = &end->slots[index]->frame;
    struct wsp_claim *claim = claim_of(end, index);
    *landing = (struct wsp_landing){.length = frame->wire_length};
    if (!wsp_reorder_admits(&end->window, frame->segment))
        return WSP_ERR_PROTOCOL;
    if (wsp_reorder_has(&end->window, frame->segment)) {
        claim->kind = WSP_CLAIM_REPEATED;
        return WSP_OK;
    }
    if (!has_chargeable(end, frame))
        return WSP_ERR_PROTOCOL;
    wsp_err err = wsp_rx_find(end, frame->item, &claim->rx);
    if (err)
        return err;
    if (!is_fitting(end, claim->rx, frame))
        return WSP_ERR_PROTOCOL;
    return choose(end, index, landing);
}

/* The payload as it was read; NULL if it was read away. */
static const uint8_t *payload_of(const struct wsp_claim *claim, const struct wsp_frame *frame)
{
    switch (claim->kind) {
    case WSP_CLAIM_PLACE:
        return claim->rx->buffer + frame->offset;
    case WSP_CLAIM_CHUNK:
        return claim->chunk->data;
    case WSP_CLAIM_SCRATCH:
        return claim->where;
    default:
        return NULL;
    }
}

static wsp_err damaged(struct wsp_end *end, unsigned index, uint64_t now_ns)
{
    end->stats.segments_damaged++;
    if (end->n_nacks < WSP_NACK_MAX)
        end->nacks[end->n_nacks++] = end->slots[index]->frame.segment;
    end->config.handler->want_write(end->config.user, index);
    return wsp_end_damage(end, now_ns);
}

/* Others that read the same segment have come too late. */
static void turn_others_away(struct wsp_end *end, unsigned index, uint64_t number)
{
    for (unsigned i = 0; i < end->n_slots; i++)
        if (i != index && is_same_segment(end->slots[i], number))
            turn_away(end, i, WSP_CLAIM_REPEATED);
}

/* Puts what was read aside, or into a chunk, where it belongs by now. */
static wsp_err put(struct wsp_end *end, struct wsp_claim *claim, const struct wsp_frame *frame)
{
    struct wsp_rx *rx = claim->rx;
    if (claim->kind == WSP_CLAIM_PLACE || claim->kind == WSP_CLAIM_UNWANTED || rx->is_withdrawn)
        return WSP_OK;
    if (rx->is_accepted) {
        wsp_rx_copy(rx, frame->offset, payload_of(claim, frame), frame->length);
        return WSP_OK;
    }
    if (claim->kind == WSP_CLAIM_SCRATCH) {
        struct wsp_claim aside = *claim;
        struct wsp_landing landing;
        wsp_err err = make_chunk(end, claim, frame, &landing);
        if (err)
            return err;
        memcpy(claim->chunk->data, aside.where, frame->length);
    }
    wsp_rx_store(end, rx, claim->chunk);
    claim->chunk = NULL;
    return WSP_OK;
}

static void take_head(struct wsp_rx *rx, const struct wsp_frame *frame)
{
    if (frame->type == WSP_FRAME_DATA)
        return;
    rx->has_head = true;
    rx->type = frame->type;
    rx->flags = frame->flags;
    rx->envelope = frame->envelope;
    rx->prefix = frame->prefix;
    rx->expected = frame->envelope.length;
    rx->target = frame->target;
    rx->value = frame->value;
}

static wsp_err land(struct wsp_end *end, unsigned index, uint64_t now_ns)
{
    const struct wsp_frame *frame = &end->slots[index]->frame;
    struct wsp_claim *claim = claim_of(end, index);
    struct wsp_rx *rx = claim->rx;
    bool is_charged = frame->flags & WSP_FRAME_CHARGED;
    if (is_charged && !wsp_grant_charge(&end->grant, frame->length))
        return WSP_ERR_PROTOCOL;
    if (!is_fitting(end, rx, frame))
        return WSP_ERR_PROTOCOL; /* its head came meanwhile and says otherwise */
    turn_others_away(end, index, frame->segment);
    bool is_stored = claim->kind != WSP_CLAIM_UNWANTED && claim->kind != WSP_CLAIM_PLACE &&
                     !rx->is_accepted && !rx->is_withdrawn;
    wsp_err err = put(end, claim, frame);
    clear(end, claim);
    if (err)
        return err;
    wsp_reorder_add(&end->window, frame->segment);
    take_head(rx, frame);
    rx->received += frame->length;
    end->stats.bytes_received += frame->length;
    end->stats.segments_received++;
    if (is_charged) {
        end->charged_ns = now_ns;
        if (!is_stored || WSP_PLANTED(CREDIT))
            wsp_rx_release(end, frame->length);
    }
    bool is_urgent = frame->type == WSP_FRAME_CLOSE;
    wsp_ack_note(end, index, frame->length, is_urgent);
    return wsp_rx_progress(end, rx);
}

wsp_err wsp_claim_finish(struct wsp_end *end, unsigned index, uint64_t now_ns)
{
    struct wsp_slot *slot = end->slots[index];
    struct wsp_claim *claim = claim_of(end, index);
    if (wsp_reorder_has(&end->window, slot->frame.segment)) {
        clear(end, claim);
        end->stats.segments_duplicate++;
        wsp_ack_note(end, index, 0, true);
        return WSP_OK;
    }
    if (!claim->rx)
        return WSP_ERR_PROTOCOL; /* another segment had the same bytes */
    const uint8_t *payload = payload_of(claim, &slot->frame);
    if (payload && wsp_frame_checksum(&slot->frame, payload) != slot->frame.checksum) {
        clear(end, claim);
        return damaged(end, index, now_ns);
    }
    return land(end, index, now_ns);
}

void wsp_claim_drop(struct wsp_end *end, unsigned index)
{
    end->slots[index]->has_frame = false;
    clear(end, claim_of(end, index));
}

void wsp_claim_withdraw(struct wsp_end *end, struct wsp_rx *rx)
{
    for (unsigned i = 0; i < end->n_slots; i++) {
        struct wsp_claim *claim = claim_of(end, i);
        if (claim->rx != rx || claim->kind != WSP_CLAIM_CHUNK)
            continue;
        turn_away(end, i, WSP_CLAIM_UNWANTED);
        claim->rx = rx;
    }
}

void wsp_claim_forget(struct wsp_end *end, const struct wsp_rx *rx)
{
    for (unsigned i = 0; i < end->n_slots; i++)
        if (claim_of(end, i)->kind != WSP_CLAIM_NONE && claim_of(end, i)->rx == rx)
            turn_away(end, i, WSP_CLAIM_REPEATED);
}

void wsp_claim_sink_all(struct wsp_end *end)
{
    for (unsigned i = 0; i < end->n_slots; i++) {
        if (claim_of(end, i)->kind == WSP_CLAIM_PLACE)
            turn_away(end, i, WSP_CLAIM_REPEATED);
    }
}
