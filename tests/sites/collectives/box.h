/* SPDX-License-Identifier: BSD-3-Clause */
/* The reference test of collectives: memory that a call works on, with what it must be afterwards:
 * every byte of it, gaps and guards too. */
#ifndef COLLECTIVES_BOX_H
#define COLLECTIVES_BOX_H

#include "shape.h"

struct box {
    char *memory;
    size_t size;
    ptrdiff_t base; /* the address a call gets, relative to memory */
    char *twin;     /* as it must be; at first the same */
};

/* Random bytes around the address, from low to below high, and guards. */
struct box box_open(ptrdiff_t low, ptrdiff_t high, uint64_t seed);
void box_close(struct box *box);

static inline void *box_at(const struct box *box, ptrdiff_t at)
{
    return box->memory + box->base + at;
}

static inline void *box_twin_at(const struct box *box, ptrdiff_t at)
{
    return box->twin + box->base + at;
}

/* True if both are the same; else where they differ first, relative to the address. */
bool box_is_right(const struct box *box, ptrdiff_t *where);

#endif
