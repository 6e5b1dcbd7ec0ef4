/* SPDX-License-Identifier: BSD-3-Clause */
/* Tuning put to work: young streams are held by their kernels and let go, what comes in bursts
 * keeps its streams, and what loses packets by its spells is made even. */
#include "two_ends.h"
#include "unit.h"

#define STEP_NS  (10 * WSP_NS_PER_MS)
#define QUEUE_NS (5 * WSP_NS_PER_MS) /* a queue, but none that makes the pace ours by itself */
#define EACH     60000               /* bytes of a step that each stream delivers */

static struct wsp_end_tuning chosen(void)
{
    struct wsp_end_tuning tuning;
    wsp_end_get_tuning(parties[0].end, &tuning);
    return tuning;
}

static uint64_t paced_bps(void)
{
    return (uint64_t)chosen().pace_bps;
}

static void let_pass(uint64_t ns)
{
    now += ns;
    for (int id = 0; id < 2; id++)
        wsp_end_tick(parties[id].end, now);
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
        let_pass(STEP_NS);
        is_held |= parties[0].held_bps[0] > 0;
    }
    return is_held;
}

static void begin(bool is_tuned, bool is_paced)
{
    ends_open(&(struct ends_options){
        .is_tuned = is_tuned, .is_paced = is_paced, .n_first = N_STREAMS, .guess = N_STREAMS});
    for (unsigned i = 0; i < N_STREAMS; i++)
        ends_join(i, 1, true);
    ends_settle();
}

START_TEST(when_they_are_let_go_the_pace_is_what_went_through)
{
    begin(false, true);
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

START_TEST(where_the_way_proves_to_be_near_they_are_let_go_at_once)
{
    begin(false, true);
    flow(20);
    parties[0].queue_ns = QUEUE_NS;
    ck_assert(flow(8));
    ck_assert_uint_gt(parties[0].held_bps[0], 0);
    parties[0].queue_ns = 0;
    parties[0].near_ns = WSP_NS_PER_MS;
    flow(8);
    ck_assert_uint_eq(parties[0].held_bps[0], 0);
    ck_assert_uint_eq(paced_bps(), 0);
    ends_teardown();
}
END_TEST

START_TEST(where_none_is_held_the_pace_is_not_ours)
{
    begin(false, true);
    ck_assert(!flow(120));
    ck_assert_uint_eq(paced_bps(), 0);
    ends_teardown();
}
END_TEST

START_TEST(a_pace_by_hand_holds_nobody)
{
    begin(false, false);
    flow(20);
    parties[0].queue_ns = QUEUE_NS;
    ck_assert(!flow(100));
    ck_assert_uint_eq(paced_bps(), 0);
    ends_teardown();
}
END_TEST

START_TEST(a_lucky_packet_does_not_make_a_queue_of_all_others)
{
    begin(true, true);
    wsp_end_hint_rtt(parties[0].end, WAY_NS, now);
    ck_assert_uint_eq(chosen().min_rtt_ns, WAY_NS);
    flow(20);
    ck_assert_uint_eq(chosen().min_rtt_ns, 2 * WAY_NS);
    wsp_end_hint_rtt(parties[0].end, WAY_NS, now);
    flow(20);
    ck_assert_uint_eq(chosen().min_rtt_ns, 2 * WAY_NS);
    ends_teardown();
}
END_TEST

/* A step in which each stream sends one frame, and there is always more to send. */
static void drip(unsigned *n_messages)
{
    for (; *n_messages < parties[0].n_sent + 3; ++*n_messages)
        ends_send(0, data, sizeof data, 0);
    for (unsigned i = 0; i < N_STREAMS; i++) {
        struct wsp_out out;
        unsigned n_arrived = parties[1].n_arrived;
        if (!ends_pull(0, i, &out))
            continue;
        ck_assert_int_eq(ends_hand_over(1, i, &out, false), WSP_OK);
        wsp_end_written(parties[0].end, i, now);
        if (parties[1].n_arrived > n_arrived)
            wsp_end_accept(parties[1].end, parties[1].arrived, buffer, sizeof buffer, NULL, now);
    }
    ends_carry(1);
    parties[0].delivered_bytes += EACH;
}

/* The least number of streams that bulk had in ten seconds beside a queue. */
static unsigned least_streams(bool pauses)
{
    unsigned n_messages = 0, least = N_STREAMS;
    begin(true, true);
    for (unsigned i = 0; i < 1000; i++) {
        parties[0].queue_ns = i < 20 ? 0 : QUEUE_NS;
        drip(&n_messages);
        let_pass(pauses && i % 50 == 0 ? 15 * STEP_NS : STEP_NS);
        unsigned n = chosen().n_streams;
        least = n < least ? n : least;
    }
    ends_settle();
    ends_teardown();
    return least;
}

START_TEST(bulk_in_bursts_keeps_its_streams)
{
    ck_assert_uint_lt(least_streams(false), N_STREAMS);
    ck_assert_uint_eq(least_streams(true), N_STREAMS);
}
END_TEST

/* Ten seconds beside a queue; what streams that are not held send comes to be sent again. */
static void drip_over_a_policer(bool is_kernel_pacing)
{
    unsigned n_messages = 0;
    begin(false, true);
    wsp_end_hint_kernel_pacing(parties[0].end, is_kernel_pacing);
    for (unsigned i = 0; i < 1000; i++) {
        parties[0].queue_ns = i < 20 ? 0 : QUEUE_NS * 3 / 2;
        parties[0].n_packets += 40;
        parties[0].n_again += parties[0].held_bps[0] == 0;
        drip(&n_messages);
        let_pass(STEP_NS);
    }
}

START_TEST(streams_that_lose_by_their_spells_are_made_even)
{
    drip_over_a_policer(true);
    ck_assert_uint_gt(paced_bps(), 0);
    for (unsigned i = 0; i < N_STREAMS; i++) {
        ck_assert_uint_gt(parties[0].held_bps[i], paced_bps() / N_STREAMS * 3 / 2);
        ck_assert_uint_lt(parties[0].held_bps[i], paced_bps() / N_STREAMS * 2);
    }
    ends_settle();
    ends_teardown();
    drip_over_a_policer(false);
    ck_assert_uint_eq(parties[0].held_bps[0], 0);
    ends_settle();
    ends_teardown();
}
END_TEST

/* Ten seconds of messages one after the other, with so long between them. */
static double goodput_of_lone_messages(uint64_t gap_ns)
{
    begin(true, false);
    for (unsigned i = 0; i < 1000; i++) {
        struct wsp_out envelope;
        ends_send(0, data, sizeof data, 0);
        ck_assert(ends_pull(0, 0, &envelope));
        ck_assert_int_eq(ends_hand_over(1, 0, &envelope, false), WSP_OK);
        wsp_end_written(parties[0].end, 0, now);
        let_pass(STEP_NS - gap_ns);
        ends_settle(); /* the rest goes out, and streams ask for more */
        wsp_end_accept(parties[1].end, parties[1].arrived, buffer, sizeof buffer, NULL, now);
        ends_settle();
        parties[0].delivered_bytes += EACH;
        let_pass(gap_ns);
    }
    double bps = chosen().goodput_bps;
    ends_teardown();
    return bps;
}

START_TEST(messages_one_after_the_other_are_measured_too)
{
    ck_assert(goodput_of_lone_messages(STEP_NS / 50) > 0);
    ck_assert(goodput_of_lone_messages(STEP_NS / 4) <= 0);
}
END_TEST

/* Middling messages go in the lane while they are few. */
START_TEST(many_middling_messages_are_bulk)
{
    enum { LENGTH = 40000 };
    struct wsp_out out;
    ends_open(&(struct ends_options){
        .is_tuned = true, .n_first = 1, .guess = N_STREAMS, .eager_bytes = 65536});
    ends_join(0, 1, true);
    ends_settle();
    ends_send(0, data, LENGTH, 0);
    ck_assert(!wsp_end_wants(parties[0].end, 1));
    for (unsigned i = 0; i < 10; i++)
        ends_send(0, data, LENGTH, 0);
    ck_assert(wsp_end_wants(parties[0].end, 1));
    ck_assert(ends_pull(0, 0, &out));
    ck_assert_uint_eq(out.payload_length, 0); /* the envelope alone: the rest is anybody's */
    ck_assert_int_eq(ends_hand_over(1, 0, &out, false), WSP_OK);
    wsp_end_written(parties[0].end, 0, now);
    ends_settle();
    ck_assert_uint_eq(parties[0].n_sent, 11);
    ends_teardown();
}
END_TEST

/* Streams are opened for it from then on: another path must not count on as many. */
START_TEST(bulk_counts_from_when_it_is_announced)
{
    static uint8_t large[N_STREAMS << 16];
    struct wsp_pair machine = {0};
    ends_open(&(struct ends_options){
        .is_tuned = true, .n_first = 1, .guess = N_STREAMS, .machine = &machine});
    ends_send(0, large, sizeof large, 0);
    ck_assert_uint_eq(machine.n_bulk, 1);
    ends_send(0, large, sizeof large, 0);
    ck_assert_uint_eq(machine.n_bulk, 1);
    ends_send(1, large, sizeof large, 0);
    ck_assert_uint_eq(machine.n_bulk, 2);
    ck_assert(wsp_end_wants(parties[0].end, N_STREAMS - 1));
    ck_assert_msg(!wsp_end_wants(parties[1].end, N_STREAMS - 1), "half of them are the other's");
    ends_teardown();
    ck_assert_uint_eq(machine.n_bulk, 0);
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, bulk_counts_from_when_it_is_announced);
    tcase_add_test(cases, when_they_are_let_go_the_pace_is_what_went_through);
    tcase_add_test(cases, where_the_way_proves_to_be_near_they_are_let_go_at_once);
    tcase_add_test(cases, where_none_is_held_the_pace_is_not_ours);
    tcase_add_test(cases, a_pace_by_hand_holds_nobody);
    tcase_add_test(cases, a_lucky_packet_does_not_make_a_queue_of_all_others);
    tcase_add_test(cases, bulk_in_bursts_keeps_its_streams);
    tcase_add_test(cases, streams_that_lose_by_their_spells_are_made_even);
    tcase_add_test(cases, messages_one_after_the_other_are_measured_too);
    tcase_add_test(cases, many_middling_messages_are_bulk);
}
