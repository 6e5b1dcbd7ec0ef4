/* SPDX-License-Identifier: BSD-3-Clause */
/* The public C API, seen as a user sees it: through its header and its shared library. */
#include "unit.h"

#include <widespan/path.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS 20000

static const uint8_t key[WSP_PATH_KEY_BYTES] = {1, 2, 3};

struct opener {
    char address[32];
    struct wsp_path *path;
    wsp_err err;
    const uint8_t *key;
};

static void *open_it(void *user)
{
    struct opener *opener = user;
    struct wsp_path_options options = {.size = sizeof options, .streams = 3, .connect_ms = 3000};
    opener->err = wsp_path_open(opener->address, "api", opener->key, &options, &opener->path);
    return NULL;
}

static void start(struct opener *opener, struct wsp_listener *listener, pthread_t *thread)
{
    snprintf(opener->address, sizeof opener->address, "127.0.0.1:%u", wsp_listener_port(listener));
    if (!opener->key)
        opener->key = key;
    ck_assert_int_eq(pthread_create(thread, NULL, open_it, opener), 0);
}

static void make_path(struct wsp_listener *listener, struct wsp_path **a, struct wsp_path **b)
{
    struct opener opener = {0};
    pthread_t thread;
    start(&opener, listener, &thread);
    ck_assert_int_eq(wsp_listener_accept(listener, WAIT_MS, a), WSP_OK);
    pthread_join(thread, NULL);
    ck_assert_int_eq(opener.err, WSP_OK);
    *b = opener.path;
}

static void *close_it(void *user)
{
    struct wsp_path *path = user;
    return (void *)(intptr_t)wsp_path_close(&path, WAIT_MS);
}

static void close_both(struct wsp_path *a, struct wsp_path *b)
{
    pthread_t thread;
    void *other;
    ck_assert_int_eq(pthread_create(&thread, NULL, close_it, b), 0);
    ck_assert_int_eq(wsp_path_close(&a, WAIT_MS), WSP_OK);
    pthread_join(thread, &other);
    ck_assert_int_eq((wsp_err)(intptr_t)other, WSP_OK);
}

static struct wsp_listener *listen_here(void)
{
    struct wsp_listener *listener;
    ck_assert_int_eq(wsp_listener_open("0", "api", key, NULL, &listener), WSP_OK);
    return listener;
}

START_TEST(messages_meet_receives_by_tag_and_in_order)
{
    struct wsp_listener *listener = listen_here();
    struct wsp_path *a, *b;
    struct wsp_path_status status;
    make_path(listener, &a, &b);
    uint64_t in = 0;
    for (uint64_t i = 0; i < 20; i++)
        ck_assert_int_eq(wsp_path_send(a, i % 2, &i, sizeof i), WSP_OK);
    for (uint64_t i = 1; i < 20; i += 2) {
        ck_assert_int_eq(wsp_path_recv(b, 1, &in, sizeof in, &status), WSP_OK);
        ck_assert_uint_eq(in, i);
        ck_assert_uint_eq(status.tag, 1);
    }
    for (uint64_t i = 0; i < 20; i += 2) {
        ck_assert_int_eq(wsp_path_recv(b, WSP_ANY_TAG, &in, sizeof in, &status), WSP_OK);
        ck_assert_uint_eq(in, i);
        ck_assert_uint_eq(status.length, sizeof in);
    }
    ck_assert_int_eq(wsp_path_send(b, 5, &in, sizeof in), WSP_OK);
    ck_assert_int_eq(wsp_path_recv(a, 5, &in, 3, &status), WSP_ERR_TRUNCATED);
    ck_assert_uint_eq(status.length, sizeof in);
    close_both(a, b);
    wsp_listener_close(&listener);
}
END_TEST

START_TEST(nonblocking_requests_end_by_wait_or_test)
{
    enum { LENGTH = 9 << 20 };
    struct wsp_listener *listener = listen_here();
    struct wsp_path *a, *b;
    struct wsp_request *send, *receive, *late;
    uint8_t *out = malloc(LENGTH), *in = calloc(1, LENGTH);
    make_path(listener, &a, &b);
    for (size_t i = 0; i < LENGTH; i++)
        out[i] = (uint8_t)(i * 31 >> 3);
    ck_assert_int_eq(wsp_path_irecv(b, 9, in, LENGTH, &receive), WSP_OK);
    ck_assert_int_eq(wsp_request_test(&receive, NULL), WSP_ERR_AGAIN);
    ck_assert_int_eq(wsp_request_wait(&receive, 1, NULL), WSP_ERR_TIMEOUT);
    ck_assert_int_eq(wsp_path_isend(a, 9, out, LENGTH, &send), WSP_OK);
    ck_assert_int_eq(wsp_request_wait(&receive, WAIT_MS, NULL), WSP_OK);
    ck_assert_ptr_null(receive);
    ck_assert_mem_eq(out, in, LENGTH);
    wsp_err err;
    while ((err = wsp_request_test(&send, NULL)) == WSP_ERR_AGAIN)
        ;
    ck_assert_int_eq(err, WSP_OK);
    ck_assert_int_eq(wsp_path_irecv(b, 9, in, LENGTH, &late), WSP_OK);
    struct wsp_path_stats stats = {.size = sizeof stats};
    ck_assert_int_eq(wsp_path_get_stats(a, &stats), WSP_OK);
    ck_assert_uint_eq(stats.bytes_sent, LENGTH);
    /* a tunes itself, whatever b has set: on a machine that is late by milliseconds, to more than
     * the few it takes. */
    ck_assert_uint_le(stats.streams_opened, 64);
    ck_assert_uint_ge(stats.streams, 1);
    ck_assert_uint_eq(stats.pace_bps, 0); /* too short for one to be found */
    ck_assert_ptr_nonnull(stats.limit);
    close_both(a, b);
    ck_assert_int_eq(wsp_request_wait(&late, WAIT_MS, NULL), WSP_ERR_CLOSED);
    wsp_listener_close(&listener);
    free(out);
    free(in);
}
END_TEST

START_TEST(statistics_fit_a_caller_of_an_older_version)
{
    struct wsp_listener *listener = listen_here();
    struct wsp_path *a, *b;
    struct wsp_path_stats stats = {.size = sizeof stats};
    make_path(listener, &a, &b);
    ck_assert_int_eq(wsp_path_get_stats(b, &stats), WSP_OK);
    ck_assert_uint_eq(stats.streams, 3); /* by its options */
    ck_assert_uint_eq(stats.goodput_bps, 0);
    ck_assert_str_eq(stats.limit, "not measured yet");
    stats =
        (struct wsp_path_stats){.size = offsetof(struct wsp_path_stats, streams), .streams = 77};
    ck_assert_int_eq(wsp_path_get_stats(b, &stats), WSP_OK);
    ck_assert_uint_eq(stats.size, offsetof(struct wsp_path_stats, streams));
    ck_assert_uint_eq(stats.streams, 77);
    close_both(a, b);
    wsp_listener_close(&listener);
}
END_TEST

START_TEST(a_listener_takes_many_paths_and_reuses_their_places)
{
    struct wsp_path_options options = {.size = sizeof options, .paths = 2};
    struct wsp_listener *listener;
    struct wsp_path *a[2], *b[2];
    ck_assert_int_eq(wsp_listener_open("0", "api", key, &options, &listener), WSP_OK);
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 2; i++)
            make_path(listener, &a[i], &b[i]);
        for (uint64_t i = 0; i < 2; i++) {
            uint64_t in = 9;
            ck_assert_int_eq(wsp_path_send(b[i], 0, &i, sizeof i), WSP_OK);
            ck_assert_int_eq(wsp_path_recv(a[i], 0, &in, sizeof in, NULL), WSP_OK);
            ck_assert_uint_eq(in, i);
        }
        for (int i = 0; i < 2; i++)
            close_both(a[i], b[i]);
    }
    wsp_listener_close(&listener);
}
END_TEST

START_TEST(an_accepted_path_outlives_its_listener)
{
    struct wsp_listener *listener = listen_here();
    struct wsp_path *a, *b;
    char in[4];
    make_path(listener, &a, &b);
    wsp_listener_close(&listener);
    ck_assert_int_eq(wsp_path_send(b, 0, "abc", 4), WSP_OK);
    ck_assert_int_eq(wsp_path_recv(a, 0, in, sizeof in, NULL), WSP_OK);
    ck_assert_str_eq(in, "abc");
    close_both(a, b);
}
END_TEST

START_TEST(what_was_not_received_does_not_hold_up_a_close)
{
    enum { LENGTH = 6 << 20 };
    struct wsp_listener *listener = listen_here();
    struct wsp_path *a, *b;
    struct wsp_request *send;
    uint8_t *out = calloc(1, LENGTH);
    make_path(listener, &a, &b);
    ck_assert_int_eq(wsp_path_isend(a, 0, out, LENGTH, &send), WSP_OK);
    close_both(a, b);
    ck_assert_int_eq(wsp_request_wait(&send, WAIT_MS, NULL), WSP_OK);
    wsp_listener_close(&listener);
    free(out);
}
END_TEST

START_TEST(a_wrong_key_a_closed_port_and_nonsense_are_told_apart)
{
    static const uint8_t other_key[WSP_PATH_KEY_BYTES] = {9};
    struct wsp_listener *listener = listen_here();
    struct wsp_path *path = NULL;
    struct opener opener = {.key = other_key};
    pthread_t thread;
    start(&opener, listener, &thread);
    pthread_join(thread, NULL);
    ck_assert_int_eq(opener.err, WSP_ERR_UNTRUSTED);
    ck_assert_int_eq(wsp_listener_accept(listener, 0, &path), WSP_ERR_TIMEOUT);
    wsp_listener_close(&listener);
    struct wsp_path_options options = {.size = sizeof options, .connect_ms = 300};
    ck_assert_int_eq(wsp_path_open(opener.address, "api", key, &options, &path), WSP_ERR_REFUSED);
    ck_assert_int_eq(wsp_path_open("nonsense", "api", key, NULL, &path), WSP_ERR_INVALID);
    ck_assert_int_eq(wsp_path_open("127.0.0.1:1", NULL, key, NULL, &path), WSP_ERR_INVALID);
    ck_assert_int_eq(wsp_listener_open("9-8", "api", key, NULL, &listener), WSP_ERR_CONFIG);
    ck_assert_ptr_null(path);
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, messages_meet_receives_by_tag_and_in_order);
    tcase_add_test(cases, nonblocking_requests_end_by_wait_or_test);
    tcase_add_test(cases, statistics_fit_a_caller_of_an_older_version);
    tcase_add_test(cases, a_listener_takes_many_paths_and_reuses_their_places);
    tcase_add_test(cases, an_accepted_path_outlives_its_listener);
    tcase_add_test(cases, what_was_not_received_does_not_hold_up_a_close);
    tcase_add_test(cases, a_wrong_key_a_closed_port_and_nonsense_are_told_apart);
}
