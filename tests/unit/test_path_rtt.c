/* SPDX-License-Identifier: BSD-3-Clause */
/* The least round trip: lucky packets count until there is better; what is long ago does not. */
#include "unit.h"

#include "base/clock.h"
#include "path/rtt.h"

#define WAY_NS (30 * WSP_NS_PER_MS)

static uint64_t now;

static void note_intervals(struct wsp_rtt *rtt, uint64_t ns, bool is_of_most, unsigned seconds)
{
    for (unsigned i = 0; i < 10 * seconds; i++) {
        now += WSP_NS_PER_S / 10;
        rtt->ns = ns;
        wsp_rtt_note_interval(rtt, is_of_most, now);
    }
}

START_TEST(the_least_stays_for_a_minute_and_is_gone_after_two)
{
    struct wsp_rtt rtt = {0};
    now = 1000 * WSP_NS_PER_S;
    note_intervals(&rtt, WAY_NS, true, 1);
    note_intervals(&rtt, 2 * WAY_NS, true, 60);
    ck_assert_uint_eq(rtt.min_ns, WAY_NS);
    note_intervals(&rtt, 2 * WAY_NS, true, 61);
    ck_assert_uint_eq(rtt.min_ns, 2 * WAY_NS);
}
END_TEST

START_TEST(a_shorter_way_is_seen_at_once)
{
    struct wsp_rtt rtt = {0};
    now = 0;
    note_intervals(&rtt, 2 * WAY_NS, true, 70);
    note_intervals(&rtt, WAY_NS, true, 1);
    ck_assert_uint_eq(rtt.min_ns, WAY_NS);
}
END_TEST

START_TEST(packets_count_until_an_interval_of_most_streams)
{
    struct wsp_rtt rtt = {0};
    now = 0;
    wsp_rtt_note_packet(&rtt, WAY_NS, now);
    note_intervals(&rtt, 2 * WAY_NS, false, 1);
    ck_assert_uint_eq(rtt.min_ns, WAY_NS);
    wsp_rtt_note_packet(&rtt, WAY_NS / 2, now);
    ck_assert_uint_eq(rtt.min_ns, WAY_NS / 2);
    note_intervals(&rtt, 2 * WAY_NS, true, 1);
    ck_assert_uint_eq(rtt.min_ns, 2 * WAY_NS);
    wsp_rtt_note_packet(&rtt, WAY_NS, now);
    ck_assert_uint_eq(rtt.min_ns, 2 * WAY_NS);
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, the_least_stays_for_a_minute_and_is_gone_after_two);
    tcase_add_test(cases, a_shorter_way_is_seen_at_once);
    tcase_add_test(cases, packets_count_until_an_interval_of_most_streams);
}
