/* SPDX-License-Identifier: BSD-3-Clause */
/* Streams that come up and fill the way: their kernels hold them, then the pace is ours. */
#include "two_ends.h"
#include "unit.h"

#define STEP_NS  (10 * WSP_NS_PER_MS)
#define QUEUE_NS (5 * WSP_NS_PER_MS) /* a queue, but none that makes the pace ours by itself */
#define EACH     60000               /* bytes of a step that each stream delivers */

static uint64_t paced_bps(void)
{
    struct wsp_end_tuning tuning;
    wsp_end_get_tuning(parties[0].end, &tuning);
    return (uint64_t)tuning.pace_bps;
}

/* Bulk for so many steps; returns whether the first stream was held. */
static bool flow(unsigned n_steps)
{
    bool is_held = false;
    for (unsigned i = 0; i < n_steps; i++) {
        ends_send(0, data, sizeof data, 0);
        ends_settle();
        wsp_end_accept(parties[1].end, parties[1].arrived, buffer, sizeof buffer, NULL, now);
        ends_settle();
        parties[0].delivered_bytes += EACH;
        now += STEP_NS;
        for (int id = 0; id < 2; id++)
            wsp_end_tick(parties[id].end, now);
        is_held |= parties[0].held_bps[0] > 0;
    }
    return is_held;
}

static void begin(bool is_paced)
{
    ends_open(&(struct ends_options){.is_paced = is_paced, .n_first = N_STREAMS});
    for (unsigned i = 0; i < N_STREAMS; i++)
        ends_join(i, 1, true);
    ends_settle();
}

START_TEST(when_they_are_let_go_the_pace_is_what_went_through)
{
    begin(true);
    ck_assert(!flow(20));
    parties[0].queue_ns = QUEUE_NS;
    flow(8);
    uint64_t each_bps = (uint64_t)EACH * WSP_NS_PER_S / STEP_NS;
    ck_assert_uint_gt(parties[0].held_bps[0], each_bps / 2);
    ck_assert_uint_lt(parties[0].held_bps[0], each_bps);
    ck_assert_uint_eq(paced_bps(), 0);
    flow(80);
    ck_assert_uint_eq(parties[0].held_bps[0], 0);
    ck_assert_uint_gt(paced_bps(), N_STREAMS * each_bps * 3 / 4);
    ck_assert_uint_lt(paced_bps(), N_STREAMS * each_bps * 5 / 4);
    ends_teardown();
}
END_TEST

START_TEST(where_none_is_held_the_pace_is_not_ours)
{
    begin(true);
    ck_assert(!flow(120));
    ck_assert_uint_eq(paced_bps(), 0);
    ends_teardown();
}
END_TEST

START_TEST(a_pace_by_hand_holds_nobody)
{
    begin(false);
    flow(20);
    parties[0].queue_ns = QUEUE_NS;
    ck_assert(!flow(100));
    ck_assert_uint_eq(paced_bps(), 0);
    ends_teardown();
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, when_they_are_let_go_the_pace_is_what_went_through);
    tcase_add_test(cases, where_none_is_held_the_pace_is_not_ours);
    tcase_add_test(cases, a_pace_by_hand_holds_nobody);
}
