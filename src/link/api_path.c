/* SPDX-License-Identifier: BSD-3-Clause */
/* The public API: paths and listeners. */
#include "link/api.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define LINGER_MS 2000 /* for the other side to hang up, once all is acknowledged */

/* Waits until the first stream is up; with the reason of the last attempt if it never is. */
static wsp_err wait_until_up(struct wsp_path *path)
{
    struct wsp_link *link = path->door->link;
    for (;;) {
        wsp_link_lock(link);
        bool is_up = path->is_up, is_lost = path->is_lost;
        wsp_err err = path->lost_err;
        wsp_err dial_err = link->peers[path->rank]->dial_err;
        wsp_link_unlock(link);
        if (is_up)
            return WSP_OK;
        if (!is_lost && dial_err == WSP_ERR_UNTRUSTED)
            return dial_err; /* another key or name does not become right by waiting */
        if (is_lost)
            return err == WSP_ERR_OUTAGE ? (dial_err ? dial_err : WSP_ERR_TIMEOUT) : err;
        wsp_link_progress(link, WSP_NS_PER_S);
    }
}

/* The path leaves the door's table, its place is free, what is under way ends. */
static void take_out(struct wsp_path *path)
{
    struct wsp_door *door = path->door;
    wsp_link_lock(door->link);
    wsp_path_deafen(path);
    wsp_link_forget(door->link, path->rank);
    door->paths[path->rank] = NULL;
    wsp_node_remove(&path->node);
    wsp_link_unlock(door->link);
    wsp_path_release(path);
}

static wsp_err dial(struct wsp_door *door, const struct wsp_endpoint *other, struct wsp_path **out)
{
    struct wsp_endpoint endpoints[2] = {*other};
    /* Before the I/O thread starts, so without the lock. */
    struct wsp_path *path = wsp_door_add(door, 0);
    if (!path)
        return WSP_ERR_NO_MEMORY;
    wsp_err err = wsp_link_start(door->link, 1, 2, endpoints);
    if (err) {
        door->paths[0] = NULL;
        wsp_path_release(path);
        return err;
    }
    wsp_link_lock(door->link);
    err = wsp_link_dial(door->link, 0);
    wsp_link_unlock(door->link);
    if (!err)
        err = wait_until_up(path);
    if (err)
        take_out(path);
    else
        *out = path;
    return err;
}

wsp_err wsp_path_open(const char *address, const char *name, const uint8_t key[WSP_PATH_KEY_BYTES],
                      const struct wsp_path_options *options, struct wsp_path **path)
{
    struct wsp_endpoint other = {0};
    struct wsp_door *door;
    if (!address || !path ||
        wsp_tcp_split(address, other.host, sizeof other.host, &other.port) != WSP_OK)
        return WSP_ERR_INVALID;
    wsp_err err = wsp_door_open(name, key, NULL, options, 1, &door);
    if (err)
        return err;
    err = dial(door, &other, path);
    wsp_door_release(&door);
    return err;
}

static bool is_over(const struct wsp_path *path)
{
    const struct wsp_peer *peer = path->door->link->peers[path->rank];
    return path->is_lost || !peer || peer->is_closed;
}

static bool is_quiet(const struct wsp_path *path)
{
    const struct wsp_peer *peer = path->door->link->peers[path->rank];
    return path->is_lost || !peer || wsp_peer_is_quiet(peer);
}

static bool drive_until(struct wsp_path *path, bool (*is_so)(const struct wsp_path *path),
                        uint64_t until_ns)
{
    struct wsp_link *link = path->door->link;
    bool is_done, is_time = true;
    do {
        wsp_link_lock(link);
        is_done = is_so(path);
        wsp_link_unlock(link);
        if (!is_done)
            is_time = wsp_door_drive(path->door, until_ns);
    } while (!is_done && is_time);
    return is_done;
}

wsp_err wsp_path_close(struct wsp_path **at, uint64_t timeout_ms)
{
    struct wsp_path *path = *at;
    *at = NULL;
    if (!path)
        return WSP_OK;
    struct wsp_link *link = path->door->link;
    uint64_t until_ns = wsp_until_ns(timeout_ms), linger_ns;
    wsp_link_lock(link);
    wsp_path_deafen(path);
    wsp_link_hang_up(link, path->rank);
    wsp_link_unlock(link);
    wsp_err err = drive_until(path, is_over, until_ns) ? WSP_OK : WSP_ERR_TIMEOUT;
    linger_ns = wsp_until_ns(LINGER_MS);
    if (!err)
        drive_until(path, is_quiet, until_ns < linger_ns ? until_ns : linger_ns);
    wsp_link_lock(link);
    if (path->is_lost)
        err = path->lost_err;
    wsp_link_unlock(link);
    take_out(path);
    return err;
}

wsp_err wsp_listener_open(const char *ports, const char *name,
                          const uint8_t key[WSP_PATH_KEY_BYTES],
                          const struct wsp_path_options *options, struct wsp_listener **out)
{
    struct wsp_door *door;
    if (!ports || !out)
        return WSP_ERR_INVALID;
    struct wsp_listener *listener = malloc(sizeof *listener);
    if (!listener)
        return WSP_ERR_NO_MEMORY;
    wsp_err err = wsp_door_open(name, key, ports, options, 0, &door);
    if (err) {
        free(listener);
        return err;
    }
    struct wsp_endpoint *nobody = calloc(door->n_paths, sizeof *nobody);
    wsp_link_open_door(door->link);
    door->is_listening = true;
    err = nobody ? wsp_link_start(door->link, 0, door->n_paths, nobody) : WSP_ERR_NO_MEMORY;
    free(nobody);
    listener->door = door;
    if (err)
        wsp_listener_close(&listener);
    else
        *out = listener;
    return err;
}

uint16_t wsp_listener_port(const struct wsp_listener *listener)
{
    return listener->door->link->port;
}

wsp_err wsp_listener_accept(struct wsp_listener *listener, uint64_t timeout_ms,
                            struct wsp_path **path)
{
    struct wsp_door *door = listener->door;
    uint64_t until_ns = wsp_until_ns(timeout_ms);
    do {
        wsp_link_lock(door->link);
        struct wsp_node *node = wsp_list_pop_front(&door->waiting);
        wsp_link_unlock(door->link);
        if (node) {
            *path = WSP_CONTAINER(node, struct wsp_path, node);
            return WSP_OK;
        }
    } while (wsp_door_drive(door, until_ns));
    return WSP_ERR_TIMEOUT;
}

void wsp_listener_close(struct wsp_listener **at)
{
    struct wsp_listener *listener = *at;
    *at = NULL;
    if (!listener)
        return;
    struct wsp_door *door = listener->door;
    struct wsp_node *node;
    wsp_link_lock(door->link);
    door->link->takes_new = false;
    while ((node = wsp_list_pop_front(&door->waiting))) {
        wsp_link_unlock(door->link);
        take_out(WSP_CONTAINER(node, struct wsp_path, node));
        wsp_link_lock(door->link);
    }
    wsp_link_unlock(door->link);
    wsp_door_release(&door);
    free(listener);
}

wsp_err wsp_path_get_stats(struct wsp_path *path, struct wsp_path_stats *stats)
{
    struct wsp_link *link = path->door->link;
    struct wsp_path_stats all = {.size = stats->size};
    struct wsp_end_stats end = {0};
    struct wsp_end_tuning tuning = {.limit_text = wsp_limit_text(WSP_LIMIT_NONE)};
    if (stats->size < sizeof stats->size)
        return WSP_ERR_INVALID;
    wsp_link_lock(link);
    struct wsp_peer *peer = link->peers[path->rank];
    if (peer && peer->was_talked_to) {
        wsp_peer_get_stats(peer, &end);
        wsp_peer_get_tuning(peer, &tuning);
    }
    wsp_link_unlock(link);
    all.messages_sent = end.messages_sent;
    all.messages_received = end.messages_received;
    all.bytes_sent = end.bytes_sent;
    all.bytes_received = end.bytes_received;
    all.segments_sent = end.segments_sent;
    all.segments_received = end.segments_received;
    all.segments_replayed = end.segments_replayed;
    all.streams_opened = end.streams_opened;
    all.streams_lost = end.streams_lost;
    all.round_trip_ns = end.rtt_ns;
    all.streams = tuning.n_streams_bulk;
    all.pace_bps = (uint64_t)(8 * tuning.pace_bps);
    all.goodput_bps = (uint64_t)(8 * tuning.goodput_bps);
    all.limit = tuning.limit_text;
    memcpy(stats, &all, stats->size < sizeof all ? stats->size : sizeof all);
    return WSP_OK;
}
