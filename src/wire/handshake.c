/* SPDX-License-Identifier: BSD-3-Clause */
/* The state machine of an opening. Each message is: magic, kind, length, fields, proof. The proof
 * stands last, so that a later version may add fields before it. */
#include "wire/handshake.h"

#include "wire/bytes.h"
#include "wire/proof.h"

#include <string.h>

enum kind { HELLO = 1, ANSWER, CONFIRM, REFUSAL };

#define HEAD_BYTES           12
#define HELLO_BYTES          (128 + WSP_PROOF_BYTES)
#define ANSWER_BYTES         (88 + WSP_PROOF_BYTES)
#define CONFIRM_BYTES        (HEAD_BYTES + WSP_PROOF_BYTES)
#define REFUSAL_BYTES        16 /* without a proof: to a stranger */
#define REFUSAL_PROVEN_BYTES (REFUSAL_BYTES + WSP_PROOF_BYTES)

static const uint8_t magic[8] = "WIDESPAN";

static void put_head(uint8_t *out, enum kind kind, size_t length)
{
    memset(out, 0, length);
    memcpy(out, magic, sizeof magic);
    out[8] = (uint8_t)kind;
    wsp_put_u16(out + 10, (uint16_t)length);
}

static void put_hello(uint8_t *out, const struct wsp_hello *hello, const uint8_t job_hash[16])
{
    put_head(out, HELLO, HELLO_BYTES);
    wsp_put_u16(out + 12, hello->version_min);
    wsp_put_u16(out + 14, hello->version_max);
    out[16] = (uint8_t)hello->purpose;
    wsp_put_u16(out + 18, hello->stream);
    wsp_put_u16(out + 20, hello->n_streams);
    wsp_put_u32(out + 24, hello->features);
    wsp_put_u32(out + 28, hello->src_rank);
    wsp_put_u32(out + 32, hello->dst_rank);
    wsp_put_u32(out + 36, hello->generation);
    wsp_put_u32(out + 40, hello->hop_epoch);
    wsp_put_u32(out + 44, hello->credit_epoch);
    wsp_put_u64(out + 48, hello->src_nonce);
    wsp_put_u64(out + 56, hello->dst_nonce);
    wsp_put_u64(out + 64, hello->received);
    wsp_put_u64(out + 72, hello->credit_limit);
    memcpy(out + 80, job_hash, 16);
    memcpy(out + 96, hello->random, 32);
}

static void get_hello(const uint8_t *in, struct wsp_hello *hello)
{
    hello->version_min = wsp_get_u16(in + 12);
    hello->version_max = wsp_get_u16(in + 14);
    hello->purpose = in[16];
    hello->stream = wsp_get_u16(in + 18);
    hello->n_streams = wsp_get_u16(in + 20);
    hello->features = wsp_get_u32(in + 24);
    hello->src_rank = wsp_get_u32(in + 28);
    hello->dst_rank = wsp_get_u32(in + 32);
    hello->generation = wsp_get_u32(in + 36);
    hello->hop_epoch = wsp_get_u32(in + 40);
    hello->credit_epoch = wsp_get_u32(in + 44);
    hello->src_nonce = wsp_get_u64(in + 48);
    hello->dst_nonce = wsp_get_u64(in + 56);
    hello->received = wsp_get_u64(in + 64);
    hello->credit_limit = wsp_get_u64(in + 72);
    memcpy(hello->random, in + 96, 32);
}

static void put_answer(uint8_t *out, const struct wsp_answer *answer)
{
    put_head(out, ANSWER, ANSWER_BYTES);
    wsp_put_u16(out + 12, answer->version);
    wsp_put_u16(out + 14, answer->n_streams);
    wsp_put_u32(out + 16, answer->features);
    wsp_put_u32(out + 20, answer->generation);
    wsp_put_u32(out + 24, answer->hop_epoch);
    wsp_put_u32(out + 28, answer->credit_epoch);
    wsp_put_u64(out + 32, answer->nonce);
    wsp_put_u64(out + 40, answer->received);
    wsp_put_u64(out + 48, answer->credit_limit);
    memcpy(out + 56, answer->random, 32);
}

static void get_answer(const uint8_t *in, struct wsp_answer *answer)
{
    answer->version = wsp_get_u16(in + 12);
    answer->n_streams = wsp_get_u16(in + 14);
    answer->features = wsp_get_u32(in + 16);
    answer->generation = wsp_get_u32(in + 20);
    answer->hop_epoch = wsp_get_u32(in + 24);
    answer->credit_epoch = wsp_get_u32(in + 28);
    answer->nonce = wsp_get_u64(in + 32);
    answer->received = wsp_get_u64(in + 40);
    answer->credit_limit = wsp_get_u64(in + 48);
    memcpy(answer->random, in + 56, 32);
}

/* The transcript that the proof of a kind covers: all messages before it, then itself. */
static size_t transcript(const struct wsp_handshake *hs, enum kind kind, const uint8_t *bytes,
                         size_t length, struct wsp_span spans[3])
{
    size_t n = 0;
    if (kind != HELLO)
        spans[n++] = (struct wsp_span){hs->hello_bytes, hs->hello_length};
    if (kind == CONFIRM)
        spans[n++] = (struct wsp_span){hs->answer_bytes, hs->answer_length};
    spans[n++] = (struct wsp_span){bytes, length - WSP_PROOF_BYTES};
    return n;
}

static const char *const proof_kind[] = {
    [HELLO] = "hello", [ANSWER] = "answer", [CONFIRM] = "confirm", [REFUSAL] = "refusal"};

static wsp_err seal(const struct wsp_handshake *hs, enum kind kind, uint8_t *bytes, size_t length)
{
    struct wsp_span spans[3];
    size_t n = transcript(hs, kind, bytes, length, spans);
    return wsp_proof_make(hs->key, proof_kind[kind], &hs->hello, spans, n,
                          bytes + length - WSP_PROOF_BYTES);
}

static bool is_sealed(const struct wsp_handshake *hs, enum kind kind, const uint8_t *bytes,
                      size_t length)
{
    struct wsp_span spans[3];
    size_t n = transcript(hs, kind, bytes, length, spans);
    return wsp_proof_check(hs->key, proof_kind[kind], &hs->hello, spans, n,
                           bytes + length - WSP_PROOF_BYTES);
}

static void fail(struct wsp_handshake *hs, enum wsp_stranger stranger, wsp_err err)
{
    hs->state = WSP_HANDSHAKE_FAILED;
    hs->stranger = stranger;
    hs->err = err;
}

static wsp_err err_of(enum wsp_refusal refusal)
{
    static const wsp_err errs[WSP_REFUSAL_COUNT_] = {
        [WSP_REFUSAL_NONE] = WSP_ERR_PROTOCOL,   [WSP_REFUSAL_UNTRUSTED] = WSP_ERR_UNTRUSTED,
        [WSP_REFUSAL_VERSION] = WSP_ERR_VERSION, [WSP_REFUSAL_CROSSED] = WSP_ERR_CROSSED,
        [WSP_REFUSAL_GONE] = WSP_ERR_PEER_LOST,  [WSP_REFUSAL_BUSY] = WSP_ERR_BUSY,
    };
    return errs[refusal];
}

/* Strangers get the bare form: it says nothing but that there is no way in. */
static void put_refusal(struct wsp_handshake *hs, enum wsp_refusal refusal)
{
    bool proven = hs->hello_seen && refusal != WSP_REFUSAL_UNTRUSTED;
    size_t length = proven ? REFUSAL_PROVEN_BYTES : REFUSAL_BYTES;
    put_head(hs->out, REFUSAL, length);
    hs->out[12] = (uint8_t)refusal;
    if (proven && seal(hs, REFUSAL, hs->out, length) != WSP_OK)
        length = 0;
    hs->out_length = length;
    hs->out_written = 0;
    hs->refusal = refusal;
}

static void turn_away(struct wsp_handshake *hs, enum wsp_stranger stranger)
{
    if (!hs->is_dialler)
        put_refusal(hs, WSP_REFUSAL_UNTRUSTED);
    fail(hs, stranger, WSP_ERR_UNTRUSTED);
}

static void take_hello(struct wsp_handshake *hs)
{
    if (memcmp(hs->in + 80, hs->key->job_hash, 16) != 0) {
        turn_away(hs, WSP_STRANGER_WRONG_KEY);
        return;
    }
    get_hello(hs->in, &hs->hello);
    if (!is_sealed(hs, HELLO, hs->in, hs->in_length)) {
        turn_away(hs, WSP_STRANGER_WRONG_KEY);
        return;
    }
    memcpy(hs->hello_bytes, hs->in, hs->in_length);
    hs->hello_length = hs->in_length;
    hs->hello_seen = true;
    if (hs->hello.version_min > WSP_HANDSHAKE_VERSION ||
        hs->hello.version_max < WSP_HANDSHAKE_VERSION)
        wsp_handshake_refuse(hs, WSP_REFUSAL_VERSION);
    else
        hs->state = WSP_HANDSHAKE_DECIDE;
}

static void put_confirm(struct wsp_handshake *hs)
{
    put_head(hs->out, CONFIRM, CONFIRM_BYTES);
    if (seal(hs, CONFIRM, hs->out, CONFIRM_BYTES) != WSP_OK) {
        fail(hs, WSP_STRANGER_NONE, WSP_ERR_INTERNAL);
        return;
    }
    hs->out_length = CONFIRM_BYTES;
    hs->out_written = 0;
    hs->state = WSP_HANDSHAKE_DONE;
}

static void take_answer(struct wsp_handshake *hs)
{
    if (!is_sealed(hs, ANSWER, hs->in, hs->in_length)) {
        turn_away(hs, WSP_STRANGER_WRONG_KEY);
        return;
    }
    get_answer(hs->in, &hs->answer);
    memcpy(hs->answer_bytes, hs->in, hs->in_length);
    hs->answer_length = hs->in_length;
    if (hs->answer.version < hs->hello.version_min || hs->answer.version > hs->hello.version_max)
        fail(hs, WSP_STRANGER_NONE, WSP_ERR_VERSION);
    else if (hs->answer.features & ~hs->hello.features)
        fail(hs, WSP_STRANGER_NONE, WSP_ERR_PROTOCOL);
    else
        put_confirm(hs);
}

/* A refusal with a reason must be proven: a forged "gone" would end a healthy path. */
static void take_refusal(struct wsp_handshake *hs)
{
    enum wsp_refusal refusal = hs->in[12];
    bool proven = hs->in_length >= REFUSAL_PROVEN_BYTES;
    if (!proven)
        refusal = WSP_REFUSAL_UNTRUSTED;
    else if (!is_sealed(hs, REFUSAL, hs->in, hs->in_length))
        refusal = WSP_REFUSAL_UNTRUSTED;
    else if (refusal >= WSP_REFUSAL_COUNT_)
        refusal = WSP_REFUSAL_NONE;
    hs->refusal = refusal;
    fail(hs, WSP_STRANGER_NONE, err_of(refusal));
}

static void take_confirm(struct wsp_handshake *hs)
{
    if (is_sealed(hs, CONFIRM, hs->in, hs->in_length))
        hs->state = WSP_HANDSHAKE_DONE;
    else
        turn_away(hs, WSP_STRANGER_WRONG_KEY);
}

static bool is_expected(const struct wsp_handshake *hs, enum kind kind, size_t length)
{
    if (length > WSP_HANDSHAKE_MAX_BYTES)
        return false;
    if (hs->is_dialler)
        return (kind == ANSWER && length >= ANSWER_BYTES) ||
               (kind == REFUSAL && length >= REFUSAL_BYTES);
    return hs->hello_seen ? kind == CONFIRM && length >= CONFIRM_BYTES
                          : kind == HELLO && length >= HELLO_BYTES;
}

static void take_message(struct wsp_handshake *hs)
{
    switch ((enum kind)hs->in[8]) {
    case HELLO:
        take_hello(hs);
        break;
    case ANSWER:
        take_answer(hs);
        break;
    case CONFIRM:
        take_confirm(hs);
        break;
    case REFUSAL:
        take_refusal(hs);
        break;
    }
    hs->in_length = 0;
}

/* How many bytes the message under way has in all, as far as is known; 0 if it is none. */
static size_t wanted(const struct wsp_handshake *hs)
{
    size_t seen = hs->in_length < sizeof magic ? hs->in_length : sizeof magic;
    if (memcmp(hs->in, magic, seen) != 0)
        return 0;
    if (hs->in_length < HEAD_BYTES)
        return HEAD_BYTES;
    size_t length = wsp_get_u16(hs->in + 10);
    return is_expected(hs, hs->in[8], length) ? length : 0;
}

size_t wsp_handshake_feed(struct wsp_handshake *hs, const uint8_t *bytes, size_t length)
{
    size_t taken = 0;
    while (hs->state == WSP_HANDSHAKE_RUNNING) {
        size_t goal = wanted(hs);
        if (goal == 0) {
            turn_away(hs, WSP_STRANGER_GARBAGE);
        } else if (hs->in_length == goal) {
            take_message(hs);
        } else if (taken == length) {
            break;
        } else {
            size_t n = goal - hs->in_length;
            if (n > length - taken)
                n = length - taken;
            memcpy(hs->in + hs->in_length, bytes + taken, n);
            hs->in_length += n;
            taken += n;
        }
    }
    return taken;
}

size_t wsp_handshake_output(const struct wsp_handshake *hs, const uint8_t **bytes)
{
    *bytes = hs->out + hs->out_written;
    return hs->out_length - hs->out_written;
}

void wsp_handshake_wrote(struct wsp_handshake *hs, size_t length)
{
    hs->out_written += length;
}

wsp_err wsp_handshake_dial(struct wsp_handshake *hs, const struct wsp_proof_key *key,
                           const struct wsp_hello *hello)
{
    memset(hs, 0, sizeof *hs);
    hs->key = key;
    hs->is_dialler = true;
    hs->hello = *hello;
    put_hello(hs->out, hello, key->job_hash);
    wsp_err err = seal(hs, HELLO, hs->out, HELLO_BYTES);
    if (err)
        return err;
    memcpy(hs->hello_bytes, hs->out, HELLO_BYTES);
    hs->hello_length = hs->out_length = HELLO_BYTES;
    return WSP_OK;
}

void wsp_handshake_accept(struct wsp_handshake *hs, const struct wsp_proof_key *key)
{
    memset(hs, 0, sizeof *hs);
    hs->key = key;
}

void wsp_handshake_grant(struct wsp_handshake *hs, const struct wsp_answer *answer)
{
    hs->answer = *answer;
    hs->answer.version = WSP_HANDSHAKE_VERSION;
    hs->answer.features &= hs->hello.features;
    put_answer(hs->out, &hs->answer);
    if (seal(hs, ANSWER, hs->out, ANSWER_BYTES) != WSP_OK) {
        fail(hs, WSP_STRANGER_NONE, WSP_ERR_INTERNAL);
        return;
    }
    memcpy(hs->answer_bytes, hs->out, ANSWER_BYTES);
    hs->answer_length = hs->out_length = ANSWER_BYTES;
    hs->out_written = 0;
    hs->state = WSP_HANDSHAKE_RUNNING;
}

void wsp_handshake_refuse(struct wsp_handshake *hs, enum wsp_refusal refusal)
{
    put_refusal(hs, refusal);
    fail(hs, WSP_STRANGER_NONE, err_of(refusal));
}
