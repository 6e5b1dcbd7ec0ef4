/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include "base/map.h"

static int things[4096];

START_TEST(entries_survive_growth_and_removal_in_any_order)
{
    struct wsp_map map = {0};
    for (uint64_t k = 0; k < 4096; k++)
        ck_assert_int_eq(wsp_map_put(&map, k * 64, &things[k]), WSP_OK);
    for (uint64_t k = 0; k < 4096; k += 3)
        ck_assert_ptr_eq(wsp_map_take(&map, k * 64), &things[k]);
    for (uint64_t k = 0; k < 4096; k++)
        ck_assert_ptr_eq(wsp_map_get(&map, k * 64), k % 3 ? &things[k] : NULL);
    ck_assert_uint_eq(map.n_used, 4096 - 1366);
    wsp_map_fini(&map);
}
END_TEST

START_TEST(putting_a_key_again_replaces_its_value)
{
    struct wsp_map map = {0};
    ck_assert_int_eq(wsp_map_put(&map, 7, &things[0]), WSP_OK);
    ck_assert_int_eq(wsp_map_put(&map, 7, &things[1]), WSP_OK);
    ck_assert_ptr_eq(wsp_map_take(&map, 7), &things[1]);
    ck_assert_ptr_null(wsp_map_take(&map, 7));
    wsp_map_fini(&map);
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, entries_survive_growth_and_removal_in_any_order);
    tcase_add_test(cases, putting_a_key_again_replaces_its_value);
}
