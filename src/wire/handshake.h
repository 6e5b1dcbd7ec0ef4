/* SPDX-License-Identifier: BSD-3-Clause */
/* The opening of every connection: HELLO from the dialler, ANSWER or REFUSAL from the acceptor,
 * CONFIRM from the dialler, each with a proof of the job key over everything said before
 * (docs/wire.md, "Handshake"). Pure: bytes in, bytes out; no I/O, no clock, no randomness. */
#ifndef WSP_WIRE_HANDSHAKE_H
#define WSP_WIRE_HANDSHAKE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WSP_HANDSHAKE_VERSION   1 /* of the whole protocol; the only one so far */
#define WSP_HANDSHAKE_MAX_BYTES 512
#define WSP_PROOF_BYTES         32
#define WSP_RANK_UNKNOWN        UINT32_C(0xffffffff)

/* What a connection is for. */
enum wsp_purpose { WSP_FOR_STREAM = 1, WSP_FOR_COORDINATOR, WSP_FOR_LIVENESS, WSP_FOR_GATEWAY };

/* Why a HELLO is refused. Only UNTRUSTED is ever said to one who did not prove the key. */
enum wsp_refusal {
    WSP_REFUSAL_NONE,
    WSP_REFUSAL_UNTRUSTED, /* no proof of the key, or not meant for us: no detail is given */
    WSP_REFUSAL_VERSION,   /* no common protocol version */
    WSP_REFUSAL_CROSSED,   /* an opening of the other side takes precedence */
    WSP_REFUSAL_GONE,      /* the incarnation asked for, or the asker's, is lost for good */
    WSP_REFUSAL_BUSY,      /* no room now; try again */
    WSP_REFUSAL_COUNT_
};

/* The secret both sides must know; shared by all connections of a job. */
struct wsp_proof_key {
    uint8_t job_key[32];
    uint8_t job_hash[16]; /* of the job's name; stands in the HELLO */
};

/* What the dialler says. Counters of a stream are zero for other purposes. */
struct wsp_hello {
    enum wsp_purpose purpose;
    uint16_t version_min, version_max;
    uint32_t features;           /* offered, a bit each; none is defined yet */
    uint32_t src_rank, dst_rank; /* world ranks or WSP_RANK_UNKNOWN */
    uint64_t src_nonce;          /* incarnation of the dialler */
    uint64_t dst_nonce;          /* incarnation it expects; 0: any */
    uint8_t random[32];          /* fresh for each connection */
    uint16_t stream, n_streams;  /* index in the path, streams of the path */
    uint32_t generation;         /* of the stream */
    uint32_t hop_epoch;
    uint64_t received;     /* segments below this number have landed at the dialler */
    uint32_t credit_epoch; /* credit the dialler grants */
    uint64_t credit_limit;
};

/* What the acceptor says when it takes the connection. */
struct wsp_answer {
    uint16_t version;  /* chosen; filled by wsp_handshake_grant */
    uint32_t features; /* chosen, a subset of those offered */
    uint64_t nonce;    /* incarnation of the acceptor */
    uint8_t random[32];
    uint16_t n_streams; /* streams on which the acceptor sends bulk */
    uint32_t generation;
    uint32_t hop_epoch;
    uint64_t received;
    uint32_t credit_epoch;
    uint64_t credit_limit;
};

enum wsp_handshake_state {
    WSP_HANDSHAKE_RUNNING, /* wants bytes, or has bytes to be written */
    WSP_HANDSHAKE_DECIDE,  /* acceptor: a proven HELLO waits for _grant or _refuse */
    WSP_HANDSHAKE_DONE,    /* both sides are proven; write what is left, then frames follow */
    WSP_HANDSHAKE_FAILED   /* write what is left (a refusal), then close */
};

/* How a failed handshake is counted. */
enum wsp_stranger {
    WSP_STRANGER_NONE,     /* a trusted side: refused for a reason, or versions differ */
    WSP_STRANGER_GARBAGE,  /* bytes that are no handshake */
    WSP_STRANGER_WRONG_KEY /* a well-formed message whose proof is wrong */
};

/* One opening. Embedded in its owner, private but for its functions below. */
struct wsp_handshake {
    const struct wsp_proof_key *key; /* outlives the handshake */
    bool is_dialler;
    bool hello_seen; /* acceptor: a proven HELLO came */
    enum wsp_handshake_state state;
    enum wsp_refusal refusal;
    enum wsp_stranger stranger;
    wsp_err err;
    struct wsp_hello hello;
    struct wsp_answer answer;
    uint8_t hello_bytes[WSP_HANDSHAKE_MAX_BYTES], answer_bytes[WSP_HANDSHAKE_MAX_BYTES];
    uint8_t in[WSP_HANDSHAKE_MAX_BYTES], out[WSP_HANDSHAKE_MAX_BYTES];
    size_t hello_length, answer_length, in_length, out_length, out_written;
};

/* Fills a key from the job key and the job's name. */
wsp_err wsp_proof_key_init(struct wsp_proof_key *key, const uint8_t job_key[32],
                           const char *job) WSP_MUST_USE;

/* Begins as the dialler: the HELLO is ready to be written. key must outlive the handshake. */
wsp_err wsp_handshake_dial(struct wsp_handshake *handshake, const struct wsp_proof_key *key,
                           const struct wsp_hello *hello) WSP_MUST_USE;

/* Begins as the acceptor: waits for a HELLO. */
void wsp_handshake_accept(struct wsp_handshake *handshake, const struct wsp_proof_key *key);

/* Takes bytes that came; returns how many belong to the handshake: those behind them are the
 * first of what follows it. Takes none while the state is DECIDE, DONE or FAILED. */
size_t wsp_handshake_feed(struct wsp_handshake *handshake, const uint8_t *bytes, size_t length);

/* Bytes to write now (0: none), and how many of them were written. */
size_t wsp_handshake_output(const struct wsp_handshake *handshake, const uint8_t **bytes);
void wsp_handshake_wrote(struct wsp_handshake *handshake, size_t length);

/* In DECIDE: accepts with this answer; version is chosen here. */
void wsp_handshake_grant(struct wsp_handshake *handshake, const struct wsp_answer *answer);

/* In DECIDE: refuses; the state is FAILED and the refusal is to be written. */
void wsp_handshake_refuse(struct wsp_handshake *handshake, enum wsp_refusal refusal);

/* After DECIDE (acceptor), at any time (dialler). */
static inline const struct wsp_hello *wsp_handshake_hello(const struct wsp_handshake *handshake)
{
    return &handshake->hello;
}

/* Valid for the dialler when DONE, for the acceptor after _grant. */
static inline const struct wsp_answer *wsp_handshake_answer(const struct wsp_handshake *handshake)
{
    return &handshake->answer;
}

/* Why it FAILED, as an error: UNTRUSTED (also garbage), VERSION, CROSSED, PEER_LOST (gone), BUSY.
 */
static inline wsp_err wsp_handshake_error(const struct wsp_handshake *handshake)
{
    return handshake->err;
}

#endif
