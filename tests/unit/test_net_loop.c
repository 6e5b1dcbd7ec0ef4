/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include "base/clock.h"
#include "net/loop.h"
#include "net/timers.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static struct wsp_loop *loop;
static struct wsp_watch *watches[2];
static int calls[2];

static void count_and_remove_both(void *user, unsigned events)
{
    ck_assert_uint_eq(events, WSP_READABLE);
    calls[(int *)user - calls]++;
    for (int i = 0; i < 2; i++)
        wsp_watch_remove(&watches[i]);
}

START_TEST(a_watch_removed_by_an_earlier_callback_is_not_called)
{
    int pipes[2][2];
    calls[0] = calls[1] = 0;
    ck_assert_int_eq(wsp_loop_open(&loop), WSP_OK);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pipe(pipes[i]), 0);
        ck_assert_int_eq(wsp_loop_watch(loop, pipes[i][0], WSP_READABLE, count_and_remove_both,
                                        &calls[i], &watches[i]),
                         WSP_OK);
        ck_assert_int_eq(write(pipes[i][1], "x", 1), 1);
    }
    ck_assert_int_eq(wsp_loop_wait(loop, WSP_NS_PER_S), 2);
    wsp_loop_dispatch(loop);
    ck_assert_int_eq(calls[0] + calls[1], 1);
    ck_assert_int_eq(wsp_loop_wait(loop, 0), 0);
    for (int i = 0; i < 2; i++) {
        close(pipes[i][0]);
        close(pipes[i][1]);
    }
    wsp_loop_close(&loop);
}
END_TEST

static void *wake_it(void *user)
{
    wsp_loop_wake(user);
    return NULL;
}

START_TEST(a_wake_ends_a_wait_under_way_or_the_next_one)
{
    ck_assert_int_eq(wsp_loop_open(&loop), WSP_OK);
    for (int i = 0; i < 200; i++) {
        pthread_t thread;
        ck_assert_int_eq(pthread_create(&thread, NULL, wake_it, loop), 0);
        ck_assert_int_eq(wsp_loop_wait(loop, 20 * WSP_NS_PER_S), 1);
        wsp_loop_dispatch(loop);
        pthread_join(thread, NULL);
        ck_assert_int_eq(wsp_loop_wait(loop, 0), 0);
    }
    wsp_loop_close(&loop);
}
END_TEST

static uint64_t last_fired;
static unsigned n_fired;

static void note_fired(void *user, uint64_t now_ns)
{
    struct wsp_timer *timer = user;
    ck_assert_uint_ge(timer->at_ns, last_fired);
    ck_assert_uint_le(timer->at_ns, now_ns);
    last_fired = timer->at_ns;
    n_fired++;
}

START_TEST(timers_fire_in_order_after_moves_and_stops)
{
    struct wsp_timers timers = {0};
    static struct wsp_timer all[1000];
    srand(7);
    for (int i = 0; i < 1000; i++) {
        all[i] = (struct wsp_timer){.fn = note_fired, .user = &all[i]};
        ck_assert_int_eq(wsp_timers_set(&timers, &all[i], (uint64_t)rand() % 5000), WSP_OK);
    }
    for (int i = 0; i < 1000; i += 2)
        ck_assert_int_eq(wsp_timers_set(&timers, &all[i], (uint64_t)rand() % 5000), WSP_OK);
    for (int i = 0; i < 1000; i += 5)
        wsp_timers_stop(&timers, &all[i]);
    last_fired = n_fired = 0;
    wsp_timers_run(&timers, 2500);
    unsigned early = n_fired;
    ck_assert_uint_gt(early, 300);
    ck_assert_uint_gt(wsp_timers_deadline(&timers), 2500);
    wsp_timers_run(&timers, 5000);
    ck_assert_uint_eq(n_fired, 800);
    ck_assert_uint_eq(wsp_timers_deadline(&timers), WSP_TIME_NEVER);
    wsp_timers_fini(&timers);
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, a_watch_removed_by_an_earlier_callback_is_not_called);
    tcase_add_test(cases, a_wake_ends_a_wait_under_way_or_the_next_one);
    tcase_add_test(cases, timers_fire_in_order_after_moves_and_stops);
}
