/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include "wire/frame.h"

#include <string.h>

static struct wsp_frame sample(uint8_t type)
{
    struct wsp_frame f = {
        .type = type,
        .flags = WSP_FRAME_CHARGED,
        .traffic_class = WSP_TRAFFIC_SMALL,
        .hop_limit = 3,
        .hop_epoch = 0x01020304,
        .hop_sequence = 77,
        .hop_ack = 76,
        .source = 5,
        .destination = 6,
        .segment = UINT64_C(1) << 40,
        .item = 99,
        .offset = UINT64_C(5) << 33,
        .checksum_kind = WSP_CHECKSUM_XXH3,
        .credit_epoch = 2,
        .credit_limit = 1 << 22,
        .ack = 12,
        .checksum = UINT64_C(0x1122334455667788),
    };
    if (type == WSP_FRAME_HEAD || type == WSP_FRAME_DATA)
        f.length = f.wire_length = 4096;
    if (type == WSP_FRAME_HEAD) {
        f.envelope = (struct wsp_envelope){.context = 11,
                                           .source = -2,
                                           .tag = 0x7fffffff,
                                           .length = UINT64_C(1) << 35,
                                           .flags = 1};
        f.prefix = 8192;
    } else if (type == WSP_FRAME_ACK) {
        f.n_ranges = WSP_FRAME_RANGE_MAX;
        for (unsigned i = 0; i < f.n_ranges; i++)
            f.ranges[i] = (struct wsp_range){.first = 20 * i, .end = 20 * i + 3};
    } else if (type != WSP_FRAME_DATA) {
        f.target = 123456789;
        f.value = 42;
    }
    return f;
}

START_TEST(every_type_survives_encoding_and_decoding)
{
    for (unsigned type = 1; wsp_frame_is_known((uint8_t)type); type++) {
        struct wsp_frame f = sample((uint8_t)type), g;
        uint8_t bytes[WSP_HEADER_MAX + 1];
        size_t told, n = wsp_frame_encode(&f, bytes + 1); /* odd address on purpose */
        ck_assert_uint_le(n, WSP_HEADER_MAX);
        ck_assert_int_eq(wsp_frame_header_length(bytes + 1, &told), WSP_OK);
        ck_assert_uint_eq(told, n);
        ck_assert_int_eq(wsp_frame_decode(bytes + 1, n, &g), WSP_OK);
        ck_assert_mem_eq(&f, &g, sizeof f);
    }
}
END_TEST

START_TEST(any_flipped_bit_of_a_header_is_noticed)
{
    struct wsp_frame f = sample(WSP_FRAME_HEAD), g;
    uint8_t bytes[WSP_HEADER_MAX];
    size_t n = wsp_frame_encode(&f, bytes);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert_int_eq(wsp_frame_decode(bytes, n, &g), WSP_ERR_DAMAGED);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    ck_assert_int_eq(wsp_frame_decode(bytes, n, &g), WSP_OK);
}
END_TEST

START_TEST(a_header_has_its_documented_bytes)
{
    struct wsp_frame f = sample(WSP_FRAME_HEAD);
    uint8_t b[WSP_HEADER_MAX];
    ck_assert_uint_eq(wsp_frame_encode(&f, b), 152);
    ck_assert_uint_eq(b[0], 1);
    ck_assert_uint_eq(b[1], WSP_FRAME_HEAD);
    ck_assert_uint_eq(b[2], 152);
    ck_assert_mem_eq(b + 8, "\x04\x03\x02\x01", 4);
    ck_assert_mem_eq(b + 32, "\x05\0\0\0\x06\0\0\0\0\0\0\0\0\x01\0\0", 16);
    ck_assert_mem_eq(b + 96, "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
    ck_assert_mem_eq(b + 112, "\xfe\xff\xff\xff\xff\xff\xff\x7f", 8);
}
END_TEST

START_TEST(a_forwarder_rewrites_the_hop_part_alone)
{
    struct wsp_frame f = sample(WSP_FRAME_DATA), g;
    uint8_t bytes[WSP_HEADER_MAX];
    size_t n = wsp_frame_encode(&f, bytes);
    wsp_frame_rehop(bytes, n, 2, 9, 1000, 1001);
    ck_assert_int_eq(wsp_frame_decode(bytes, n, &g), WSP_OK);
    f.hop_limit = 2, f.hop_epoch = 9, f.hop_sequence = 1000, f.hop_ack = 1001;
    ck_assert_mem_eq(&f, &g, sizeof f);
}
END_TEST

START_TEST(an_unknown_type_passes_only_if_it_may_be_ignored)
{
    struct wsp_frame f = sample(WSP_FRAME_PING), g;
    uint8_t bytes[WSP_HEADER_MAX];
    f.type = 200;
    size_t n = wsp_frame_encode(&f, bytes);
    ck_assert_int_eq(wsp_frame_decode(bytes, n, &g), WSP_ERR_PROTOCOL);
    f.flags |= WSP_FRAME_IGNORE;
    n = wsp_frame_encode(&f, bytes);
    ck_assert_int_eq(wsp_frame_decode(bytes, n, &g), WSP_OK);
}
END_TEST

START_TEST(a_payload_does_not_pass_for_another_segments)
{
    struct wsp_frame f = sample(WSP_FRAME_DATA);
    static uint8_t payload[4096];
    uint64_t sum = wsp_frame_checksum(&f, payload);
    f.hop_sequence++, f.ack++, f.credit_limit++;
    ck_assert_uint_eq(wsp_frame_checksum(&f, payload), sum);
    f.segment++;
    ck_assert_uint_ne(wsp_frame_checksum(&f, payload), sum);
    f.segment--, f.offset += 4096;
    ck_assert_uint_ne(wsp_frame_checksum(&f, payload), sum);
}
END_TEST

START_TEST(impossible_prefixes_are_damaged)
{
    uint8_t prefix[WSP_HEADER_PREFIX] = {WSP_FRAME_VERSION, 1, WSP_HEADER_MIN};
    size_t n;
    ck_assert_int_eq(wsp_frame_header_length(prefix, &n), WSP_OK);
    prefix[2]--;
    ck_assert_int_eq(wsp_frame_header_length(prefix, &n), WSP_ERR_DAMAGED);
    prefix[3] = 3;
    ck_assert_int_eq(wsp_frame_header_length(prefix, &n), WSP_ERR_DAMAGED);
    prefix[2] = WSP_HEADER_MIN, prefix[3] = 0, prefix[0] = 9;
    ck_assert_int_eq(wsp_frame_header_length(prefix, &n), WSP_ERR_DAMAGED);
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, every_type_survives_encoding_and_decoding);
    tcase_add_test(cases, any_flipped_bit_of_a_header_is_noticed);
    tcase_add_test(cases, a_header_has_its_documented_bytes);
    tcase_add_test(cases, a_forwarder_rewrites_the_hop_part_alone);
    tcase_add_test(cases, an_unknown_type_passes_only_if_it_may_be_ignored);
    tcase_add_test(cases, a_payload_does_not_pass_for_another_segments);
    tcase_add_test(cases, impossible_prefixes_are_damaged);
}
