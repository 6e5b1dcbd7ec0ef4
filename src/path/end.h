/* SPDX-License-Identifier: BSD-3-Clause */
/* One end of a path, as a pure state machine: messages in, frames out, and back. It cuts messages
 * into segments, stripes them over streams, orders, acknowledges, replays, and holds credit.
 * It does no I/O, reads no clock and starts no thread; time is a parameter. One end per pair of
 * processes. Not synchronised: its owner's lock guards it.
 *
 * Handlers are called from within the functions below, after the end's own state is consistent;
 * they may call wsp_end_send, _accept and _cancel on this end, and nothing else of it. */
#ifndef WSP_PATH_END_H
#define WSP_PATH_END_H

#include "base/err.h"
#include "base/spares.h"
#include "path/budget.h"
#include "path/pair.h"
#include "path/tune.h" /* enum wsp_limit */
#include "wire/envelope.h"
#include "wire/frame.h" /* WSP_HEADER_MAX */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wsp_end;
struct wsp_tx; /* an outgoing message: valid until its `sent` call */
struct wsp_rx; /* an incoming message: valid from `arrived` to its `landed` (or withdraw == true) */

/* What the kernel knows of a connection; counts since it came up. */
struct wsp_stream_sample {
    uint64_t rtt_ns;               /* smoothed */
    uint64_t delivered_bytes;      /* that the other kernel has, also beyond a gap */
    uint64_t n_sent, n_sent_again; /* packets */
    uint64_t busy_ns, receiver_limited_ns;
    uint64_t pace_bps;     /* at which the kernel would send now; 0: not known */
    uint64_t unsent_bytes; /* waiting in its socket */
    bool is_pinched;       /* its window is closed to a few packets */
};

struct wsp_end_handler {
    /* The next message in the pair's order, first bytes or all of it may have come. The handler,
     * or anyone later, answers with wsp_end_accept. */
    void (*arrived)(void *user, struct wsp_rx *rx, const struct wsp_envelope *envelope);
    /* All of an accepted message stands in its buffer, verified; or it never will (err). Nothing
     * of the end touches the buffer any more. Exactly once per accept. */
    void (*landed)(void *user, void *rx_user, uint64_t length, wsp_err err);
    /* The sender's buffer is the caller's again. With WSP_SEND_SYNC: and the message is matched.
     * err is WSP_ERR_CANCELLED if a cancel succeeded. Exactly once per send. */
    void (*sent)(void *user, void *tx_user, wsp_err err);
    /* The sender asks to take a message back. Returns true if rx was not matched yet and the
     * handler has forgotten it; the end then frees it. */
    bool (*withdraw)(void *user, struct wsp_rx *rx);
    /* Stream `index` has frames to send: pull when it can be written. */
    void (*want_write)(void *user, unsigned index);
    /* Close the stream's connection (and report wsp_end_stream_down). */
    void (*want_reset)(void *user, unsigned index, wsp_err why);
    /* A connection for this slot is wanted, with this generation. Asked again every few seconds
     * while there is none, each time with a higher one. */
    void (*want_stream)(void *user, unsigned index, uint32_t generation);
    /* What the kernel knows of the stream's connection; false: nothing. May be NULL. */
    bool (*sample)(void *user, unsigned index, struct wsp_stream_sample *sample);
    /* Has the kernel send no more than this on the stream's connection, in bytes a second; 0: as
     * it sees fit. Where that could not be taken back, nothing is done. May be NULL. */
    void (*hold)(void *user, unsigned index, uint64_t bps);
    /* The payload of the frame last pulled for `index` and not yet written whole is about to
     * change hands: keep a copy of what is still to be written. */
    void (*unpin)(void *user, unsigned index);
    /* The landing given for `index` may not be written to any more: read the rest away. */
    void (*sink)(void *user, unsigned index);
    /* Both sides have closed and everything is acknowledged. The end goes on answering what the
     * other side repeats until it is freed, but asks for nothing any more. */
    void (*closed)(void *user);
    /* The path is over; every send and accept has been answered with err before this call. */
    void (*lost)(void *user, wsp_err err);
};

#define WSP_STREAMS_MAX 256 /* of a path */

struct wsp_end_config {
    uint32_t local_rank, remote_rank;
    unsigned streams_max;   /* slots, 1..WSP_STREAMS_MAX */
    unsigned streams_first; /* to begin with, 1..streams_max */
    unsigned streams_guess; /* for the first bulk; 0: by the round trip */
    bool tunes_streams;     /* their number is found by traffic; else it stays streams_first */
    bool tunes_pace;        /* the pace of bulk, too; else it is pace_bps */
    bool tunes_segments;    /* segments shrink where streams are slow */
    uint64_t pace_bps;      /* bytes a second; 0: as fast as it goes */
    uint32_t segment_bytes; /* cut messages into pieces of at most this */
    uint64_t credit_bytes;  /* credit granted to the other side at first */
    bool tunes_credit;      /* more where the way is long */
    uint64_t eager_bytes;   /* larger messages leave a quarter of the credit to smaller ones */
    uint64_t heartbeat_ns;  /* an idle stream is tested this often */
    uint64_t outage_ns;     /* the path may be without streams this long */
    uint64_t connect_ns;    /* ... and this long before its first stream */
    bool hold_timers;       /* declare nothing lost */
    struct wsp_pair *pair;  /* shared with the other paths to that site; NULL: with none */
    struct wsp_budget *unexpected; /* memory for unexpected payload, shared by a process's ends */
    struct wsp_budget *replay;     /* memory for unacknowledged tails, shared likewise */
    struct wsp_spares *spares;     /* blocks of messages that are over, shared likewise */
    const struct wsp_end_handler *handler;
    void *user;
};

/* What the handshake of a stream brought from the other side. */
struct wsp_stream_birth {
    uint32_t generation;   /* the higher replaces */
    bool dialled_by_lower; /* the lower rank dialled; wins at equal generations */
    uint64_t received;     /* all segments below this number have landed there */
    uint32_t credit_epoch; /* and the credit it grants */
    uint64_t credit_limit;
    unsigned n_streams; /* it sends bulk on so many */
};

/* Where the payload of a frame goes. where == NULL: read it away. */
struct wsp_landing {
    void *where;
    uint64_t length;
};

/* A frame to write. */
struct wsp_out {
    uint8_t header[WSP_HEADER_MAX];
    size_t header_length;
    const void *payload; /* stays valid until wsp_end_written, `unpin` or wsp_end_stream_down */
    uint64_t payload_length;
};

enum wsp_send_flag {
    WSP_SEND_SYNC = 1 << 0,   /* `sent` only after the match */
    WSP_SEND_CONTROL = 1 << 1 /* at most WSP_CONTROL_MAX bytes; needs no credit, passes bulk */
};
#define WSP_CONTROL_MAX 65536

/* The credit that tuning would grant at most. */
uint64_t wsp_end_credit_most(const struct wsp_end_config *config);

/* Opens an end without streams; asks for its first ones with want_stream at wsp_end_start. */
wsp_err wsp_end_open(const struct wsp_end_config *config, uint64_t now_ns,
                     struct wsp_end **end) WSP_MUST_USE;

/* Asks for the first streams (the dialling side; the accepting side just waits for stream_up). */
void wsp_end_start(struct wsp_end *end, uint64_t now_ns);

/* Answers everything outstanding with err, then calls `lost`. Idempotent. */
void wsp_end_fail(struct wsp_end *end, wsp_err err);

/* Frees a closed or failed end (fails it first otherwise, with WSP_ERR_CLOSED). Nulls *end. */
void wsp_end_free(struct wsp_end **end);

/* Sends envelope->length bytes at data, which stay the caller's and unchanged until `sent`
 * (possibly before return). *tx (may be NULL) is for wsp_end_cancel. */
wsp_err wsp_end_send(struct wsp_end *end, const struct wsp_envelope *envelope, const void *data,
                     unsigned flags, void *tx_user, uint64_t now_ns,
                     struct wsp_tx **tx) WSP_MUST_USE;

/* Asks the other side to give a message back; `sent` tells the outcome. */
void wsp_end_cancel(struct wsp_end *end, struct wsp_tx *tx, uint64_t now_ns);

/* Matches rx with a buffer of capacity bytes; what is beyond goes nowhere. `landed` may be called
 * before return. */
void wsp_end_accept(struct wsp_end *end, struct wsp_rx *rx, void *buffer, uint64_t capacity,
                    void *rx_user, uint64_t now_ns);

/* Sends a close after all that was sent; `closed` follows when the other side has done so too. */
void wsp_end_close(struct wsp_end *end, uint64_t now_ns);

/* Sends bulk on so many streams from now on (1..streams_max) and lets the other side know. Missing
 * ones are asked for; those that neither side needs end after a while without traffic. */
void wsp_end_use_streams(struct wsp_end *end, unsigned n, uint64_t now_ns);

/* May a connection with this generation, dialled by the lower rank or not, take slot index? */
bool wsp_end_would_take(const struct wsp_end *end, unsigned index, uint32_t generation,
                        bool dialled_by_lower);

/* What to put in a handshake of ours for this end. */
void wsp_end_describe(const struct wsp_end *end, struct wsp_stream_birth *mine);

/* A stream is up, after the handshake; replaces an older one in the slot. */
wsp_err wsp_end_stream_up(struct wsp_end *end, unsigned index, const struct wsp_stream_birth *birth,
                          uint64_t now_ns) WSP_MUST_USE;
/* Is a stream of this index wanted, as far as is known now? */
bool wsp_end_wants(const struct wsp_end *end, unsigned index);

/* The connection of the slot is gone; what it carried unacknowledged will be sent again. */
void wsp_end_stream_down(struct wsp_end *end, unsigned index, uint64_t now_ns);
/* The same, and the other side ended it in good order, after all that it had to say: which it does
 * to every stream when the path is closed for it. */
void wsp_end_stream_hung_up(struct wsp_end *end, unsigned index, uint64_t now_ns);

/* The next frame for this stream; false if there is none for it now. One frame at a time: write it
 * whole, then say wsp_end_written. */
bool wsp_end_pull(struct wsp_end *end, unsigned index, uint64_t now_ns, struct wsp_out *out);
void wsp_end_written(struct wsp_end *end, unsigned index, uint64_t now_ns);

/* A whole frame header came on this stream; says where its payload goes. Then, when that many
 * bytes stand there (at once if none), wsp_end_payload. Errors of scope stream: reset the stream;
 * of scope path: the end has failed. */
wsp_err wsp_end_header(struct wsp_end *end, unsigned index, const uint8_t *header, size_t length,
                       uint64_t now_ns, struct wsp_landing *landing) WSP_MUST_USE;
wsp_err wsp_end_payload(struct wsp_end *end, unsigned index, uint64_t now_ns) WSP_MUST_USE;
/* Some bytes of it came, and more are to come: on a slow way that alone is a sign of life. */
void wsp_end_payload_part(struct wsp_end *end, unsigned index, uint64_t now_ns);

/* The round trip to the other side, from whoever has seen one before the first stream is up. */
void wsp_end_hint_rtt(struct wsp_end *end, uint64_t rtt_ns, uint64_t now_ns);

/* Whether the kernel paces the streams at all times; to be told before the round trip. */
void wsp_end_hint_kernel_pacing(struct wsp_end *end, bool is_pacing);

/* What tuning has come to. */
struct wsp_end_tuning {
    unsigned n_streams; /* that bulk is sent on */
    unsigned n_up;
    /* The same when bulk last flowed: a path at rest has one stream, a closed one none. */
    unsigned n_streams_bulk, n_up_bulk;
    uint64_t bulk_bytes;   /* cut from large messages so far; 0: there was no bulk */
    uint64_t credit_bytes; /* that the other side is granted, memory permitting */
    uint32_t segment_bytes;
    double pace_bps;    /* bytes a second; 0: not held back */
    double goodput_bps; /* when bulk last flowed without a pause; 0: not measured */
    uint64_t rtt_ns, min_rtt_ns;
    enum wsp_limit limit_id;        /* what keeps it from being faster */
    const char *limit, *limit_text; /* its name and the like; constant strings */
};
void wsp_end_get_tuning(const struct wsp_end *end, struct wsp_end_tuning *tuning);
/* Payload bytes sent on a stream so far. */
uint64_t wsp_end_stream_bytes(const struct wsp_end *end, unsigned index);

/* When wsp_end_tick wants to be called next (WSP_TIME_NEVER: not at all), and the call. */
uint64_t wsp_end_deadline(const struct wsp_end *end);
void wsp_end_tick(struct wsp_end *end, uint64_t now_ns);

/* This process did not run for a while: judge nobody before the sockets have been drained. */
void wsp_end_resume(struct wsp_end *end, uint64_t now_ns);

/* Counts since opening; one struct for statistics, tests and tuning. */
struct wsp_end_stats {
    uint64_t messages_sent, messages_received, bytes_sent, bytes_received; /* each once */
    uint64_t segments_sent, segments_received, segments_replayed, segments_duplicate;
    uint64_t segments_damaged, headers_damaged, segments_taken_over, segments_hedged;
    uint64_t streams_opened, streams_lost, stalls;
    uint64_t acks_sent, acks_received, rendezvous;
    uint64_t unexpected_bytes, unexpected_bytes_peak, replay_bytes, replay_bytes_peak;
    uint64_t rtt_ns; /* smoothed; 0 before the first sample */
};
void wsp_end_get_stats(const struct wsp_end *end, struct wsp_end_stats *stats);

#endif
