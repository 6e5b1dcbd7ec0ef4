/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/spares.h"

#include <stdlib.h>
#include <string.h>

#define SMALLEST_BYTES ((size_t)256)

struct wsp_spare {
    struct wsp_spare *next;
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

void *wsp_spares_take(struct wsp_spares *spares, size_t size)
{
    unsigned class = class_of(size);
    if (class == WSP_SPARES_CLASSES)
        return malloc(size);
    struct wsp_spare *spare = spares->first[class];
    if (!spare)
        return malloc(SMALLEST_BYTES << class);
    spares->first[class] = spare->next;
    spares->n[class]--;
    return spare;
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
    if (class == WSP_SPARES_CLASSES || spares->n[class] == WSP_SPARES_MOST) {
        free(block);
        return;
    }
    struct wsp_spare *spare = block;
    spare->next = spares->first[class];
    spares->first[class] = spare;
    spares->n[class]++;
}

void wsp_spares_fini(struct wsp_spares *spares)
{
    for (unsigned class = 0; class < WSP_SPARES_CLASSES; class ++) {
        struct wsp_spare *spare;
        while ((spare = spares->first[class])) {
            spares->first[class] = spare->next;
            free(spare);
        }
        spares->n[class] = 0;
    }
}
