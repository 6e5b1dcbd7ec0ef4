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
        for (unsigned class = 0; class < WSP_SPARES_SMALL; class ++)
            ck_assert_uint_le(spares.n[class], WSP_SPARES_MOST);
    }
    wsp_spares_give(&spares, NULL, 300);
    wsp_spares_fini(&spares);
}
END_TEST

#ifndef __SANITIZE_ADDRESS__

/* Of the blocks that are kept. */
static size_t kept_bytes(const struct wsp_spares *spares)
{
    size_t bytes = 0;
    for (unsigned class = 0; class < WSP_SPARES_CLASSES; class ++)
        bytes += spares->n[class] * ((size_t)256 << class);
    return bytes;
}

static void use(struct wsp_spares *spares, unsigned n, size_t size)
{
    void *blocks[2 * WSP_SPARES_MOST];
    for (unsigned i = 0; i < n; i++) {
        blocks[i] = wsp_spares_take(spares, size);
        memset(blocks[i], (int)i, size);
    }
    for (unsigned i = 0; i < n; i++)
        wsp_spares_give(spares, blocks[i], size);
}

START_TEST(large_blocks_are_kept_until_none_is_taken_for_a_while)
{
    struct wsp_spares spares = {0};
    uint64_t now_ns = 1;
    use(&spares, 2 * WSP_SPARES_MOST, 100000);
    size_t all = kept_bytes(&spares);
    ck_assert_uint_ge(all, 2 * WSP_SPARES_MOST * 100000);
    for (int i = 0; i < 40; i++) {
        use(&spares, 1, 100000);
        wsp_spares_tick(&spares, now_ns += WSP_SPARES_NS / 4);
        ck_assert_uint_eq(kept_bytes(&spares), all);
    }
    wsp_spares_tick(&spares, now_ns += 2 * WSP_SPARES_NS);
    wsp_spares_tick(&spares, now_ns += 2 * WSP_SPARES_NS);
    ck_assert_uint_eq(kept_bytes(&spares), 0);
    wsp_spares_fini(&spares);
}
END_TEST

START_TEST(other_sizes_use_the_same_memory)
{
    struct wsp_spares spares = {0};
    use(&spares, 64, 100000);
    size_t all = kept_bytes(&spares);
    use(&spares, 64, 50000);
    ck_assert_uint_eq(kept_bytes(&spares), all);
    use(&spares, 16, 400000);
    ck_assert_uint_eq(kept_bytes(&spares), all);
    use(&spares, 16, 200000);
    ck_assert_uint_eq(kept_bytes(&spares), all);
    use(&spares, 5, 400000);
    ck_assert_uint_eq(kept_bytes(&spares), all);
    /* But a small need holds no block that is far too large. */
    use(&spares, 1, 10000);
    ck_assert_uint_gt(kept_bytes(&spares), all);
    ck_assert_uint_lt(kept_bytes(&spares), all + 40000);
    wsp_spares_fini(&spares);
}
END_TEST

#endif

void test_cases(TCase *cases)
{
    tcase_add_test(cases, a_block_comes_back_and_may_be_cleared);
    tcase_add_test(cases, blocks_in_use_are_apart_and_kept_ones_are_bounded);
#ifndef __SANITIZE_ADDRESS__
    tcase_add_test(cases, large_blocks_are_kept_until_none_is_taken_for_a_while);
    tcase_add_test(cases, other_sizes_use_the_same_memory);
#endif
}
