/* SPDX-License-Identifier: BSD-3-Clause */
/* Proofs of the job key: HMAC-SHA256 under keys that differ for each message kind (and with it
 * the role of who sends it), purpose and pair of ranks, so that no proof can be reflected. */
#ifndef WSP_WIRE_PROOF_H
#define WSP_WIRE_PROOF_H

#include "wire/handshake.h"

/* A run of bytes that a proof covers. */
struct wsp_span {
    const uint8_t *bytes;
    size_t length;
};

/* Computes the proof of a message kind ("hello", "answer", ...) for the connection that hello
 * describes, over the spans in order. */
wsp_err wsp_proof_make(const struct wsp_proof_key *key, const char *kind,
                       const struct wsp_hello *hello, const struct wsp_span *spans, size_t n_spans,
                       uint8_t proof[WSP_PROOF_BYTES]) WSP_MUST_USE;

/* Whether this is the proof; takes the same time wherever they differ. */
bool wsp_proof_check(const struct wsp_proof_key *key, const char *kind,
                     const struct wsp_hello *hello, const struct wsp_span *spans, size_t n_spans,
                     const uint8_t proof[WSP_PROOF_BYTES]);

#endif
