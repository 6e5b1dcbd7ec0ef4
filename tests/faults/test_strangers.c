/* SPDX-License-Identifier: BSD-3-Clause */
/* 1,000 silent connections and 1,000 of garbage or with a wrong key reach a listening port while
 * data flow through it: nothing is lost, descriptors stay bounded, each stranger is counted. */
#include "unit.h"

#include "pair.h"
#include "net/tcp.h"
#include "wire/handshake.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N_SILENT = 1000, N_GARBAGE = 500, N_WRONG_KEY = 500, LENGTH = 1 << 20, WAIT_MS = 20000 };

static int dial(uint16_t port)
{
    struct wsp_address to;
    size_t n;
    int fd;
    if (wsp_tcp_resolve("127.0.0.1", port, &to, 1, &n) || wsp_tcp_dial(&to, &fd))
        _exit(10);
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    if (poll(&ready, 1, WAIT_MS) != 1 || wsp_tcp_dialled(fd) != WSP_OK)
        _exit(11);
    return fd;
}

/* Says this and waits until the other side hangs up. */
static void say(uint16_t port, const uint8_t *bytes, size_t length)
{
    int fd = dial(port);
    struct iovec part = {(void *)bytes, length};
    uint8_t answer[64];
    size_t n;
    wsp_err err = wsp_tcp_writev(fd, &part, 1, &n);
    while (err == WSP_OK || err == WSP_ERR_AGAIN) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, WAIT_MS) != 1)
            _exit(12);
        err = wsp_tcp_read(fd, answer, sizeof answer, &n);
    }
    close(fd);
}

static void say_garbage(uint16_t port, int i)
{
    uint8_t bytes[300];
    for (size_t k = 0; k < sizeof bytes; k++)
        bytes[k] = (uint8_t)(rand() >> 7);
    bytes[0] = (uint8_t)i;
    if (i % 2) /* begins well and goes wrong */
        memcpy(bytes, "WIDESPAN", 8);
    bytes[8] = 77;
    say(port, bytes, sizeof bytes);
}

static void say_wrong_key(uint16_t port)
{
    struct wsp_proof_key key;
    struct wsp_handshake handshake;
    const uint8_t *bytes, secret[32] = {99};
    struct wsp_hello hello = {.purpose = WSP_FOR_STREAM,
                              .version_min = WSP_HANDSHAKE_VERSION,
                              .version_max = WSP_HANDSHAKE_VERSION,
                              .dst_rank = 1,
                              .src_nonce = 5,
                              .n_streams = 4,
                              .generation = 9};
    if (wsp_proof_key_init(&key, secret, "pair") || wsp_handshake_dial(&handshake, &key, &hello))
        _exit(13);
    size_t length = wsp_handshake_output(&handshake, &bytes);
    say(port, bytes, length);
}

/* In a child: the silent ones stay open to the end, the others are turned away one by one. */
static void attack(uint16_t port)
{
    for (int i = 0; i < N_SILENT; i++) {
        dial(port);
        if (i % 2)
            say_garbage(port, i / 2);
        else
            say_wrong_key(port);
    }
    _exit(0);
}

static pid_t start_attack(int *order)
{
    int ends[2];
    struct rlimit limit;
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        uint16_t port;
        close(ends[1]);
        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
        setrlimit(RLIMIT_NOFILE, &limit);
        if (read(ends[0], &port, sizeof port) != sizeof port)
            _exit(14);
        attack(port);
    }
    close(ends[0]);
    *order = ends[1];
    return child;
}

static struct side sides[SIDES_MAX];

static struct wsp_link_stats stats_of(struct side *side)
{
    struct wsp_link_stats stats;
    wsp_link_lock(side->link);
    wsp_link_get_stats(side->link, &stats);
    wsp_link_unlock(side->link);
    return stats;
}

static void transfer(uint32_t from, uint32_t to, uint64_t seed)
{
    static uint8_t out[LENGTH], in[LENGTH];
    struct wsp_op send = {0}, receive = {0};
    pattern_fill(out, LENGTH, seed);
    memset(in, 0, LENGTH);
    side_receive(&sides[to], from, in, LENGTH, &receive);
    side_send(&sides[from], to, 0, out, LENGTH, 0, &send);
    side_wait(&sides[to], &receive);
    side_wait(&sides[from], &send);
    ck_assert_int_eq(send.err, WSP_OK);
    ck_assert_int_eq(receive.err, WSP_OK);
    ck_assert(pattern_holds(in, LENGTH, seed));
}

static uint64_t n_counted(const struct wsp_link_stats *stats)
{
    return stats->strangers_silent + stats->strangers_evicted + stats->strangers_garbage +
           stats->strangers_wrong_key;
}

START_TEST(two_thousand_strangers_change_nothing_for_the_job)
{
    int order, status;
    pid_t attacker = start_attack(&order);
    pair_options("WIDESPAN_STREAMS=4", NULL);
    pair_open(sides, 3, -1);
    struct wsp_endpoint endpoint;
    wsp_link_endpoint(sides[1].link, &endpoint);
    transfer(0, 1, 1);
    int before = test_open_descriptors(), most = before;
    ck_assert_int_eq(write(order, &endpoint.port, sizeof endpoint.port), sizeof endpoint.port);
    close(order);
    unsigned n_transfers = 0;
    while (waitpid(attacker, &status, WNOHANG) == 0) {
        transfer(n_transfers % 2, 1 - n_transfers % 2, n_transfers);
        if (stats_of(&sides[1]).strangers_garbage > 100 && n_transfers % 4 == 0)
            transfer(2, 1, n_transfers); /* a path that opens in the middle of it */
        int now = test_open_descriptors();
        most = now > most ? now : most;
        n_transfers++;
    }
    ck_assert_int_eq(status, 0);
    ck_assert_uint_ge(n_transfers, 1);
    uint64_t until_ns = wsp_clock_now_ns() + DEADLINE_S * WSP_NS_PER_S;
    struct wsp_link_stats stats = stats_of(&sides[1]);
    while (n_counted(&stats) < N_SILENT + N_GARBAGE + N_WRONG_KEY) {
        ck_assert_uint_lt(wsp_clock_now_ns(), until_ns);
        wsp_link_progress(sides[1].link, WSP_NS_PER_S);
        stats = stats_of(&sides[1]);
    }
    transfer(2, 1, 77);
    ck_assert_uint_eq(stats.strangers_garbage, N_GARBAGE);
    ck_assert_uint_eq(stats.strangers_wrong_key, N_WRONG_KEY);
    ck_assert_uint_eq(stats.strangers_silent + stats.strangers_evicted, N_SILENT);
    ck_assert_uint_eq(stats_of(&sides[0]).sum.streams_lost, 0);
    /* 256 unproven ones at a time, and the streams of the second path, at both of its ends. */
    ck_assert_int_le(most, before + 256 + 8 + 4);
    ck_assert_uint_le(stats.descriptors_peak, 256 + 8 + 8);
    pair_close(sides, 3);
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, two_thousand_strangers_change_nothing_for_the_job);
}
