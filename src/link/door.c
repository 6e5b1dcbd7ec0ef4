/* SPDX-License-Identifier: BSD-3-Clause */
/* Links without a roster, for the public API. The listening side is rank 0 of every path and calls
 * each process that comes by the place it gives it; the opening side is rank 1. */
#include "link/link_internal.h"

#include "base/clock.h"

void wsp_link_open_door(struct wsp_link *link)
{
    link->is_open_door = true;
    link->takes_new = true;
}

/* A caller had it that broke off before any of its streams was up: nobody knows of the path. */
static bool is_vacant(const struct wsp_peer *peer)
{
    return peer && peer->is_lost && !peer->was_counted && !peer->end;
}

struct wsp_peer *wsp_door_place(struct wsp_link *link, uint64_t nonce)
{
    uint32_t free_place = 0;
    if (wsp_map_get(&link->gone_nonces, nonce))
        return NULL;
    for (uint32_t i = 1; i < link->n_ranks; i++) {
        struct wsp_peer *peer = link->peers[i];
        if (is_vacant(peer)) {
            wsp_peer_free(peer);
            peer = link->peers[i] = NULL;
        }
        if (peer && peer->nonce == nonce)
            return peer;
        if (free_place == 0 && (!peer || peer->nonce == 0))
            free_place = i;
    }
    return free_place && link->takes_new ? wsp_peer_get(link, free_place) : NULL;
}

wsp_err wsp_link_dial(struct wsp_link *link, uint32_t rank)
{
    struct wsp_peer *peer;
    wsp_link_enter(link);
    wsp_err err = wsp_link_reach(link, rank, &peer);
    if (!err)
        wsp_peer_touch(peer);
    wsp_link_leave(link);
    return err;
}

void wsp_link_hang_up(struct wsp_link *link, uint32_t rank)
{
    struct wsp_peer *peer = link->peers[rank];
    if (!peer || !peer->end || peer->is_lost)
        return;
    wsp_link_enter(link);
    wsp_end_close(peer->end, wsp_clock_now_ns());
    wsp_peer_touch(peer);
    wsp_link_leave(link);
}

void wsp_link_forget(struct wsp_link *link, uint32_t rank)
{
    struct wsp_peer *peer = link->peers[rank];
    if (!peer)
        return;
    wsp_link_enter(link);
    /* Were it taken in again, its numbers would not fit those of a fresh path. That a nonce is
     * not remembered for want of memory leads there only if it dials again, and to a failed path.
     */
    if (link->is_open_door && peer->nonce &&
        wsp_map_put(&link->gone_nonces, peer->nonce, link) != WSP_OK)
        link->takes_new = false;
    if (peer->end && !peer->is_lost)
        wsp_end_fail(peer->end, WSP_ERR_CLOSED);
    wsp_link_leave(link);
    link->peers[rank] = NULL;
    wsp_peer_free(peer);
}
