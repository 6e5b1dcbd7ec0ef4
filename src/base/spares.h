/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory blocks that were freed and wait for the next use, so that what comes and goes with every
 * message costs no allocation and, where it is large, no page fault. Blocks are of a few sizes.
 * Small ones are kept up to a number; large ones all, until none was taken for a while. What is
 * larger still is malloc's. Not synchronised; the owner's lock guards it. Under the address
 * sanitizer every block is malloc's own, so that misuse is seen. */
#ifndef WSP_BASE_SPARES_H
#define WSP_BASE_SPARES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WSP_SPARES_CLASSES 17                          /* 256 bytes, 512, ... 16 MiB */
#define WSP_SPARES_SMALL   6                           /* the first of them, up to 8 KiB */
#define WSP_SPARES_MOST    64                          /* blocks kept of each small one, at most */
#define WSP_SPARES_NS      (UINT64_C(10) * 1000000000) /* the while */

struct wsp_spare;

/* One of all zero bytes is empty. */
struct wsp_spares {
    struct wsp_spare *first[WSP_SPARES_CLASSES];
    unsigned n[WSP_SPARES_CLASSES];
    bool took_large; /* in this while */
    uint64_t while_ends_ns;
};

/* A block of at least size bytes, not cleared; NULL when out of memory. */
void *wsp_spares_take(struct wsp_spares *spares, size_t size);
/* The same, of zero bytes. */
void *wsp_spares_take_zeroed(struct wsp_spares *spares, size_t size);
/* Gives back a block (or NULL) that was taken, from the same spares, with this size. */
void wsp_spares_give(struct wsp_spares *spares, void *block, size_t size);
/* To be called now and then: frees the large blocks if none was taken for a while, or two. */
void wsp_spares_tick(struct wsp_spares *spares, uint64_t now_ns);
/* Frees what waits. Blocks that are in use stay so, and may still be given back. */
void wsp_spares_fini(struct wsp_spares *spares);

#endif
