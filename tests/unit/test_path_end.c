/* SPDX-License-Identifier: BSD-3-Clause */
/* The rules of a path: messages, streams that break, damage, cancel, close. */
#include "two_ends.h"
#include "unit.h"

#include <string.h>

START_TEST(a_small_message_is_sent_at_once_and_waits_for_its_receive)
{
    ends_setup(1);
    memset(data, 7, 100);
    ends_send(0, data, 100, 0);
    ck_assert_uint_eq(parties[0].n_sent, 1);
    memset(data, 9, 100); /* ours again */
    ends_settle();
    ck_assert_uint_eq(parties[1].n_arrived, 1);
    wsp_end_accept(parties[1].end, parties[1].arrived, buffer, 100, NULL, now);
    ck_assert_uint_eq(parties[1].n_landed, 1);
    ck_assert_uint_eq(buffer[99], 7);
    ends_teardown();
}
END_TEST

START_TEST(a_large_message_waits_for_its_match_beyond_its_credit)
{
    ends_setup(1);
    memset(data, 3, sizeof data);
    ends_send(0, data, sizeof data, 0);
    ends_settle();
    ck_assert_uint_eq(parties[0].n_sent, 0);
    struct wsp_end_stats stats;
    wsp_end_get_stats(parties[1].end, &stats);
    ck_assert_uint_gt(stats.unexpected_bytes, 0);
    ck_assert_uint_le(stats.unexpected_bytes, 16384 * 3 / 4);
    wsp_end_accept(parties[1].end, parties[1].arrived, buffer, sizeof buffer, NULL, now);
    ends_settle();
    ends_pass(WSP_NS_PER_S);
    ends_settle();
    ck_assert_uint_eq(parties[0].n_sent, 1);
    ck_assert_uint_eq(parties[1].n_landed, 1);
    ck_assert_mem_eq(data, buffer, sizeof data);
    ends_teardown();
}
END_TEST

START_TEST(a_damaged_payload_is_asked_for_again)
{
    ends_setup(1);
    memset(data, 5, 500);
    ends_send(0, data, 500, 0);
    struct wsp_out out;
    ck_assert(ends_pull(0, 0, &out));
    ck_assert_int_eq(ends_hand_over(1, 0, &out, true), WSP_OK);
    wsp_end_written(parties[0].end, 0, now);
    ck_assert_uint_eq(parties[1].n_arrived, 0);
    ends_settle();
    ck_assert_uint_eq(parties[1].n_arrived, 1);
    struct wsp_end_stats stats;
    wsp_end_get_stats(parties[0].end, &stats);
    ck_assert_uint_eq(stats.segments_replayed, 1);
    ends_teardown();
}
END_TEST

START_TEST(what_a_lost_stream_carried_is_sent_on_another)
{
    ends_setup(2);
    ends_send(0, data, 500, 0);
    struct wsp_out out;
    ck_assert(ends_pull(0, 0, &out));
    wsp_end_written(parties[0].end, 0, now);
    for (int id = 0; id < 2; id++) {
        wsp_end_stream_down(parties[id].end, 0, now);
        ck_assert_uint_eq(parties[id].wanted[0], 2);
    }
    ends_settle();
    ck_assert_uint_eq(parties[1].n_arrived, 1);
    ends_teardown();
}
END_TEST

START_TEST(of_crossing_openings_the_lower_ranks_stays)
{
    ends_setup(1);
    ck_assert(!wsp_end_would_take(parties[0].end, 0, 1, true));
    ck_assert(!wsp_end_would_take(parties[0].end, 0, 1, false));
    ck_assert(wsp_end_would_take(parties[0].end, 0, 2, false));
    ends_join(1, 1, false);
    ck_assert(wsp_end_would_take(parties[0].end, 1, 1, true));
    wsp_end_stream_down(parties[0].end, 1, now);
    ck_assert(wsp_end_would_take(parties[0].end, 1, 1, false));
    ends_teardown();
}
END_TEST

START_TEST(a_frame_out_of_turn_ends_the_path)
{
    ends_setup(1);
    ends_send(0, data, 500, 0);
    struct wsp_out out;
    ck_assert(ends_pull(0, 0, &out));
    wsp_frame_rehop(out.header, out.header_length, 8, 1, 1000, 0);
    ck_assert_int_eq(ends_hand_over(1, 0, &out, false), WSP_ERR_PROTOCOL);
    ck_assert_int_eq(parties[1].lost_err, WSP_ERR_PROTOCOL);
    ends_teardown();
}
END_TEST

START_TEST(a_message_that_nobody_matched_can_be_taken_back)
{
    ends_setup(1);
    struct wsp_tx *tx = ends_send(0, data, sizeof data, 0);
    ends_settle();
    wsp_end_cancel(parties[0].end, tx, now);
    ends_settle();
    ends_pass(WSP_NS_PER_S);
    ends_settle();
    ck_assert_uint_eq(parties[0].n_sent, 1);
    ck_assert_int_eq(parties[0].sent_err, WSP_ERR_CANCELLED);
    ck_assert_ptr_null(parties[1].arrived);
    struct wsp_end_stats stats;
    wsp_end_get_stats(parties[1].end, &stats);
    ck_assert_uint_eq(stats.unexpected_bytes, 0);
    ends_teardown();
}
END_TEST

START_TEST(a_silent_peer_is_given_up_also_by_a_machine_that_is_always_late)
{
    ends_setup(1);
    ends_send(0, data, 500, WSP_SEND_SYNC);
    for (unsigned i = 0; i < 200 && parties[0].n_lost == 0; i++) {
        now = wsp_end_deadline(parties[0].end) + 2 * WSP_NS_PER_S;
        wsp_end_tick(parties[0].end, now); /* late: clocks are shifted */
        now = wsp_end_deadline(parties[0].end);
        wsp_end_tick(parties[0].end, now);
        now += WSP_NS_PER_S / 2;
        wsp_end_tick(parties[0].end, now);
    }
    ck_assert_uint_eq(parties[0].n_lost, 1);
    ck_assert_int_eq(parties[0].lost_err, WSP_ERR_OUTAGE);
    ck_assert_uint_eq(parties[0].n_sent, 1);
    ck_assert_int_eq(parties[0].sent_err, WSP_ERR_OUTAGE);
    ends_teardown();
}
END_TEST

/* Party 0 is closed, and hangs up; what party 1 told it on the first stream to end was heard. */
START_TEST(a_side_that_the_other_hung_up_on_is_closed)
{
    struct wsp_out last;
    ends_setup(2);
    for (int id = 0; id < 2; id++)
        wsp_end_close(parties[id].end, now);
    ends_carry(0);
    ends_carry(1);
    ck_assert(ends_pull(0, 0, &last));
    wsp_end_written(parties[0].end, 0, now);
    ck_assert_uint_eq(parties[0].n_closed, 1);
    ck_assert_uint_eq(parties[1].n_closed, 0);
    wsp_end_stream_hung_up(parties[1].end, 1, now);
    ck_assert_int_eq(ends_hand_over(1, 0, &last, false), WSP_OK);
    ck_assert_uint_eq(parties[1].n_closed, 0);
    wsp_end_stream_hung_up(parties[1].end, 0, now);
    ck_assert_uint_eq(parties[1].n_closed, 1);
    ends_teardown();
}
END_TEST

START_TEST(both_sides_close_when_all_is_acknowledged)
{
    ends_setup(1);
    ends_send(0, data, 500, 0);
    ends_settle();
    wsp_end_accept(parties[1].end, parties[1].arrived, buffer, 500, NULL, now);
    wsp_end_close(parties[0].end, now);
    wsp_end_close(parties[1].end, now);
    ends_settle();
    ends_pass(WSP_NS_PER_S);
    ends_settle();
    ck_assert_uint_eq(parties[0].n_closed, 1);
    ck_assert_uint_eq(parties[1].n_closed, 1);
    ck_assert_uint_eq(parties[0].n_lost + parties[1].n_lost, 0);
    ends_teardown();
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, a_small_message_is_sent_at_once_and_waits_for_its_receive);
    tcase_add_test(cases, a_large_message_waits_for_its_match_beyond_its_credit);
    tcase_add_test(cases, a_damaged_payload_is_asked_for_again);
    tcase_add_test(cases, what_a_lost_stream_carried_is_sent_on_another);
    tcase_add_test(cases, of_crossing_openings_the_lower_ranks_stays);
    tcase_add_test(cases, a_frame_out_of_turn_ends_the_path);
    tcase_add_test(cases, a_message_that_nobody_matched_can_be_taken_back);
    tcase_add_test(cases, a_silent_peer_is_given_up_also_by_a_machine_that_is_always_late);
    tcase_add_test(cases, a_side_that_the_other_hung_up_on_is_closed);
    tcase_add_test(cases, both_sides_close_when_all_is_acknowledged);
}
