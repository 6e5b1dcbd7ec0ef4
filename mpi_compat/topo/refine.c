/* SPDX-License-Identifier: BSD-3-Clause */
/* Betters an assignment of positions to sites by exchanges, two sites at a time: the best pair is
 * exchanged and put aside, though the cut may grow for a while, and of the whole sequence the best
 * beginning is kept. Steps are counted, not timed, so that all ranks stop alike. */
#include "topo/placement.h"

#include <stdlib.h>

/* Positions and edges looked at in one refinement. */
#define N_LOOKS 20000000
/* Exchanges without a new best before a sequence is given up. */
#define PATIENCE 48

struct refinement {
    const struct wsp_links *links;
    int *site_at;
    int64_t *gain; /* by which the cut shrinks if the position moves to the pair's other site */
    bool *is_aside;
    int *members[2], n_members[2]; /* positions at the two sites when the sequence began */
    int (*swaps)[2];
    int64_t n_looks;
};

/* Adds so many times the weight of its edges to the gains of a position's peers. */
static void shift_gains(struct refinement *r, int p, int times)
{
    const struct wsp_links *links = r->links;
    for (size_t i = links->first[p]; i < links->first[p + 1]; i++)
        r->gain[links->peer[i]] += times * (int64_t)links->weight[i];
    r->n_looks += (int64_t)(links->first[p + 1] - links->first[p]);
}

/* Lists the members of two sites with their gains; returns the traffic between the sites. */
static int64_t list_members(struct refinement *r, int a, int b)
{
    const struct wsp_links *links = r->links;
    int64_t between = 0;
    r->n_members[0] = r->n_members[1] = 0;
    for (int p = 0; p < links->n; p++) {
        int side = r->site_at[p] == b;
        if (r->site_at[p] != a && !side)
            continue;
        r->members[side][r->n_members[side]++] = p;
        r->gain[p] = 0;
        r->is_aside[p] = false;
        for (size_t i = links->first[p]; i < links->first[p + 1]; i++) {
            int there = r->site_at[links->peer[i]];
            if (there == r->site_at[p])
                r->gain[p] -= links->weight[i];
            else if (there == a || there == b) {
                r->gain[p] += links->weight[i];
                between += links->weight[i];
            }
        }
        r->n_looks += (int64_t)(links->first[p + 1] - links->first[p]);
    }
    r->n_looks += links->n;
    return between / 2;
}

/* The member of a side that gains most, or -1 if all are put aside. */
static int best_member(struct refinement *r, int side)
{
    int best = -1;
    for (int i = 0; i < r->n_members[side]; i++) {
        int p = r->members[side][i];
        if (!r->is_aside[p] && (best < 0 || r->gain[p] > r->gain[best]))
            best = p;
    }
    r->n_looks += r->n_members[side];
    return best;
}

/* The best pair to exchange: what goes between the two stays cut. Returns what the cut shrinks by;
 * pair[1] < 0: none is left. */
static int64_t best_pair(struct refinement *r, int *pair)
{
    int64_t gain = 0;
    pair[0] = best_member(r, 0);
    pair[1] = -1;
    if (pair[0] < 0)
        return 0;
    shift_gains(r, pair[0], -2);
    pair[1] = best_member(r, 1);
    if (pair[1] >= 0)
        gain = r->gain[pair[0]] + r->gain[pair[1]];
    shift_gains(r, pair[0], 2);
    return gain;
}

/* A position went to the other site of the pair: its neighbours gain or lose by it. */
static void move(struct refinement *r, int p, int from, int to)
{
    const struct wsp_links *links = r->links;
    for (size_t i = links->first[p]; i < links->first[p + 1]; i++) {
        int q = links->peer[i];
        if (r->site_at[q] == from)
            r->gain[q] += 2 * (int64_t)links->weight[i];
        else if (r->site_at[q] == to)
            r->gain[q] -= 2 * (int64_t)links->weight[i];
    }
    r->site_at[p] = to;
    r->is_aside[p] = true;
    r->n_looks += (int64_t)(links->first[p + 1] - links->first[p]);
}

/* One sequence between two sites; true if the cut is smaller after it. */
static bool exchange(struct refinement *r, int a, int b)
{
    int n_swaps = 0, n_kept = 0;
    int64_t total = 0, best = 0;
    if (list_members(r, a, b) == 0)
        return false;
    while (n_swaps - n_kept < PATIENCE && r->n_looks < N_LOOKS) {
        int *pair = r->swaps[n_swaps];
        total += best_pair(r, pair);
        if (pair[1] < 0)
            break;
        move(r, pair[0], a, b);
        move(r, pair[1], b, a);
        n_swaps++;
        if (total > best) {
            best = total;
            n_kept = n_swaps;
        }
    }
    for (int i = n_kept; i < n_swaps; i++) {
        r->site_at[r->swaps[i][0]] = a;
        r->site_at[r->swaps[i][1]] = b;
    }
    return n_kept > 0;
}

wsp_err wsp_placement_refine(const struct wsp_links *links, int n_sites, int *site_at)
{
    size_t n = (size_t)links->n + 1;
    struct refinement r = {.links = links,
                           .site_at = site_at,
                           .gain = calloc(n, sizeof *r.gain),
                           .is_aside = calloc(n, sizeof *r.is_aside),
                           .members = {calloc(n, sizeof(int)), calloc(n, sizeof(int))},
                           .swaps = calloc(n, sizeof *r.swaps)};
    bool has_memory = r.gain && r.is_aside && r.members[0] && r.members[1] && r.swaps;
    bool is_better = has_memory;
    while (is_better && r.n_looks < N_LOOKS) {
        is_better = false;
        for (int a = 0; a < n_sites; a++)
            for (int b = a + 1; b < n_sites && r.n_looks < N_LOOKS; b++)
                is_better = exchange(&r, a, b) || is_better;
    }
    free(r.gain);
    free(r.is_aside);
    free(r.members[0]);
    free(r.members[1]);
    free(r.swaps);
    return has_memory ? WSP_OK : WSP_ERR_NO_MEMORY;
}
