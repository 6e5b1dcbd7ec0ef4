/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include "base/emulation.h"
#include "base/opts.h"

#include <stdlib.h>
#include <string.h>

START_TEST(what_is_asked_for_is_read_in_any_order_and_unit)
{
    static const struct {
        const char *text;
        uint64_t rtt_ns, rate_bps;
    } good[] = {{"rtt=30ms", 30000000, 0},
                {"rtt=250us", 250000, 0},
                {"rtt=1.5s", 1500000000, 0},
                {"rtt=0", 0, 0},
                {"rtt=30ms,rate=1G", 30000000, 1000000000},
                {"rate=2.5g,rtt=4s", 4000000000, 2500000000},
                {"rtt=1ms,rate=100M", 1000000, 100000000},
                {"rtt=1ms,rate=5000K", 1000000, 5000000},
                {"rtt=1ms,rate=1T", 1000000, 1000000000000}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct wsp_emulation emulation;
        ck_assert_int_eq(wsp_emulation_parse(good[i].text, &emulation), WSP_OK);
        ck_assert_uint_eq(emulation.rtt_ns, good[i].rtt_ns);
        ck_assert_uint_eq(emulation.rate_bps, good[i].rate_bps);
    }
}
END_TEST

START_TEST(what_cannot_be_used_is_refused)
{
    static const char *const bad[] = {"",
                                      "rtt",
                                      "rtt=",
                                      "rtt=x",
                                      "rtt=-1ms",
                                      "rtt=4001ms",
                                      "rate=1G",
                                      "rtt=30ms,",
                                      "rtt=30ms,rate=",
                                      "rtt=30ms,rate=1",
                                      "rtt=30ms,rate=2T",
                                      "rtt=30ms,rate=-1G",
                                      "rtt=30ms,rate=1Gbit",
                                      "rtt=30ms,rtt=30ms",
                                      "rtt=30ms,loss=1",
                                      "rtt=30ms rate=1G",
                                      ",rtt=30ms",
                                      "rtt=30ms,rate=1G,rate=1G",
                                      "rtt=30000000000000000000000000000000000000000000000ns"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct wsp_emulation emulation = {1, 2};
        ck_assert_msg(wsp_emulation_parse(bad[i], &emulation) == WSP_ERR_INVALID, "%s", bad[i]);
        ck_assert_uint_eq(emulation.rtt_ns, 1);
    }
}
END_TEST

START_TEST(the_option_is_refused_by_name)
{
    char why[512] = "";
    setenv("WIDESPAN_EMULATE", "rtt=far", 1);
    ck_assert_int_eq(wsp_opts_load(why, sizeof why), WSP_ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(why, "WIDESPAN_EMULATE=rtt=far"));
    setenv("WIDESPAN_EMULATE", "rtt=1ms", 1);
    ck_assert_int_eq(wsp_opts_load(why, sizeof why), WSP_OK);
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, what_is_asked_for_is_read_in_any_order_and_unit);
    tcase_add_test(cases, what_cannot_be_used_is_refused);
    tcase_add_test(cases, the_option_is_refused_by_name);
}
