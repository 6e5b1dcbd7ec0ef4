/* SPDX-License-Identifier: BSD-3-Clause */
/* Map from a 64-bit key to a pointer: open addressing, linear probing, deletion by shifting back.
 * Not synchronised; the owner's lock guards it. */
#ifndef WSP_BASE_MAP_H
#define WSP_BASE_MAP_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wsp_map_slot {
    uint64_t key;
    void *value; /* NULL: the slot is empty */
};

struct wsp_map {
    struct wsp_map_slot *slots; /* NULL while the map has never held anything */
    size_t n_slots;             /* 0 or a power of two */
    size_t n_used;
};

/* A map of all zero bytes is an empty map. */
void wsp_map_fini(struct wsp_map *map);

/* Sets key to value (not NULL), replacing what was there. */
wsp_err wsp_map_put(struct wsp_map *map, uint64_t key, void *value) WSP_MUST_USE;

/* Removes key and returns its value, or NULL if it was not there. */
void *wsp_map_take(struct wsp_map *map, uint64_t key);

static inline size_t wsp_map_hash(const struct wsp_map *map, uint64_t key)
{
    return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (map->n_slots - 1);
}

/* The value of key, or NULL. */
static inline void *wsp_map_get(const struct wsp_map *map, uint64_t key)
{
    if (map->n_used == 0)
        return NULL;
    for (size_t i = wsp_map_hash(map, key); map->slots[i].value; i = (i + 1) & (map->n_slots - 1))
        if (map->slots[i].key == key)
            return map->slots[i].value;
    return NULL;
}

/* Calls visit for each entry; visit must not change the map. */
void wsp_map_each(const struct wsp_map *map, void (*visit)(uint64_t key, void *value, void *user),
                  void *user);

#endif
