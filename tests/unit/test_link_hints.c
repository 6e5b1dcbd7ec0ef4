/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include "link/hints.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct wsp_hint hint(const char *host, unsigned n_streams)
{
    struct wsp_hint made = {.n_streams = n_streams,
                            .pace_bps = 900000000,
                            .goodput_bps = 940000000,
                            .min_rtt_ns = 30000000,
                            .credit_bytes = 8388608};
    strcpy(made.host, host);
    return made;
}

static unsigned n_streams(const struct wsp_hints *hints, const char *host)
{
    const struct wsp_hint *found = wsp_hints_find(hints, host);
    return found ? found->n_streams : 0;
}

static wsp_err parse(const char *text, struct wsp_hints *hints, unsigned *first_bad)
{
    FILE *in = fmemopen((void *)text, strlen(text), "r");
    wsp_err err = wsp_hints_parse(in, hints, first_bad);
    fclose(in);
    return err;
}

START_TEST(what_is_printed_is_read_again)
{
    struct wsp_hints written = {0}, read = {0};
    struct wsp_hint one = hint("one.example.org", 12), two = hint("2001:db8::2", 256);
    char text[1024];
    unsigned first_bad;
    ck_assert_int_eq(wsp_hints_put(&written, &one), WSP_OK);
    ck_assert_int_eq(wsp_hints_put(&written, &two), WSP_OK);
    FILE *out = fmemopen(text, sizeof text, "w");
    wsp_hints_print(&written, out);
    fclose(out);
    ck_assert_int_eq(parse(text, &read, &first_bad), WSP_OK);
    ck_assert_uint_eq(first_bad, 0);
    ck_assert_uint_eq(read.n, 2);
    ck_assert_mem_eq(read.rows, written.rows, 2 * sizeof *read.rows);
    wsp_hints_free(&written);
    wsp_hints_free(&read);
}
END_TEST

START_TEST(damaged_lines_are_left_out)
{
    static const char *const bad[] = {
        "host\n",
        "host 1 2 3 4\n",
        "host 1 2 3 4 5 6\n",
        "host 0 2 3 4 5\n",
        "host 257 2 3 4 5\n",
        "host -1 2 3 4 5\n",
        "host 1 2 x 4 5\n",
        "host 1 2 3 4 99999999999999999999999\n",
        "host 1 2 3 4 5", /* cut */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct wsp_hints hints = {0};
        char text[1024];
        unsigned first_bad;
        snprintf(text, sizeof text, WSP_HINTS_HEADER "\ngood 5 0 1 2 3\n%s", bad[i]);
        ck_assert_int_eq(parse(text, &hints, &first_bad), WSP_OK);
        ck_assert_uint_eq(first_bad, 3);
        ck_assert_uint_eq(n_streams(&hints, "good"), 5);
        ck_assert_ptr_null(wsp_hints_find(&hints, "host"));
        wsp_hints_free(&hints);
    }
}
END_TEST

START_TEST(a_line_too_long_hides_no_other)
{
    struct wsp_hints hints = {0};
    char text[2048] = WSP_HINTS_HEADER "\n";
    unsigned first_bad;
    memset(text + strlen(text), 'x', 1500);
    strcat(text, " 1 2 3 4 5\ngood 5 0 1 2 3\n");
    ck_assert_int_eq(parse(text, &hints, &first_bad), WSP_OK);
    ck_assert_uint_eq(first_bad, 2);
    ck_assert_uint_eq(hints.n, 1);
    ck_assert_uint_eq(n_streams(&hints, "good"), 5);
    wsp_hints_free(&hints);
}
END_TEST

START_TEST(another_format_is_refused)
{
    struct wsp_hints hints = {0};
    unsigned first_bad;
    ck_assert_int_eq(parse("# widespan hints 2\nhost 1 2 3 4 5\n", &hints, &first_bad),
                     WSP_ERR_VERSION);
    ck_assert_uint_eq(hints.n, 0);
}
END_TEST

START_TEST(the_oldest_go_first)
{
    struct wsp_hints hints = {0};
    char name[32];
    for (unsigned i = 0; i < WSP_HINTS_MOST + 2; i++) {
        snprintf(name, sizeof name, "host%u", i == WSP_HINTS_MOST ? 0 : i);
        struct wsp_hint row = hint(name, 1 + i % 200);
        ck_assert_int_eq(wsp_hints_put(&hints, &row), WSP_OK);
    }
    ck_assert_uint_eq(hints.n, WSP_HINTS_MOST);
    ck_assert_ptr_nonnull(wsp_hints_find(&hints, "host0")); /* was put again */
    ck_assert_ptr_null(wsp_hints_find(&hints, "host1"));
    wsp_hints_free(&hints);
}
END_TEST

/* Processes that write at the same time keep each other's lines. */
START_TEST(writers_do_not_lose_what_others_wrote)
{
    enum { N = 8 };
    char folder[] = "/tmp/wsp-hints-XXXXXX", path[64], lock[80];
    pid_t children[N];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/hints", folder);
    snprintf(lock, sizeof lock, "%s.lock", path);
    for (int i = 0; i < N; i++) {
        children[i] = fork();
        ck_assert_int_ge(children[i], 0);
        if (children[i] > 0)
            continue;
        for (unsigned k = 1; k <= 20; k++) {
            struct wsp_hints mine = {0};
            char name[32];
            snprintf(name, sizeof name, "host%d", i);
            struct wsp_hint row = hint(name, k);
            if (wsp_hints_put(&mine, &row))
                _exit(1);
            wsp_hints_save(path, &mine);
            wsp_hints_free(&mine);
        }
        _exit(0);
    }
    for (int i = 0; i < N; i++) {
        int status;
        ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
        ck_assert_int_eq(status, 0);
    }
    struct wsp_hints all = {0};
    wsp_hints_load(path, true, &all);
    unlink(path);
    unlink(lock);
    ck_assert_int_eq(rmdir(folder), 0); /* nothing else was left */
    ck_assert_uint_eq(all.n, N);
    for (size_t i = 0; i < all.n; i++)
        ck_assert_uint_eq(all.rows[i].n_streams, 20);
    wsp_hints_free(&all);
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, what_is_printed_is_read_again);
    tcase_add_test(cases, damaged_lines_are_left_out);
    tcase_add_test(cases, a_line_too_long_hides_no_other);
    tcase_add_test(cases, another_format_is_refused);
    tcase_add_test(cases, the_oldest_go_first);
    tcase_add_test(cases, writers_do_not_lose_what_others_wrote);
}
