/* SPDX-License-Identifier: BSD-3-Clause */
/* Which rank takes which position of a topology, so that neighbours are at one site where they can
 * be. Pure and deterministic: every rank finds the same answer by itself. */
#ifndef WSP_MPI_TOPO_PLACEMENT_H
#define WSP_MPI_TOPO_PLACEMENT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Traffic between two positions; of either direction, in any unit. */
struct wsp_edge {
    int a, b;
    int weight; /* not negative */
};

struct wsp_placement {
    int n; /* positions, and ranks; positions that nobody needs have no edges */
    int n_sites;
    const int *sites; /* of each rank; 0..n_sites-1 */
    const struct wsp_edge *edges;
    size_t n_edges;
    int n_dims;        /* 0: no grid */
    const int *coords; /* n_dims of each position */
};

/* Traffic between sites if position p is at site site_at[p]. */
int64_t wsp_placement_cut(const struct wsp_placement *placement, const int *site_at);

/* Sets position[r], the position that rank r takes: its own number, unless another assignment makes
 * the cut smaller. Takes a bounded number of steps, about a second at most. Any thread.
 * WSP_ERR_NO_MEMORY. */
WSP_MUST_USE wsp_err wsp_placement_find(const struct wsp_placement *placement, int *position);

/* The edges of each position, in both directions; for the search. */
struct wsp_links {
    int n;
    size_t *first; /* n + 1 */
    int *peer, *weight;
};

/* Exchanges positions between sites as long as that makes the cut smaller (Kernighan and Lin's
 * method); the sizes of the sites stay. WSP_ERR_NO_MEMORY: site_at is as good as before or
 * better. */
WSP_MUST_USE wsp_err wsp_placement_refine(const struct wsp_links *links, int n_sites, int *site_at);

#endif
