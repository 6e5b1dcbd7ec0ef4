/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the public API share. A door is a link and the paths through it: many for a
 * listener, one for who opened a path. The link's lock guards all of it. */
#ifndef WSP_LINK_API_H
#define WSP_LINK_API_H

#include "link/link_internal.h"

#include <widespan/path.h>

struct wsp_door {
    struct wsp_link *link;
    unsigned n_refs; /* the listener's, and one for each path that is not freed */
    uint32_t n_paths;
    struct wsp_path **paths; /* by rank */
    bool is_listening;
    struct wsp_list waiting; /* paths that came and were not accepted yet */
};

struct wsp_listener {
    struct wsp_door *door;
};

struct wsp_path {
    struct wsp_door *door;
    uint32_t rank;
    unsigned n_refs; /* its owner's, and one for each request */
    bool is_up, is_closing, is_lost;
    wsp_err lost_err;
    struct wsp_list posted; /* receives, oldest first */
    struct wsp_list unmet;  /* messages, oldest first */
    struct wsp_node node;   /* in door->waiting */
};

struct wsp_request {
    struct wsp_op op;
    struct wsp_path *path;
    struct wsp_node node; /* in path->posted */
    uint64_t tag;         /* of a receive: wanted, then that of the message */
    void *buffer;
    uint64_t capacity;
};

/* api_door.c */
/* Checks name and options and opens a link for n_ranks ranks; ports as in wsp_link_config. */
wsp_err wsp_door_open(const char *name, const uint8_t *key, const char *ports,
                      const struct wsp_path_options *options, uint32_t n_paths,
                      struct wsp_door **door) WSP_MUST_USE;
/* A path at this rank, in the door's table, with one reference. Under the lock. */
struct wsp_path *wsp_door_add(struct wsp_door *door, uint32_t rank);
/* Gives a reference back. Not under the lock: the last one closes the link. */
void wsp_door_release(struct wsp_door **door);
void wsp_path_release(struct wsp_path *path);
/* When a wait of so many milliseconds from now is over. */
uint64_t wsp_until_ns(uint64_t timeout_ms);
/* Drives the link until that time at the longest; false if it is over. */
bool wsp_door_drive(struct wsp_door *door, uint64_t until_ns);

/* api_message.c */
extern const struct wsp_link_handler wsp_door_handler;
/* From now on messages are read away and receives are not met. Under the lock. */
void wsp_path_deafen(struct wsp_path *path);

#endif
