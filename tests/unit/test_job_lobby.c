/* SPDX-License-Identifier: BSD-3-Clause */
/* The lobby of a leader or a coordinator, with callers that come all at once. */
#include "unit.h"

#include "base/clock.h"
#include "job/lobby.h"
#include "net/tcp.h"

#include <string.h>

#define N_CALLERS 200
#define LIMIT_NS  (20 * WSP_NS_PER_S)

static struct wsp_channel *callers[N_CALLERS], *proven[N_CALLERS];
static unsigned n_proven, n_ended;

static void on_opened(void *user, struct wsp_channel *channel)
{
    (void)user, (void)channel;
}

static void on_message(void *user, struct wsp_channel *channel, enum wsp_message_type type,
                       const uint8_t *bytes, size_t length)
{
    (void)user, (void)channel, (void)type, (void)bytes, (void)length;
}

static void on_ended(void *user, struct wsp_channel *channel, wsp_err err)
{
    struct wsp_channel **caller = user;
    (void)channel, (void)err;
    n_ended++;
    wsp_channel_close(caller);
}

static const struct wsp_channel_handler handler = {on_opened, on_message, on_ended};

static void on_proven(void *user, struct wsp_channel *channel)
{
    (void)user;
    proven[n_proven] = channel;
    wsp_channel_set_handler(channel, &handler, &proven[n_proven]);
    n_proven++;
}

/* So many of them are expected; all have knocked before the first is let in. */
static void call_all(unsigned n_expected)
{
    struct wsp_loop *loop = NULL;
    struct wsp_lobby *lobby = NULL;
    struct wsp_proof_key key;
    struct wsp_address address;
    uint8_t job_key[32] = {7};
    uint16_t port;
    size_t n_addresses;
    int listener;
    ck_assert(!wsp_proof_key_init(&key, job_key, "test"));
    ck_assert(!wsp_loop_open(&loop));
    ck_assert(!wsp_tcp_listen("0", &listener, &port));
    ck_assert(!wsp_tcp_resolve("127.0.0.1", port, &address, 1, &n_addresses));
    struct wsp_channel_config config = {
        .loop = loop, .key = &key, .purpose = WSP_FOR_LIVENESS, .nonce = 5, .handler = &handler};
    for (unsigned i = 0; i < N_CALLERS; i++) {
        struct wsp_channel_config own = config;
        int fd;
        own.nonce = 100 + i;
        own.remote_nonce = config.nonce;
        own.rank = i;
        own.user = &callers[i];
        ck_assert(!wsp_tcp_dial(&address, &fd));
        ck_assert(!wsp_channel_dial(&own, fd, &callers[i]));
    }
    config.remote_rank = WSP_RANK_UNKNOWN;
    ck_assert(!wsp_lobby_open(&config, listener, n_expected, on_proven, NULL, &lobby));
    uint64_t until_ns = wsp_clock_now_ns() + LIMIT_NS;
    while (n_proven + n_ended < N_CALLERS && wsp_clock_now_ns() < until_ns) {
        wsp_loop_wait(loop, WSP_NS_PER_S);
        wsp_loop_dispatch(loop);
    }
    for (unsigned i = 0; i < N_CALLERS; i++) {
        wsp_channel_close(&callers[i]);
        wsp_channel_close(&proven[i]);
    }
    wsp_lobby_close(&lobby);
    wsp_loop_close(&loop);
}

START_TEST(all_that_are_expected_may_come_at_once)
{
    call_all(N_CALLERS);
    ck_assert_uint_eq(n_proven, N_CALLERS);
    ck_assert_uint_eq(n_ended, 0);
}
END_TEST

START_TEST(strangers_are_few_at_a_time)
{
    call_all(0);
    ck_assert_uint_ge(n_proven, 1);
    ck_assert_uint_ge(n_ended, 1);
    ck_assert_uint_eq(n_proven + n_ended, N_CALLERS);
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, all_that_are_expected_may_come_at_once);
    tcase_add_test(cases, strangers_are_few_at_a_time);
}
