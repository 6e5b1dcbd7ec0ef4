/* SPDX-License-Identifier: BSD-3-Clause */
/* The streams of a path: which connection stands in which slot. Generations, and at equal ones the
 * rank that dialled, decide alike on both sides which of two connections stays. */
#include "path/end_internal.h"

void wsp_slot_ask(struct wsp_end *end, unsigned index, uint64_t now_ns)
{
    struct wsp_slot *slot = &end->slots[index];
    /* Higher with each asking: the other side may hold a generation that never came up here. */
    uint32_t above = slot->is_wanted ? slot->asked : slot->generation;
    slot->asked = (above > slot->generation ? above : slot->generation) + 1;
    slot->is_wanted = true;
    slot->asked_ns = now_ns;
    wsp_end_arm(end, now_ns + WSP_TICK_NS);
    end->config.handler->want_stream(end->config.user, index, slot->asked);
}

bool wsp_end_would_take(const struct wsp_end *end, unsigned index, uint32_t generation,
                        bool dialled_by_lower)
{
    if (end->is_failed || index >= end->config.n_streams || generation == 0)
        return false;
    const struct wsp_slot *slot = &end->slots[index];
    if (generation != slot->generation)
        return generation > slot->generation;
    if (!slot->is_up)
        return true; /* it died here before it came up there */
    return dialled_by_lower && !slot->by_lower;
}

void wsp_slot_take_over(struct wsp_end *end, unsigned index)
{
    struct wsp_slot *slot = &end->slots[index];
    bool has_other = false;
    for (unsigned i = 0; i < end->config.n_streams; i++)
        has_other |= end->slots[i].is_up && !end->slots[i].is_suspect;
    if (!has_other)
        return;
    WSP_LIST_EACH(node, &slot->under_way)
    end->stats.segments_taken_over++;
    wsp_seg_unbind_all(end, index);
}

/* Forgets the connection; its segments will be sent again. */
static void take_down(struct wsp_end *end, unsigned index)
{
    struct wsp_slot *slot = &end->slots[index];
    slot->is_up = false;
    slot->is_suspect = false;
    end->n_up--;
    /* Not lost: one that hung up in good order, or the loser of two openings that crossed. */
    if (!end->is_peer_closing && slot->hop_received > 0)
        end->stats.streams_lost++;
    wsp_claim_drop(end, index);
    if (slot->writing)
        slot->writing->n_pins--;
    slot->writing = NULL;
    slot->is_writing = false;
    wsp_seg_unbind_all(end, index);
    wsp_ack_again(end);
}

static void reset_state(struct wsp_end *end, struct wsp_slot *slot, uint64_t now_ns)
{
    slot->hop_sent = slot->hop_acked = slot->hop_received = 0;
    slot->last_acked_order = end->next_order;
    slot->ping_ns = 0;
    slot->pong_due = false;
    slot->ping_due = true; /* a first sample of the round trip */
    slot->progress_ns = slot->heard_ns = now_ns;
    slot->meter = (struct wsp_meter){.rate_bps = slot->meter.rate_bps};
    slot->is_wanted = false;
}

wsp_err wsp_end_stream_up(struct wsp_end *end, unsigned index, const struct wsp_stream_birth *birth,
                          uint64_t now_ns)
{
    if (end->is_failed)
        return WSP_ERR_CLOSED;
    end->now_ns = now_ns;
    if (!wsp_end_would_take(end, index, birth->generation, birth->dialled_by_lower))
        return WSP_ERR_CROSSED;
    struct wsp_slot *slot = &end->slots[index];
    if (slot->is_up)
        take_down(end, index);
    reset_state(end, slot, now_ns);
    slot->is_up = true;
    slot->generation = birth->generation;
    slot->by_lower = birth->dialled_by_lower;
    end->n_up++;
    end->was_up = true;
    end->heard_ns = now_ns;
    end->stats.streams_opened++;
    wsp_purse_hear(&end->purse, birth->credit_epoch, birth->credit_limit);
    if (wsp_seg_acknowledge(end, birth->received, NULL, 0, now_ns)) {
        wsp_end_fail(end, WSP_ERR_PROTOCOL);
        return WSP_ERR_PROTOCOL;
    }
    for (unsigned i = 0; i < end->config.n_streams; i++)
        if (end->slots[i].is_up && end->slots[i].is_suspect)
            wsp_slot_take_over(end, i);
    wsp_end_arm(end, now_ns + WSP_TICK_NS);
    wsp_end_wake_all(end);
    return WSP_OK;
}

void wsp_end_stream_down(struct wsp_end *end, unsigned index, uint64_t now_ns)
{
    if (!end->slots[index].is_up)
        return;
    end->now_ns = now_ns;
    take_down(end, index);
    if (wsp_end_is_over(end))
        return;
    wsp_slot_ask(end, index, now_ns);
    wsp_end_wake_all(end);
}
