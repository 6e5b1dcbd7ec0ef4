/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/proof.h"

#include "wire/bytes.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define INFO_MAX    64
#define MESSAGE_MAX (3 * WSP_HANDSHAKE_MAX_BYTES)

static bool hmac(const uint8_t key[32], const uint8_t *bytes, size_t length, uint8_t out[32])
{
    unsigned out_length = 32;
    return HMAC(EVP_sha256(), key, 32, bytes, length, out, &out_length) != NULL;
}

/* HKDF (RFC 5869) with one block of output, which is all a 32-byte key needs. */
static bool derive(const uint8_t secret[32], const uint8_t *info, size_t length, uint8_t out[32])
{
    static const uint8_t salt[32] = "widespan handshake";
    uint8_t extracted[32], block[INFO_MAX + 1];
    memcpy(block, info, length);
    block[length] = 1;
    bool ok = hmac(salt, secret, 32, extracted) && hmac(extracted, block, length + 1, out);
    OPENSSL_cleanse(extracted, sizeof extracted);
    return ok;
}

static bool derive_for(const struct wsp_proof_key *key, const char *kind,
                       const struct wsp_hello *hello, uint8_t out[32])
{
    uint8_t info[INFO_MAX] = {0};
    strncpy((char *)info, kind, 16);
    memcpy(info + 16, key->job_hash, 16);
    info[32] = (uint8_t)hello->purpose;
    wsp_put_u32(info + 33, hello->src_rank);
    wsp_put_u32(info + 37, hello->dst_rank);
    return derive(key->job_key, info, 41, out);
}

wsp_err wsp_proof_make(const struct wsp_proof_key *key, const char *kind,
                       const struct wsp_hello *hello, const struct wsp_span *spans, size_t n_spans,
                       uint8_t proof[WSP_PROOF_BYTES])
{
    uint8_t derived[32], message[MESSAGE_MAX];
    size_t length = 0;
    for (size_t i = 0; i < n_spans; i++) {
        if (spans[i].length > sizeof message - length)
            return WSP_ERR_INTERNAL;
        memcpy(message + length, spans[i].bytes, spans[i].length);
        length += spans[i].length;
    }
    bool ok = derive_for(key, kind, hello, derived) && hmac(derived, message, length, proof);
    OPENSSL_cleanse(derived, sizeof derived);
    return ok ? WSP_OK : WSP_ERR_INTERNAL;
}

bool wsp_proof_check(const struct wsp_proof_key *key, const char *kind,
                     const struct wsp_hello *hello, const struct wsp_span *spans, size_t n_spans,
                     const uint8_t proof[WSP_PROOF_BYTES])
{
    uint8_t right[WSP_PROOF_BYTES];
    return wsp_proof_make(key, kind, hello, spans, n_spans, right) == WSP_OK &&
           CRYPTO_memcmp(right, proof, sizeof right) == 0;
}

wsp_err wsp_proof_key_init(struct wsp_proof_key *key, const uint8_t job_key[32], const char *job)
{
    uint8_t digest[32];
    if (!EVP_Digest(job, strlen(job), digest, NULL, EVP_sha256(), NULL))
        return WSP_ERR_INTERNAL;
    memcpy(key->job_key, job_key, sizeof key->job_key);
    memcpy(key->job_hash, digest, sizeof key->job_hash);
    return WSP_OK;
}
