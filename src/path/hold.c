/* SPDX-License-Identifier: BSD-3-Clause */
/* What the kernel lets each stream send at most: while they are young what the brake says, and
 * later little more than its part, where the tuner has found that this saves packets. */
#include "path/end_internal.h"

/* Of what the bottleneck gives, to the streams for bulk: so much more, and the part of one that is
 * slow. */
#define EVEN_ROOM 1.25
/* A change by less than this is none. */
#define EVEN_CHANGE 0.1

static unsigned n_for_bulk(const struct wsp_end *end)
{
    unsigned n = 0;
    for (unsigned i = 0; i < end->n_slots; i++)
        n += end->slots[i]->is_up && wsp_lane_is_for_bulk(end, i);
    return n;
}

static double even_bps(const struct wsp_end *end)
{
    if (!end->tune.is_even || !end->tune.is_paced)
        return 0;
    unsigned n = n_for_bulk(end);
    double bps = EVEN_ROOM * end->tune.capacity_bps / (n > 1 ? n - 1 : 1);
    bool is_other =
        bps < (1 - EVEN_CHANGE) * end->even_bps || bps > (1 + EVEN_CHANGE) * end->even_bps;
    return is_other ? bps : end->even_bps;
}

void wsp_hold_apply(struct wsp_end *end)
{
    unsigned n = end->n_up < end->n_used ? end->n_up : end->n_used;
    if (!end->config.handler->hold || n == 0)
        return;
    uint64_t braked_bps = end->brake.held_bps > 0 ? (uint64_t)(end->brake.held_bps / n) + 1 : 0;
    end->even_bps = even_bps(end);
    for (unsigned i = 0; i < end->n_slots; i++) {
        struct wsp_slot *slot = end->slots[i];
        uint64_t bps = braked_bps;
        if (!slot->is_up)
            continue;
        if (bps == 0 && end->even_bps > 0 && wsp_lane_is_for_bulk(end, i))
            bps = (uint64_t)end->even_bps;
        if (bps == slot->held_bps)
            continue;
        slot->held_bps = bps;
        end->config.handler->hold(end->config.user, i, bps);
    }
}
