/* SPDX-License-Identifier: BSD-3-Clause */
/* How paths begin and how they end: crossing openings, lost streams, lost peers, strangers' keys,
 * other incarnations; and who drives the sockets meanwhile. */
#include "unit.h"

#include "link/link_internal.h"
#include "pair.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct side sides[SIDES_MAX];

static void drain_both(void)
{
    for (int turn = 0; turn < 400; turn++) {
        bool is_done = true;
        for (unsigned i = 0; i < 2; i++)
            is_done &= wsp_link_drain(sides[i].link, 20 * WSP_NS_PER_MS) == WSP_OK;
        if (is_done)
            break;
        ck_assert_int_lt(turn, 399);
    }
    pair_close(sides, 2);
}

static struct wsp_link_stats stats_of(struct side *side)
{
    struct wsp_link_stats stats;
    wsp_link_lock(side->link);
    wsp_link_get_stats(side->link, &stats);
    wsp_link_unlock(side->link);
    return stats;
}

START_TEST(crossing_openings_become_one_path)
{
    for (int i = 0; i < 20; i++) {
        uint64_t out[2] = {1, 2}, in[2] = {0, 0};
        struct wsp_op sends[2] = {0}, receives[2] = {0};
        pair_open(sides, 2, -1);
        for (uint32_t s = 0; s < 2; s++) {
            side_receive(&sides[s], 1 - s, &in[s], 8, &receives[s]);
            side_send(&sides[s], 1 - s, 0, &out[s], 8, 0, &sends[s]);
        }
        for (uint32_t s = 0; s < 2; s++) {
            side_wait(&sides[s], &receives[s]);
            ck_assert_uint_eq(in[s], out[1 - s]);
            ck_assert_uint_eq(stats_of(&sides[s]).paths_opened, 1);
        }
        drain_both();
    }
}
END_TEST

START_TEST(a_peer_that_vanishes_ends_every_operation_once)
{
    static uint8_t out[1 << 20];
    uint8_t in[8];
    struct wsp_op send = {0}, receive = {0}, late = {0};
    pair_options("WIDESPAN_OUTAGE=1s", "WIDESPAN_CONNECT_TIME=1s", NULL);
    pair_open(sides, 2, -1);
    side_send(&sides[0], 1, 0, out, sizeof out, WSP_SEND_SYNC, &send);
    wsp_link_close(&sides[1].link);
    side_wait(&sides[0], &send);
    ck_assert_int_ne(send.err, WSP_OK);
    side_wait_flag(&sides[0], &sides[0].is_lost[1]);
    ck_assert_uint_eq(sides[0].n_lost, 1);
    ck_assert(wsp_link_is_lost(sides[0].link, 1));
    side_receive(&sides[0], 1, in, sizeof in, &receive);
    ck_assert_int_ne(receive.err, WSP_OK);
    side_send(&sides[0], 1, 0, out, 8, 0, &late);
    ck_assert(atomic_load(&late.done));
    ck_assert_int_ne(late.err, WSP_OK);
    wsp_link_close(&sides[0].link);
}
END_TEST

START_TEST(a_peer_with_another_key_is_never_talked_to)
{
    uint8_t byte = 1;
    struct wsp_op send = {0};
    pair_options("WIDESPAN_OUTAGE=1s", "WIDESPAN_CONNECT_TIME=1s", "WIDESPAN_LOG=error", NULL);
    pair_open(sides, 2, 1);
    side_send(&sides[0], 1, 0, &byte, 1, WSP_SEND_SYNC, &send);
    side_wait(&sides[0], &send);
    ck_assert_int_ne(send.err, WSP_OK);
    ck_assert_uint_ge(stats_of(&sides[1]).strangers_wrong_key, 4);
    ck_assert_uint_eq(stats_of(&sides[1]).paths_opened, 0);
    pair_close(sides, 2);
}
END_TEST

START_TEST(another_incarnation_of_the_peer_means_that_it_is_lost_at_once)
{
    uint8_t byte = 1;
    struct wsp_op send = {0};
    pair_open(sides, 2, -1);
    wsp_link_lock(sides[0].link);
    sides[0].link->endpoints[1].nonce ^= 1;
    wsp_link_unlock(sides[0].link);
    side_send(&sides[0], 1, 0, &byte, 1, WSP_SEND_SYNC, &send);
    side_wait(&sides[0], &send);
    ck_assert_int_eq(send.err, WSP_ERR_PEER_LOST);
    pair_close(sides, 2);
}
END_TEST

START_TEST(a_peer_declared_lost_is_lost_once_and_for_all)
{
    uint8_t byte = 1;
    struct wsp_op send = {0};
    pair_open(sides, 2, -1);
    side_send(&sides[0], 1, 0, &byte, 1, WSP_SEND_SYNC, &send);
    wsp_link_lock(sides[0].link);
    wsp_link_declare_lost(sides[0].link, 1);
    wsp_link_declare_lost(sides[0].link, 1);
    wsp_link_unlock(sides[0].link);
    ck_assert(atomic_load(&send.done));
    ck_assert_int_eq(send.err, WSP_ERR_PEER_LOST);
    ck_assert_uint_eq(sides[0].n_lost, 1);
    pair_close(sides, 2);
}
END_TEST

/* Cuts a live connection, as a network would. */
static void cut(struct side *side, uint32_t rank, unsigned index)
{
    wsp_link_lock(side->link);
    struct wsp_peer *peer = side->link->peers[rank];
    if (peer && index < peer->n_streams && peer->streams[index]->fd >= 0)
        shutdown(peer->streams[index]->fd, SHUT_RDWR);
    wsp_link_unlock(side->link);
}

START_TEST(a_lost_path_is_still_told_by_the_statistics)
{
    enum { LENGTH = 4 << 20 };
    static uint8_t out[LENGTH], in[LENGTH];
    struct wsp_op send = {0}, receive = {0};
    struct wsp_link_path before, after;
    char *text = NULL;
    size_t length = 0;
    pair_open(sides, 2, -1);
    ck_assert(!wsp_link_get_path(sides[0].link, 1, &before));
    side_receive(&sides[1], 0, in, LENGTH, &receive);
    side_send(&sides[0], 1, 0, out, LENGTH, 0, &send);
    side_wait(&sides[1], &receive);
    side_wait(&sides[0], &send);
    wsp_link_lock(sides[0].link);
    ck_assert(wsp_link_get_path(sides[0].link, 1, &before));
    wsp_link_declare_lost(sides[0].link, 1);
    ck_assert_ptr_null(sides[0].link->peers[1]->end);
    ck_assert(wsp_link_get_path(sides[0].link, 1, &after));
    wsp_link_unlock(sides[0].link);
    ck_assert_uint_eq(after.bytes_sent, LENGTH);
    ck_assert_uint_gt(after.tuning.bulk_bytes, 0);
    ck_assert_uint_eq(after.tuning.n_streams_bulk, before.tuning.n_streams_bulk);
    ck_assert_uint_eq(after.tuning.n_up_bulk, before.tuning.n_up_bulk);
    FILE *told = open_memstream(&text, &length);
    wsp_link_print_stats(sides[0].link, told);
    fclose(told);
    ck_assert_ptr_nonnull(strstr(text, "\"streams\": [{\"peer\": 1, \"index\": "));
    free(text);
    pair_close(sides, 2);
}
END_TEST

START_TEST(streams_cut_during_a_transfer_lose_nothing)
{
    enum { LENGTH = 24 << 20, N_CUTS = 12 };
    uint8_t *out = malloc(LENGTH), *in = malloc(LENGTH);
    struct wsp_op send = {0}, receive = {0};
    pattern_fill(out, LENGTH, 4);
    pair_open(sides, 2, -1);
    side_receive(&sides[1], 0, in, LENGTH, &receive);
    side_send(&sides[0], 1, 0, out, LENGTH, 0, &send);
    uint64_t until_ns = wsp_clock_now_ns() + DEADLINE_S * WSP_NS_PER_S, received = 0;
    for (unsigned n_cut = 0; !atomic_load(&receive.done);) {
        ck_assert_uint_lt(wsp_clock_now_ns(), until_ns);
        uint64_t now_received = stats_of(&sides[1]).sum.segments_received;
        if (n_cut < N_CUTS && now_received > received + 4) {
            received = now_received;
            cut(&sides[n_cut % 2], 1 - n_cut % 2, n_cut % 4);
            n_cut++;
        }
        wsp_link_progress(sides[n_cut % 2].link, WSP_NS_PER_MS);
    }
    side_wait(&sides[0], &send);
    ck_assert_int_eq(receive.err, WSP_OK);
    ck_assert(pattern_holds(in, LENGTH, 4));
    ck_assert_uint_ge(stats_of(&sides[0]).sum.streams_lost, 1);
    drain_both();
    free(out);
    free(in);
}
END_TEST

static sem_t landed;

static void post_landed(struct wsp_op *op)
{
    sem_post(&landed);
}

START_TEST(the_io_threads_alone_make_full_progress)
{
    enum { LENGTH = 4 << 20, ROUNDS = 5 };
    uint8_t *out = malloc(LENGTH), *in = malloc(LENGTH);
    sem_init(&landed, 0, 0);
    pair_open(sides, 2, -1);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct wsp_op send = {0}, receive = {.complete = post_landed};
        pattern_fill(out, LENGTH, i);
        side_send(&sides[0], 1, 0, out, LENGTH, 0, &send);
        side_receive(&sides[1], 0, in, LENGTH, &receive);
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += DEADLINE_S;
        ck_assert_int_eq(sem_timedwait(&landed, &until), 0);
        ck_assert(pattern_holds(in, LENGTH, i));
        side_wait(&sides[0], &send);
    }
    drain_both();
    sem_destroy(&landed);
    free(out);
    free(in);
}
END_TEST

enum { ROUND_TRIPS = 2000 };

static uint64_t slowest_ns[2];

/* Waits in long sleeps, so that one wake-up too few is seen as a long round trip. */
static void *play(void *user)
{
    struct side *side = user;
    uint32_t other = 1 - side->rank;
    for (uint64_t i = 0; i < ROUND_TRIPS; i++) {
        struct wsp_op send = {0}, receive = {0};
        uint64_t ball = i, got = 0, start_ns = wsp_clock_now_ns();
        side_receive(side, other, &got, 8, &receive);
        if (side->rank == 0) {
            side_send(side, other, 0, &ball, 8, 0, &send);
            side_wait(side, &receive);
        } else {
            side_wait(side, &receive);
            side_send(side, other, 0, &ball, 8, 0, &send);
        }
        side_wait(side, &send);
        ck_assert_uint_eq(got, i);
        uint64_t span_ns = wsp_clock_now_ns() - start_ns;
        if (span_ns > slowest_ns[side->rank])
            slowest_ns[side->rank] = span_ns;
    }
    return NULL;
}

START_TEST(no_wake_up_is_lost_between_waiting_threads)
{
    pthread_t threads[2];
    pair_open(sides, 2, -1);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, play, &sides[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 2; i++)
        ck_assert_uint_lt(slowest_ns[i], 4 * WSP_NS_PER_S);
    drain_both();
}
END_TEST

static void *wait_for_op(void *user)
{
    side_wait(&sides[1], user);
    return NULL;
}

START_TEST(several_threads_may_wait_on_one_link)
{
    enum { N = 4, ROUNDS = 50 };
    pair_open(sides, 2, -1);
    for (unsigned round = 0; round < ROUNDS; round++) {
        pthread_t threads[N];
        struct wsp_op sends[N] = {0}, receives[N] = {0};
        uint64_t out[N], in[N];
        for (unsigned i = 0; i < N; i++) {
            side_receive(&sides[1], 0, &in[i], 8, &receives[i]);
            ck_assert_int_eq(pthread_create(&threads[i], NULL, wait_for_op, &receives[i]), 0);
        }
        for (unsigned i = 0; i < N; i++) {
            out[i] = round * N + i;
            side_send(&sides[0], 1, 0, &out[i], 8, 0, &sends[i]);
        }
        for (unsigned i = 0; i < N; i++) {
            pthread_join(threads[i], NULL);
            side_wait(&sides[0], &sends[i]);
            ck_assert_uint_eq(in[i], out[i]);
        }
    }
    drain_both();
}
END_TEST

START_TEST(a_forked_child_holds_no_descriptor_and_disturbs_nothing)
{
    uint64_t out = 7, in = 0;
    struct wsp_op send = {0}, receive = {0};
    int before = test_open_descriptors();
    pair_open(sides, 2, -1);
    side_send(&sides[0], 1, 0, &out, 8, WSP_SEND_SYNC, &send);
    side_receive(&sides[1], 0, &in, 8, &receive);
    side_wait(&sides[0], &send);
    pid_t child = fork();
    if (child == 0) {
        bool is_clean = test_open_descriptors() == before;
        struct wsp_op op = {0};
        side_send(&sides[0], 1, 0, &out, 8, 0, &op);
        is_clean &= atomic_load(&op.done) && op.err == WSP_ERR_CLOSED;
        wsp_link_close(&sides[0].link);
        _exit(is_clean ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    out = 8;
    side_receive(&sides[1], 0, &in, 8, &receive);
    side_send(&sides[0], 1, 0, &out, 8, WSP_SEND_SYNC, &send);
    side_wait(&sides[0], &send);
    side_wait(&sides[1], &receive);
    ck_assert_uint_eq(in, 8);
    drain_both();
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, crossing_openings_become_one_path);
    tcase_add_test(cases, a_peer_that_vanishes_ends_every_operation_once);
    tcase_add_test(cases, a_peer_with_another_key_is_never_talked_to);
    tcase_add_test(cases, another_incarnation_of_the_peer_means_that_it_is_lost_at_once);
    tcase_add_test(cases, a_peer_declared_lost_is_lost_once_and_for_all);
    tcase_add_test(cases, a_lost_path_is_still_told_by_the_statistics);
    tcase_add_test(cases, streams_cut_during_a_transfer_lose_nothing);
    tcase_add_test(cases, the_io_threads_alone_make_full_progress);
    tcase_add_test(cases, no_wake_up_is_lost_between_waiting_threads);
    tcase_add_test(cases, several_threads_may_wait_on_one_link);
    tcase_add_test(cases, a_forked_child_holds_no_descriptor_and_disturbs_nothing);
}
