/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include "job/message.h"
#include "job/roster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A roster of sites with 1, 2, 3, ... ranks. */
static struct wsp_roster *make(uint32_t n_sites)
{
    struct wsp_roster *roster;
    ck_assert_int_eq(wsp_roster_new(n_sites, n_sites * (n_sites + 1) / 2, &roster), WSP_OK);
    uint32_t rank = 0;
    for (uint32_t i = 0; i < n_sites; i++) {
        struct wsp_site *site = &roster->sites[i];
        site->first_rank = rank;
        site->card = (struct wsp_site_card){.host_mpi = "Open MPI 4.1.4",
                                            .is_big_endian = i % 2,
                                            .sizeof_long = 8,
                                            .sizeof_long_double = 16,
                                            .sizeof_wchar = 4,
                                            .n_ranks = i + 1,
                                            .tag_ub = 0x7fffffff,
                                            .liveness_port = (uint16_t)(50000 + i),
                                            .liveness_hosts = "192.0.2.1,2001:db8::1,127.0.0.1"};
        snprintf(site->card.name, sizeof site->card.name, "site-%u", i);
        for (uint32_t k = 0; k <= i; k++, rank++) {
            struct wsp_endpoint *endpoint = &roster->ranks[rank];
            snprintf(endpoint->host, sizeof endpoint->host, "198.51.100.%u", rank);
            endpoint->port = (uint16_t)(40000 + rank);
            endpoint->nonce = UINT64_C(0x123456789abcdef0) + rank;
        }
    }
    return roster;
}

START_TEST(a_roster_survives_encoding)
{
    struct wsp_roster *roster = make(5), *back;
    uint8_t *bytes;
    size_t length;
    ck_assert_int_eq(wsp_roster_encode(roster, &bytes, &length), WSP_OK);
    ck_assert_int_eq(wsp_roster_decode(bytes, length, &back), WSP_OK);
    ck_assert_uint_eq(back->n_sites, roster->n_sites);
    ck_assert_uint_eq(back->n_ranks, roster->n_ranks);
    for (uint32_t i = 0; i < roster->n_sites; i++) {
        ck_assert_uint_eq(back->sites[i].first_rank, roster->sites[i].first_rank);
        ck_assert_mem_eq(&back->sites[i].card, &roster->sites[i].card,
                         sizeof roster->sites[i].card);
    }
    ck_assert_mem_eq(back->ranks, roster->ranks, roster->n_ranks * sizeof *roster->ranks);
    free(bytes);
    wsp_roster_free(&roster);
    wsp_roster_free(&back);
    ck_assert_ptr_null(back);
}
END_TEST

START_TEST(every_rank_belongs_to_its_site)
{
    struct wsp_roster *roster = make(7);
    for (uint32_t i = 0; i < roster->n_sites; i++)
        for (uint32_t k = 0; k < roster->sites[i].card.n_ranks; k++)
            ck_assert_uint_eq(wsp_roster_site_of(roster, roster->sites[i].first_rank + k), i);
    wsp_roster_free(&roster);
}
END_TEST

START_TEST(the_largest_tag_is_one_that_every_site_takes)
{
    struct wsp_roster *roster = make(4);
    ck_assert_uint_eq(wsp_roster_tag_ub(roster), 0x7fffffff);
    roster->sites[2].card.tag_ub = 0x0fffffff;
    roster->sites[3].card.tag_ub = 0x1fffffff;
    ck_assert_uint_eq(wsp_roster_tag_ub(roster), 0x0fffffff);
    roster->sites[0].card.tag_ub = 32767;
    ck_assert_uint_eq(wsp_roster_tag_ub(roster), 32767);
    roster->sites[1].card.tag_ub = UINT32_MAX; /* no tag is larger than an int */
    roster->sites[0].card.tag_ub = roster->sites[2].card.tag_ub = UINT32_MAX;
    roster->sites[3].card.tag_ub = UINT32_MAX;
    ck_assert_uint_eq(wsp_roster_tag_ub(roster), INT32_MAX);
    wsp_roster_free(&roster);
}
END_TEST

START_TEST(a_roster_cut_short_or_too_long_is_none)
{
    struct wsp_roster *roster = make(3), *back = NULL;
    uint8_t *bytes;
    size_t length;
    ck_assert_int_eq(wsp_roster_encode(roster, &bytes, &length), WSP_OK);
    for (size_t cut = 0; cut < length; cut++) {
        uint8_t *copy = malloc(cut + 1); /* its own block, so that a read beyond it is seen */
        memcpy(copy, bytes, cut);
        ck_assert_int_eq(wsp_roster_decode(copy, cut, &back), WSP_ERR_PROTOCOL);
        free(copy);
    }
    uint8_t *longer = calloc(1, length + 1);
    memcpy(longer, bytes, length);
    ck_assert_int_eq(wsp_roster_decode(longer, length + 1, &back), WSP_ERR_PROTOCOL);
    free(longer);
    free(bytes);
    wsp_roster_free(&roster);
}
END_TEST

/* Any change of a byte gives a roster that is whole, or an error; never a read out of bounds. */
START_TEST(a_damaged_roster_does_no_harm)
{
    struct wsp_roster *roster = make(3), *back;
    uint8_t *bytes;
    size_t length;
    srand(2);
    ck_assert_int_eq(wsp_roster_encode(roster, &bytes, &length), WSP_OK);
    for (int round = 0; round < 20000; round++) {
        size_t at = (size_t)rand() % length;
        uint8_t before = bytes[at];
        bytes[at] = (uint8_t)rand();
        back = NULL;
        if (wsp_roster_decode(bytes, length, &back) == WSP_OK) {
            uint32_t n_ranks = 0;
            for (uint32_t i = 0; i < back->n_sites; i++)
                n_ranks += back->sites[i].card.n_ranks;
            ck_assert_uint_eq(n_ranks, back->n_ranks);
        }
        wsp_roster_free(&back);
        bytes[at] = before;
    }
    free(bytes);
    wsp_roster_free(&roster);
}
END_TEST

START_TEST(a_huge_count_in_a_small_message_takes_no_memory)
{
    uint8_t bytes[64] = {1, 0xff, 0xff, 0, 0, 0xff, 0xff, 0xff, 0};
    struct wsp_roster *back = NULL;
    ck_assert_int_eq(wsp_roster_decode(bytes, sizeof bytes, &back), WSP_ERR_PROTOCOL);
}
END_TEST

START_TEST(texts_that_do_not_fit_fail_the_reader)
{
    char text[8];
    struct wsp_writer writer = {0};
    wsp_write_text(&writer, "too long for it");
    wsp_write_u32(&writer, 7);
    struct wsp_reader reader = {.at = writer.bytes, .left = writer.length};
    wsp_read_text(&reader, text, sizeof text);
    ck_assert(reader.has_failed);
    ck_assert_str_eq(text, "");
    ck_assert_uint_eq(wsp_read_u32(&reader), 0); /* and it stays failed */
    wsp_writer_fini(&writer);
}
END_TEST

START_TEST(texts_with_a_zero_inside_fail_the_reader)
{
    char text[8];
    uint8_t bytes[] = {3, 0, 'a', 0, 'b'};
    struct wsp_reader reader = {.at = bytes, .left = sizeof bytes};
    wsp_read_text(&reader, text, sizeof text);
    ck_assert(reader.has_failed);
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, a_roster_survives_encoding);
    tcase_add_test(cases, every_rank_belongs_to_its_site);
    tcase_add_test(cases, the_largest_tag_is_one_that_every_site_takes);
    tcase_add_test(cases, a_roster_cut_short_or_too_long_is_none);
    tcase_add_test(cases, a_damaged_roster_does_no_harm);
    tcase_add_test(cases, a_huge_count_in_a_small_message_takes_no_memory);
    tcase_add_test(cases, texts_that_do_not_fit_fail_the_reader);
    tcase_add_test(cases, texts_with_a_zero_inside_fail_the_reader);
}
