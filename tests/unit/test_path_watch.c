/* SPDX-License-Identifier: BSD-3-Clause */
/* Which stream is suspect: slow is not stalled. */
#include "two_ends.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STEP_NS   (100 * WSP_NS_PER_MS)
#define OUTAGE_NS (30 * WSP_NS_PER_S) /* as in two_ends.c */

/* A message of which nothing arrives, on the one stream that is up. */
static void begin_to_send(struct wsp_out *out)
{
    ends_setup(1);
    ends_send(0, data, 900, 0);
    ck_assert(ends_pull(0, 0, out));
    ck_assert_uint_gt(out->payload_length, 0);
}

/* Whether another connection is asked for in this time, in which so much is delivered each second.
 */
static bool is_asked_for(uint64_t ns, uint64_t bps)
{
    uint32_t before = parties[0].wanted[0];
    for (uint64_t passed = 0; passed < ns; passed += STEP_NS) {
        parties[0].delivered_bytes += bps * STEP_NS / WSP_NS_PER_S;
        ends_pass(STEP_NS);
        if (parties[0].wanted[0] != before)
            return true;
    }
    return false;
}

START_TEST(a_stream_on_which_nothing_moves_is_replaced_soon)
{
    struct wsp_out out;
    begin_to_send(&out);
    ck_assert(is_asked_for(2 * WSP_NS_PER_S, 0));
    ends_teardown();
}
END_TEST

START_TEST(a_stream_that_is_slow_is_left_alone)
{
    struct wsp_out out;
    begin_to_send(&out);
    ck_assert(!is_asked_for(25 * WSP_NS_PER_S, 100));
    ck_assert_int_eq(ends_hand_over(1, 0, &out, false), WSP_OK);
    wsp_end_written(parties[0].end, 0, now);
    ends_settle();
    ck_assert_uint_eq(parties[1].n_arrived, 1);
    ends_teardown();
}
END_TEST

START_TEST(a_slow_stream_that_stops_is_replaced)
{
    struct wsp_out out;
    begin_to_send(&out);
    ck_assert(!is_asked_for(10 * WSP_NS_PER_S, 100));
    ck_assert(is_asked_for(3 * WSP_NS_PER_S, 0));
    ends_teardown();
}
END_TEST

/* With another that could carry it, what a slow one holds is not waited for that long. */
START_TEST(a_slow_stream_beside_another_is_taken_over_in_time)
{
    struct wsp_out out;
    begin_to_send(&out);
    ends_join(1, 1, true);
    ck_assert(!is_asked_for(3 * WSP_NS_PER_S, 100));
    ck_assert(is_asked_for(3 * WSP_NS_PER_S, 100));
    ends_teardown();
}
END_TEST

/* The frames of one side, pings and their answers, but not the message. */
static void carry_all_but_the_message(int from)
{
    struct wsp_out out;
    while (ends_pull(from, 0, &out)) {
        if (out.payload_length > 0)
            return; /* it stays in its socket */
        ck_assert_int_eq(ends_hand_over(1 - from, 0, &out, false), WSP_OK);
        wsp_end_written(parties[from].end, 0, now);
    }
}

/* Each connection answers its ping, and yet no segment gets through: it has a longer time then. */
START_TEST(patience_grows_until_a_segment_arrives)
{
    struct wsp_out out;
    begin_to_send(&out);
    uint64_t waited_ns[3];
    for (uint32_t i = 0; i < 3; i++) {
        uint64_t begin_ns = now;
        ck_assert(is_asked_for(20 * WSP_NS_PER_S, 0));
        waited_ns[i] = now - begin_ns;
        ends_join(0, parties[0].wanted[0], true);
        carry_all_but_the_message(0);
        carry_all_but_the_message(1);
        carry_all_but_the_message(0);
    }
    ck_assert(waited_ns[1] > 3 * waited_ns[0] / 2);
    ck_assert(waited_ns[2] > 3 * waited_ns[1] / 2);
    ends_teardown();
}
END_TEST

/* Lines on standard error while this long passes, in which whatever connection is asked for comes
 * up, and small frames pass but the message does not. */
static unsigned lines_said(uint64_t ns)
{
    char text[4096];
    unsigned n = 0;
    FILE *said = tmpfile();
    int before = dup(STDERR_FILENO);
    dup2(fileno(said), STDERR_FILENO);
    for (uint64_t passed = 0; passed < ns; passed += STEP_NS) {
        uint32_t wanted = parties[0].wanted[0];
        ends_pass(STEP_NS);
        if (parties[0].wanted[0] != wanted)
            ends_join(0, parties[0].wanted[0], true);
        for (int i = 0; i < 4; i++)
            carry_all_but_the_message(i % 2);
    }
    dup2(before, STDERR_FILENO);
    close(before);
    rewind(said);
    while (fgets(text, sizeof text, said))
        n += strstr(text, "nothing large has got through") != NULL;
    fclose(said);
    return n;
}

START_TEST(a_way_on_which_nothing_large_gets_through_is_told_of_once)
{
    struct wsp_out out;
    begin_to_send(&out);
    ck_assert_uint_eq(lines_said(OUTAGE_NS / 2), 0);
    ck_assert_uint_eq(lines_said(4 * OUTAGE_NS), 1);
    ck_assert_uint_eq(parties[0].n_lost, 0);
    ends_teardown();
}
END_TEST

/* A header came, and its payload takes longer than an outage may. */
START_TEST(bytes_of_a_payload_are_a_sign_of_life)
{
    struct wsp_out out;
    struct wsp_landing landing;
    begin_to_send(&out);
    ck_assert_int_eq(
        wsp_end_header(parties[1].end, 0, out.header, out.header_length, now, &landing), WSP_OK);
    for (unsigned i = 0; i < 400; i++) {
        now += STEP_NS;
        wsp_end_tick(parties[1].end, now);
        wsp_end_payload_part(parties[1].end, 0, now);
    }
    ck_assert_uint_eq(parties[1].n_lost, 0);
    ck_assert_uint_eq(parties[1].wanted[0], 0);
    ends_teardown();
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, a_stream_on_which_nothing_moves_is_replaced_soon);
    tcase_add_test(cases, a_stream_that_is_slow_is_left_alone);
    tcase_add_test(cases, a_slow_stream_that_stops_is_replaced);
    tcase_add_test(cases, a_slow_stream_beside_another_is_taken_over_in_time);
    tcase_add_test(cases, patience_grows_until_a_segment_arrives);
    tcase_add_test(cases, a_way_on_which_nothing_large_gets_through_is_told_of_once);
    tcase_add_test(cases, bytes_of_a_payload_are_a_sign_of_life);
}
