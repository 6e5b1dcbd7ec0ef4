/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include "wire/bytes.h"
#include "wire/handshake.h"
#include "wire/proof.h"

#include <string.h>

static struct wsp_proof_key key, other_key, other_job;
static struct wsp_handshake dialler, acceptor;

static struct wsp_hello sample_hello(void)
{
    struct wsp_hello hello = {.purpose = WSP_FOR_STREAM,
                              .version_min = 1,
                              .version_max = WSP_HANDSHAKE_VERSION,
                              .features = 5,
                              .src_rank = 3,
                              .dst_rank = 7,
                              .src_nonce = UINT64_C(0x1122334455667788),
                              .dst_nonce = 99,
                              .random = {1, 2, 3},
                              .stream = 2,
                              .n_streams = 4,
                              .generation = 9,
                              .hop_epoch = 4,
                              .received = UINT64_C(1) << 40,
                              .credit_epoch = 6,
                              .credit_limit = 4194304};
    return hello;
}

static struct wsp_answer sample_answer(void)
{
    struct wsp_answer answer = {.features = 4,
                                .nonce = 99,
                                .random = {9, 8, 7},
                                .n_streams = 3,
                                .generation = 9,
                                .received = 12,
                                .credit_limit = 77};
    return answer;
}

static void make_keys(void)
{
    uint8_t a[32] = {1}, b[32] = {2};
    ck_assert_int_eq(wsp_proof_key_init(&key, a, "job"), WSP_OK);
    ck_assert_int_eq(wsp_proof_key_init(&other_key, b, "job"), WSP_OK);
    ck_assert_int_eq(wsp_proof_key_init(&other_job, a, "another job"), WSP_OK);
}

/* Moves what `from` wants to write to `to`, `step` bytes at a time, flipping bit `flip` if it is
 * not negative. */
static size_t carry(struct wsp_handshake *from, struct wsp_handshake *to, size_t step, long flip)
{
    const uint8_t *bytes;
    uint8_t copy[WSP_HANDSHAKE_MAX_BYTES];
    size_t length = wsp_handshake_output(from, &bytes);
    memcpy(copy, bytes, length);
    wsp_handshake_wrote(from, length);
    if (flip >= 0 && (size_t)flip < 8 * length)
        copy[flip / 8] ^= (uint8_t)(1 << flip % 8);
    size_t taken = 0;
    for (size_t at = 0; at < length; at += step)
        taken += wsp_handshake_feed(to, copy + at, length - at < step ? length - at : step);
    return taken;
}

static void begin(const struct wsp_proof_key *dial_key, const struct wsp_hello *hello)
{
    ck_assert_int_eq(wsp_handshake_dial(&dialler, dial_key, hello), WSP_OK);
    wsp_handshake_accept(&acceptor, &key);
}

START_TEST(both_sides_prove_the_key_and_learn_the_fields)
{
    make_keys();
    struct wsp_hello hello = sample_hello();
    struct wsp_answer answer = sample_answer();
    for (size_t step = 1; step < 200; step += 7) {
        begin(&key, &hello);
        carry(&dialler, &acceptor, step, -1);
        ck_assert_int_eq(acceptor.state, WSP_HANDSHAKE_DECIDE);
        ck_assert_mem_eq(&wsp_handshake_hello(&acceptor)->random, &hello.random, 32);
        ck_assert_uint_eq(wsp_handshake_hello(&acceptor)->received, hello.received);
        ck_assert_uint_eq(wsp_handshake_hello(&acceptor)->src_nonce, hello.src_nonce);
        ck_assert_uint_eq(wsp_handshake_hello(&acceptor)->stream, 2);
        wsp_handshake_grant(&acceptor, &answer);
        carry(&acceptor, &dialler, step, -1);
        ck_assert_int_eq(dialler.state, WSP_HANDSHAKE_DONE);
        ck_assert_uint_eq(wsp_handshake_answer(&dialler)->version, WSP_HANDSHAKE_VERSION);
        ck_assert_uint_eq(wsp_handshake_answer(&dialler)->features, 4);
        ck_assert_uint_eq(wsp_handshake_answer(&dialler)->credit_limit, 77);
        ck_assert_int_eq(acceptor.state, WSP_HANDSHAKE_RUNNING);
        carry(&dialler, &acceptor, step, -1);
        ck_assert_int_eq(acceptor.state, WSP_HANDSHAKE_DONE);
    }
}
END_TEST

START_TEST(bytes_behind_the_confirmation_are_left_for_the_frames)
{
    make_keys();
    struct wsp_hello hello = sample_hello();
    struct wsp_answer answer = sample_answer();
    begin(&key, &hello);
    carry(&dialler, &acceptor, 500, -1);
    wsp_handshake_grant(&acceptor, &answer);
    carry(&acceptor, &dialler, 500, -1);
    const uint8_t *bytes;
    uint8_t more[WSP_HANDSHAKE_MAX_BYTES] = {0};
    size_t length = wsp_handshake_output(&dialler, &bytes);
    memcpy(more, bytes, length);
    ck_assert_uint_eq(wsp_handshake_feed(&acceptor, more, length + 100), length);
    ck_assert_int_eq(acceptor.state, WSP_HANDSHAKE_DONE);
    ck_assert_uint_eq(wsp_handshake_feed(&acceptor, more, 10), 0);
}
END_TEST

START_TEST(a_wrong_key_or_job_is_refused_at_the_hello_without_detail)
{
    make_keys();
    struct wsp_hello hello = sample_hello();
    const struct wsp_proof_key *wrong[] = {&other_key, &other_job};
    for (int i = 0; i < 2; i++) {
        begin(wrong[i], &hello);
        carry(&dialler, &acceptor, 500, -1);
        ck_assert_int_eq(acceptor.state, WSP_HANDSHAKE_FAILED);
        ck_assert_int_eq(acceptor.stranger, WSP_STRANGER_WRONG_KEY);
        const uint8_t *bytes;
        ck_assert_uint_eq(wsp_handshake_output(&acceptor, &bytes), 16);
        carry(&acceptor, &dialler, 500, -1);
        ck_assert_int_eq(dialler.state, WSP_HANDSHAKE_FAILED);
        ck_assert_int_eq(wsp_handshake_error(&dialler), WSP_ERR_UNTRUSTED);
    }
}
END_TEST

START_TEST(any_flipped_bit_in_any_message_fails_the_handshake)
{
    make_keys();
    struct wsp_hello hello = sample_hello();
    struct wsp_answer answer = sample_answer();
    for (int message = 0; message < 3; message++) {
        for (long flip = 0; flip < 8 * 160; flip++) {
            begin(&key, &hello);
            carry(&dialler, &acceptor, 500, message == 0 ? flip : -1);
            if (message > 0) {
                wsp_handshake_grant(&acceptor, &answer);
                if (flip >= 8 * (message == 1 ? 120 : 44))
                    break;
                carry(&acceptor, &dialler, 500, message == 1 ? flip : -1);
                if (message == 2)
                    carry(&dialler, &acceptor, 500, flip);
            }
            struct wsp_handshake *judge = message == 1 ? &dialler : &acceptor;
            ck_assert_int_ne(judge->state, WSP_HANDSHAKE_DONE);
            ck_assert_int_ne(judge->state, WSP_HANDSHAKE_DECIDE);
        }
    }
}
END_TEST

START_TEST(a_truncated_hello_waits_and_garbage_is_known_by_its_first_byte)
{
    make_keys();
    struct wsp_hello hello = sample_hello();
    begin(&key, &hello);
    const uint8_t *bytes;
    size_t length = wsp_handshake_output(&dialler, &bytes);
    for (size_t cut = 0; cut < length; cut++) {
        wsp_handshake_accept(&acceptor, &key);
        ck_assert_uint_eq(wsp_handshake_feed(&acceptor, bytes, cut), cut);
        ck_assert_int_eq(acceptor.state, WSP_HANDSHAKE_RUNNING);
    }
    wsp_handshake_accept(&acceptor, &key);
    wsp_handshake_feed(&acceptor, (const uint8_t *)"GET / HTTP/1.0\r\n", 16);
    ck_assert_int_eq(acceptor.state, WSP_HANDSHAKE_FAILED);
    ck_assert_int_eq(acceptor.stranger, WSP_STRANGER_GARBAGE);
}
END_TEST

START_TEST(a_message_reflected_to_its_sender_proves_nothing)
{
    make_keys();
    struct wsp_hello hello = sample_hello();
    begin(&key, &hello);
    carry(&dialler, &dialler, 500, -1);
    ck_assert_int_eq(dialler.state, WSP_HANDSHAKE_FAILED);

    begin(&key, &hello);
    carry(&dialler, &acceptor, 500, -1);
    struct wsp_answer answer = sample_answer();
    wsp_handshake_grant(&acceptor, &answer);
    carry(&acceptor, &acceptor, 500, -1);
    ck_assert_int_eq(acceptor.state, WSP_HANDSHAKE_FAILED);
}
END_TEST

START_TEST(an_answer_or_confirmation_of_another_connection_is_no_proof)
{
    make_keys();
    struct wsp_hello hello = sample_hello(), again = sample_hello();
    struct wsp_answer answer = sample_answer();
    struct wsp_handshake earlier;
    begin(&key, &hello);
    carry(&dialler, &acceptor, 500, -1);
    wsp_handshake_grant(&acceptor, &answer);
    earlier = acceptor;
    again.random[0] = 77;
    ck_assert_int_eq(wsp_handshake_dial(&dialler, &key, &again), WSP_OK);
    carry(&earlier, &dialler, 500, -1);
    ck_assert_int_eq(dialler.state, WSP_HANDSHAKE_FAILED);
}
END_TEST

START_TEST(proofs_differ_by_kind_purpose_and_pair)
{
    make_keys();
    struct wsp_hello a = sample_hello(), b = sample_hello();
    uint8_t one[32];
    struct wsp_span span = {(const uint8_t *)"x", 1};
    ck_assert_int_eq(wsp_proof_make(&key, "hello", &a, &span, 1, one), WSP_OK);
    ck_assert(wsp_proof_check(&key, "hello", &a, &span, 1, one));
    ck_assert(!wsp_proof_check(&key, "answer", &a, &span, 1, one));
    b.purpose = WSP_FOR_LIVENESS;
    ck_assert(!wsp_proof_check(&key, "hello", &b, &span, 1, one));
    b = a;
    b.src_rank = a.dst_rank;
    b.dst_rank = a.src_rank;
    ck_assert(!wsp_proof_check(&key, "hello", &b, &span, 1, one));
}
END_TEST

START_TEST(versions_without_overlap_are_refused_with_that_reason)
{
    make_keys();
    struct wsp_hello hello = sample_hello();
    hello.version_min = WSP_HANDSHAKE_VERSION + 1;
    hello.version_max = WSP_HANDSHAKE_VERSION + 3;
    begin(&key, &hello);
    carry(&dialler, &acceptor, 500, -1);
    ck_assert_int_eq(acceptor.state, WSP_HANDSHAKE_FAILED);
    ck_assert_int_eq(acceptor.stranger, WSP_STRANGER_NONE);
    carry(&acceptor, &dialler, 500, -1);
    ck_assert_int_eq(wsp_handshake_error(&dialler), WSP_ERR_VERSION);
}
END_TEST

START_TEST(a_reason_counts_only_with_its_proof)
{
    make_keys();
    struct wsp_hello hello = sample_hello();
    begin(&key, &hello);
    carry(&dialler, &acceptor, 500, -1);
    wsp_handshake_refuse(&acceptor, WSP_REFUSAL_GONE);
    carry(&acceptor, &dialler, 500, -1);
    ck_assert_int_eq(wsp_handshake_error(&dialler), WSP_ERR_PEER_LOST);

    begin(&key, &hello);
    carry(&dialler, &acceptor, 500, -1);
    wsp_handshake_refuse(&acceptor, WSP_REFUSAL_CROSSED);
    carry(&acceptor, &dialler, 500, 8 * 12); /* CROSSED with a bit flipped */
    ck_assert_int_eq(wsp_handshake_error(&dialler), WSP_ERR_UNTRUSTED);
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, both_sides_prove_the_key_and_learn_the_fields);
    tcase_add_test(cases, bytes_behind_the_confirmation_are_left_for_the_frames);
    tcase_add_test(cases, a_wrong_key_or_job_is_refused_at_the_hello_without_detail);
    tcase_add_test(cases, any_flipped_bit_in_any_message_fails_the_handshake);
    tcase_add_test(cases, a_truncated_hello_waits_and_garbage_is_known_by_its_first_byte);
    tcase_add_test(cases, a_message_reflected_to_its_sender_proves_nothing);
    tcase_add_test(cases, an_answer_or_confirmation_of_another_connection_is_no_proof);
    tcase_add_test(cases, proofs_differ_by_kind_purpose_and_pair);
    tcase_add_test(cases, versions_without_overlap_are_refused_with_that_reason);
    tcase_add_test(cases, a_reason_counts_only_with_its_proof);
}
