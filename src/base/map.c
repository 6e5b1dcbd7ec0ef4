/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/map.h"

#include <stdlib.h>

static void insert(struct wsp_map *map, uint64_t key, void *value)
{
    size_t i = wsp_map_hash(map, key);
    while (map->slots[i].value && map->slots[i].key != key)
        i = (i + 1) & (map->n_slots - 1);
    if (!map->slots[i].value)
        map->n_used++;
    map->slots[i] = (struct wsp_map_slot){key, value};
}

static wsp_err grow(struct wsp_map *map)
{
    struct wsp_map bigger = {.n_slots = map->n_slots ? map->n_slots * 2 : 16};
    bigger.slots = calloc(bigger.n_slots, sizeof *bigger.slots);
    if (!bigger.slots)
        return WSP_ERR_NO_MEMORY;
    for (size_t i = 0; i < map->n_slots; i++)
        if (map->slots[i].value)
            insert(&bigger, map->slots[i].key, map->slots[i].value);
    free(map->slots);
    *map = bigger;
    return WSP_OK;
}

wsp_err wsp_map_put(struct wsp_map *map, uint64_t key, void *value)
{
    if ((map->n_used + 1) * 2 > map->n_slots) {
        wsp_err err = grow(map);
        if (err)
            return err;
    }
    insert(map, key, value);
    return WSP_OK;
}

void *wsp_map_take(struct wsp_map *map, uint64_t key)
{
    if (map->n_used == 0)
        return NULL;
    size_t mask = map->n_slots - 1, hole = wsp_map_hash(map, key);
    while (map->slots[hole].value && map->slots[hole].key != key)
        hole = (hole + 1) & mask;
    void *value = map->slots[hole].value;
    if (!value)
        return NULL;
    /* Entries behind the hole that would be missed by a probe move up into it. */
    for (size_t i = (hole + 1) & mask; map->slots[i].value; i = (i + 1) & mask) {
        size_t home = wsp_map_hash(map, map->slots[i].key);
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            map->slots[hole] = map->slots[i];
            hole = i;
        }
    }
    map->slots[hole].value = NULL;
    map->n_used--;
    return value;
}

void wsp_map_each(const struct wsp_map *map, void (*visit)(uint64_t key, void *value, void *user),
                  void *user)
{
    for (size_t i = 0; i < map->n_slots; i++)
        if (map->slots[i].value)
            visit(map->slots[i].key, map->slots[i].value, user);
}

void wsp_map_fini(struct wsp_map *map)
{
    free(map->slots);
    *map = (struct wsp_map){0};
}
