/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include "base/clock.h"
#include "path/pacer.h"

START_TEST(without_a_rate_nothing_is_held_back)
{
    struct wsp_pacer pacer = {0};
    uint64_t ready_ns;
    wsp_pacer_take(&pacer, UINT64_C(1) << 40);
    ck_assert(wsp_pacer_is_open(&pacer, WSP_NS_PER_S, &ready_ns));
}
END_TEST

/* A thread that comes back up to a few milliseconds late each time. */
START_TEST(what_leaves_keeps_to_the_rate)
{
    struct wsp_pacer pacer = {0};
    uint64_t start_ns = WSP_NS_PER_S, now_ns = start_ns, ready_ns = 0, sent = 0;
    wsp_pacer_set(&pacer, 1e8, now_ns);
    for (int i = 0; i < 20000; i++) {
        if (wsp_pacer_is_open(&pacer, now_ns, &ready_ns)) {
            wsp_pacer_take(&pacer, 65536);
            sent += 65536;
        } else {
            ck_assert(ready_ns > now_ns);
            now_ns = ready_ns + (uint64_t)(i % 4) * WSP_NS_PER_MS / 2;
        }
    }
    double rate = (double)sent * (double)WSP_NS_PER_S / (double)(now_ns - start_ns);
    ck_assert(rate > 0.98e8 && rate < 1.02e8);
}
END_TEST

START_TEST(a_long_pause_is_not_caught_up_on)
{
    struct wsp_pacer pacer = {0};
    uint64_t ready_ns, sent = 0;
    wsp_pacer_set(&pacer, 1e8, 1);
    while (wsp_pacer_is_open(&pacer, 100 * WSP_NS_PER_S, &ready_ns)) {
        wsp_pacer_take(&pacer, 65536);
        sent += 65536;
    }
    ck_assert(sent < 1000000);
}
END_TEST

START_TEST(another_rate_holds_from_then_on)
{
    struct wsp_pacer pacer = {0};
    uint64_t ready_ns;
    wsp_pacer_set(&pacer, 1e6, WSP_NS_PER_S);
    wsp_pacer_take(&pacer, 1000000);
    ck_assert(!wsp_pacer_is_open(&pacer, WSP_NS_PER_S, &ready_ns));
    wsp_pacer_set(&pacer, 1e9, WSP_NS_PER_S);
    ck_assert(!wsp_pacer_is_open(&pacer, WSP_NS_PER_S, &ready_ns));
    ck_assert(ready_ns < WSP_NS_PER_S + 2 * WSP_NS_PER_MS);
    wsp_pacer_set(&pacer, 0, WSP_NS_PER_S);
    ck_assert(wsp_pacer_is_open(&pacer, WSP_NS_PER_S, &ready_ns));
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, without_a_rate_nothing_is_held_back);
    tcase_add_test(cases, what_leaves_keeps_to_the_rate);
    tcase_add_test(cases, a_long_pause_is_not_caught_up_on);
    tcase_add_test(cases, another_rate_holds_from_then_on);
}
