/* SPDX-License-Identifier: BSD-3-Clause */
/* The delay line in virtual time. */
#include "unit.h"

#include "base/clock.h"
#include "net/alarm.h"
#include "net/delay.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void push(struct wsp_delay_line *line, const char *text, uint64_t due_ns)
{
    ck_assert_int_eq(wsp_delay_push(line, text, strlen(text), due_ns), WSP_OK);
}

static void expect(struct wsp_delay_line *line, uint64_t now_ns, const char *text)
{
    struct wsp_held *held = wsp_delay_pop(line, now_ns);
    ck_assert_ptr_nonnull(held);
    ck_assert_uint_eq(held->length, strlen(text));
    ck_assert_mem_eq(held->bytes, text, held->length);
    free(held);
}

START_TEST(bytes_come_out_in_order_and_not_before_they_are_due)
{
    struct wsp_delay_line line = {0};
    ck_assert_uint_eq(wsp_delay_due_ns(&line), WSP_TIME_NEVER);
    ck_assert_ptr_null(wsp_delay_pop(&line, WSP_TIME_NEVER - 1));
    push(&line, "one", 100);
    push(&line, "two", 100);
    push(&line, "three", 250);
    ck_assert_uint_eq(wsp_delay_due_ns(&line), 100);
    ck_assert_ptr_null(wsp_delay_pop(&line, 99));
    expect(&line, 100, "one");
    expect(&line, 100, "two");
    ck_assert_ptr_null(wsp_delay_pop(&line, 249));
    expect(&line, 300, "three");
    push(&line, "four", 400);
    ck_assert_uint_eq(wsp_delay_due_ns(&line), 400);
    expect(&line, 400, "four");
    ck_assert_uint_eq(wsp_delay_due_ns(&line), WSP_TIME_NEVER);
}
END_TEST

START_TEST(a_bottleneck_passes_its_rate_and_no_more)
{
    struct wsp_bottleneck bottleneck = {0};
    uint64_t now_ns = 5 * WSP_NS_PER_S, through_ns = 0, sum = 0;
    srand(3);
    /* Offered at twice its rate, 1 Gbit/s, in uneven pieces. */
    while (sum < 100000000) {
        uint64_t n = 1 + (uint64_t)rand() % 65536;
        through_ns = wsp_bottleneck_enter(&bottleneck, 1000000000, n, now_ns);
        ck_assert_uint_ge(through_ns, now_ns + 8 * n - 1);
        now_ns += 4 * n;
        sum += n;
    }
    ck_assert_uint_eq((through_ns - 5 * WSP_NS_PER_S) / 8, sum);
    ck_assert_uint_eq(wsp_bottleneck_backlog_ns(&bottleneck, now_ns), through_ns - now_ns);
    /* Idle time is not saved up. */
    now_ns = through_ns + WSP_NS_PER_S;
    ck_assert_uint_eq(wsp_bottleneck_backlog_ns(&bottleneck, now_ns), 0);
    ck_assert_uint_eq(wsp_bottleneck_enter(&bottleneck, 1000000000, 1000, now_ns), now_ns + 8000);
}
END_TEST

START_TEST(without_a_rate_nothing_waits_for_what_is_before_it)
{
    struct wsp_bottleneck bottleneck = {0};
    for (uint64_t now_ns = 1; now_ns < 1000; now_ns++)
        ck_assert_uint_eq(wsp_bottleneck_enter(&bottleneck, 0, 1000000, now_ns), now_ns);
    ck_assert_uint_eq(wsp_bottleneck_backlog_ns(&bottleneck, 1), 0);
}
END_TEST

START_TEST(an_alarm_rings_at_its_time_until_it_is_silenced)
{
    int fd = -1;
    ck_assert_int_eq(wsp_alarm_open(&fd), WSP_OK);
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    ck_assert_int_eq(poll(&poller, 1, 0), 0);
    uint64_t at_ns = wsp_clock_now_ns() + 3 * WSP_NS_PER_MS;
    wsp_alarm_set(fd, at_ns);
    ck_assert_int_eq(poll(&poller, 1, 20000), 1);
    ck_assert_uint_ge(wsp_clock_now_ns(), at_ns);
    wsp_alarm_set(fd, WSP_TIME_NEVER);
    ck_assert_int_eq(poll(&poller, 1, 0), 0);
    wsp_alarm_set(fd, 0); /* long past */
    ck_assert_int_eq(poll(&poller, 1, 20000), 1);
    close(fd);
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, bytes_come_out_in_order_and_not_before_they_are_due);
    tcase_add_test(cases, a_bottleneck_passes_its_rate_and_no_more);
    tcase_add_test(cases, without_a_rate_nothing_waits_for_what_is_before_it);
    tcase_add_test(cases, an_alarm_rings_at_its_time_until_it_is_silenced);
}
