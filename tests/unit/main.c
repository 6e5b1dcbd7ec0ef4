/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs the suite that the file beside it defines, and holds that it leaves no descriptor open. */
#include "unit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

int test_open_descriptors(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return 0;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static int descriptors_before;

static void note_descriptors(void)
{
    descriptors_before = test_open_descriptors();
}

static void compare_descriptors(void)
{
    ck_assert_int_eq(test_open_descriptors(), descriptors_before);
}

int main(void)
{
    Suite *suite = suite_create("unit");
    TCase *cases = tcase_create("cases");
    tcase_set_timeout(cases, 30);
    tcase_add_checked_fixture(cases, note_descriptors, compare_descriptors);
    test_cases(cases);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
