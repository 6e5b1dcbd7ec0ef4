/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include "topo/placement.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_N = 4096, MAX_EDGES = 5 * MAX_N };

static struct wsp_edge edges[MAX_EDGES];
static int coords[2 * MAX_N], sites[MAX_N], position[MAX_N], site_at[MAX_N];
static struct wsp_placement placement;

static void begin(int n, int n_sites)
{
    placement = (struct wsp_placement){.n = n, .n_sites = n_sites, .sites = sites, .edges = edges};
}

static void join(int a, int b, int weight)
{
    edges[placement.n_edges++] = (struct wsp_edge){a, b, weight};
}

/* A grid of rows and columns, with coordinates. */
static void grid(int rows, int columns)
{
    placement.n_dims = 2;
    placement.coords = coords;
    for (int i = 0; i < placement.n; i++) {
        coords[2 * i] = i / columns;
        coords[2 * i + 1] = i % columns;
        if (i / columns + 1 < rows)
            join(i, i + columns, 1);
        if (i % columns + 1 < columns)
            join(i, i + 1, 1);
    }
}

static void ring(int n)
{
    for (int i = 0; i < n; i++)
        join(i, (i + 1) % n, 1);
}

static void interleave(void)
{
    for (int i = 0; i < placement.n; i++)
        sites[i] = i % placement.n_sites;
}

/* Rank by rank: `each` at one site, `each` at the next. */
static void line_up(int each)
{
    for (int i = 0; i < placement.n; i++)
        sites[i] = i / each;
}

/* The cut of the placement that was found, which must give each rank a position of its own. */
static int64_t found_cut(void)
{
    ck_assert_int_eq(wsp_placement_find(&placement, position), WSP_OK);
    for (int i = 0; i < placement.n; i++)
        site_at[i] = -1;
    for (int rank = 0; rank < placement.n; rank++) {
        ck_assert_int_ge(position[rank], 0);
        ck_assert_int_lt(position[rank], placement.n);
        ck_assert_int_eq(site_at[position[rank]], -1);
        site_at[position[rank]] = sites[rank];
    }
    return wsp_placement_cut(&placement, site_at);
}

static bool is_identity(void)
{
    for (int rank = 0; rank < placement.n; rank++)
        if (position[rank] != rank)
            return false;
    return true;
}

START_TEST(ranks_stay_where_that_is_as_good)
{
    begin(12, 3);
    ring(12);
    line_up(4);
    ck_assert_int_eq(found_cut(), 3);
    ck_assert(is_identity());
    begin(32, 2);
    grid(8, 4);
    line_up(16);
    ck_assert_int_eq(found_cut(), 4);
    ck_assert(is_identity());
}
END_TEST

START_TEST(an_interleaved_ring_becomes_arcs)
{
    begin(12, 2);
    ring(12);
    interleave();
    ck_assert_int_eq(wsp_placement_cut(&placement, sites), 12);
    ck_assert_int_eq(found_cut(), 2);
}
END_TEST

START_TEST(sites_get_slabs_across_the_longer_side)
{
    begin(32, 2);
    grid(4, 8);
    line_up(16);
    ck_assert_int_eq(wsp_placement_cut(&placement, sites), 8);
    ck_assert_int_eq(found_cut(), 4);
}
END_TEST

START_TEST(four_sites_get_a_quarter_each)
{
    begin(64, 4);
    grid(8, 8);
    line_up(16);
    ck_assert_int_eq(wsp_placement_cut(&placement, sites), 24);
    ck_assert_int_eq(found_cut(), 16);
}
END_TEST

START_TEST(ranks_left_over_are_those_of_the_other_site)
{
    begin(6, 2);
    join(0, 1, 1);
    join(1, 2, 1);
    interleave();
    ck_assert_int_eq(found_cut(), 0);
}
END_TEST

START_TEST(heavy_edges_stay_inside)
{
    begin(4, 2);
    line_up(2);
    join(0, 1, 1);
    join(2, 3, 1);
    join(0, 2, 10);
    join(1, 3, 10);
    join(2, 2, 1000); /* to oneself */
    ck_assert_int_eq(found_cut(), 2);
}
END_TEST

START_TEST(uneven_sites_keep_their_sizes)
{
    begin(12, 3);
    grid(4, 3);
    for (int i = 0; i < 12; i++)
        sites[i] = i % 6 == 0 ? 2 : i % 2;
    int64_t before = wsp_placement_cut(&placement, sites);
    ck_assert_int_lt(found_cut(), before);
}
END_TEST

static uint32_t draw(uint32_t *state, int n)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) % (uint32_t)n;
}

START_TEST(no_graph_becomes_worse_and_all_ranks_find_the_same)
{
    static int again[MAX_N];
    for (uint32_t seed = 1; seed <= 300; seed++) {
        uint32_t state = seed;
        int n = 1 + (int)draw(&state, 24), n_sites = 1 + (int)draw(&state, n < 5 ? n : 5);
        begin(n, n_sites);
        for (int i = 0; i < n; i++)
            sites[i] = i < n_sites ? i : (int)draw(&state, n_sites);
        for (int i = (int)draw(&state, 60); i > 0; i--)
            join((int)draw(&state, n), (int)draw(&state, n), (int)draw(&state, 4));
        int64_t before = wsp_placement_cut(&placement, sites), after = found_cut();
        ck_assert_int_le(after, before);
        ck_assert(after < before || is_identity());
        memcpy(again, position, sizeof again);
        ck_assert_int_eq(found_cut(), after);
        ck_assert_mem_eq(again, position, (size_t)n * sizeof *position);
    }
}
END_TEST

/* The suite's time limit is the test. */
START_TEST(a_large_scattered_grid_takes_bounded_time)
{
    uint32_t state = 1;
    begin(MAX_N, 16);
    grid(64, 64);
    for (int i = 0; i < MAX_N; i++)
        sites[i] = (int)draw(&state, 16);
    ck_assert_int_gt(wsp_placement_cut(&placement, sites), 7000);
    ck_assert_int_lt(found_cut(), 800);
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, ranks_stay_where_that_is_as_good);
    tcase_add_test(cases, an_interleaved_ring_becomes_arcs);
    tcase_add_test(cases, sites_get_slabs_across_the_longer_side);
    tcase_add_test(cases, four_sites_get_a_quarter_each);
    tcase_add_test(cases, ranks_left_over_are_those_of_the_other_site);
    tcase_add_test(cases, heavy_edges_stay_inside);
    tcase_add_test(cases, uneven_sites_keep_their_sizes);
    tcase_add_test(cases, no_graph_becomes_worse_and_all_ranks_find_the_same);
    tcase_add_test(cases, a_large_scattered_grid_takes_bounded_time);
}
