/* SPDX-License-Identifier: BSD-3-Clause */
/* The streams of a path: which connection stands in which slot. Generations, and at equal ones the
 * rank that dialled, decide alike on both sides which of two connections stays. */
#include "path/end_internal.h"

#include <stdlib.h>

bool wsp_slot_grow(struct wsp_end *end, unsigned n)
{
    if (n <= end->n_slots)
        return true;
    struct wsp_slot **slots = realloc(end->slots, n * sizeof *slots);
    if (!slots)
        return false;
    end->slots = slots;
    while (end->n_slots < n) {
        struct wsp_slot *slot = calloc(1, sizeof *slot);
        if (!slot)
            return false;
        wsp_list_init(&slot->under_way);
        slots[end->n_slots++] = slot;
    }
    return true;
}

unsigned wsp_slot_n_wanted(const struct wsp_end *end)
{
    return end->n_used > end->n_theirs ? end->n_used : end->n_theirs;
}

bool wsp_end_wants(const struct wsp_end *end, unsigned index)
{
    return !end->is_failed && index < wsp_slot_n_wanted(end);
}

void wsp_slot_ask_missing(struct wsp_end *end, uint64_t now_ns)
{
    unsigned n_wanted = wsp_slot_n_wanted(end);
    (void)wsp_slot_grow(end, n_wanted); /* without memory: those that are there serve */
    for (unsigned i = n_wanted; i < end->n_slots; i++)
        end->slots[i]->is_wanted = false; /* once more when they are wanted again */
    for (unsigned i = 0; i < n_wanted && i < end->n_slots && !wsp_end_is_over(end); i++)
        if (!end->slots[i]->is_up && !end->slots[i]->is_wanted)
            wsp_slot_ask(end, i, now_ns);
}

void wsp_slot_told(struct wsp_end *end, uint64_t item, uint64_t n, uint64_t now_ns)
{
    if (item < end->told_item)
        return; /* overtaken by a later word */
    end->told_item = item;
    end->n_theirs = n < end->config.streams_max ? (unsigned)n : end->config.streams_max;
    wsp_slot_ask_missing(end, now_ns);
}

void wsp_end_use_streams(struct wsp_end *end, unsigned n, uint64_t now_ns)
{
    if (wsp_end_is_over(end) || n == end->n_used || n < 1 || n > end->config.streams_max)
        return;
    /* Told before it is done: without memory to tell, nothing changes. */
    if (end->is_closing || wsp_tx_control(end, WSP_FRAME_STREAMS, n, 0))
        return;
    end->n_used = n;
    wsp_slot_ask_missing(end, now_ns);
    wsp_end_wake_all(end);
}

/* The lower rank ends it, so that both do not at once; whatever is under way then is sent again. */
void wsp_slot_retire(struct wsp_end *end, unsigned index, uint64_t now_ns)
{
    const struct wsp_slot *slot = end->slots[index];
    if (index < wsp_slot_n_wanted(end) || end->config.local_rank > end->config.remote_rank ||
        slot->is_writing || slot->has_frame || !wsp_list_is_empty(&slot->under_way) ||
        now_ns - slot->used_ns < WSP_SURPLUS_NS)
        return;
    end->config.handler->want_reset(end->config.user, index, WSP_ERR_CLOSED);
}

void wsp_slot_ask(struct wsp_end *end, unsigned index, uint64_t now_ns)
{
    struct wsp_slot *slot = end->slots[index];
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
    if (end->is_failed || index >= end->config.streams_max || generation == 0)
        return false;
    if (index >= end->n_slots)
        return true;
    const struct wsp_slot *slot = end->slots[index];
    if (generation != slot->generation)
        return generation > slot->generation;
    if (!slot->is_up)
        return true; /* it died here before it came up there */
    return dialled_by_lower && !slot->by_lower;
}

bool wsp_slot_has_other(const struct wsp_end *end, unsigned index)
{
    for (unsigned i = 0; i < end->n_slots; i++)
        if (i != index && wsp_slot_is_sound(end->slots[i]))
            return true;
    return false;
}

void wsp_slot_take_over(struct wsp_end *end, unsigned index)
{
    struct wsp_slot *slot = end->slots[index];
    if (!wsp_slot_has_other(end, index))
        return;
    WSP_LIST_EACH(node, &slot->under_way)
    end->stats.segments_taken_over++;
    wsp_seg_unbind_all(end, index);
}

/* Forgets the connection; its segments will be sent again. */
static void take_down(struct wsp_end *end, unsigned index)
{
    struct wsp_slot *slot = end->slots[index];
    slot->is_up = false;
    slot->is_suspect = false;
    end->n_up--;
    /* Not lost: one that hung up in good order, or the loser of two openings that crossed. */
    if (!end->is_peer_closing && slot->hop_received > 0 && index < wsp_slot_n_wanted(end))
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
    slot->progress_ns = slot->heard_ns = slot->used_ns = now_ns;
    slot->looked_ns = 0;
    slot->meter = (struct wsp_meter){.rate_bps = slot->meter.rate_bps};
    slot->held_bps = 0;
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
    if (!wsp_slot_grow(end, index + 1))
        return WSP_ERR_NO_MEMORY;
    struct wsp_slot *slot = end->slots[index];
    if (slot->is_up)
        take_down(end, index);
    reset_state(end, slot, now_ns);
    slot->is_up = true;
    slot->generation = birth->generation;
    slot->by_lower = birth->dialled_by_lower;
    end->n_up++;
    end->was_up = true;
    end->is_hung_up = false;
    end->heard_ns = now_ns;
    end->stats.streams_opened++;
    wsp_purse_hear(&end->purse, birth->credit_epoch, birth->credit_limit);
    if (end->n_theirs == 0)
        end->n_theirs =
            birth->n_streams < end->config.streams_max ? birth->n_streams : end->config.streams_max;
    if (wsp_seg_acknowledge(end, birth->received, NULL, 0, now_ns)) {
        wsp_end_fail(end, WSP_ERR_PROTOCOL);
        return WSP_ERR_PROTOCOL;
    }
    for (unsigned i = 0; i < end->n_slots; i++)
        if (end->slots[i]->is_up && end->slots[i]->is_suspect)
            wsp_slot_take_over(end, i);
    wsp_young_up(end, now_ns);
    wsp_end_arm(end, now_ns + WSP_TICK_NS);
    wsp_end_wake_all(end);
    return WSP_OK;
}

static void down(struct wsp_end *end, unsigned index, bool is_hung_up, uint64_t now_ns)
{
    if (index >= end->n_slots || !end->slots[index]->is_up)
        return;
    end->now_ns = now_ns;
    take_down(end, index);
    end->is_hung_up = is_hung_up && end->n_up == 0;
    wsp_end_check_closed(end);
    if (wsp_end_is_over(end))
        return;
    if (index < wsp_slot_n_wanted(end))
        wsp_slot_ask(end, index, now_ns);
    wsp_end_wake_all(end);
}

void wsp_end_stream_down(struct wsp_end *end, unsigned index, uint64_t now_ns)
{
    down(end, index, false, now_ns);
}

void wsp_end_stream_hung_up(struct wsp_end *end, unsigned index, uint64_t now_ns)
{
    down(end, index, true, now_ns);
}
