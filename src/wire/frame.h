/* SPDX-License-Identifier: BSD-3-Clause */
/* The frame: what travels on a stream after its handshake. A header, whose first bytes tell its
 * length, and a payload. This codec is the only place that knows the bytes; docs/wire.md is the
 * reference. Pure: no state, no allocation. */
#ifndef WSP_WIRE_FRAME_H
#define WSP_WIRE_FRAME_H

#include "base/err.h"
#include "wire/envelope.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WSP_FRAME_VERSION   1
#define WSP_HEADER_PREFIX   8   /* bytes from which a reader learns the header's length */
#define WSP_HEADER_MIN      112 /* bytes of a header without a part of its type's own */
#define WSP_HEADER_MAX      512 /* no header is longer */
#define WSP_FRAME_RANGE_MAX 16  /* ranges in one acknowledgement */
#define WSP_PAYLOAD_MAX     (UINT32_C(16) << 20)

/* X(name, code, is sequenced: has a segment number, is replayed and acknowledged; bytes of the
 * type's own part). Codes never change. */
#define WSP_FRAME_TABLE(X)                                                                         \
    X(HEAD, 1, true, 40)          /* a message's envelope and first bytes */                       \
    X(DATA, 2, true, 0)           /* more bytes of a message */                                    \
    X(ACCEPT, 3, true, 16)        /* message `target` is matched: let all of it flow */            \
    X(CANCEL, 4, true, 16)        /* give message `target` back; `value` bytes of it were sent */  \
    X(CANCEL_ANSWER, 5, true, 16) /* ... `value` 1: it is yours again, 0: it was matched */        \
    X(RECLAIM, 6, true, 16)       /* give back credit that is not in use */                        \
    X(YIELD, 7, true, 16)         /* ... done: `value` is the limit, `target` its epoch */         \
    X(CLOSE, 8, true, 16)         /* nothing follows */                                            \
    X(ACK, 9, false, 264)         /* segments received beyond the cumulative number */             \
    X(NACK, 10, false, 16)        /* the payload of segment `target` came damaged */               \
    X(PING, 11, false, 16)        /* answer with a PONG of the same `target` */                    \
    X(PONG, 12, false, 16)                                                                         \
    X(STREAMS, 13, true, 16) /* bulk is sent on the first `target` streams from here on */

enum wsp_frame_type {
#define WSP_FRAME_ENUM_(name, code, ...) WSP_FRAME_##name = (code),
    WSP_FRAME_TABLE(WSP_FRAME_ENUM_)
#undef WSP_FRAME_ENUM_
};

enum wsp_frame_flag {
    WSP_FRAME_IGNORE = 1 << 0,  /* a reader that does not know the type reads the frame away */
    WSP_FRAME_CHARGED = 1 << 1, /* the payload is charged against the credit */
    WSP_FRAME_CONTROL = 1 << 2  /* a message that needs no credit */
};

enum wsp_checksum { WSP_CHECKSUM_NONE = 0, WSP_CHECKSUM_XXH3 = 1 };
enum wsp_codec { WSP_CODEC_PLAIN = 0 };
enum wsp_traffic { WSP_TRAFFIC_BULK = 0, WSP_TRAFFIC_SMALL = 1, WSP_TRAFFIC_CONTROL = 2 };

/* Segments first .. end - 1. */
struct wsp_range {
    uint64_t first, end;
};

/* A decoded header. */
struct wsp_frame {
    uint8_t type;          /* enum wsp_frame_type, or one we do not know */
    uint8_t flags;         /* enum wsp_frame_flag */
    uint8_t traffic_class; /* enum wsp_traffic */
    uint8_t hop_limit;     /* forwarders left */

    /* Hop part: between two adjacent processes, rewritten by each. */
    uint32_t hop_epoch;    /* generation of the stream */
    uint64_t hop_sequence; /* of frames on this stream */
    uint64_t hop_ack;      /* frames received on this stream so far */

    /* Flow part: from end to end. */
    uint32_t source, destination; /* world ranks */
    uint64_t segment;             /* number within the flow; 0 if the type is not sequenced */
    uint64_t item;         /* number of the message or control item; the order of envelopes */
    uint64_t offset;       /* of the payload in its message */
    uint32_t length;       /* of the payload as sent by the program, bytes */
    uint32_t wire_length;  /* ... and as it stands on the wire */
    uint8_t checksum_kind; /* enum wsp_checksum */
    uint8_t codec;         /* enum wsp_codec */
    uint32_t credit_epoch;
    uint64_t credit_limit; /* bytes the receiver of this frame may have charged, since opening */
    uint64_t ack;          /* all segments below this number have landed */
    uint64_t checksum;     /* of the payload as it stands on the wire */

    /* HEAD */
    struct wsp_envelope envelope;
    uint64_t prefix; /* bytes of the message that flow without an ACCEPT */
    /* control types */
    uint64_t target, value;
    /* ACK */
    unsigned n_ranges;
    struct wsp_range ranges[WSP_FRAME_RANGE_MAX];
};

/* True if the type has a segment number, so is acknowledged and replayed. */
bool wsp_frame_is_sequenced(uint8_t type);

/* True if the type is one of the table. */
bool wsp_frame_is_known(uint8_t type);

/* The name of a type as in the table, "?" for others. */
const char *wsp_frame_name(uint8_t type);

/* The whole header's length, from its first WSP_HEADER_PREFIX bytes. WSP_ERR_DAMAGED if they
 * cannot begin a header. */
wsp_err wsp_frame_header_length(const uint8_t *prefix, size_t *length) WSP_MUST_USE;

/* Writes the header, with its checksum, and returns its length. frame->checksum must be set. */
size_t wsp_frame_encode(const struct wsp_frame *frame, uint8_t out[WSP_HEADER_MAX]);

/* Reads a whole header. WSP_ERR_DAMAGED if its checksum or its length is wrong, WSP_ERR_PROTOCOL
 * if it is intact and makes no sense. *frame is set only on success. */
wsp_err wsp_frame_decode(const uint8_t *bytes, size_t length, struct wsp_frame *frame) WSP_MUST_USE;

/* The payload checksum of frame->wire_length bytes, tied to the frame's identity in its flow, so
 * that no payload passes for another's. */
uint64_t wsp_frame_checksum(const struct wsp_frame *frame, const void *payload);

/* Rewrites the hop part of an encoded, valid header in place, as a forwarder does. */
void wsp_frame_rehop(uint8_t *header, size_t length, uint8_t hop_limit, uint32_t hop_epoch,
                     uint64_t hop_sequence, uint64_t hop_ack);

#endif
