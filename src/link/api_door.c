/* SPDX-License-Identifier: BSD-3-Clause */
/* Doors of the public API: options, the link behind them, references. */
#include "link/api.h"

#include "base/clock.h"
#include "base/opts.h"

#include <stdlib.h>
#include <string.h>

static pthread_once_t options_once = PTHREAD_ONCE_INIT;
static wsp_err options_err;

static void load_options(void)
{
    char why[256];
    options_err = wsp_opts_load(why, sizeof why);
}

uint64_t wsp_until_ns(uint64_t timeout_ms)
{
    uint64_t now_ns = wsp_clock_now_ns();
    if (timeout_ms > (WSP_TIME_NEVER - now_ns) / WSP_NS_PER_MS)
        return WSP_TIME_NEVER;
    return now_ns + timeout_ms * WSP_NS_PER_MS;
}

bool wsp_door_drive(struct wsp_door *door, uint64_t until_ns)
{
    uint64_t now_ns = wsp_clock_now_ns();
    if (now_ns >= until_ns)
        return false;
    wsp_link_progress(door->link, until_ns == WSP_TIME_NEVER ? until_ns : until_ns - now_ns);
    return true;
}

/* The caller's structure may be of another version: what it does not have is zero. */
static wsp_err copy_options(const struct wsp_path_options *from, struct wsp_path_options *to)
{
    memset(to, 0, sizeof *to);
    if (!from)
        return WSP_OK;
    if (from->size < sizeof from->size)
        return WSP_ERR_INVALID;
    memcpy(to, from, from->size < sizeof *to ? from->size : sizeof *to);
    if (to->streams > 256 || to->paths > 65536)
        return WSP_ERR_INVALID;
    if (to->segment_bytes && (to->segment_bytes < 4096 || to->segment_bytes > WSP_PAYLOAD_MAX))
        return WSP_ERR_INVALID;
    return WSP_OK;
}

static void apply_options(struct wsp_link *link, const struct wsp_path_options *options)
{
    struct wsp_end_config *defaults = &link->end_defaults;
    if (options->streams) {
        defaults->streams_first = options->streams;
        link->by_hand |= WSP_HAND_STREAMS;
        defaults->tunes_streams = false;
    }
    if (options->segment_bytes) {
        defaults->segment_bytes = options->segment_bytes;
        link->by_hand |= WSP_HAND_SEGMENT;
        defaults->tunes_segments = false;
    }
    if (options->connect_ms)
        defaults->connect_ns = options->connect_ms * WSP_NS_PER_MS;
    if (options->outage_ms)
        defaults->outage_ns = options->outage_ms * WSP_NS_PER_MS;
}

static void on_came(void *user, uint32_t rank)
{
    struct wsp_door *door = user;
    struct wsp_path *path = door->paths[rank];
    if (!path && door->link->is_open_door && !door->link->takes_new) {
        wsp_peer_doom(door->link->peers[rank], WSP_ERR_CLOSED); /* nobody accepts any more */
        return;
    }
    if (!path && (path = wsp_door_add(door, rank)))
        wsp_list_push_back(&door->waiting, &path->node);
    if (path)
        path->is_up = true;
    else
        wsp_peer_doom(door->link->peers[rank], WSP_ERR_NO_MEMORY);
}

static wsp_err open_link(struct wsp_door *door, const char *name, const uint8_t *key,
                         const char *ports, const struct wsp_path_options *options)
{
    struct wsp_link_config config = {.ports = ports, .handler = &wsp_door_handler, .user = door};
    memcpy(config.key, key, sizeof config.key);
    strncpy(config.job, name, sizeof config.job - 1);
    wsp_err err = wsp_link_open(&config, &door->link);
    if (err)
        return err;
    apply_options(door->link, options);
    door->link->came = on_came;
    door->link->is_silent = true;
    return WSP_OK;
}

wsp_err wsp_door_open(const char *name, const uint8_t *key, const char *ports,
                      const struct wsp_path_options *options, uint32_t n_paths,
                      struct wsp_door **out)
{
    struct wsp_path_options mine;
    wsp_err err = copy_options(options, &mine);
    if (err || !name || !key || strlen(name) > 63)
        return WSP_ERR_INVALID;
    pthread_once(&options_once, load_options);
    if (options_err)
        return options_err;
    if (n_paths == 0)
        n_paths = mine.paths ? mine.paths : 64;
    struct wsp_door *door = calloc(1, sizeof *door);
    if (!door)
        return WSP_ERR_NO_MEMORY;
    door->n_refs = 1;
    door->n_paths = n_paths + 1;
    wsp_list_init(&door->waiting);
    door->paths = calloc(door->n_paths, sizeof(struct wsp_path *));
    err = door->paths ? open_link(door, name, key, ports, &mine) : WSP_ERR_NO_MEMORY;
    if (err)
        wsp_door_release(&door);
    else
        *out = door;
    return err;
}

struct wsp_path *wsp_door_add(struct wsp_door *door, uint32_t rank)
{
    struct wsp_path *path = calloc(1, sizeof *path);
    if (!path)
        return NULL;
    path->door = door;
    path->rank = rank;
    path->n_refs = 1;
    wsp_list_init(&path->posted);
    wsp_list_init(&path->unmet);
    wsp_node_init(&path->node);
    door->paths[rank] = path;
    door->n_refs++;
    return path;
}

void wsp_door_release(struct wsp_door **at)
{
    struct wsp_door *door = *at;
    *at = NULL;
    bool is_last = true;
    if (door->link) {
        wsp_link_lock(door->link);
        is_last = --door->n_refs == 0;
        wsp_link_unlock(door->link);
    }
    if (!is_last)
        return;
    wsp_link_close(&door->link);
    free(door->paths);
    free(door);
}

void wsp_path_release(struct wsp_path *path)
{
    struct wsp_door *door = path->door;
    wsp_link_lock(door->link);
    bool is_last = --path->n_refs == 0;
    wsp_link_unlock(door->link);
    if (!is_last)
        return;
    free(path);
    wsp_door_release(&door);
}
