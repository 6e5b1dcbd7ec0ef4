/* SPDX-License-Identifier: BSD-3-Clause */
/* What all paths from the processes of one machine to one remote site share: together they own the
 * streams there. Lives in memory that several processes see; all zero: nobody sends bulk. */
#ifndef WSP_PATH_PAIR_H
#define WSP_PATH_PAIR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct wsp_pair {
    _Atomic uint32_t n_bulk;       /* paths on which bulk flows now, or is about to */
    _Atomic uint32_t n_paced;      /* of them, those that the bottleneck holds back */
    _Atomic uint64_t paced_bps;    /* ... and what they take together, bytes a second */
    _Atomic uint64_t rtt_ns;       /* as whichever of them saw it last; 0: none has */
    _Atomic bool is_kernel_pacing; /* the kernel paces the streams at all times */
};

static inline void wsp_pair_join(struct wsp_pair *pair)
{
    if (pair)
        atomic_fetch_add_explicit(&pair->n_bulk, 1, memory_order_relaxed);
}

static inline void wsp_pair_leave(struct wsp_pair *pair)
{
    if (pair)
        atomic_fetch_sub_explicit(&pair->n_bulk, 1, memory_order_relaxed);
}

/* What of n streams is left for one more path beside `others` of them; at least one. */
static inline unsigned wsp_pair_part(unsigned n, uint32_t others)
{
    return n / (others + 1) ? n / (others + 1) : 1;
}

/* Paths with bulk beside one's own, which counts itself or not. */
static inline uint32_t wsp_pair_others(struct wsp_pair *pair, int is_counted)
{
    uint32_t n = pair ? atomic_load_explicit(&pair->n_bulk, memory_order_relaxed) : 0;
    return is_counted && n > 0 ? n - 1 : n;
}

/* The round trip to the site, for paths that have not seen one of their own. */
static inline void wsp_pair_note_rtt(struct wsp_pair *pair, uint64_t rtt_ns)
{
    if (pair)
        atomic_store_explicit(&pair->rtt_ns, rtt_ns, memory_order_relaxed);
}

static inline uint64_t wsp_pair_rtt_ns(struct wsp_pair *pair)
{
    return pair ? atomic_load_explicit(&pair->rtt_ns, memory_order_relaxed) : 0;
}

static inline void wsp_pair_note_kernel_pacing(struct wsp_pair *pair, bool is_pacing)
{
    if (pair)
        atomic_store_explicit(&pair->is_kernel_pacing, is_pacing, memory_order_relaxed);
}

static inline bool wsp_pair_is_kernel_pacing(struct wsp_pair *pair)
{
    return pair && atomic_load_explicit(&pair->is_kernel_pacing, memory_order_relaxed);
}

/* Tells what the bottleneck gives a path, 0 while nothing holds it back; *told is its own, 0 at
 * first. */
static inline void wsp_pair_tell(struct wsp_pair *pair, uint64_t *told, uint64_t bps)
{
    if (!pair || *told == bps)
        return;
    atomic_fetch_add_explicit(&pair->paced_bps, bps - *told, memory_order_relaxed);
    if (*told == 0)
        atomic_fetch_add_explicit(&pair->n_paced, 1, memory_order_relaxed);
    if (bps == 0)
        atomic_fetch_sub_explicit(&pair->n_paced, 1, memory_order_relaxed);
    *told = bps;
}

/* An equal part for each of those that it holds back; 0: there is at most one. */
static inline double wsp_pair_equal_bps(struct wsp_pair *pair)
{
    uint32_t n = pair ? atomic_load_explicit(&pair->n_paced, memory_order_relaxed) : 0;
    if (n < 2)
        return 0;
    return (double)atomic_load_explicit(&pair->paced_bps, memory_order_relaxed) / n;
}

#endif
