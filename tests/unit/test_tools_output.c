/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include "tools/output.h"
#include "tools/verdict.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N_SOURCES 2

static struct wsp_loop *loop;
static struct wsp_output *output;
static int reader, writer, from[N_SOURCES]; /* our ends of the pipes */
static bool is_broken;
static char got[8 << 20];
static size_t n_got;

static void on_broken(void *user)
{
    (void)user;
    is_broken = true;
}

/* Two sources, the first with a prefix. */
static void open_all(void)
{
    static const char *const prefixes[N_SOURCES] = {"[a] ", ""};
    int ends[2];
    signal(SIGPIPE, SIG_IGN);
    ck_assert_int_eq(wsp_loop_open(&loop), WSP_OK);
    ck_assert_int_eq(pipe(ends), 0);
    reader = ends[0];
    writer = ends[1];
    fcntl(reader, F_SETFL, O_NONBLOCK);
    ck_assert_int_eq(wsp_output_open(loop, writer, on_broken, NULL, &output), WSP_OK);
    for (int i = 0; i < N_SOURCES; i++) {
        ck_assert_int_eq(pipe(ends), 0);
        ck_assert_int_eq(wsp_output_add(output, ends[0], prefixes[i]), WSP_OK);
        from[i] = ends[1];
        fcntl(from[i], F_SETFL, O_NONBLOCK);
    }
}

static void hang_up(int source)
{
    close(from[source]);
    from[source] = -1;
}

static void close_all(void)
{
    wsp_output_close(&output);
    wsp_loop_close(&loop);
    for (int i = 0; i < N_SOURCES; i++)
        if (from[i] >= 0)
            close(from[i]);
    close(writer);
    if (reader >= 0)
        close(reader);
}

static void take(void)
{
    for (ssize_t n = 1; n > 0;) {
        n = read(reader, got + n_got, sizeof got - n_got);
        if (n > 0)
            n_got += (size_t)n;
    }
}

/* Lets everything move that can. */
static void turn(void)
{
    while (wsp_loop_wait(loop, 0) > 0) {
        wsp_loop_dispatch(loop);
        take();
    }
    take();
}

static void say_bytes(int source, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t n = write(from[source], text, length);
        if (n > 0) {
            text += n;
            length -= (size_t)n;
        }
        turn();
    }
}

static void say(int source, const char *text)
{
    say_bytes(source, text, strlen(text));
}

static void check(const char *expected)
{
    ck_assert_uint_eq(n_got, strlen(expected));
    ck_assert_mem_eq(got, expected, n_got);
}

START_TEST(a_line_waits_for_its_end)
{
    say(0, "half a ");
    check("");
    say(1, "whole\n");
    say(0, "line\nand");
    check("whole\n[a] half a line\n");
}
END_TEST

START_TEST(the_last_line_needs_no_end)
{
    say(0, "unended");
    hang_up(0);
    turn();
    check("[a] unended\n"); /* ended for it, because others may follow */
    say(1, "unended too");
    hang_up(1);
    turn();
    check("[a] unended\nunended too");
    ck_assert(wsp_output_is_done(output));
}
END_TEST

START_TEST(a_line_longer_than_the_room_holds_the_output)
{
    size_t length = 2 * WSP_LINE_BYTES;
    char *text = malloc(length);
    memset(text, 'x', length);
    say_bytes(1, text, length);
    ck_assert_uint_ge(n_got, WSP_LINE_BYTES);
    say(0, "meanwhile\n");
    say(1, "end\n");
    ck_assert_uint_eq(n_got, length + strlen("end\n[a] meanwhile\n"));
    ck_assert_mem_eq(got, text, length);
    ck_assert_mem_eq(got + length, "end\n[a] meanwhile\n", strlen("end\n[a] meanwhile\n"));
    free(text);
}
END_TEST

START_TEST(two_endless_lines_lose_nothing)
{
    size_t length = 2 * WSP_LINE_BYTES, n_x = 0, n_y = 0;
    char *text = malloc(length);
    memset(text, 'x', length);
    say_bytes(0, text, length);
    memset(text, 'y', length);
    say_bytes(1, text, length);
    hang_up(0);
    hang_up(1);
    turn();
    for (size_t i = 0; i < n_got; i++) {
        n_x += got[i] == 'x';
        n_y += got[i] == 'y';
    }
    ck_assert_uint_eq(n_x, length);
    ck_assert_uint_eq(n_y, length);
    free(text);
}
END_TEST

START_TEST(memory_is_bounded_when_nobody_reads)
{
    char text[4096];
    size_t n_taken = 0;
    memset(text, 'z', sizeof text);
    text[sizeof text - 1] = '\n';
    for (int idle = 0; idle < 3;) {
        ssize_t n = write(from[0], text, sizeof text);
        n_taken += n > 0 ? (size_t)n : 0;
        idle = n > 0 ? 0 : idle + 1;
        while (wsp_loop_wait(loop, 0) > 0)
            wsp_loop_dispatch(loop);
    }
    ck_assert_uint_lt(n_taken, 6 * WSP_LINE_BYTES);
    while (!wsp_output_is_done(output)) {
        turn();
        if (from[0] >= 0)
            hang_up(0);
        if (from[1] >= 0)
            hang_up(1);
    }
    ck_assert_uint_eq(n_got, n_taken + n_taken / sizeof text * strlen("[a] "));
}
END_TEST

START_TEST(a_reader_that_goes_is_noticed_once)
{
    close(reader);
    reader = -1;
    ck_assert_int_eq(write(from[1], "line\n", 5), 5);
    while (wsp_loop_wait(loop, 0) > 0)
        wsp_loop_dispatch(loop);
    ck_assert(is_broken);
}
END_TEST

static void check_verdict(struct wsp_site_end end, bool is_failure, int status, const char *said)
{
    char why[256] = "";
    int found;
    end.name = "tokyo";
    ck_assert_int_eq(wsp_site_end_is_failure(&end, &found, why, sizeof why), is_failure);
    ck_assert_int_eq(found, status);
    ck_assert_msg(strstr(why, said) != NULL, "%s", why);
}

START_TEST(ends_of_launch_commands_are_judged)
{
    struct wsp_site_end good = {.has_joined = true, .is_together = true, .has_left = true};
    struct wsp_site_end early = good, failed = good, killed = good;
    early.has_left = false;
    failed.wait_status = 9 << 8;
    killed.wait_status = SIGKILL;
    killed.has_left = false;
    check_verdict(good, false, 0, "");
    check_verdict((struct wsp_site_end){0}, true, 1, "without calling MPI_Init");
    check_verdict((struct wsp_site_end){.wait_status = 127 << 8}, true, 127,
                  "status 127 before its ranks called MPI_Init");
    check_verdict((struct wsp_site_end){.has_joined = true}, true, 1, "other sites were waited");
    check_verdict(early, true, 1, "status 0 before MPI_Finalize");
    check_verdict(failed, true, 9, "site tokyo: the program ended with status 9");
    check_verdict(killed, true, 137, "status 137 before MPI_Finalize");
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_checked_fixture(cases, open_all, close_all);
    tcase_add_test(cases, a_line_waits_for_its_end);
    tcase_add_test(cases, the_last_line_needs_no_end);
    tcase_add_test(cases, a_line_longer_than_the_room_holds_the_output);
    tcase_add_test(cases, two_endless_lines_lose_nothing);
    tcase_add_test(cases, memory_is_bounded_when_nobody_reads);
    tcase_add_test(cases, a_reader_that_goes_is_noticed_once);
    tcase_add_test(cases, ends_of_launch_commands_are_judged);
}
