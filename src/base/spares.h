/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory blocks that were freed and wait for the next use, so that what comes and goes with every
 * small message costs no allocation. Blocks are of a few sizes and bounded in number; what is
 * larger or more is malloc's. Not synchronised; the owner's lock guards it. Under the address
 * sanitizer every block is malloc's own, so that misuse is seen. */
#ifndef WSP_BASE_SPARES_H
#define WSP_BASE_SPARES_H

#include <stddef.h>

#define WSP_SPARES_CLASSES 6  /* 256 bytes, 512, ... 8 KiB */
#define WSP_SPARES_MOST    64 /* blocks kept of each, at most */

struct wsp_spare;

/* One of all zero bytes is empty. */
struct wsp_spares {
    struct wsp_spare *first[WSP_SPARES_CLASSES];
    unsigned n[WSP_SPARES_CLASSES];
};

/* A block of at least size bytes, not cleared; NULL when out of memory. */
void *wsp_spares_take(struct wsp_spares *spares, size_t size);
/* The same, of zero bytes. */
void *wsp_spares_take_zeroed(struct wsp_spares *spares, size_t size);
/* Gives back a block (or NULL) that was taken, from the same spares, with this size. */
void wsp_spares_give(struct wsp_spares *spares, void *block, size_t size);
/* Frees what waits. Blocks that are in use stay so, and may still be given back. */
void wsp_spares_fini(struct wsp_spares *spares);

#endif
