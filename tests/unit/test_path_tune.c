/* SPDX-License-Identifier: BSD-3-Clause */
/* Tuning against a fluid model of a bottleneck: what enters beyond its rate queues, what a queue of
 * one product of bandwidth and round trip cannot hold is lost. */
#include "unit.h"

#include "base/clock.h"
#include "path/pair.h"
#include "path/tune.h"

#define MB 1e6

struct way {
    double capacity_bps; /* bytes a second */
    double base_ns;
    double stream_bps;  /* what one stream can carry at most */
    double foreign_bps; /* what others put in whatever happens */
    double longer_ns;   /* than the least round trip, without any queue */
    double few_cost;    /* what a single stream wastes of the capacity, two half of it, and so on */
    double burst_bytes; /* up to so much leaves at once */
    double pause_part;  /* of every tenth interval, nothing comes in; for a while round trips */
    double late_ns;     /* ... are the longer */
    double queue_bytes;
    double equal_bps; /* told by the pair */
    double touch_bps; /* a stream that sends more, also for a moment, loses a fiftieth; 0: none */
    bool is_kernel_pacing;
    bool seems_held; /* for moments, although the streams are slower than the pace */
    bool pauses;     /* again and again, so that no burst is long */
    uint64_t now_ns;
};

static struct wsp_tune tune;

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* One interval; returns what was delivered a second. */
static double pass(struct way *way)
{
    uint64_t span_ns = wsp_tune_interval_ns((uint64_t)way->base_ns);
    double span = (double)span_ns / (double)WSP_NS_PER_S;
    double could = smaller(tune.n * way->stream_bps, 2 * way->capacity_bps);
    bool is_held = tune.rate_bps > 0 && tune.rate_bps < could;
    double sent = is_held ? tune.rate_bps : could;
    double in = sent + way->foreign_bps, our_part = sent / in;
    double pause = way->now_ns / span_ns % 10 == 0 ? way->pause_part : 0;
    in *= 1 - pause;
    way->late_ns = way->late_ns / 2 + pause * (double)span_ns / 2;
    double room = way->capacity_bps * way->base_ns / (double)WSP_NS_PER_S;
    double ours = our_part * smaller(way->capacity_bps, in + way->queue_bytes / span);
    ours *= 1 - way->few_cost / tune.n;
    way->queue_bytes = larger(0, smaller(room, way->queue_bytes + (in - way->capacity_bps) * span));
    way->now_ns += span_ns;
    double burst_bytes = way->burst_bytes * (double)(way->now_ns / span_ns * 7919 % 100) / 100;
    double waits_ns = (way->queue_bytes + burst_bytes) / way->capacity_bps * (double)WSP_NS_PER_S;
    double spell_bps = (tune.is_even ? 1.25 : 2.5) * ours / tune.n;
    struct wsp_reading reading = {
        .span_ns = span_ns,
        .delivered_bytes = (uint64_t)(ours * span),
        .rtt_ns = (uint64_t)(way->base_ns + way->longer_ns + way->late_ns + waits_ns),
        .min_rtt_ns = (uint64_t)way->base_ns,
        .n_sent = 1000,
        .n_sent_again = way->touch_bps > 0 && spell_bps > way->touch_bps ? 20 : 0,
        .is_backlogged = true,
        .is_held = is_held || way->seems_held,
        .is_kernel_pacing = way->is_kernel_pacing,
        .burst_ns = way->pauses ? WSP_NS_PER_S : way->now_ns,
        .equal_bps = way->equal_bps};
    wsp_tune_step(&tune, &reading, way->now_ns);
    return ours;
}

/* The mean over the second half of so many seconds; the queue's mean as well, in round trips. */
static double run(struct way *way, double seconds, double *queue)
{
    double sum = 0, queues = 0;
    unsigned n = 0;
    uint64_t half_ns = (uint64_t)(seconds / 2 * (double)WSP_NS_PER_S);
    uint64_t end_ns = way->now_ns + 2 * half_ns;
    while (way->now_ns < end_ns) {
        double bps = pass(way);
        if (way->now_ns + half_ns < end_ns)
            continue;
        sum += bps;
        queues += way->queue_bytes / way->capacity_bps * (double)WSP_NS_PER_S / way->base_ns;
        n++;
    }
    if (queue)
        *queue = queues / n;
    return sum / n;
}

static struct way begin(double rtt_ms, double capacity, double stream)
{
    wsp_tune_init(&tune, 256);
    struct wsp_outlook outlook = {.rtt_ns = (uint64_t)(rtt_ms * (double)WSP_NS_PER_MS)};
    tune.n = wsp_tune_guess(&outlook, UINT64_C(1) << 30, 0);
    return (struct way){.capacity_bps = capacity,
                        .base_ns = rtt_ms * (double)WSP_NS_PER_MS,
                        .stream_bps = stream,
                        .now_ns = WSP_NS_PER_S};
}

START_TEST(a_full_bottleneck_gets_what_it_takes_and_a_short_queue)
{
    struct way way = begin(30, 120 * MB, 130 * MB);
    double queue, bps = run(&way, 40, &queue);
    ck_assert(bps > 0.97 * 120 * MB);
    ck_assert(bps > 0.97 * 120 * MB);
    ck_assert(queue < 0.25);
    ck_assert_int_eq(tune.limit, WSP_LIMIT_LINK);
}
END_TEST

/* What the queue cannot bridge is lost: of 20 ms out of 450 there is nothing to carry. */
START_TEST(a_machine_that_pauses_does_not_slow_the_pace)
{
    struct way way = begin(30, 120 * MB, 130 * MB);
    way.pause_part = 20.0 / 45;
    double queue, bps = run(&way, 40, &queue);
    ck_assert(bps > 0.965 * 120 * MB);
    ck_assert(queue < 0.5);
    way.pause_part = 0;
    bps = run(&way, 40, &queue);
    ck_assert(bps > 0.97 * 120 * MB);
    ck_assert(queue < 0.25);
}
END_TEST

START_TEST(a_bottleneck_that_gives_less_is_followed_all_the_same)
{
    struct way way = begin(30, 120 * MB, 130 * MB);
    run(&way, 20, NULL);
    way.capacity_bps = 60 * MB;
    double queue, bps = run(&way, 2, &queue);
    ck_assert(bps > 0.97 * 60 * MB);
    ck_assert(queue < 0.35);
}
END_TEST

START_TEST(where_one_stream_carries_little_more_are_used)
{
    struct way way = begin(100, 120 * MB, 0.9 * MB);
    double bps = run(&way, 25, NULL);
    ck_assert(bps > 0.95 * 120 * MB);
    ck_assert(tune.n >= 120);
}
END_TEST

START_TEST(streams_that_the_kernel_opens_up_are_given_time)
{
    struct way way = begin(100, 120 * MB, 4 * MB);
    way.is_kernel_pacing = true;
    tune.n = 16;
    for (int i = 0; i < 18; i++) { /* 2.7 s */
        way.stream_bps *= 1.02;
        pass(&way);
        ck_assert_uint_eq(tune.n, 16);
    }
    run(&way, 2, NULL);
    ck_assert_uint_gt(tune.n, 16);
}
END_TEST

START_TEST(streams_that_are_not_needed_are_given_up)
{
    struct way way = begin(30, 120 * MB, 80 * MB);
    ck_assert_uint_gt(tune.n, 4);
    run(&way, 30, NULL);
    ck_assert(tune.n >= 2 && tune.n <= 4);
}
END_TEST

static struct way begin_paced_by_kernel(double stream, double touch)
{
    struct way way = begin(30, 120 * MB, stream);
    way.touch_bps = touch;
    way.is_kernel_pacing = true;
    tune.n = 16;
    return way;
}

/* A rate for each stream that is enough for all together, but not for each at every moment. */
START_TEST(streams_that_touch_their_rates_are_made_even)
{
    struct way way = begin_paced_by_kernel(12.5 * MB, 12.5 * MB);
    double bps = run(&way, 30, NULL);
    ck_assert(bps > 0.97 * 120 * MB);
    ck_assert(tune.is_even);
    ck_assert_uint_eq(tune.n, 16);
}
END_TEST

START_TEST(where_even_streams_touch_their_rates_there_are_more)
{
    struct way way = begin_paced_by_kernel(8 * MB, 8 * MB);
    double bps = run(&way, 60, NULL);
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
        pass(&way);
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
        pass(&way);
        ck_assert(!tune.is_even && tune.n <= 16);
    }
}
END_TEST

static void reach_trial_of_fewer(struct way *way)
{
    while (tune.trial != WSP_TRIAL_DOWN && way->now_ns < 60 * WSP_NS_PER_S)
        pass(way);
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
        pass(&way);
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
        pass(&way);
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
        pass(&way);
    }
    wsp_tune_take_pace(&tune, 120 * MB, tune.let_go_until_ns);
    for (int i = 0; i < 10; i++)
        pass(&way);
    ck_assert_uint_eq(tune.trial, WSP_TRIAL_DOWN);
    way.pauses = true;
    pass(&way);
    ck_assert_uint_eq(tune.trial, WSP_TRIAL_NONE);
    ck_assert(tune.is_paced && tune.capacity_bps > 100 * MB);
}
END_TEST

START_TEST(bursts_keep_their_streams)
{
    struct way way = begin(30, 120 * MB, 80 * MB);
    way.pauses = true;
    unsigned n = tune.n;
    while (way.now_ns < 30 * WSP_NS_PER_S) {
        pass(&way);
        ck_assert_uint_eq(tune.n, n);
    }
    /* ... also when a trial has begun. */
    way.pauses = false;
    while (tune.trial != WSP_TRIAL_DOWN && way.now_ns < 60 * WSP_NS_PER_S)
        pass(&way);
    ck_assert_uint_lt(tune.n, n);
    way.pauses = true;
    pass(&way);
    ck_assert_uint_eq(tune.n, n);
}
END_TEST

/* Windows of a machine that pauses differ by more than fewer streams may cost. */
static unsigned n_beside_pauses(double few_cost)
{
    struct way way = begin(30, 120 * MB, 80 * MB);
    way.pause_part = 20.0 / 45;
    way.few_cost = few_cost;
    tune.n = 30;
    run(&way, 60, NULL);
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
    struct way way = begin(30, 120 * MB, 80 * MB);
    way.few_cost = 0.07;
    tune.n = 30;
    run(&way, 30, NULL);
    ck_assert(tune.n >= 10 && tune.n < 30);
    way.capacity_bps = 60 * MB; /* the number is not why */
    run(&way, 200, NULL);
    ck_assert(tune.n < 10);
}
END_TEST

START_TEST(more_streams_are_not_kept_where_they_bring_nothing)
{
    struct way way = begin(1, 120 * MB, 120 * MB);
    way.capacity_bps = 1200 * MB; /* not the way: the program gives no more */
    way.stream_bps = 100 * MB;
    for (int i = 0; i < 2000; i++) {
        way.stream_bps = 100 * MB / tune.n;
        pass(&way);
    }
    ck_assert_uint_eq(tune.n, 1);
}
END_TEST

START_TEST(a_queue_of_others_is_not_held_back_for)
{
    struct way way = begin(30, 120 * MB, 60 * MB);
    way.foreign_bps = 130 * MB; /* fills the queue whatever we do */
    run(&way, 15, NULL);
    ck_assert_int_eq((int)tune.rate_bps, 0);
    wsp_tune_take_pace(&tune, 60 * MB, way.now_ns); /* too soon */
    ck_assert_int_eq((int)tune.rate_bps, 0);
    way.foreign_bps = 0;
    double queue;
    ck_assert(run(&way, 40, &queue) > 0.97 * 120 * MB);
    ck_assert(queue < 0.25);
}
END_TEST

/* Streams that could send more than it takes do not fill its queue first. */
START_TEST(a_bottleneck_that_is_known_is_not_found_by_its_queue)
{
    for (int is_known = 0; is_known < 2; is_known++) {
        struct way way = begin(100, 120 * MB, 15 * MB);
        if (is_known)
            wsp_tune_take_pace(&tune, 0.9 * 120 * MB, way.now_ns);
        double most_bytes = 0;
        for (unsigned i = 0; i < 20; i++) {
            pass(&way);
            most_bytes = larger(most_bytes, way.queue_bytes);
        }
        double part = most_bytes / (way.capacity_bps * way.base_ns / (double)WSP_NS_PER_S);
        ck_assert(is_known ? part < 0.3 : part > 0.9);
        ck_assert(run(&way, 20, NULL) > 0.95 * 120 * MB);
    }
}
END_TEST

START_TEST(a_bottleneck_that_widens_is_found)
{
    struct way way = begin(30, 60 * MB, 60 * MB);
    run(&way, 15, NULL);
    way.capacity_bps = 120 * MB;
    ck_assert(run(&way, 15, NULL) > 0.95 * 120 * MB);
    way.capacity_bps = 40 * MB;
    double queue;
    ck_assert(run(&way, 15, &queue) > 0.97 * 40 * MB);
    ck_assert(queue < 0.25);
}
END_TEST

/* One of two that share a way has an interval. */
static double share(struct way *way, struct wsp_tune *own, const struct wsp_tune *other)
{
    bool is_paced = other->rate_bps > 0 && other->rate_bps < 2 * way->capacity_bps;
    way->foreign_bps = is_paced ? other->rate_bps : way->capacity_bps;
    tune = *own;
    double bps = pass(way);
    *own = tune;
    return bps;
}

/* The first round trips were those of our own buffers. */
START_TEST(a_way_that_proves_to_be_near_is_not_paced)
{
    struct way way = begin(30, 120 * MB, 130 * MB);
    run(&way, 10, NULL);
    ck_assert(tune.is_paced);
    way.base_ns = (double)WSP_TUNE_NEAR_NS / 2;
    pass(&way);
    ck_assert(!tune.is_paced);
    ck_assert(tune.rate_bps == 0);
    tune.is_rate_fixed = true;
    tune.rate_bps = MB;
    pass(&way);
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
    struct way way = begin(30, 120 * MB, 130 * MB);
    run(&way, 20, NULL);
    ck_assert(tune.is_paced);
    double before = tune.rate_bps;
    cut_off(&way, 20, queues[_i]);
    ck_assert(!tune.is_paced || tune.rate_bps > 0.9 * before);
    ck_assert(run(&way, 1, NULL) > 0.9 * 120 * MB);
}
END_TEST

/* Paced on a way of 50 ms and 12 MB/s; then so many intervals with this queue, in round trips, and
 * deliveries, as a part of the lowest pace so far: others take what we leave. Still paced? */
static bool is_paced_after(unsigned n, double queue, double part)
{
    struct way way = begin(50, 12 * MB, 130 * MB);
    run(&way, 20, NULL);
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
    struct way way = begin(30, 2.5 * MB, 1 * MB);
    way.burst_bytes = 60e3;
    ck_assert(run(&way, 80, NULL) > 0.95 * 2.5 * MB);
}
END_TEST

START_TEST(a_way_that_becomes_longer_is_not_taken_for_a_queue)
{
    struct way way = begin(30, 120 * MB, 130 * MB);
    run(&way, 20, NULL);
    way.longer_ns = 0.01 * _i * way.base_ns;
    ck_assert(run(&way, 10, NULL) > 0.9 * 120 * MB);
    ck_assert(run(&way, 40, NULL) > 0.9 * 120 * MB);
}
END_TEST

START_TEST(a_try_that_is_lost_in_noise_is_made_again_soon)
{
    struct way way = begin(30, 120 * MB, 130 * MB);
    run(&way, 20, NULL);
    way.longer_ns = 0.2 * way.base_ns;
    for (int i = 0; i < 100 && !tune.way.is_trying; i++)
        pass(&way);
    ck_assert(tune.way.is_trying);
    double before = way.capacity_bps;
    way.capacity_bps = 0.9 * tune.rate_bps;
    while (tune.way.is_trying)
        pass(&way);
    way.capacity_bps = before;
    for (int i = 0; i < 25; i++)
        pass(&way);
    ck_assert(tune.rate_bps > 0.9 * 120 * MB);
}
END_TEST

START_TEST(two_that_share_a_way_come_to_equal_parts)
{
    struct way way = begin(30, 120 * MB, 130 * MB);
    run(&way, 10, NULL); /* the first has it for itself */
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
    struct way way = begin(30, 120 * MB, 130 * MB);
    run(&way, 10, NULL);
    way.foreign_bps = 40 * MB;
    way.equal_bps = 60 * MB;
    run(&way, 2, NULL);
    ck_assert(tune.rate_bps > 50 * MB && tune.rate_bps < 80 * MB);
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
    struct way way = begin(10, 120 * MB, 130 * MB);
    run(&way, 10, NULL);
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
    struct way way = begin(10, 120 * MB, 130 * MB);
    run(&way, 10, NULL);
    double before = tune.rate_bps;
    pinch(&way, 10, 80 * MB, 1);
    ck_assert(tune.rate_bps < 0.8 * before);
}
END_TEST

START_TEST(what_is_set_by_hand_stays)
{
    struct way way = begin(30, 120 * MB, 10 * MB);
    tune.n = 7;
    tune.rate_bps = 50 * MB;
    tune.is_n_fixed = tune.is_rate_fixed = true;
    wsp_tune_take_pace(&tune, 60 * MB, way.now_ns);
    run(&way, 10, NULL);
    ck_assert_uint_eq(tune.n, 7);
    ck_assert_int_eq((int)(tune.rate_bps / MB), 50);
    ck_assert_int_eq(tune.limit, WSP_LIMIT_PACING);
}
END_TEST

START_TEST(paths_to_one_site_share_its_streams)
{
    struct wsp_pair pair = {0};
    struct way way = begin(100, 120 * MB, 0.9 * MB);
    run(&way, 25, NULL);
    ck_assert(tune.n >= 120);
    for (int i = 0; i < 8; i++)
        wsp_pair_join(&pair);
    tune.n_max = wsp_pair_part(256, wsp_pair_others(&pair, true));
    run(&way, 4, NULL);
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
    ck_assert_uint_eq(guess(50 * WSP_NS_PER_US, false, UINT64_C(1) << 26), 1);
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, a_full_bottleneck_gets_what_it_takes_and_a_short_queue);
    tcase_add_test(cases, a_machine_that_pauses_does_not_slow_the_pace);
    tcase_add_test(cases, a_bottleneck_that_gives_less_is_followed_all_the_same);
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
    tcase_add_test(cases, a_queue_of_others_is_not_held_back_for);
    tcase_add_test(cases, a_bottleneck_that_is_known_is_not_found_by_its_queue);
    tcase_add_test(cases, a_bottleneck_that_widens_is_found);
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
    tcase_add_test(cases, what_is_set_by_hand_stays);
    tcase_add_test(cases, paths_to_one_site_share_its_streams);
    tcase_add_test(cases, a_first_number_fits_the_way_and_the_message);
}
