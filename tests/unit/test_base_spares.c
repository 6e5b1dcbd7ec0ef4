/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include "base/spares.h"

#include <string.h>

START_TEST(a_block_comes_back_and_may_be_cleared)
{
    struct wsp_spares spares = {0};
    for (size_t size = 1; size <= 20000; size = size * 3 + 1) {
        unsigned char *block = wsp_spares_take(&spares, size);
        memset(block, 0xff, size);
        wsp_spares_give(&spares, block, size);
        block = wsp_spares_take_zeroed(&spares, size);
        for (size_t i = 0; i < size; i++)
            ck_assert_uint_eq(block[i], 0);
        wsp_spares_give(&spares, block, size);
    }
    wsp_spares_fini(&spares);
}
END_TEST

START_TEST(blocks_in_use_are_apart_and_kept_ones_are_bounded)
{
    struct wsp_spares spares = {0};
    unsigned char *blocks[2 * WSP_SPARES_MOST];
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 2 * WSP_SPARES_MOST; i++) {
            blocks[i] = wsp_spares_take(&spares, 300);
            memset(blocks[i], (int)i, 300);
        }
        for (unsigned i = 0; i < 2 * WSP_SPARES_MOST; i++) {
            ck_assert_uint_eq(blocks[i][0], i);
            ck_assert_uint_eq(blocks[i][299], i);
            wsp_spares_give(&spares, blocks[i], 300);
        }
        for (unsigned class = 0; class < WSP_SPARES_CLASSES; class ++)
            ck_assert_uint_le(spares.n[class], WSP_SPARES_MOST);
    }
    wsp_spares_give(&spares, NULL, 300);
    wsp_spares_fini(&spares);
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, a_block_comes_back_and_may_be_cleared);
    tcase_add_test(cases, blocks_in_use_are_apart_and_kept_ones_are_bounded);
}
