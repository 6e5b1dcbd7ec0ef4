/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include "base/clock.h"
#include "path/stripe.h"

#define MIB (UINT64_C(1) << 20)

static struct wsp_meter stream(double rate_bps, uint64_t in_flight_bytes)
{
    return (struct wsp_meter){.rate_bps = rate_bps, .in_flight_bytes = in_flight_bytes};
}

static struct wsp_stripe beside(const struct wsp_meter *other)
{
    struct wsp_stripe others = {0};
    wsp_stripe_add(&others, other, MIB, 0);
    return others;
}

START_TEST(a_rate_is_learnt_from_acknowledgements)
{
    struct wsp_meter m = {0};
    uint64_t now = WSP_NS_PER_S;
    for (int i = 0; i < 100; i++) {
        wsp_meter_sent(&m, MIB, now);
        now += 20 * WSP_NS_PER_MS;
        wsp_meter_acked(&m, MIB, now);
    }
    ck_assert(m.rate_bps > 49.0 * (double)MIB && m.rate_bps < 51.0 * (double)MIB);
    ck_assert_uint_eq(m.in_flight_bytes, 0);
}
END_TEST

START_TEST(an_unknown_stream_is_always_tried)
{
    struct wsp_meter fast = stream(1e9, 0), fresh = stream(0, MIB);
    struct wsp_stripe others = beside(&fast);
    ck_assert(wsp_stripe_may_take(&others, &fresh, MIB, MIB, 0));
}
END_TEST

START_TEST(a_slow_stream_leaves_the_tail_to_a_fast_one_but_helps_with_much)
{
    struct wsp_meter fast = stream(100e6, MIB), slow = stream(1e6, 0);
    struct wsp_stripe others = beside(&fast);
    ck_assert(!wsp_stripe_may_take(&others, &slow, MIB, MIB, 0));
    ck_assert(wsp_stripe_may_take(&others, &slow, MIB, 1000 * MIB, 0));
    struct wsp_stripe of_fast = beside(&slow);
    ck_assert(wsp_stripe_may_take(&of_fast, &fast, MIB, MIB, 0));
}
END_TEST

START_TEST(equal_streams_never_all_decline)
{
    struct wsp_meter a = stream(10e6, 4 * MIB), b = stream(10e6, 4 * MIB);
    struct wsp_stripe others = beside(&b);
    ck_assert(wsp_stripe_may_take(&others, &a, MIB, MIB, 0));
    others = beside(&a);
    ck_assert(wsp_stripe_may_take(&others, &b, MIB, MIB, 0));
}
END_TEST

START_TEST(a_stream_that_stands_still_loses_its_claim)
{
    struct wsp_meter stuck = stream(100e6, MIB), slow = stream(1e6, 0);
    struct wsp_stripe others = {0};
    wsp_stripe_add(&others, &stuck, MIB, 3 * WSP_NS_PER_S);
    ck_assert(wsp_stripe_may_take(&others, &slow, MIB, MIB, 0));
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, a_rate_is_learnt_from_acknowledgements);
    tcase_add_test(cases, an_unknown_stream_is_always_tried);
    tcase_add_test(cases, a_slow_stream_leaves_the_tail_to_a_fast_one_but_helps_with_much);
    tcase_add_test(cases, equal_streams_never_all_decline);
    tcase_add_test(cases, a_stream_that_stands_still_loses_its_claim);
}
