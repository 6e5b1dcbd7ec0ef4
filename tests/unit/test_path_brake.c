/* SPDX-License-Identifier: BSD-3-Clause */
/* The brake on a fluid model of a bottleneck: streams that double with each round trip. */
#include "unit.h"

#include "base/clock.h"
#include "path/brake.h"

#define RTT_NS   (100 * WSP_NS_PER_MS)
#define CAPACITY 120e6
#define ROOM     (CAPACITY * 0.1) /* bytes of queue: a product of bandwidth and round trip */

struct way {
    double sending_bps, growth; /* growth in a round trip */
    double queue_bytes, lost_bytes, delivered_bytes;
    double others_queue_bytes; /* a queue that is there anyway */
    uint64_t now_ns;
    struct wsp_brake brake;
};

static void look(struct way *way)
{
    double ns = (way->queue_bytes + way->others_queue_bytes) / CAPACITY * (double)WSP_NS_PER_S;
    struct wsp_look look = {.rtt_ns = RTT_NS + (uint64_t)ns,
                            .min_rtt_ns = RTT_NS,
                            .delivered_bytes = (uint64_t)way->delivered_bytes,
                            .n = 100,
                            .is_flowing = way->sending_bps > 0};
    wsp_brake_look(&way->brake, &look, way->now_ns);
}

/* One look, and what flows until the next. */
static void pass(struct way *way)
{
    look(way);
    uint64_t span_ns = wsp_brake_interval_ns(RTT_NS);
    double s = (double)span_ns / (double)WSP_NS_PER_S, arriving = way->sending_bps;
    if (way->brake.held_bps > 0 && arriving > way->brake.held_bps)
        arriving = way->brake.held_bps;
    double through = way->queue_bytes / s + arriving;
    if (through > CAPACITY)
        through = CAPACITY;
    way->delivered_bytes += through * s;
    way->queue_bytes += (arriving - through) * s;
    if (way->queue_bytes > ROOM) {
        way->lost_bytes += way->queue_bytes - ROOM;
        way->queue_bytes = ROOM;
    }
    way->sending_bps *= 1 + (way->growth - 1) * (double)span_ns / (double)RTT_NS;
    way->now_ns += span_ns;
}

static void run(struct way *way, unsigned n_passes)
{
    for (unsigned i = 0; i < n_passes && wsp_brake_is_needed(&way->brake, way->now_ns); i++)
        pass(way);
}

static struct way begin(double sending_bps)
{
    struct way way = {.sending_bps = sending_bps, .growth = 2, .now_ns = WSP_NS_PER_S};
    wsp_brake_renew(&way.brake);
    wsp_brake_begin(&way.brake);
    return way;
}

START_TEST(young_streams_fill_the_way_and_do_not_run_it_over)
{
    struct way way = begin(10e6);
    run(&way, 40);
    ck_assert(way.delivered_bytes > 0.75 * CAPACITY);
    ck_assert(way.lost_bytes < 1);
    ck_assert(way.brake.held_bps > 0.8 * CAPACITY);
}
END_TEST

START_TEST(it_ends_when_they_have_settled)
{
    struct way way = begin(10e6);
    run(&way, 1000);
    ck_assert(!wsp_brake_is_needed(&way.brake, way.now_ns));
    ck_assert(way.now_ns < WSP_NS_PER_S + 20 * RTT_NS);
    wsp_brake_end(&way.brake);
    ck_assert(way.brake.held_bps <= 0);
}
END_TEST

START_TEST(without_a_queue_nothing_is_held)
{
    struct way way = begin(10e6);
    way.growth = 1;
    run(&way, 60);
    ck_assert(way.brake.held_bps <= 0);
}
END_TEST

/* Else who comes second would never get his part. */
START_TEST(a_queue_from_before_is_not_ours)
{
    struct way way = begin(10e6);
    way.growth = 1;
    way.others_queue_bytes = ROOM;
    run(&way, 60);
    ck_assert(way.brake.held_bps <= 0);
}
END_TEST

START_TEST(after_a_pause_the_way_is_not_found_anew)
{
    struct way way = begin(10e6);
    run(&way, 40);
    double before = way.brake.best_bps;
    wsp_brake_end(&way.brake);
    wsp_brake_begin(&way.brake);
    ck_assert(way.brake.held_bps > before && way.brake.held_bps < 1.5 * before);
    /* ... and where it has become wider, that is found. */
    wsp_brake_renew(&way.brake);
    way.queue_bytes = 0;
    way.brake.best_bps = way.brake.held_bps = CAPACITY / 4;
    way.sending_bps = CAPACITY;
    run(&way, 48);
    ck_assert(way.brake.best_bps > 0.9 * CAPACITY);
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, young_streams_fill_the_way_and_do_not_run_it_over);
    tcase_add_test(cases, it_ends_when_they_have_settled);
    tcase_add_test(cases, without_a_queue_nothing_is_held);
    tcase_add_test(cases, a_queue_from_before_is_not_ours);
    tcase_add_test(cases, after_a_pause_the_way_is_not_found_anew);
}
