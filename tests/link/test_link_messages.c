/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages between two links over the loopback. */
#include "unit.h"

#include "pair.h"

#include <stdlib.h>
#include <string.h>

static struct side sides[SIDES_MAX];

static void drain_all(unsigned n)
{
    /* Each must drain while the others do: in one thread, so one after the other with little
     * patience, then again. */
    for (int turn = 0; turn < 200; turn++) {
        unsigned n_done = 0;
        for (unsigned i = 0; i < n; i++)
            n_done += wsp_link_drain(sides[i].link, 20 * WSP_NS_PER_MS) == WSP_OK;
        if (n_done == n)
            break;
        ck_assert_int_lt(turn, 199);
    }
}

static void close_in_order(unsigned n)
{
    drain_all(n);
    pair_close(sides, n);
}

static void exchange(uint64_t length, uint64_t seed)
{
    uint8_t *out = malloc(length + 1), *in = malloc(length + 1);
    struct wsp_op send = {0}, receive = {0};
    pattern_fill(out, length, seed);
    memset(in, 0xee, length + 1);
    if (seed % 2) {
        side_receive(&sides[1], 0, in, length, &receive);
        side_send(&sides[0], 1, 5, out, length, 0, &send);
    } else {
        side_send(&sides[0], 1, 5, out, length, 0, &send);
        side_receive(&sides[1], 0, in, length, &receive);
    }
    side_wait(&sides[1], &receive);
    side_wait(&sides[0], &send);
    ck_assert_int_eq(send.err, WSP_OK);
    ck_assert_int_eq(receive.err, WSP_OK);
    ck_assert_uint_eq(receive.length, length);
    ck_assert(pattern_holds(in, length, seed));
    ck_assert_uint_eq(in[length], 0xee);
    free(out);
    free(in);
}

START_TEST(messages_of_all_sizes_arrive_intact_in_both_orders)
{
    static const uint64_t sizes[] = {0, 1, 100, 4095, 65536, 65537, 1 << 20, 5000001};
    pair_open(sides, 2, -1);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        exchange(sizes[i], 2 * i);
        exchange(sizes[i], 2 * i + 1);
    }
    close_in_order(2);
}
END_TEST

START_TEST(a_hundred_megabytes_arrive_intact)
{
    pair_options("WIDESPAN_STREAMS=4", NULL);
    pair_open(sides, 2, -1);
    exchange(100000000, 1);
    struct wsp_link_stats stats;
    wsp_link_lock(sides[1].link);
    wsp_link_get_stats(sides[1].link, &stats);
    wsp_link_unlock(sides[1].link);
    ck_assert_uint_eq(stats.sum.bytes_received, 100000000);
    ck_assert_uint_eq(stats.sum.streams_opened, 4);
    close_in_order(2);
}
END_TEST

START_TEST(an_orderly_close_counts_no_stream_as_lost)
{
    pair_options("WIDESPAN_STREAMS=4", NULL);
    pair_open(sides, 2, -1);
    exchange(300000, 1);
    drain_all(2);
    for (int i = 0; i < 2; i++) {
        struct wsp_link_stats stats;
        wsp_link_lock(sides[i].link);
        wsp_link_get_stats(sides[i].link, &stats);
        wsp_link_unlock(sides[i].link);
        ck_assert_uint_eq(stats.sum.streams_opened, 4);
        ck_assert_uint_eq(stats.sum.streams_lost, 0);
        ck_assert_uint_eq(stats.paths_lost, 0);
    }
    pair_close(sides, 2);
}
END_TEST

START_TEST(both_directions_at_once_share_the_path)
{
    enum { N = 4, LENGTH = 3000000 };
    static uint8_t out[2][N][LENGTH], in[2][N][LENGTH];
    static struct wsp_op sends[2][N], receives[2][N];
    pair_open(sides, 2, -1);
    for (uint32_t s = 0; s < 2; s++)
        for (int i = 0; i < N; i++) {
            pattern_fill(out[s][i], LENGTH, 10 * s + (unsigned)i);
            side_send(&sides[s], 1 - s, i, out[s][i], LENGTH, 0, &sends[s][i]);
            side_receive(&sides[s], 1 - s, in[s][i], LENGTH, &receives[s][i]);
        }
    for (uint32_t s = 0; s < 2; s++)
        for (int i = 0; i < N; i++) {
            side_wait(&sides[s], &receives[s][i]);
            side_wait(&sides[s], &sends[s][i]);
            ck_assert(pattern_holds(in[s][i], LENGTH, 10 * (1 - s) + (unsigned)i));
        }
    close_in_order(2);
}
END_TEST

START_TEST(many_small_messages_keep_their_order)
{
    enum { N = 4000 };
    static struct wsp_op sends[N], receives[N];
    static uint64_t out[N], in[N];
    pair_open(sides, 2, -1);
    for (unsigned i = 0; i < N; i++) {
        out[i] = i;
        side_send(&sides[0], 1, 0, &out[i], sizeof out[i], 0, &sends[i]);
        side_receive(&sides[1], 0, &in[i], sizeof in[i], &receives[i]);
    }
    for (unsigned i = 0; i < N; i++) {
        side_wait(&sides[1], &receives[i]);
        side_wait(&sides[0], &sends[i]);
        ck_assert_uint_eq(in[i], i);
    }
    close_in_order(2);
}
END_TEST

START_TEST(three_links_talk_pairwise)
{
    static struct wsp_op sends[3][3], receives[3][3];
    static uint32_t out[3][3], in[3][3];
    pair_open(sides, 3, -1);
    for (uint32_t a = 0; a < 3; a++)
        for (uint32_t b = 0; b < 3; b++) {
            if (a == b)
                continue;
            out[a][b] = 10 * a + b;
            side_send(&sides[a], b, 0, &out[a][b], 4, 0, &sends[a][b]);
            side_receive(&sides[a], b, &in[a][b], 4, &receives[a][b]);
        }
    for (uint32_t a = 0; a < 3; a++)
        for (uint32_t b = 0; b < 3; b++)
            if (a != b) {
                side_wait(&sides[a], &receives[a][b]);
                ck_assert_uint_eq(in[a][b], 10 * b + a);
            }
    close_in_order(3);
}
END_TEST

START_TEST(a_synchronous_send_ends_only_with_its_match)
{
    uint8_t out[64], in[64];
    struct wsp_op send = {0}, receive = {0}, echo = {0};
    pair_open(sides, 2, -1);
    pattern_fill(out, sizeof out, 3);
    side_send(&sides[0], 1, 0, out, sizeof out, WSP_SEND_SYNC, &send);
    /* A message of the other direction proves that the first had time to arrive. */
    struct wsp_op ping = {0}, pong = {0};
    uint8_t byte = 1, got = 0;
    side_send(&sides[0], 1, 0, &byte, 1, 0, &ping);
    side_wait(&sides[0], &ping);
    side_receive(&sides[0], 1, &got, 1, &pong);
    side_send(&sides[1], 0, 0, &byte, 1, 0, &echo);
    side_wait(&sides[0], &pong);
    ck_assert(!atomic_load(&send.done));
    side_receive(&sides[1], 0, in, sizeof in, &receive);
    side_wait(&sides[1], &receive);
    side_wait(&sides[0], &send);
    ck_assert_int_eq(send.err, WSP_OK);
    ck_assert(pattern_holds(in, sizeof in, 3));
    struct wsp_op last = {0};
    side_receive(&sides[1], 0, &got, 1, &last);
    side_wait(&sides[1], &last);
    close_in_order(2);
}
END_TEST

START_TEST(a_message_longer_than_its_receive_is_cut_and_said_to_be)
{
    enum { LENGTH = 1 << 20, ROOM = 1000 };
    static uint8_t out[LENGTH], in[LENGTH];
    struct wsp_op send = {0}, receive = {0};
    pair_open(sides, 2, -1);
    pattern_fill(out, LENGTH, 9);
    memset(in, 0xee, LENGTH);
    side_receive(&sides[1], 0, in, ROOM, &receive);
    side_send(&sides[0], 1, 0, out, LENGTH, 0, &send);
    side_wait(&sides[1], &receive);
    side_wait(&sides[0], &send);
    ck_assert_int_eq(receive.err, WSP_ERR_TRUNCATED);
    ck_assert_uint_eq(receive.length, LENGTH);
    ck_assert(pattern_holds(in, ROOM, 9));
    unsigned n_spoiled = 0;
    for (unsigned i = ROOM; i < LENGTH; i++)
        n_spoiled += in[i] != 0xee;
    ck_assert_uint_eq(n_spoiled, 0);
    close_in_order(2);
}
END_TEST

START_TEST(a_cancelled_send_ends_as_cancelled_and_is_not_received)
{
    enum { LENGTH = 8 << 20 };
    static uint8_t out[LENGTH];
    uint8_t byte = 42, got = 0;
    struct wsp_op send = {0}, second = {0}, receive = {0};
    pair_open(sides, 2, -1);
    side_send(&sides[0], 1, 0, out, LENGTH, WSP_SEND_SYNC, &send);
    wsp_link_lock(sides[0].link);
    wsp_link_cancel(sides[0].link, &send);
    wsp_link_unlock(sides[0].link);
    side_wait(&sides[0], &send);
    ck_assert_int_eq(send.err, WSP_ERR_CANCELLED);
    side_send(&sides[0], 1, 0, &byte, 1, 0, &second);
    side_receive(&sides[1], 0, &got, 1, &receive);
    side_wait(&sides[1], &receive);
    ck_assert_uint_eq(got, 42);
    close_in_order(2);
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, messages_of_all_sizes_arrive_intact_in_both_orders);
    tcase_add_test(cases, a_hundred_megabytes_arrive_intact);
    tcase_add_test(cases, an_orderly_close_counts_no_stream_as_lost);
    tcase_add_test(cases, both_directions_at_once_share_the_path);
    tcase_add_test(cases, many_small_messages_keep_their_order);
    tcase_add_test(cases, three_links_talk_pairwise);
    tcase_add_test(cases, a_synchronous_send_ends_only_with_its_match);
    tcase_add_test(cases, a_message_longer_than_its_receive_is_cut_and_said_to_be);
    tcase_add_test(cases, a_cancelled_send_ends_as_cancelled_and_is_not_received);
}
