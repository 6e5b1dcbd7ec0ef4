/* SPDX-License-Identifier: BSD-3-Clause */
#include "box.h"

#include "draw.h"

#include <stdlib.h>
#include <string.h>

enum { GUARD = 64 };

struct box box_open(ptrdiff_t low, ptrdiff_t high, uint64_t seed)
{
    struct box box = {.base = (GUARD - low + 15) / 16 * 16};
    box.size = ((size_t)(box.base + high + GUARD) + 7) / 8 * 8;
    box.memory = malloc(box.size);
    box.twin = malloc(box.size);
    if (!box.memory || !box.twin)
        MPI_Abort(MPI_COMM_WORLD, 1);
    for (size_t at = 0; at < box.size; at += 8) {
        uint64_t word = draw(&seed);
        memcpy(box.memory + at, &word, 8);
    }
    memcpy(box.twin, box.memory, box.size);
    return box;
}

void box_close(struct box *box)
{
    free(box->memory);
    free(box->twin);
    *box = (struct box){0};
}

bool box_is_right(const struct box *box, ptrdiff_t *where)
{
    if (box->size == 0 || memcmp(box->memory, box->twin, box->size) == 0)
        return true;
    size_t at = 0;
    while (box->memory[at] == box->twin[at])
        at++;
    *where = (ptrdiff_t)at - box->base;
    return false;
}
