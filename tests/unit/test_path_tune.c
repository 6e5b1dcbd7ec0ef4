/* SPDX-License-Identifier: BSD-3-Clause */
/* The number of streams and their evenness: trials against a model of a bottleneck. */
#include "bottleneck.h"
#include "unit.h"

#include "path/pair.h"

START_TEST(where_one_stream_carries_little_more_are_used)
{
    struct way way = bottleneck_begin(100, 120 * MB, 0.9 * MB);
    double bps = bottleneck_run(&way, 25, NULL);
    ck_assert(bps > 0.95 * 120 * MB);
    ck_assert(tune.n >= 120);
}
END_TEST

START_TEST(streams_that_the_kernel_opens_up_are_given_time)
{
    struct way way = bottleneck_begin(100, 120 * MB, 4 * MB);
    way.is_kernel_pacing = true;
    tune.n = 16;
    for (int i = 0; i < 18; i++) { /* 2.7 s */
        way.stream_bps *= 1.02;
        bottleneck_pass(&way);
        ck_assert_uint_eq(tune.n, 16);
    }
    bottleneck_run(&way, 2, NULL);
    ck_assert_uint_gt(tune.n, 16);
}
END_TEST

START_TEST(streams_that_are_not_needed_are_given_up)
{
    struct way way = bottleneck_begin(30, 120 * MB, 80 * MB);
    ck_assert_uint_gt(tune.n, 4);
    bottleneck_run(&way, 30, NULL);
    ck_assert(tune.n >= 2 && tune.n <= 4);
}
END_TEST

static struct way begin_paced_by_kernel(double stream, double touch)
{
    struct way way = bottleneck_begin(30, 120 * MB, stream);
    way.touch_bps = touch;
    way.is_kernel_pacing = true;
    tune.n = 16;
    return way;
}

/* A rate for each stream that is enough for all together, but not for each at every moment. */
START_TEST(streams_that_touch_their_rates_are_made_even)
{
    struct way way = begin_paced_by_kernel(12.5 * MB, 12.5 * MB);
    double bps = bottleneck_run(&way, 30, NULL);
    ck_assert(bps > 0.97 * 120 * MB);
    ck_assert(tune.is_even);
    ck_assert_uint_eq(tune.n, 16);
}
END_TEST

START_TEST(where_even_streams_touch_their_rates_there_are_more)
{
    struct way way = begin_paced_by_kernel(8 * MB, 8 * MB);
    double bps = bottleneck_run(&way, 60, NULL);
    ck_assert(bps > 0.97 * 120 * MB);
    ck_assert(tune.is_even);
    ck_assert(tune.n > 16 && tune.n <= 32);
}
END_TEST

START_TEST(what_is_lost_by_chance_is_not_tried_against_for_long)
{
    struct way way = begin_paced_by_kernel(12.5 * MB, 1);
    unsigned n = 0, n_even = 0;
    for (; way.now_ns < 200 * WSP_NS_PER_S; n++) {
        bottleneck_pass(&way);
        n_even += tune.is_even;
        ck_assert(tune.is_even || tune.n <= 16);
    }
    ck_assert_uint_gt(n_even, 0);
    ck_assert_uint_lt(n_even, n / 5);
}
END_TEST

START_TEST(a_kernel_that_does_not_pace_makes_nothing_even)
{
    struct way way = begin_paced_by_kernel(12.5 * MB, 12.5 * MB);
    way.is_kernel_pacing = false;
    while (way.now_ns < 60 * WSP_NS_PER_S) {
        bottleneck_pass(&way);
        ck_assert(!tune.is_even && tune.n <= 16);
    }
}
END_TEST

static void reach_trial_of_fewer(struct way *way)
{
    while (tune.trial != WSP_TRIAL_DOWN && way->now_ns < 60 * WSP_NS_PER_S)
        bottleneck_pass(way);
    ck_assert_uint_lt(tune.n, 16);
}

/* On a machine that pauses it would take many windows to be sure of what nine streams deliver. */
START_TEST(a_trial_that_loses_much_is_short)
{
    struct way way = begin_paced_by_kernel(80 * MB, 20 * MB);
    way.pause_part = 20.0 / 45;
    reach_trial_of_fewer(&way);
    unsigned n = 0;
    for (; tune.trial == WSP_TRIAL_DOWN; n++)
        bottleneck_pass(&way);
    ck_assert(n * wsp_tune_interval_ns((uint64_t)way.base_ns) < WSP_NS_PER_S);
    ck_assert_uint_eq(tune.n, 16);
}
END_TEST

/* Nine streams are held to less than the way takes. */
START_TEST(a_trial_that_leaves_the_queue_empty_does_not_speed_up)
{
    struct way way = begin_paced_by_kernel(13.1 * MB, 0);
    reach_trial_of_fewer(&way);
    double capacity_bps = tune.capacity_bps;
    way.seems_held = true;
    while (tune.trial == WSP_TRIAL_DOWN)
        bottleneck_pass(&way);
    ck_assert_uint_eq(tune.n, 16);
    ck_assert(tune.capacity_bps <= capacity_bps);
}
END_TEST

START_TEST(a_pace_found_in_a_trial_outlives_it)
{
    struct way way = begin_paced_by_kernel(80 * MB, 0);
    while (tune.trial != WSP_TRIAL_DOWN && way.now_ns < 60 * WSP_NS_PER_S) {
        tune.is_paced = false;
        tune.let_go_until_ns = way.now_ns + WSP_NS_PER_S;
        bottleneck_pass(&way);
    }
    wsp_tune_take_pace(&tune, 120 * MB, tune.let_go_until_ns);
    for (int i = 0; i < 10; i++)
        bottleneck_pass(&way);
    ck_assert_uint_eq(tune.trial, WSP_TRIAL_DOWN);
    way.pauses = true;
    bottleneck_pass(&way);
    ck_assert_uint_eq(tune.trial, WSP_TRIAL_NONE);
    ck_assert(tune.is_paced && tune.capacity_bps > 100 * MB);
}
END_TEST

START_TEST(bursts_keep_their_streams)
{
    struct way way = bottleneck_begin(30, 120 * MB, 80 * MB);
    way.pauses = true;
    unsigned n = tune.n;
    while (way.now_ns < 30 * WSP_NS_PER_S) {
        bottleneck_pass(&way);
        ck_assert_uint_eq(tune.n, n);
    }
    /* ... also when a trial has begun. */
    way.pauses = false;
    while (tune.trial != WSP_TRIAL_DOWN && way.now_ns < 60 * WSP_NS_PER_S)
        bottleneck_pass(&way);
    ck_assert_uint_lt(tune.n, n);
    way.pauses = true;
    bottleneck_pass(&way);
    ck_assert_uint_eq(tune.n, n);
}
END_TEST

/* Windows of a machine that pauses differ by more than fewer streams may cost. */
static unsigned n_beside_pauses(double few_cost)
{
    struct way way = bottleneck_begin(30, 120 * MB, 80 * MB);
    way.pause_part = 20.0 / 45;
    way.few_cost = few_cost;
    tune.n = 30;
    bottleneck_run(&way, 60, NULL);
    return tune.n;
}

START_TEST(noise_neither_keeps_what_is_not_needed_nor_hides_what_it_costs)
{
    ck_assert_uint_lt(n_beside_pauses(0), 10);
    ck_assert_uint_eq(n_beside_pauses(2), 30);
}
END_TEST

START_TEST(small_costs_of_many_steps_do_not_add_up)
{
    struct way way = bottleneck_begin(30, 120 * MB, 80 * MB);
    way.few_cost = 0.07;
    tune.n = 30;
    bottleneck_run(&way, 30, NULL);
    ck_assert(tune.n >= 10 && tune.n < 30);
    way.capacity_bps = 60 * MB; /* the number is not why */
    bottleneck_run(&way, 200, NULL);
    ck_assert(tune.n < 10);
}
END_TEST

START_TEST(more_streams_are_not_kept_where_they_bring_nothing)
{
    struct way way = bottleneck_begin(3, 120 * MB, 120 * MB);
    unsigned n = tune.n;
    way.capacity_bps = 1200 * MB; /* not the way: the program gives no more */
    way.stream_bps = 100 * MB;
    for (int i = 0; i < 2000; i++) {
        way.stream_bps = 100 * MB / tune.n;
        bottleneck_pass(&way);
    }
    ck_assert_uint_eq(tune.n, n);
}
END_TEST

START_TEST(what_is_set_by_hand_stays)
{
    struct way way = bottleneck_begin(30, 120 * MB, 10 * MB);
    tune.n = 7;
    tune.rate_bps = 50 * MB;
    tune.is_n_fixed = tune.is_rate_fixed = true;
    wsp_tune_take_pace(&tune, 60 * MB, way.now_ns);
    bottleneck_run(&way, 10, NULL);
    ck_assert_uint_eq(tune.n, 7);
    ck_assert_int_eq((int)(tune.rate_bps / MB), 50);
    ck_assert_int_eq(tune.limit, WSP_LIMIT_PACING);
}
END_TEST

START_TEST(paths_to_one_site_share_its_streams)
{
    struct wsp_pair pair = {0};
    struct way way = bottleneck_begin(100, 120 * MB, 0.9 * MB);
    bottleneck_run(&way, 25, NULL);
    ck_assert(tune.n >= 120);
    for (int i = 0; i < 8; i++)
        wsp_pair_join(&pair);
    tune.n_max = wsp_pair_part(256, wsp_pair_others(&pair, true));
    bottleneck_run(&way, 4, NULL);
    ck_assert_uint_eq(tune.n, 32);
    wsp_pair_leave(&pair);
    ck_assert_uint_eq(wsp_pair_part(256, wsp_pair_others(&pair, true)), 36);
    ck_assert_uint_eq(wsp_pair_part(3, wsp_pair_others(&pair, false)), 1);
}
END_TEST

static unsigned guess(uint64_t rtt_ns, bool is_pacing, uint64_t bytes)
{
    struct wsp_outlook way = {.rtt_ns = rtt_ns, .is_kernel_pacing = is_pacing};
    return wsp_tune_guess(&way, bytes, 0);
}

START_TEST(a_first_number_fits_the_way_and_the_message)
{
    ck_assert_uint_eq(guess(70 * WSP_NS_PER_MS, false, UINT64_C(1) << 26), 100);
    ck_assert_uint_eq(guess(200 * WSP_NS_PER_MS, false, UINT64_C(1) << 26), 128);
    ck_assert_uint_eq(guess(200 * WSP_NS_PER_MS, true, UINT64_C(1) << 26), 16);
    ck_assert_uint_eq(guess(10 * WSP_NS_PER_MS, true, UINT64_C(1) << 26), 14);
    ck_assert_uint_eq(guess(30 * WSP_NS_PER_MS, false, UINT64_C(1) << 26), 30);
    ck_assert_uint_eq(guess(100 * WSP_NS_PER_MS, false, UINT64_C(1) << 18), 4);
    ck_assert_uint_eq(guess(50 * WSP_NS_PER_US, false, UINT64_C(1) << 26), WSP_TUNE_NEAR_STREAMS);
    ck_assert_uint_eq(guess(50 * WSP_NS_PER_US, false, UINT64_C(1) << 17), 2);
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, where_one_stream_carries_little_more_are_used);
    tcase_add_test(cases, streams_that_the_kernel_opens_up_are_given_time);
    tcase_add_test(cases, streams_that_are_not_needed_are_given_up);
    tcase_add_test(cases, streams_that_touch_their_rates_are_made_even);
    tcase_add_test(cases, where_even_streams_touch_their_rates_there_are_more);
    tcase_add_test(cases, what_is_lost_by_chance_is_not_tried_against_for_long);
    tcase_add_test(cases, a_kernel_that_does_not_pace_makes_nothing_even);
    tcase_add_test(cases, a_trial_that_loses_much_is_short);
    tcase_add_test(cases, a_trial_that_leaves_the_queue_empty_does_not_speed_up);
    tcase_add_test(cases, a_pace_found_in_a_trial_outlives_it);
    tcase_add_test(cases, bursts_keep_their_streams);
    tcase_add_test(cases, noise_neither_keeps_what_is_not_needed_nor_hides_what_it_costs);
    tcase_add_test(cases, small_costs_of_many_steps_do_not_add_up);
    tcase_add_test(cases, more_streams_are_not_kept_where_they_bring_nothing);
    tcase_add_test(cases, what_is_set_by_hand_stays);
    tcase_add_test(cases, paths_to_one_site_share_its_streams);
    tcase_add_test(cases, a_first_number_fits_the_way_and_the_message);
}
