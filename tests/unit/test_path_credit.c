/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include "path/credit.h"

START_TEST(what_is_granted_never_exceeds_the_budget)
{
    struct wsp_budget budget = {.limit_bytes = 1 << 20};
    struct wsp_grant grants[64];
    uint64_t granted = 0;
    for (int i = 0; i < 64; i++) {
        wsp_grant_open(&grants[i], &budget, 1 << 18);
        granted += grants[i].limit;
        ck_assert_uint_eq(budget.used_bytes, granted);
        ck_assert_uint_le(granted, budget.limit_bytes);
    }
    ck_assert_uint_eq(grants[0].limit, 1 << 18);
    ck_assert_uint_gt(grants[8].limit, 0);
    for (int i = 0; i < 64; i++)
        wsp_grant_close(&grants[i]);
    ck_assert_uint_eq(budget.used_bytes, 0);
}
END_TEST

START_TEST(released_bytes_are_granted_again)
{
    struct wsp_budget budget = {.limit_bytes = 1 << 20};
    struct wsp_grant grant;
    wsp_grant_open(&grant, &budget, 1 << 16);
    ck_assert(wsp_grant_charge(&grant, 1 << 16));
    ck_assert(!wsp_grant_charge(&grant, 1));
    ck_assert_uint_eq(wsp_grant_top_up(&grant), 0);
    wsp_grant_release(&grant, 1 << 15);
    ck_assert_uint_eq(wsp_grant_top_up(&grant), 1 << 15);
    ck_assert(wsp_grant_charge(&grant, 1 << 15));
    ck_assert_uint_eq(budget.used_bytes, 1 << 16);
    wsp_grant_close(&grant);
}
END_TEST

START_TEST(large_messages_leave_a_quarter_to_small_ones)
{
    struct wsp_purse purse = {0};
    wsp_purse_hear(&purse, 1, 1000);
    ck_assert_uint_eq(wsp_purse_take(&purse, 5000, 100), 750);
    ck_assert_uint_eq(wsp_purse_take(&purse, 5000, 100), 0);
    ck_assert_uint_eq(wsp_purse_take(&purse, 100, 100), 100);
    wsp_purse_hear(&purse, 1, 900); /* an old report, late */
    ck_assert_uint_eq(wsp_purse_take(&purse, 100, 100), 100);
}
END_TEST

START_TEST(a_yield_returns_what_is_not_charged_and_voids_old_limits)
{
    struct wsp_budget budget = {.limit_bytes = 1 << 20};
    struct wsp_grant grant;
    struct wsp_purse purse = {0};
    wsp_grant_open(&grant, &budget, 1 << 16);
    wsp_purse_hear(&purse, grant.epoch, grant.limit);
    ck_assert_uint_eq(wsp_purse_take(&purse, 1000, 4096), 1000);
    wsp_purse_yield(&purse);
    ck_assert(!wsp_grant_yielded(&grant, purse.epoch + 1, purse.limit));
    ck_assert(!wsp_grant_yielded(&grant, purse.epoch, grant.limit + 1));
    ck_assert(wsp_grant_yielded(&grant, purse.epoch, purse.limit));
    ck_assert_uint_eq(budget.used_bytes, 1000);
    wsp_purse_hear(&purse, 1, 1 << 16); /* said before the yield, heard after it */
    ck_assert_uint_eq(wsp_purse_take(&purse, 10, 4096), 0);
    ck_assert_uint_gt(wsp_grant_top_up(&grant), 0);
    wsp_purse_hear(&purse, grant.epoch, grant.limit);
    ck_assert_uint_eq(wsp_purse_take(&purse, 10, 4096), 10);
    wsp_grant_close(&grant);
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, what_is_granted_never_exceeds_the_budget);
    tcase_add_test(cases, released_bytes_are_granted_again);
    tcase_add_test(cases, large_messages_leave_a_quarter_to_small_ones);
    tcase_add_test(cases, a_yield_returns_what_is_not_charged_and_voids_old_limits);
}
