/* SPDX-License-Identifier: BSD-3-Clause */
/* Which stream sends which bytes: shares, what goes twice, the express lane, and what goes before
 * the answer. */
#include "two_ends.h"
#include "unit.h"

#include <string.h>

#define LAG_NS (WAY_NS + 5 * WSP_NS_PER_MS) /* an acknowledgement waits for company */

/* Bytes of a message of two pieces that each stream sends, the head apart. */
static void send_short(uint64_t bytes[N_STREAMS])
{
    uint64_t before[N_STREAMS];
    for (unsigned i = 0; i < N_STREAMS; i++)
        before[i] = wsp_end_stream_bytes(parties[0].end, i);
    unsigned n = parties[1].n_arrived;
    ends_send(0, data, 8000, 0);
    ends_settle();
    ck_assert_uint_eq(parties[1].n_arrived, n + 1);
    wsp_end_accept(parties[1].end, parties[1].arrived, buffer, sizeof buffer, NULL, now);
    ends_settle();
    ck_assert_uint_eq(parties[1].n_landed, n + 1);
    ck_assert_mem_eq(buffer, data, 8000);
    for (unsigned i = 0; i < N_STREAMS; i++)
        bytes[i] = wsp_end_stream_bytes(parties[0].end, i) - before[i];
}

START_TEST(a_short_message_is_shared_by_what_the_kernels_tell)
{
    uint64_t bytes[N_STREAMS];
    ends_setup(2);
    parties[0].pace_bps[0] = parties[0].pace_bps[1] = 1000000;
    send_short(bytes);
    ck_assert_uint_eq(bytes[0] + bytes[1], 8000);
    ck_assert_uint_ge(bytes[0], 3904);
    ck_assert_uint_ge(bytes[1], 3904);
    parties[0].pace_bps[1] = 3000000;
    send_short(bytes);
    ck_assert_uint_eq(bytes[0], 0);
    ck_assert_uint_eq(bytes[1], 8000);
    parties[0].pace_bps[0] = 9000000;
    send_short(bytes);
    ck_assert_uint_eq(bytes[0], 8000);
    ends_teardown();
}
END_TEST

/* Carries what party 0 has to send, in turn from its streams, but for the last n_held frames, of
 * those on one stream (-1: on any); it takes a while, what comes back does not. */
static void carry_slowly(int holder, unsigned n_held)
{
    static struct wsp_out outs[64];
    unsigned on[64], n = 0, n_before;
    do {
        n_before = n;
        for (unsigned i = 0; i < N_STREAMS; i++)
            if (ends_pull(0, i, &outs[n])) {
                wsp_end_written(parties[0].end, i, now);
                on[n++] = i;
            }
    } while (n > n_before && n + N_STREAMS <= 64);
    now += WAY_NS;
    unsigned n_there = 0;
    for (unsigned k = 0; k < n; k++)
        n_there += holder < 0 || on[k] == (unsigned)holder;
    for (unsigned k = 0; k < n; k++) {
        bool is_there = holder < 0 || on[k] == (unsigned)holder;
        if (!is_there || n_there-- > n_held)
            ck_assert_int_eq(ends_hand_over(1, on[k], &outs[k], false), WSP_OK);
    }
    now += LAG_NS - WAY_NS;
    ends_carry(1);
}

static void send_slowly(int holder, unsigned n_held)
{
    ends_send(0, data, sizeof data, 0);
    carry_slowly(-1, 0);
    wsp_end_accept(parties[1].end, parties[1].arrived, buffer, sizeof buffer, NULL, now);
    ends_carry(1);
    carry_slowly(holder, n_held);
}

static bool is_sent_again_after(uint64_t age_ns)
{
    struct wsp_end_stats before, after;
    wsp_end_get_stats(parties[0].end, &before);
    wsp_end_tick(parties[0].end, now - LAG_NS + age_ns);
    wsp_end_get_stats(parties[0].end, &after);
    return after.segments_taken_over > before.segments_taken_over;
}

/* The last n frames of a message, of those on a stream or any, are on their way for longer than
 * they take as a rule. */
static void hold_up(int holder, unsigned n)
{
    ends_setup(2);
    for (unsigned k = 0; k < 4; k++)
        send_slowly(-1, 0);
    send_slowly(holder, n);
}

START_TEST(the_few_that_are_left_are_sent_again_sooner)
{
    hold_up(1, 4);
    ck_assert(!is_sent_again_after(LAG_NS * 10 / 8));
    ck_assert(is_sent_again_after(LAG_NS * 2));
    ends_teardown();
    hold_up(1, 1);
    ck_assert(!is_sent_again_after(LAG_NS));
    ck_assert(is_sent_again_after(LAG_NS * 10 / 8));
    ends_teardown();
}
END_TEST

START_TEST(nothing_is_sent_again_while_all_streams_are_slow)
{
    hold_up(-1, 4);
    ck_assert(!is_sent_again_after(LAG_NS * 4));
    ends_teardown();
}
END_TEST

static bool has_payload(unsigned index, uint64_t length)
{
    struct wsp_out out;
    bool has = false;
    while (ends_pull(0, index, &out)) {
        has = has || out.payload_length == length;
        wsp_end_written(parties[0].end, index, now);
    }
    return has;
}

/* The first of four streams is the express lane then. */
START_TEST(bulk_that_goes_again_keeps_off_the_express_lane)
{
    ends_setup_tuned(N_STREAMS);
    for (unsigned k = 0; k < 4; k++)
        send_slowly(-1, 0);
    send_slowly(1, 4);
    ck_assert(is_sent_again_after(LAG_NS * 4));
    ck_assert(!has_payload(0, 4096));
    bool is_carried = false;
    for (unsigned i = 1; i < N_STREAMS; i++)
        is_carried = has_payload(i, 4096) || is_carried;
    ck_assert(is_carried);
    ends_teardown();
}
END_TEST

START_TEST(a_small_message_does_not_wait_for_a_lane_that_writes_bulk_of_before)
{
    struct wsp_out out;
    ends_setup_tuned(N_STREAMS - 1);
    ends_send(0, data, sizeof data, 0);
    do {
        ck_assert(ends_pull(0, 0, &out));
        if (!out.payload_length)
            wsp_end_written(parties[0].end, 0, now);
    } while (!out.payload_length); /* and that does not end */
    ends_join(N_STREAMS - 1, 1, true);
    ends_send(0, data, 100, 0);
    ck_assert(has_payload(1, 100));
    ends_teardown();
}
END_TEST

/* How many segments go twice at the end of a message, of a path that repeats some of 1000 packets.
 */
static uint64_t n_hedged(uint64_t n_again)
{
    struct wsp_end_stats before, after;
    ends_setup_tuned(N_STREAMS);
    wsp_end_hint_rtt(parties[0].end, 2 * WAY_NS, now);
    for (unsigned k = 0; k < 4; k++) {
        parties[0].n_packets += 1000;
        parties[0].n_again += n_again;
        send_slowly(-1, 0);
        wsp_end_tick(parties[0].end, now);
    }
    wsp_end_get_stats(parties[0].end, &before);
    send_slowly(-1, 0);
    wsp_end_get_stats(parties[0].end, &after);
    ends_teardown();
    return after.segments_hedged - before.segments_hedged;
}

START_TEST(the_end_of_a_burst_goes_twice_where_packets_are_lost)
{
    ck_assert_uint_eq(n_hedged(0), 0);
    ck_assert_uint_eq(n_hedged(20), 0);
    ck_assert_uint_eq(n_hedged(300), sizeof data / 16 / 4096);
}
END_TEST

/* The frames of the prefix that a stream takes, head apart; they come to the other side later. */
static unsigned take_prefix(unsigned index, struct wsp_out outs[], unsigned *n_outs)
{
    unsigned n = 0;
    struct wsp_out out;
    while (ends_pull(0, index, &out)) {
        wsp_end_written(parties[0].end, index, now);
        n += out.payload_length > 0;
        outs[(*n_outs)++] = out;
    }
    return n;
}

START_TEST(what_may_go_before_the_answer_is_spread_over_the_streams)
{
    struct wsp_out outs[16];
    unsigned n_outs = 0;
    ends_setup(2);
    memset(data, 5, sizeof data);
    ends_send(0, data, sizeof data, 0);
    /* Of four streams two are up: a quarter of the prefix is less than a segment. */
    ck_assert_uint_eq(take_prefix(0, outs, &n_outs), 1);
    ck_assert_uint_eq(outs[0].payload_length, 0); /* the head goes ahead */
    ck_assert_uint_eq(take_prefix(1, outs, &n_outs), 1);
    /* What is left holds up the messages behind it: soon asked for again. */
    ck_assert_uint_le(wsp_end_deadline(parties[0].end), now + 5 * WSP_NS_PER_MS);
    for (unsigned i = 0; i < n_outs; i++)
        ck_assert_int_eq(ends_hand_over(1, i + 1 == n_outs, &outs[i], false), WSP_OK);
    parties[0].wants_write[1] = false;
    wsp_end_accept(parties[1].end, parties[1].arrived, buffer, sizeof buffer, NULL, now);
    ends_carry(1);
    ck_assert(parties[0].wants_write[1]); /* for what it left before, and the rest */
    ends_settle();
    ends_pass(WSP_NS_PER_S);
    ends_settle();
    ck_assert_uint_eq(parties[1].n_landed, 1);
    ck_assert_mem_eq(data, buffer, sizeof data);
    ends_teardown();
}
END_TEST

static unsigned n_wanted(const struct party *p)
{
    unsigned n = 0;
    for (unsigned i = 0; i < N_STREAMS; i++)
        n += p->wanted[i] > 0;
    return n;
}

START_TEST(a_fresh_path_knows_the_way_that_another_saw)
{
    static uint8_t large[N_STREAMS << 16];
    struct wsp_pair machine = {0};
    ends_open(&(struct ends_options){true, .n_first = 1, .guess = 0, &machine});
    ends_send(0, large, sizeof large, 0);
    ck_assert_uint_eq(n_wanted(&parties[0]), N_STREAMS); /* nobody knows it */
    wsp_end_hint_kernel_pacing(parties[0].end, true);    /* else three for 3 ms, not four */
    wsp_end_hint_rtt(parties[0].end, 3 * WSP_NS_PER_MS, now);
    ends_send(1, large, sizeof large, 0);
    ck_assert_uint_eq(n_wanted(&parties[1]), 2); /* half of them are the other's */
    ends_teardown();
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, a_short_message_is_shared_by_what_the_kernels_tell);
    tcase_add_test(cases, the_few_that_are_left_are_sent_again_sooner);
    tcase_add_test(cases, nothing_is_sent_again_while_all_streams_are_slow);
    tcase_add_test(cases, bulk_that_goes_again_keeps_off_the_express_lane);
    tcase_add_test(cases, a_small_message_does_not_wait_for_a_lane_that_writes_bulk_of_before);
    tcase_add_test(cases, the_end_of_a_burst_goes_twice_where_packets_are_lost);
    tcase_add_test(cases, what_may_go_before_the_answer_is_spread_over_the_streams);
    tcase_add_test(cases, a_fresh_path_knows_the_way_that_another_saw);
}
