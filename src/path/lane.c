/* SPDX-License-Identifier: BSD-3-Clause */
/* Which streams bulk may use: the first ones that are sound, but for one, the lane, that is kept
 * for what is small. */
#include "path/end_internal.h"

/* With so many streams up, the first is left to what is small. */
#define LANE_STREAMS 4
/* Messages beyond this part of what is eager are small while few of them wait; so many times that
 * is bulk. So many messages are looked at. */
#define MIDDLING_PART 4
#define FLOOD_PARTS   4
#define FLOOD_MOST    64

/* Is one of those for bulk sound, from this one on? */
static bool is_any_used_sound(const struct wsp_end *end, unsigned from)
{
    for (unsigned i = from; i < end->n_used && i < end->n_slots; i++)
        if (wsp_slot_is_sound(end->slots[i]))
            return true;
    return false;
}

bool wsp_lane_is_kept(const struct wsp_end *end)
{
    return end->config.tunes_streams && end->n_used >= LANE_STREAMS && end->n_up >= LANE_STREAMS &&
           wsp_slot_is_sound(end->slots[0]) && is_any_used_sound(end, 1);
}

bool wsp_lane_is_middling(const struct wsp_end *end, uint64_t length)
{
    return length > end->config.eager_bytes / MIDDLING_PART && length <= end->config.eager_bytes;
}

uint64_t wsp_lane_flood_bytes(const struct wsp_end *end)
{
    uint64_t bytes = 0;
    unsigned n = 0;
    WSP_LIST_EACH(node, &end->heads)
    {
        const struct wsp_tx *tx = WSP_CONTAINER(node, struct wsp_tx, queue);
        if (wsp_lane_is_middling(end, tx->envelope.length))
            bytes += tx->envelope.length;
        if (++n == FLOOD_MOST)
            break;
    }
    return bytes < FLOOD_PARTS * end->config.eager_bytes ? 0 : bytes;
}

bool wsp_lane_is_for_bulk(const struct wsp_end *end, unsigned index)
{
    if (index >= end->n_used)
        return !is_any_used_sound(end, 0);
    return index > 0 || !wsp_lane_is_kept(end);
}
