/* SPDX-License-Identifier: BSD-3-Clause */
/* The orderly end: every path is closed from both sides, all that was sent is acknowledged, and
 * the connections are read to their end. */
#include "link/link_internal.h"

#include "base/clock.h"

#define LINGER_NS                                                                                  \
    (2 * WSP_NS_PER_S) /* for the other sides to hang up, once all is acknowledged                 \
                        */

static void close_ends(struct wsp_link *link)
{
    wsp_link_enter(link);
    link->is_draining = true;
    for (uint32_t i = 0; i < link->n_ranks; i++) {
        struct wsp_peer *peer = link->peers[i];
        if (!peer || !peer->end || peer->is_lost)
            continue;
        wsp_end_close(peer->end, wsp_clock_now_ns());
        wsp_peer_touch(peer);
    }
    wsp_link_leave(link);
}

static bool is_closed(const struct wsp_peer *peer)
{
    return !peer->end || peer->is_lost || peer->is_closed;
}

static bool all(const struct wsp_link *link, bool (*is_so)(const struct wsp_peer *peer))
{
    for (uint32_t i = 0; i < link->n_ranks; i++)
        if (link->peers[i] && !is_so(link->peers[i]))
            return false;
    return true;
}

/* Drives until it is so for all peers; true if it became so in time. Takes and leaves the lock. */
static bool drive_until(struct wsp_link *link, bool (*is_so)(const struct wsp_peer *peer),
                        uint64_t until_ns)
{
    for (;;) {
        wsp_link_lock(link);
        bool is_done = all(link, is_so);
        wsp_link_unlock(link);
        uint64_t now_ns = wsp_clock_now_ns();
        if (is_done || now_ns >= until_ns)
            return is_done;
        wsp_link_progress(link, until_ns - now_ns);
    }
}

wsp_err wsp_link_drain(struct wsp_link *link, uint64_t timeout_ns)
{
    uint64_t now_ns = wsp_clock_now_ns();
    uint64_t until_ns = timeout_ns > WSP_TIME_NEVER - now_ns ? WSP_TIME_NEVER : now_ns + timeout_ns;
    if (link->is_inert || !link->is_started)
        return WSP_OK;
    wsp_link_lock(link);
    close_ends(link);
    wsp_link_unlock(link);
    if (!drive_until(link, is_closed, until_ns))
        return WSP_ERR_TIMEOUT;
    now_ns = wsp_clock_now_ns();
    if (until_ns > now_ns + LINGER_NS)
        until_ns = now_ns + LINGER_NS;
    drive_until(link, wsp_peer_is_quiet, until_ns);
    return WSP_OK;
}
