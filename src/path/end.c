/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening, ending and describing an end; the other files of the folder do its work. */
#include "path/end_internal.h"

#include <stdlib.h>

static wsp_err check_config(const struct wsp_end_config *config)
{
    bool ok = config->streams_first >= 1 && config->streams_first <= config->streams_max &&
              config->streams_max <= WSP_STREAMS_MAX && config->segment_bytes >= 1 &&
              config->segment_bytes <= WSP_PAYLOAD_MAX && config->unexpected && config->replay &&
              config->spares && config->handler;
    return ok ? WSP_OK : WSP_ERR_INVALID;
}

static void init_lists(struct wsp_end *end)
{
    wsp_list_init(&end->controls);
    wsp_list_init(&end->heads);
    wsp_list_init(&end->bulk);
    wsp_list_init(&end->all_tx);
    wsp_list_init(&end->replay);
}

wsp_err wsp_end_open(const struct wsp_end_config *config, uint64_t now_ns, struct wsp_end **end)
{
    wsp_err err = check_config(config);
    if (err)
        return err;
    struct wsp_end *new = calloc(1, sizeof *new);
    if (!new)
        return WSP_ERR_NO_MEMORY;
    new->config = *config;
    init_lists(new);
    if (!wsp_slot_grow(new, 1)) {
        free(new->slots);
        free(new);
        return WSP_ERR_NO_MEMORY;
    }
    new->n_used = config->streams_first;
    wsp_grant_open(&new->grant, config->unexpected, config->credit_bytes);
    new->opened_ns = new->heard_ns = new->charged_ns = new->ack_at_ns = now_ns;
    new->stall_factor = 1;
    new->tick_at_ns = now_ns + WSP_TICK_NS;
    wsp_steer_open(new);
    *end = new;
    return WSP_OK;
}

void wsp_end_start(struct wsp_end *end, uint64_t now_ns)
{
    wsp_slot_ask_missing(end, now_ns);
}

bool wsp_end_is_over(const struct wsp_end *end)
{
    return end->is_failed || end->is_closed;
}

void wsp_end_fail(struct wsp_end *end, wsp_err err)
{
    if (wsp_end_is_over(end))
        return;
    end->is_failed = true;
    end->failure = err;
    wsp_steer_stop(end);
    wsp_claim_sink_all(end);
    wsp_tx_fail_all(end, err);
    wsp_rx_fail_all(end, err);
    end->config.handler->lost(end->config.user, err);
}

void wsp_end_free(struct wsp_end **end)
{
    struct wsp_end *old = *end;
    if (!old)
        return;
    wsp_end_fail(old, WSP_ERR_CLOSED);
    for (unsigned i = 0; i < old->n_slots; i++)
        wsp_claim_drop(old, i);
    wsp_tx_free_all(old);
    wsp_rx_free_all(old);
    wsp_grant_close(&old->grant);
    wsp_map_fini(&old->answers);
    wsp_map_fini(&old->items);
    free(old->ring);
    for (unsigned i = 0; i < old->n_slots; i++)
        free(old->slots[i]);
    free(old->slots);
    free(old);
    *end = NULL;
}

void wsp_end_close(struct wsp_end *end, uint64_t now_ns)
{
    if (end->is_closing || wsp_end_is_over(end))
        return;
    end->is_closing = true;
    wsp_end_arm(end, now_ns + WSP_TICK_NS);
    wsp_end_wake_one(end);
}

/* Closed: both CLOSEs passed, all of ours is acknowledged, nobody waits for an answer of ours, and
 * the last acknowledgement of theirs has left. One that left on a stream that ended would have to
 * be told again, but not to somebody who hung up: for him the path was closed. */
void wsp_end_check_closed(struct wsp_end *end)
{
    if (wsp_end_is_over(end) || !end->is_close_queued || !end->is_peer_closing)
        return;
    if (!wsp_list_is_empty(&end->all_tx) || end->unacked_segment != end->next_segment)
        return;
    bool is_told = end->ack_told == end->window.next || end->is_hung_up;
    if (wsp_reorder_has_gap(&end->window) || !is_told)
        return;
    if (wsp_rx_is_owing(end))
        return;
    end->is_closed = true;
    wsp_steer_stop(end);
    end->config.handler->closed(end->config.user);
}

/* Small things keep to one stream while little is under way on it: they then need no sorting at the
 * other end. Otherwise to the one with the least. */
static bool is_better(const struct wsp_slot *slot, const struct wsp_slot *best)
{
    if (!best)
        return true;
    if (slot->is_suspect != best->is_suspect)
        return best->is_suspect;
    return best->meter.in_flight_bytes >= WSP_SEGMENT_LEAST &&
           slot->meter.in_flight_bytes < best->meter.in_flight_bytes;
}

void wsp_end_wake_one(struct wsp_end *end)
{
    const struct wsp_slot *best = NULL;
    unsigned index = 0;
    for (unsigned i = 0; i < end->n_slots && !end->is_failed; i++) {
        const struct wsp_slot *slot = end->slots[i];
        if (slot->is_up && !slot->is_writing && is_better(slot, best)) {
            best = slot;
            index = i;
        }
    }
    if (best)
        end->config.handler->want_write(end->config.user, index);
}

void wsp_end_wake_all(struct wsp_end *end)
{
    unsigned turn =
        end->wake_turn++; /* each time another first: bulk that is held back is shared */
    for (unsigned k = 0; k < end->n_slots && !end->is_failed; k++) {
        unsigned i = (turn + k) % end->n_slots;
        if (end->slots[i]->is_up && !end->slots[i]->is_writing)
            end->config.handler->want_write(end->config.user, i);
    }
}

void wsp_end_arm(struct wsp_end *end, uint64_t at_ns)
{
    if (at_ns < end->tick_at_ns && !wsp_end_is_over(end))
        end->tick_at_ns = at_ns;
}

uint64_t wsp_end_deadline(const struct wsp_end *end)
{
    if (wsp_end_is_over(end))
        return WSP_TIME_NEVER;
    uint64_t at_ns = end->tick_at_ns;
    if (end->steer_at_ns < at_ns)
        at_ns = end->steer_at_ns;
    if (end->race_at_ns < at_ns)
        at_ns = end->race_at_ns;
    if (end->look_at_ns < at_ns)
        at_ns = end->look_at_ns;
    return end->release_at_ns < at_ns ? end->release_at_ns : at_ns;
}

wsp_err wsp_end_damage(struct wsp_end *end, uint64_t now_ns)
{
    if (now_ns - end->damage_since_ns > WSP_DAMAGE_WINDOW_NS) {
        end->damage_since_ns = now_ns;
        end->n_damaged = 0;
    }
    if (++end->n_damaged <= WSP_DAMAGE_MAX)
        return WSP_OK;
    wsp_end_fail(end, WSP_ERR_PROTOCOL);
    return WSP_ERR_PROTOCOL;
}

void wsp_end_describe(const struct wsp_end *end, struct wsp_stream_birth *mine)
{
    *mine = (struct wsp_stream_birth){
        .received = end->window.next,
        .credit_epoch = end->grant.epoch,
        .credit_limit = end->grant.limit,
        .n_streams = end->n_used,
    };
}

void wsp_end_get_stats(const struct wsp_end *end, struct wsp_end_stats *stats)
{
    *stats = end->stats;
}
