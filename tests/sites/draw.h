/* SPDX-License-Identifier: BSD-3-Clause */
/* The small generator of the randomised tests; its state is any number. */
#ifndef SITES_DRAW_H
#define SITES_DRAW_H

#include <stdbool.h>
#include <stdint.h>

static inline uint64_t draw(uint64_t *state) /* splitmix64 */
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 .. limit-1 */
static inline int draw_below(uint64_t *state, int limit)
{
    return (int)(draw(state) % (uint64_t)limit);
}

/* True once in n. */
static inline bool once_in(uint64_t *state, int n)
{
    return draw_below(state, n) == 0;
}

#endif
