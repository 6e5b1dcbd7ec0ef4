/* SPDX-License-Identifier: BSD-3-Clause */
/* Several plain assignments are made, each is refined, the best is taken. For a grid: a slab for
 * each site across each dimension, and boxes by halving the sites and the longest side again and
 * again. For a graph: runs of positions, and halves that grow from one end of the graph. */
#include "topo/placement.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A position and what it is sorted by. */
struct item {
    int key, position;
};

struct search {
    const struct wsp_placement *p;
    struct wsp_links links;
    int *capacity; /* of each site */
    int *site_at;  /* the assignment being made */
    int *best;     /* the best one so far */
    int64_t best_cut;
    struct item *items;
    int *visited, *queue; /* for walks through the graph; visited in walk number .. */
    int n_walks;
};

int64_t wsp_placement_cut(const struct wsp_placement *p, const int *site_at)
{
    int64_t cut = 0;
    for (size_t i = 0; i < p->n_edges; i++)
        if (site_at[p->edges[i].a] != site_at[p->edges[i].b])
            cut += p->edges[i].weight;
    return cut;
}

static void close_links(struct wsp_links *links)
{
    free(links->first);
    free(links->peer);
    free(links->weight);
}

/* Edges from a position to itself never cross. */
static wsp_err open_links(const struct wsp_placement *p, struct wsp_links *links)
{
    *links = (struct wsp_links){.n = p->n,
                                .first = calloc((size_t)p->n + 2, sizeof(size_t)),
                                .peer = malloc((2 * p->n_edges + 1) * sizeof(int)),
                                .weight = malloc((2 * p->n_edges + 1) * sizeof(int))};
    if (!links->first || !links->peer || !links->weight)
        return WSP_ERR_NO_MEMORY;
    /* Counted two places ahead, first[q + 1] is where the next edge of q goes, and in the end where
     * those of q end. */
    for (size_t i = 0; i < p->n_edges; i++)
        if (p->edges[i].a != p->edges[i].b) {
            links->first[p->edges[i].a + 2]++;
            links->first[p->edges[i].b + 2]++;
        }
    for (int q = 2; q <= p->n; q++)
        links->first[q] += links->first[q - 1];
    for (size_t i = 0; i < p->n_edges; i++) {
        const struct wsp_edge *edge = &p->edges[i];
        if (edge->a == edge->b)
            continue;
        size_t there = links->first[edge->a + 1]++, back = links->first[edge->b + 1]++;
        links->peer[there] = edge->b;
        links->peer[back] = edge->a;
        links->weight[there] = links->weight[back] = edge->weight;
    }
    return WSP_OK;
}

static int by_key(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->position < y->position ? -1 : x->position > y->position;
}

/* Keys become the coordinates along a dimension; without one, the positions themselves. */
static void set_keys(const struct search *s, struct item *items, int n, int dim)
{
    for (int i = 0; i < n; i++)
        items[i].key =
            dim < 0 ? items[i].position
                    : s->p->coords[(size_t)items[i].position * (size_t)s->p->n_dims + (size_t)dim];
}

/* How far the items reach in a dimension. */
static int length(const struct search *s, struct item *items, int n, int dim)
{
    int low = INT_MAX, high = INT_MIN;
    set_keys(s, items, n, dim);
    for (int i = 0; i < n; i++) {
        low = items[i].key < low ? items[i].key : low;
        high = items[i].key > high ? items[i].key : high;
    }
    return n > 0 ? high - low : 0;
}

static int longest_side(const struct search *s, struct item *items, int n)
{
    int longest = 0;
    for (int dim = 1; dim < s->p->n_dims; dim++)
        if (length(s, items, n, dim) > length(s, items, n, longest))
            longest = dim;
    return longest;
}

/* Walks breadth first from a position through those of s->visited == within, marking them with the
 * number of this walk; appends them to the queue. */
static int walk(struct search *s, int start, int within, int n_queued)
{
    int next = n_queued;
    s->visited[start] = s->n_walks;
    s->queue[n_queued++] = start;
    for (; next < n_queued; next++)
        for (size_t i = s->links.first[s->queue[next]]; i < s->links.first[s->queue[next] + 1];
             i++) {
            int peer = s->links.peer[i];
            if (s->visited[peer] != within)
                continue;
            s->visited[peer] = s->n_walks;
            s->queue[n_queued++] = peer;
        }
    return n_queued;
}

/* Keys become the order in which walks through the items come by, each from an end of its part of
 * the graph: where another walk through it ended. */
static void set_keys_by_walks(struct search *s, struct item *items, int n)
{
    int within = ++s->n_walks, n_queued = 0;
    for (int i = 0; i < n; i++)
        s->visited[items[i].position] = within;
    int seen = ++s->n_walks, done = ++s->n_walks;
    for (int i = 0; i < n; i++) {
        if (s->visited[items[i].position] != within)
            continue;
        s->n_walks = seen;
        int end = s->queue[walk(s, items[i].position, within, n_queued) - 1];
        s->n_walks = done;
        n_queued = walk(s, end, seen, n_queued);
    }
    for (int i = 0; i < n; i++)
        items[i] = (struct item){.key = i, .position = s->queue[i]};
}

/* Deals the items out to sites first..last-1, which have room for just these. */
static void halve(struct search *s, struct item *items, int n, int first, int last)
{
    int middle = first + (last - first) / 2, n_lower = 0;
    if (last - first == 1)
        for (int i = 0; i < n; i++)
            s->site_at[items[i].position] = first;
    if (last - first <= 1)
        return;
    if (s->p->n_dims > 0)
        set_keys(s, items, n, longest_side(s, items, n));
    else
        set_keys_by_walks(s, items, n);
    qsort(items, (size_t)n, sizeof *items, by_key);
    for (int site = first; site < middle; site++)
        n_lower += s->capacity[site];
    halve(s, items, n_lower, first, middle);
    halve(s, items + n_lower, n - n_lower, middle, last);
}

static void list_items(const struct search *s)
{
    for (int i = 0; i < s->p->n; i++)
        s->items[i] = (struct item){.position = i};
}

static void assign_halves(struct search *s)
{
    list_items(s);
    halve(s, s->items, s->p->n, 0, s->p->n_sites);
}

/* Deals them out in the order of a dimension. */
static void assign_runs(struct search *s, int dim)
{
    int site = 0, n_placed = 0;
    set_keys(s, s->items, s->p->n, dim);
    qsort(s->items, (size_t)s->p->n, sizeof *s->items, by_key);
    for (int i = 0; i < s->p->n; i++) {
        while (n_placed == s->capacity[site]) {
            site++;
            n_placed = 0;
        }
        s->site_at[s->items[i].position] = site;
        n_placed++;
    }
}

/* Refines the assignment and keeps it if it is the best. */
static wsp_err consider(struct search *s)
{
    wsp_err err = wsp_placement_refine(&s->links, s->p->n_sites, s->site_at);
    int64_t cut = wsp_placement_cut(s->p, s->site_at);
    if (err == WSP_OK && cut < s->best_cut) {
        s->best_cut = cut;
        memcpy(s->best, s->site_at, (size_t)s->p->n * sizeof *s->best);
    }
    return err;
}

static wsp_err try_all(struct search *s)
{
    memcpy(s->site_at, s->p->sites, (size_t)s->p->n * sizeof *s->site_at);
    wsp_err err = consider(s);
    if (err == WSP_OK) {
        assign_halves(s);
        err = consider(s);
    }
    for (int dim = s->p->n_dims > 0 ? 0 : -1; err == WSP_OK && dim < s->p->n_dims; dim++) {
        list_items(s);
        if (length(s, s->items, s->p->n, dim) == 0)
            continue;
        assign_runs(s, dim);
        err = consider(s);
    }
    return err;
}

/* The ranks of each site take its positions in order. */
static void take_positions(const struct search *s, int *position)
{
    for (int site = 0; site < s->p->n_sites; site++) {
        int rank = 0;
        for (int p = 0; p < s->p->n; p++) {
            if (s->best[p] != site)
                continue;
            while (s->p->sites[rank] != site)
                rank++;
            position[rank++] = p;
        }
    }
}

static wsp_err open_search(struct search *s)
{
    size_t n = (size_t)s->p->n + 1;
    s->capacity = calloc((size_t)s->p->n_sites + 1, sizeof *s->capacity);
    s->site_at = malloc(n * sizeof *s->site_at);
    s->best = malloc(n * sizeof *s->best);
    s->items = malloc(n * sizeof *s->items);
    s->visited = calloc(n, sizeof *s->visited);
    s->queue = malloc(n * sizeof *s->queue);
    if (!s->capacity || !s->site_at || !s->best || !s->items || !s->visited || !s->queue)
        return WSP_ERR_NO_MEMORY;
    for (int rank = 0; rank < s->p->n; rank++)
        s->capacity[s->p->sites[rank]]++;
    return open_links(s->p, &s->links);
}

static void close_search(struct search *s)
{
    close_links(&s->links);
    free(s->capacity);
    free(s->site_at);
    free(s->best);
    free(s->items);
    free(s->visited);
    free(s->queue);
}

wsp_err wsp_placement_find(const struct wsp_placement *p, int *position)
{
    int64_t own_cut = wsp_placement_cut(p, p->sites);
    struct search s = {.p = p, .best_cut = own_cut};
    for (int i = 0; i < p->n; i++)
        position[i] = i;
    if (own_cut == 0)
        return WSP_OK;
    wsp_err err = open_search(&s);
    if (err == WSP_OK)
        err = try_all(&s);
    if (err == WSP_OK && s.best_cut < own_cut)
        take_positions(&s, position);
    close_search(&s);
    return err;
}
