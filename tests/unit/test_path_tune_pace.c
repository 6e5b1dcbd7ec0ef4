/* SPDX-License-Identifier: BSD-3-Clause */
/* The pace of bulk against a model of a bottleneck: queues of ours and of others, pauses, ways that
 * change. */
#include "bottleneck.h"
#include "unit.h"

#include "path/pair.h"

START_TEST(a_full_bottleneck_gets_what_it_takes_and_a_short_queue)
{
    struct way way = bottleneck_begin(30, 120 * MB, 130 * MB);
    double queue, bps = bottleneck_run(&way, 40, &queue);
    ck_assert(bps > 0.97 * 120 * MB);
    ck_assert(queue < 0.25);
    ck_assert_int_eq(tune.limit, WSP_LIMIT_LINK);
}
END_TEST

/* What the queue cannot bridge is lost: of 20 ms out of 450 there is nothing to carry. */
START_TEST(a_machine_that_pauses_does_not_slow_the_pace)
{
    struct way way = bottleneck_begin(30, 120 * MB, 130 * MB);
    way.pause_part = 20.0 / 45;
    double queue, bps = bottleneck_run(&way, 40, &queue);
    ck_assert(bps > 0.965 * 120 * MB);
    ck_assert(queue < 0.5);
    way.pause_part = 0;
    bps = bottleneck_run(&way, 40, &queue);
    ck_assert(bps > 0.97 * 120 * MB);
    ck_assert(queue < 0.25);
}
END_TEST

START_TEST(a_bottleneck_that_gives_less_is_followed_all_the_same)
{
    struct way way = bottleneck_begin(30, 120 * MB, 130 * MB);
    bottleneck_run(&way, 20, NULL);
    way.capacity_bps = 60 * MB;
    double queue, bps = bottleneck_run(&way, 2, &queue);
    ck_assert(bps > 0.97 * 60 * MB);
    ck_assert(queue < 0.35);
}
END_TEST

START_TEST(a_queue_of_others_is_not_held_back_for)
{
    struct way way = bottleneck_begin(30, 120 * MB, 60 * MB);
    way.foreign_bps = 130 * MB; /* fills the queue whatever we do */
    bottleneck_run(&way, 15, NULL);
    ck_assert_int_eq((int)tune.rate_bps, 0);
    wsp_tune_take_pace(&tune, 60 * MB, way.now_ns); /* too soon */
    ck_assert_int_eq((int)tune.rate_bps, 0);
    way.foreign_bps = 0;
    double queue;
    ck_assert(bottleneck_run(&way, 40, &queue) > 0.97 * 120 * MB);
    ck_assert(queue < 0.25);
}
END_TEST

/* Streams that could send more than it takes do not fill its queue first. */
START_TEST(a_bottleneck_that_is_known_is_not_found_by_its_queue)
{
    for (int is_known = 0; is_known < 2; is_known++) {
        struct way way = bottleneck_begin(100, 120 * MB, 15 * MB);
        if (is_known)
            wsp_tune_take_pace(&tune, 0.9 * 120 * MB, way.now_ns);
        double most_bytes = 0;
        for (unsigned i = 0; i < 20; i++) {
            bottleneck_pass(&way);
            most_bytes = larger(most_bytes, way.queue_bytes);
        }
        double part = most_bytes / (way.capacity_bps * way.base_ns / (double)WSP_NS_PER_S);
        ck_assert(is_known ? part < 0.3 : part > 0.9);
        ck_assert(bottleneck_run(&way, 20, NULL) > 0.95 * 120 * MB);
    }
}
END_TEST

START_TEST(a_bottleneck_that_widens_is_found)
{
    struct way way = bottleneck_begin(30, 60 * MB, 60 * MB);
    bottleneck_run(&way, 15, NULL);
    way.capacity_bps = 120 * MB;
    ck_assert(bottleneck_run(&way, 15, NULL) > 0.95 * 120 * MB);
    way.capacity_bps = 40 * MB;
    double queue;
    ck_assert(bottleneck_run(&way, 15, &queue) > 0.97 * 40 * MB);
    ck_assert(queue < 0.25);
}
END_TEST

/* It is our pace that has to follow: more streams would be of no use. */
START_TEST(a_bottleneck_that_gives_ten_times_as_much_is_followed_at_once)
{
    struct way way = bottleneck_begin(30, 12 * MB, 130 * MB);
    bottleneck_run(&way, 15, NULL);
    unsigned n = tune.n;
    way.capacity_bps = 120 * MB;
    ck_assert(bottleneck_run(&way, 2.4, NULL) > 0.9 * 120 * MB);
    ck_assert_uint_le(tune.n, n);
    ck_assert_int_ne(tune.trial, WSP_TRIAL_UP);
}
END_TEST

/* One of two that share a way has an interval. */
static double share(struct way *way, struct wsp_tune *own, const struct wsp_tune *other)
{
    bool is_paced = other->rate_bps > 0 && other->rate_bps < 2 * way->capacity_bps;
    way->foreign_bps = is_paced ? other->rate_bps : way->capacity_bps;
    tune = *own;
    double bps = bottleneck_pass(way);
    *own = tune;
    return bps;
}

/* The first round trips were those of our own buffers. */
START_TEST(a_way_that_proves_to_be_near_is_not_paced)
{
    struct way way = bottleneck_begin(30, 120 * MB, 130 * MB);
    bottleneck_run(&way, 10, NULL);
    ck_assert(tune.is_paced);
    way.base_ns = (double)WSP_TUNE_NEAR_NS / 2;
    bottleneck_pass(&way);
    ck_assert(!tune.is_paced);
    ck_assert(tune.rate_bps == 0);
    tune.is_rate_fixed = true;
    tune.rate_bps = MB;
    bottleneck_pass(&way);
    ck_assert(tune.rate_bps == MB);
}
END_TEST

/* Nothing gets through; what the kernel says of the round trip is what it was, or nearly. */
static void cut_off(struct way *way, double seconds, double queue)
{
    uint64_t span_ns = wsp_tune_interval_ns((uint64_t)way->base_ns);
    uint64_t end_ns = way->now_ns + (uint64_t)(seconds * (double)WSP_NS_PER_S);
    struct wsp_reading reading = {.span_ns = span_ns,
                                  .rtt_ns = (uint64_t)((1 + queue) * way->base_ns),
                                  .min_rtt_ns = (uint64_t)way->base_ns,
                                  .n_sent = 10,
                                  .n_sent_again = 10,
                                  .is_backlogged = true};
    while ((way->now_ns += span_ns) < end_ns)
        wsp_tune_step(&tune, &reading, way->now_ns);
}

START_TEST(a_cut_does_not_slow_down)
{
    static const double queues[] = {0, 0.1, 0.2};
    struct way way = bottleneck_begin(30, 120 * MB, 130 * MB);
    bottleneck_run(&way, 20, NULL);
    ck_assert(tune.is_paced);
    double before = tune.rate_bps;
    cut_off(&way, 20, queues[_i]);
    ck_assert(!tune.is_paced || tune.rate_bps > 0.9 * before);
    ck_assert(bottleneck_run(&way, 1, NULL) > 0.9 * 120 * MB);
}
END_TEST

/* Paced on a way of 50 ms and 12 MB/s; then so many intervals with this queue, in round trips, and
 * deliveries, as a part of the lowest pace so far: others take what we leave. Still paced? */
static bool is_paced_after(unsigned n, double queue, double part)
{
    struct way way = bottleneck_begin(50, 12 * MB, 130 * MB);
    bottleneck_run(&way, 20, NULL);
    ck_assert(tune.is_paced);
    uint64_t span_ns = wsp_tune_interval_ns((uint64_t)way.base_ns);
    double least_bps = tune.rate_bps;
    for (unsigned i = 0; i < n && tune.is_paced; i++) {
        least_bps = smaller(least_bps, tune.rate_bps);
        double bytes = part * least_bps * (double)span_ns / (double)WSP_NS_PER_S;
        struct wsp_reading reading = {.span_ns = span_ns,
                                      .delivered_bytes = (uint64_t)bytes,
                                      .rtt_ns = (uint64_t)((1 + queue) * way.base_ns),
                                      .min_rtt_ns = (uint64_t)way.base_ns,
                                      .n_sent = 100,
                                      .is_backlogged = true,
                                      .is_held = true};
        wsp_tune_step(&tune, &reading, way.now_ns += span_ns);
    }
    return tune.is_paced;
}

START_TEST(what_our_sockets_held_is_not_others)
{
    ck_assert(!is_paced_after(20, 0.9, 1));
    ck_assert(is_paced_after(20, 0.9, 1.15));
}
END_TEST

START_TEST(what_we_aim_at_is_no_crowd)
{
    ck_assert(is_paced_after(40, 0.27, 1));
}
END_TEST

START_TEST(a_pace_of_single_segments_does_not_sink)
{
    is_paced_after(200, 0.22, 0.3);
    ck_assert(!tune.is_paced || tune.rate_bps > 0.5 * MB);
}
END_TEST

START_TEST(single_segments_on_a_slow_way_are_no_queue)
{
    struct way way = bottleneck_begin(30, 2.5 * MB, 1 * MB);
    way.burst_bytes = 60e3;
    ck_assert(bottleneck_run(&way, 80, NULL) > 0.95 * 2.5 * MB);
}
END_TEST

START_TEST(a_way_that_becomes_longer_is_not_taken_for_a_queue)
{
    struct way way = bottleneck_begin(30, 120 * MB, 130 * MB);
    bottleneck_run(&way, 20, NULL);
    way.longer_ns = 0.01 * _i * way.base_ns;
    ck_assert(bottleneck_run(&way, 10, NULL) > 0.9 * 120 * MB);
    ck_assert(bottleneck_run(&way, 40, NULL) > 0.9 * 120 * MB);
}
END_TEST

START_TEST(a_try_that_is_lost_in_noise_is_made_again_soon)
{
    struct way way = bottleneck_begin(30, 120 * MB, 130 * MB);
    bottleneck_run(&way, 20, NULL);
    way.longer_ns = 0.2 * way.base_ns;
    for (int i = 0; i < 100 && !tune.way.is_trying; i++)
        bottleneck_pass(&way);
    ck_assert(tune.way.is_trying);
    double before = way.capacity_bps;
    way.capacity_bps = 0.9 * tune.rate_bps;
    while (tune.way.is_trying)
        bottleneck_pass(&way);
    way.capacity_bps = before;
    for (int i = 0; i < 25; i++)
        bottleneck_pass(&way);
    ck_assert(tune.rate_bps > 0.9 * 120 * MB);
}
END_TEST

START_TEST(two_that_share_a_way_come_to_equal_parts)
{
    struct way way = bottleneck_begin(30, 120 * MB, 130 * MB);
    bottleneck_run(&way, 10, NULL); /* the first has it for itself */
    struct wsp_tune first = tune, second;
    tune.capacity_bps = tune.rate_bps = 10 * MB;
    second = tune;
    double sums[2] = {0};
    for (int i = 0; i < 1600; i++) {
        double bps[2] = {share(&way, &first, &second), share(&way, &second, &first)};
        for (int k = 0; k < 2 && i >= 1200; k++)
            sums[k] += bps[k] / 400;
    }
    ck_assert(sums[0] + sums[1] > 0.9 * 120 * MB);
    ck_assert(larger(sums[0], sums[1]) < 1.5 * smaller(sums[0], sums[1]));
}
END_TEST

START_TEST(what_paths_of_one_machine_take_is_known_to_all)
{
    struct wsp_pair pair = {0};
    uint64_t told[3] = {0};
    wsp_pair_tell(&pair, &told[0], 100);
    ck_assert(wsp_pair_equal_bps(&pair) <= 0);
    wsp_pair_tell(&pair, &told[1], 30);
    wsp_pair_tell(&pair, &told[2], 20);
    ck_assert_uint_eq((unsigned)wsp_pair_equal_bps(&pair), 50);
    wsp_pair_tell(&pair, &told[0], 60);
    wsp_pair_tell(&pair, &told[2], 0);
    ck_assert_uint_eq((unsigned)wsp_pair_equal_bps(&pair), 45);
    wsp_pair_tell(&pair, &told[0], 0);
    wsp_pair_tell(&pair, &told[1], 0);
    ck_assert(pair.paced_bps == 0 && pair.n_paced == 0);
}
END_TEST

START_TEST(a_path_comes_near_the_mean_of_its_machine)
{
    struct way way = bottleneck_begin(30, 120 * MB, 130 * MB);
    bottleneck_run(&way, 10, NULL);
    way.equal_bps = 60 * MB;
    double least_bps = tune.rate_bps;
    for (int i = 0; i < 40; i++) {
        bottleneck_pass(&way);
        least_bps = smaller(least_bps, tune.rate_bps);
    }
    ck_assert(least_bps < 0.92 * 120 * MB); /* although nobody else wants it */
    ck_assert(least_bps > 60 * MB);
}
END_TEST

/* Intervals in which the kernels let almost nothing go, with the round trips of late answers. */
static void pinch(struct way *way, unsigned n, double bps, double share)
{
    for (unsigned i = 0; i < n; i++) {
        uint64_t span_ns = wsp_tune_interval_ns((uint64_t)way->base_ns);
        way->now_ns += span_ns;
        struct wsp_reading reading = {.span_ns = span_ns,
                                      .delivered_bytes =
                                          (uint64_t)(bps * (double)span_ns / (double)WSP_NS_PER_S),
                                      .rtt_ns = 2 * (uint64_t)way->base_ns,
                                      .min_rtt_ns = (uint64_t)way->base_ns,
                                      .n_sent = 4,
                                      .is_backlogged = true,
                                      .pinched_share = share};
        wsp_tune_step(&tune, &reading, way->now_ns);
    }
}

START_TEST(a_kernel_that_looks_for_the_least_round_trip_is_no_bottleneck)
{
    struct way way = bottleneck_begin(10, 120 * MB, 130 * MB);
    bottleneck_run(&way, 10, NULL);
    double before = tune.rate_bps;
    ck_assert(before > 100 * MB);
    pinch(&way, 10, 0.4 * MB, 1);
    ck_assert(tune.rate_bps >= before);
    pinch(&way, 10, 0.4 * MB, 0.3); /* most are not */
    ck_assert(tune.rate_bps < before / 2);
}
END_TEST

/* Streams so many that each has a few packets under way, always: there the queue is real. */
START_TEST(small_windows_alone_do_not_hide_a_queue)
{
    struct way way = bottleneck_begin(10, 120 * MB, 130 * MB);
    bottleneck_run(&way, 10, NULL);
    double before = tune.rate_bps;
    pinch(&way, 10, 80 * MB, 1);
    ck_assert(tune.rate_bps < 0.8 * before);
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, a_full_bottleneck_gets_what_it_takes_and_a_short_queue);
    tcase_add_test(cases, a_machine_that_pauses_does_not_slow_the_pace);
    tcase_add_test(cases, a_bottleneck_that_gives_less_is_followed_all_the_same);
    tcase_add_test(cases, a_queue_of_others_is_not_held_back_for);
    tcase_add_test(cases, a_bottleneck_that_is_known_is_not_found_by_its_queue);
    tcase_add_test(cases, a_bottleneck_that_widens_is_found);
    tcase_add_test(cases, a_bottleneck_that_gives_ten_times_as_much_is_followed_at_once);
    tcase_add_loop_test(cases, a_cut_does_not_slow_down, 0, 3);
    tcase_add_test(cases, what_our_sockets_held_is_not_others);
    tcase_add_test(cases, what_we_aim_at_is_no_crowd);
    tcase_add_test(cases, a_pace_of_single_segments_does_not_sink);
    tcase_add_test(cases, single_segments_on_a_slow_way_are_no_queue);
    for (int percent = 5; percent <= 40; percent += 5)
        tcase_add_loop_test(cases, a_way_that_becomes_longer_is_not_taken_for_a_queue, percent,
                            percent + 1);
    tcase_add_test(cases, a_kernel_that_looks_for_the_least_round_trip_is_no_bottleneck);
    tcase_add_test(cases, small_windows_alone_do_not_hide_a_queue);
    tcase_add_test(cases, a_try_that_is_lost_in_noise_is_made_again_soon);
    tcase_add_test(cases, two_that_share_a_way_come_to_equal_parts);
    tcase_add_test(cases, what_paths_of_one_machine_take_is_known_to_all);
    tcase_add_test(cases, a_way_that_proves_to_be_near_is_not_paced);
    tcase_add_test(cases, a_path_comes_near_the_mean_of_its_machine);
}
