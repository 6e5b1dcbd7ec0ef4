/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/spares.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST_BYTES ((size_t)256)
/* A large block may serve a need so many classes below its own, no more: owners count what they
 * asked for, and at most four times that is held. */
#define REACH 1

struct wsp_spare {
    struct wsp_spare *next;
};

/* Before a large block: it may be of a larger class than was asked for. */
struct header {
    alignas(max_align_t) unsigned class;
};

/* The class of blocks that hold size bytes; WSP_SPARES_CLASSES if none does. */
static unsigned class_of(size_t size)
{
    unsigned class = 0;
#ifdef __SANITIZE_ADDRESS__
    return WSP_SPARES_CLASSES;
#endif
    while (class < WSP_SPARES_CLASSES && SMALLEST_BYTES << class < size)
        class ++;
    return class;
}

static bool is_large(unsigned class)
{
    return class >= WSP_SPARES_SMALL;
}

static void *pop(struct wsp_spares *spares, unsigned class)
{
    struct wsp_spare *spare = spares->first[class];
    if (spare) {
        spares->first[class] = spare->next;
        spares->n[class]--;
    }
    return spare;
}

static void push(struct wsp_spares *spares, unsigned class, void *block)
{
    struct wsp_spare *spare = block;
    spare->next = spares->first[class];
    spares->first[class] = spare;
    spares->n[class]++;
}

static struct header *header_of(void *block)
{
    return (struct header *)block - 1;
}

static void free_block(unsigned class, void *block)
{
    free(is_large(class) ? header_of(block) : block);
}

/* Who needs larger blocks than before needs as many fewer small ones. */
static void free_smaller(struct wsp_spares *spares, unsigned class)
{
    size_t left = SMALLEST_BYTES << class;
    while (is_large(--class) && left > 0)
        for (; left > 0 && spares->n[class] > 0; left -= SMALLEST_BYTES << class)
            free_block(class, pop(spares, class));
}

static void *take_large(struct wsp_spares *spares, unsigned class)
{
    spares->took_large = true;
    for (unsigned fit = class; fit <= class + REACH && fit < WSP_SPARES_CLASSES; fit++)
        if (spares->n[fit] > 0)
            return pop(spares, fit);
    free_smaller(spares, class);
    struct header *header = malloc(sizeof *header + (SMALLEST_BYTES << class));
    if (!header)
        return NULL;
    header->class = class;
    return header + 1;
}

void *wsp_spares_take(struct wsp_spares *spares, size_t size)
{
    unsigned class = class_of(size);
    if (class == WSP_SPARES_CLASSES)
        return malloc(size);
    if (is_large(class))
        return take_large(spares, class);
    void *block = pop(spares, class);
    return block ? block : malloc(SMALLEST_BYTES << class);
}

void *wsp_spares_take_zeroed(struct wsp_spares *spares, size_t size)
{
    void *block = wsp_spares_take(spares, size);
    if (block)
        memset(block, 0, size);
    return block;
}

void wsp_spares_give(struct wsp_spares *spares, void *block, size_t size)
{
    unsigned class = class_of(size);
    if (!block)
        return;
    if (class == WSP_SPARES_CLASSES)
        free(block);
    else if (is_large(class))
        push(spares, header_of(block)->class, block);
    else if (spares->n[class] == WSP_SPARES_MOST)
        free(block);
    else
        push(spares, class, block);
}

static void free_from(struct wsp_spares *spares, unsigned class)
{
    for (; class < WSP_SPARES_CLASSES; class ++)
        while (spares->n[class] > 0)
            free_block(class, pop(spares, class));
}

void wsp_spares_tick(struct wsp_spares *spares, uint64_t now_ns)
{
    if (now_ns < spares->while_ends_ns)
        return;
    if (!spares->took_large)
        free_from(spares, WSP_SPARES_SMALL);
    spares->took_large = false;
    spares->while_ends_ns = now_ns + WSP_SPARES_NS;
}

void wsp_spares_fini(struct wsp_spares *spares)
{
    free_from(spares, 0);
}
