/* SPDX-License-Identifier: BSD-3-Clause */
/* What a unit test file gives to main.c: its cases, named as sentences. */
#ifndef WSP_TESTS_UNIT_H
#define WSP_TESTS_UNIT_H

#include <check.h>

void test_cases(TCase *cases);

/* Open descriptors of this process. */
int test_open_descriptors(void);

#endif
