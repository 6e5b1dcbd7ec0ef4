/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include "path/reorder.h"

START_TEST(segments_in_order_move_the_cumulative_number)
{
    static struct wsp_reorder w;
    w = (struct wsp_reorder){0};
    for (uint64_t n = 0; n < 3 * WSP_WINDOW; n++) {
        ck_assert(!wsp_reorder_has(&w, n));
        wsp_reorder_add(&w, n);
        ck_assert_uint_eq(w.next, n + 1);
        ck_assert(!wsp_reorder_has_gap(&w));
    }
}
END_TEST

START_TEST(a_gap_that_is_filled_frees_all_behind_it)
{
    static struct wsp_reorder w;
    w = (struct wsp_reorder){0};
    for (uint64_t n = 1; n < WSP_WINDOW; n++)
        wsp_reorder_add(&w, n);
    ck_assert(wsp_reorder_has_gap(&w));
    ck_assert_uint_eq(w.next, 0);
    ck_assert(wsp_reorder_admits(&w, WSP_WINDOW - 1));
    ck_assert(!wsp_reorder_admits(&w, WSP_WINDOW));
    wsp_reorder_add(&w, 0);
    ck_assert_uint_eq(w.next, WSP_WINDOW);
    ck_assert(!wsp_reorder_has_gap(&w));
    for (uint64_t n = WSP_WINDOW; n < 2 * WSP_WINDOW; n++)
        ck_assert(!wsp_reorder_has(&w, n));
}
END_TEST

START_TEST(ranges_name_what_landed_beyond_the_gaps)
{
    static struct wsp_reorder w;
    w = (struct wsp_reorder){0};
    const uint64_t landed[] = {0, 1, 3, 4, 7, 20};
    for (unsigned i = 0; i < 6; i++)
        wsp_reorder_add(&w, landed[i]);
    struct wsp_range r[WSP_FRAME_RANGE_MAX];
    ck_assert_uint_eq(wsp_reorder_ranges(&w, r, WSP_FRAME_RANGE_MAX), 3);
    ck_assert_uint_eq(r[0].first, 3);
    ck_assert_uint_eq(r[0].end, 5);
    ck_assert_uint_eq(r[1].first, 7);
    ck_assert_uint_eq(r[1].end, 8);
    ck_assert_uint_eq(r[2].first, 20);
    ck_assert_uint_eq(r[2].end, 21);
    ck_assert_uint_eq(wsp_reorder_ranges(&w, r, 2), 2);
    ck_assert_uint_eq(w.next, 2);
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, segments_in_order_move_the_cumulative_number);
    tcase_add_test(cases, a_gap_that_is_filled_frees_all_behind_it);
    tcase_add_test(cases, ranges_name_what_landed_beyond_the_gaps);
}
