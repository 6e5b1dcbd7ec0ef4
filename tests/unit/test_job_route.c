/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include "job/route.h"

#include <string.h>

START_TEST(only_addresses_of_this_machine_are_its_own)
{
    char own[1024];
    ck_assert(wsp_route_is_own("127.0.0.1"));
    ck_assert(!wsp_route_is_own("192.0.2.1")); /* RFC 5737: nobody's */
    wsp_route_own_hosts(own, sizeof own);
    own[strcspn(own, ",")] = '\0';
    ck_assert(wsp_route_is_own(own));
}
END_TEST

/* The coordinator of this machine, by whatever name: others cannot reach us by the loopback. */
START_TEST(a_loopback_faces_nobody_if_there_is_another)
{
    char own[1024], facing[64];
    wsp_route_own_hosts(own, sizeof own);
    own[strcspn(own, ",")] = '\0';
    wsp_route_facing("unix:/nowhere,127.0.0.1:4711", facing, sizeof facing);
    ck_assert_str_eq(facing, own); /* 127.0.0.1 itself where the machine has no other */
    wsp_route_facing("unix:/nowhere", facing, sizeof facing);
    ck_assert_str_eq(facing, own);
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, only_addresses_of_this_machine_are_its_own);
    tcase_add_test(cases, a_loopback_faces_nobody_if_there_is_another);
}
