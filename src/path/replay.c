/* SPDX-License-Identifier: BSD-3-Clause */
/* Which stream takes what is to be sent again. */
#include "path/end_internal.h"

/* May this stream carry it? Bulk keeps off the express lane, and what took long off the stream that
 * it took long on. */
static bool may_carry(const struct wsp_end *end, unsigned index, const struct wsp_seg *seg)
{
    const struct wsp_slot *slot = end->slots[index];
    if (!slot->is_up || slot->is_suspect || seg->avoids == (int)index)
        return false;
    return seg->type != WSP_FRAME_DATA || wsp_lane_is_for_bulk(end, index);
}

static bool is_idle(const struct wsp_slot *slot)
{
    return !slot->is_writing && wsp_list_is_empty(&slot->under_way);
}

/* Is it another's, that may carry it and has nothing under way or, if this one may not carry it,
 * at all? What takes long goes to an idle stream, if there is one: others may wait for a repetition
 * themselves. */
static bool is_anothers(const struct wsp_end *end, unsigned index, const struct wsp_seg *seg)
{
    bool is_carrier = may_carry(end, index, seg);
    if (is_carrier && (seg->n_raced == 0 || wsp_list_is_empty(&end->slots[index]->under_way)))
        return false;
    for (unsigned i = 0; i < end->n_slots; i++)
        if (i != index && may_carry(end, i, seg) && (!is_carrier || is_idle(end->slots[i])))
            return true;
    return false;
}

struct wsp_seg *wsp_replay_next(const struct wsp_end *end, unsigned index)
{
    WSP_LIST_EACH(node, &end->replay)
    {
        struct wsp_seg *seg = WSP_CONTAINER(node, struct wsp_seg, node);
        if (!is_anothers(end, index, seg))
            return seg;
    }
    return NULL;
}
