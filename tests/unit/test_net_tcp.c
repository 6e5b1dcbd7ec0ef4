/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include "net/tcp.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS 10000

static void wait_for(int fd, short events)
{
    struct pollfd poll_fd = {.fd = fd, .events = events};
    ck_assert_int_eq(poll(&poll_fd, 1, WAIT_MS), 1);
}

static void connect_pair(const char *host, int *dialler, int *taken, int *listener)
{
    uint16_t port;
    struct wsp_address to, from;
    size_t n;
    ck_assert_int_eq(wsp_tcp_listen("0", listener, &port), WSP_OK);
    ck_assert_int_eq(wsp_tcp_resolve(host, port, &to, 1, &n), WSP_OK);
    ck_assert_int_eq(wsp_tcp_accept(*listener, taken, &from), WSP_ERR_AGAIN);
    ck_assert_int_eq(wsp_tcp_dial(&to, dialler), WSP_OK);
    wait_for(*dialler, POLLOUT);
    ck_assert_int_eq(wsp_tcp_dialled(*dialler), WSP_OK);
    wait_for(*listener, POLLIN);
    ck_assert_int_eq(wsp_tcp_accept(*listener, taken, &from), WSP_OK);
    ck_assert(wsp_address_is_same_host(&to, &from));
}

START_TEST(one_listener_takes_numeric_addresses_and_names)
{
    const char *hosts[] = {"127.0.0.1", "localhost"};
    for (int i = 0; i < 2; i++) {
        int dialler, taken, listener;
        size_t n;
        char byte;
        connect_pair(hosts[i], &dialler, &taken, &listener);
        wsp_tcp_tune(dialler, &(struct wsp_tcp_options){65536, 5000, 100000});
        ck_assert_int_eq(wsp_tcp_read(taken, &byte, 1, &n), WSP_ERR_AGAIN);
        struct iovec part = {.iov_base = "x", .iov_len = 1};
        ck_assert_int_eq(wsp_tcp_writev(dialler, &part, 1, &n), WSP_OK);
        wait_for(taken, POLLIN);
        ck_assert_int_eq(wsp_tcp_read(taken, &byte, 1, &n), WSP_OK);
        ck_assert_int_eq(byte, 'x');
        close(dialler);
        wait_for(taken, POLLIN);
        ck_assert_int_eq(wsp_tcp_read(taken, &byte, 1, &n), WSP_ERR_EOF);
        close(taken);
        close(listener);
    }
}
END_TEST

START_TEST(writing_to_a_closed_connection_is_an_error_and_no_signal)
{
    int dialler, taken, listener;
    size_t n;
    connect_pair("127.0.0.1", &dialler, &taken, &listener);
    close(taken);
    wait_for(dialler, POLLIN);
    struct iovec part = {.iov_base = "x", .iov_len = 1};
    wsp_err err = WSP_OK;
    for (int i = 0; i < 1000 && (err == WSP_OK || err == WSP_ERR_AGAIN); i++) {
        err = wsp_tcp_writev(dialler, &part, 1, &n);
        struct pollfd poll_fd = {.fd = dialler, .events = POLLOUT};
        poll(&poll_fd, 1, 10);
    }
    ck_assert_int_eq(err, WSP_ERR_RESET);
    close(dialler);
    close(listener);
}
END_TEST

START_TEST(a_dial_that_nobody_answers_is_refused)
{
    int listener, fd;
    uint16_t port;
    struct wsp_address to;
    size_t n;
    ck_assert_int_eq(wsp_tcp_listen("0", &listener, &port), WSP_OK);
    close(listener);
    ck_assert_int_eq(wsp_tcp_resolve("127.0.0.1", port, &to, 1, &n), WSP_OK);
    wsp_err err = wsp_tcp_dial(&to, &fd);
    if (!err) {
        wait_for(fd, POLLOUT);
        err = wsp_tcp_dialled(fd);
        close(fd);
    }
    ck_assert_int_eq(err, WSP_ERR_REFUSED);
}
END_TEST

START_TEST(a_port_range_gives_its_free_ports_and_then_ends)
{
    int fds[3];
    uint16_t first, port;
    ck_assert_int_eq(wsp_tcp_listen("0", &fds[0], &first), WSP_OK);
    char range[16];
    snprintf(range, sizeof range, "%u-%u", first, first);
    ck_assert_int_eq(wsp_tcp_listen(range, &fds[1], &port), WSP_ERR_BUSY);
    close(fds[0]);
    ck_assert_int_eq(wsp_tcp_listen(range, &fds[1], &port), WSP_OK);
    ck_assert_uint_eq(port, first);
    close(fds[1]);
    const char *bad[] = {"", "x", "5-", "9-8", "70000", "-3", "1-2-3", "0-9"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_int_eq(wsp_tcp_listen(bad[i], &fds[2], &port), WSP_ERR_CONFIG);
}
END_TEST

START_TEST(host_and_port_are_split_and_nonsense_is_refused)
{
    char host[32];
    uint16_t port;
    ck_assert_int_eq(wsp_tcp_split("login.example:4711", host, sizeof host, &port), WSP_OK);
    ck_assert_str_eq(host, "login.example");
    ck_assert_uint_eq(port, 4711);
    ck_assert_int_eq(wsp_tcp_split("[fe80::1]:80", host, sizeof host, &port), WSP_OK);
    ck_assert_str_eq(host, "fe80::1");
    const char *bad[] = {"", "host", ":80", "host:", "host:0", "host:65536", "[]:1", "host:8x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_int_eq(wsp_tcp_split(bad[i], host, sizeof host, &port), WSP_ERR_INVALID);
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, one_listener_takes_numeric_addresses_and_names);
    tcase_add_test(cases, writing_to_a_closed_connection_is_an_error_and_no_signal);
    tcase_add_test(cases, a_dial_that_nobody_answers_is_refused);
    tcase_add_test(cases, a_port_range_gives_its_free_ports_and_then_ends);
    tcase_add_test(cases, host_and_port_are_split_and_nonsense_is_refused);
}
