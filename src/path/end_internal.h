/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of an end, for the files of this folder.
 *
 * Outgoing: every message or control item is a wsp_tx. It waits in a queue until its first segment
 * is cut, which gives it its item number; each segment cut gets the flow's next segment number and
 * is a wsp_seg until it is acknowledged. A segment is either under way on one stream, or in the
 * replay list; its number and bounds never change.
 * Incoming: every item that is not finished is a wsp_rx, found by item number. A segment that is
 * being read is a claim of its stream; whether it came already is known by its number.
 *
 * Invariants: the claims of a stream name an rx only while the segment has not landed. Handlers may
 * send, accept and cancel: after calling one, look queues and items up again. */
#ifndef WSP_PATH_END_INTERNAL_H
#define WSP_PATH_END_INTERNAL_H

#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "path/brake.h"
#include "path/credit.h"
#include "path/end.h"
#include "path/pacer.h"
#include "path/plant.h"
#include "path/reorder.h"
#include "path/rtt.h"
#include "path/stripe.h"
#include "path/tune.h"

/* An acknowledgement waits this long for company, unless so many bytes or segments came. */
#define WSP_ACK_DELAY_NS (5 * WSP_NS_PER_MS)
#define WSP_ACK_BYTES    (UINT64_C(64) << 10)
#define WSP_ACK_SEGMENTS 64
/* A stream without progress for so long (or 4 round trips) is suspect. */
#define WSP_SUSPECT_NS WSP_NS_PER_S
/* A connection that was asked for and did not come is asked for again, with a higher generation;
 * not before an attempt of the layer below has had its time. */
#define WSP_ASK_AGAIN_NS (6 * WSP_NS_PER_S)
/* Timers are looked at this often while something is under way. A tick that comes later than the
 * second after its time means that we, not the other side, stood still. */
#define WSP_TICK_NS (100 * WSP_NS_PER_MS)
#define WSP_LATE_NS WSP_NS_PER_S
/* A stream more than is wanted stays for so long without traffic. */
#define WSP_SURPLUS_NS (5 * WSP_NS_PER_S)
/* Damage is rare on any network one would use: 256 damaged frames in 10 seconds are an enemy or
 * broken hardware, and repairing would go on for ever. */
#define WSP_DAMAGE_MAX       256
#define WSP_DAMAGE_WINDOW_NS (10 * WSP_NS_PER_S)
/* Damaged segments to be asked for again; what does not fit is replayed by the sender's timer. */
#define WSP_NACK_MAX 16

struct wsp_seg {
    struct wsp_node node;    /* among those under way on its stream, or to be replayed */
    struct wsp_node sibling; /* among those of its tx that are not acknowledged */
    struct wsp_tx *tx;
    uint64_t number, offset;
    uint32_t length;
    int slot;     /* stream it is under way on; -1: to be replayed */
    int avoids;   /* ... not on this one, if there is another; -1: on any */
    uint8_t type; /* enum wsp_frame_type */
    bool is_charged;
    bool is_written; /* handed whole to a stream at least once */
    bool has_checksum;
    uint8_t n_raced; /* times sent again because it took long */
    unsigned n_pins; /* streams that hold it as the frame they write */
    uint64_t sent_ns;
    uint64_t order;        /* of sending: on one stream, a lower one arrives earlier */
    uint64_t hop_sequence; /* of its frame on that stream */
    uint64_t checksum;
    const uint8_t *payload;
    uint8_t *copy; /* owned, and in the replay budget; NULL: payload is the tx's */
};

struct wsp_tx {
    struct wsp_node queue; /* controls, heads or bulk; alone while there is nothing to cut */
    struct wsp_node all;
    uint8_t type;   /* WSP_FRAME_HEAD: a message; otherwise a control item */
    unsigned flags; /* enum wsp_send_flag */
    void *user;
    struct wsp_envelope envelope;
    const uint8_t *data;
    uint8_t *copy; /* owned; the whole message */
    bool copy_in_budget;
    uint64_t target, value; /* of a control item */
    uint64_t item, prefix;
    uint64_t cut;           /* bytes cut so far */
    uint64_t plan_until_ns; /* the streams' parts are planned, and kept for them; 0: not */
    bool is_begun;          /* its turn as bulk came */
    bool is_cut_once;       /* its first segment was cut: item and prefix are fixed */
    bool is_accepted;
    bool is_cancelling;              /* asked for, not answered */
    bool is_cancelled;               /* ... granted */
    bool is_sent;                    /* `sent` was called */
    uint32_t n_unacked, n_unwritten; /* segments */
    uint64_t unacked_bytes;
    struct wsp_list segs;
};

/* A piece of a message that nobody has accepted yet. */
struct wsp_chunk {
    struct wsp_node node;
    uint64_t offset;
    uint32_t length;
    bool is_charged;
    uint8_t data[];
};

struct wsp_rx {
    uint64_t item;
    uint8_t type;       /* WSP_FRAME_HEAD: a message; otherwise a control item */
    uint8_t flags;      /* enum wsp_frame_flag of its head */
    bool has_head;      /* head landed */
    bool is_dispatched; /* its turn came */
    bool is_accepted;
    bool is_withdrawn;
    struct wsp_envelope envelope;
    uint64_t prefix;
    uint64_t received; /* bytes landed */
    uint64_t expected; /* bytes that will come; set with the head */
    uint64_t target, value;
    uint8_t *buffer;
    uint64_t capacity;
    void *user;
    struct wsp_list chunks;
};

enum wsp_claim_kind {
    WSP_CLAIM_NONE,
    WSP_CLAIM_PLACE,    /* read into the receiver's buffer */
    WSP_CLAIM_CHUNK,    /* read into a chunk of our own */
    WSP_CLAIM_SCRATCH,  /* read aside, to be copied if still needed */
    WSP_CLAIM_UNWANTED, /* read away; counts as landed: beyond the buffer, or withdrawn */
    WSP_CLAIM_REPEATED  /* read away: has landed already */
};

struct wsp_claim {
    enum wsp_claim_kind kind;
    struct wsp_rx *rx;
    struct wsp_chunk *chunk; /* CHUNK: owned */
    uint8_t *where;          /* SCRATCH: owned */
};

struct wsp_slot {
    bool is_up;
    bool by_lower; /* the lower rank dialled */
    bool is_suspect;
    bool is_wanted;      /* a connection with generation `asked` was asked for */
    uint32_t generation; /* of the stream that is or was up */
    uint32_t asked;
    uint64_t asked_ns;

    /* outgoing */
    struct wsp_list under_way; /* segments, in order of sending */
    struct wsp_meter meter;
    struct wsp_stream_sample sample; /* the last one */
    uint64_t held_bps;               /* the kernel sends no more; 0: as it sees fit */
    uint64_t plan_bytes;             /* its part of a short message, not cut yet */
    uint64_t bytes_sent;             /* payload */
    bool is_writing;                 /* pulled and not written */
    struct wsp_seg *writing;         /* the segment of it; NULL: another frame, or let go of */
    bool is_writing_bulk;            /* ... a later segment of a message */
    uint64_t writing_ns;             /* since when */
    uint64_t writing_ack;            /* acknowledgement that the frame carries */
    uint64_t hop_sent;
    uint64_t hop_acked;
    uint64_t last_acked_order; /* highest order of an acknowledged segment */
    uint64_t progress_ns;      /* last sign that what we send here arrives */
    uint64_t looked_ns;        /* when its kernel was last asked while it was waited for; 0: not */
    uint64_t looked_bytes;     /* delivered by then */
    bool is_moving;            /* ... more than at the look before */
    uint64_t ping_ns;          /* a ping is unanswered since; 0: none */
    bool ping_due, pong_due;
    uint64_t pong_token;

    /* incoming */
    bool has_frame;              /* header read, payload under way */
    uint64_t header_ns, part_ns; /* when it came, and the latest bytes of the payload */
    struct wsp_frame frame;
    struct wsp_claim claim;
    uint64_t hop_received;
    uint64_t heard_ns;
    uint64_t used_ns; /* something of a flow was sent or came */
};

/* How packets fare, and where the last burst ended. */
struct wsp_hedge {
    double n_sent, n_sent_again; /* packets of late */
    uint64_t bulk_bytes;         /* cut when it ended */
};

struct wsp_end {
    struct wsp_end_config config;
    struct wsp_slot **slots; /* n_slots, made as they are needed; each stays where it is */
    unsigned n_slots;
    unsigned n_up;
    unsigned n_used;   /* streams that we send bulk on: the first ones */
    unsigned n_theirs; /* ... and the other side, as it told us with told_item */
    uint64_t told_item;
    bool is_closing;      /* wsp_end_close was called */
    bool is_close_queued; /* our CLOSE is made */
    bool is_peer_closing; /* the other side's CLOSE had its turn */
    bool is_hung_up;      /* the other side ended the last stream in good order */
    bool is_closed;
    bool is_failed;
    wsp_err failure;

    /* outgoing */
    struct wsp_list controls; /* tx: control items, in order; cut before all else */
    struct wsp_list heads;    /* tx: messages whose first segment is not cut, in order */
    struct wsp_list bulk;     /* tx: messages with more to cut that may flow */
    struct wsp_list all_tx;
    struct wsp_list replay; /* seg: to be sent again, by number */
    struct wsp_map answers; /* item -> tx that waits for ACCEPT or CANCEL_ANSWER */
    struct wsp_seg **ring;  /* not acknowledged, by number & (ring_size - 1) */
    uint64_t ring_size;
    uint64_t unacked_segment, next_segment;
    uint64_t next_order;
    uint64_t next_item_out;
    struct wsp_purse purse;
    uint64_t acked_order;   /* the latest acknowledged, of segments sent once */
    uint64_t lag_ns;        /* smoothed time from sending a segment to its acknowledgement */
    uint64_t lag_spread_ns; /* ... and how far from it they are */
    uint64_t race_at_ns;    /* when the end of a burst is looked at; NEVER: none */
    uint64_t race_since_ns; /* when all was cut; 0: it is not */
    uint64_t race_bytes;    /* under way then */
    struct wsp_hedge hedge;
    unsigned stall_factor; /* grows with each suspicion until a segment arrives */
    uint64_t stalled_ns;   /* when a stream was last suspected */

    /* incoming */
    struct wsp_reorder window;
    struct wsp_map items; /* item -> rx */
    uint64_t next_item_in;
    struct wsp_grant grant;
    uint64_t n_unmatched; /* messages handed up and not accepted */
    bool is_reclaiming;
    uint64_t charged_ns; /* when charged bytes, or a message short of credit, last came */
    bool ack_due, ack_now;
    uint64_t ack_at_ns;
    uint64_t ack_bytes; /* landed since the last acknowledgement */
    unsigned ack_segments;
    uint64_t untold_bytes; /* credit granted since */
    uint64_t ack_told;     /* cumulative number last written whole */
    uint64_t nacks[WSP_NACK_MAX];
    unsigned n_nacks;

    /* tuning (steer.c) */
    struct wsp_tune tune;
    struct wsp_pacer pacer;
    uint32_t segment_bytes;  /* of bulk at present */
    uint64_t steer_at_ns;    /* end of the interval; NEVER: no bulk flows */
    uint64_t interval_ns;    /* since when it is measured */
    uint64_t interval_acked; /* bytes_acked at that time */
    uint64_t bytes_acked;
    uint64_t release_at_ns; /* when the pace lets more out; NEVER: it does not hold back */
    uint64_t bulk_ns;       /* when bulk was last cut */
    uint64_t burst_ns;      /* since when without a pause */
    uint64_t bulk_bytes;    /* cut so far */
    unsigned n_up_bulk;     /* streams up when it was last cut */
    struct wsp_rtt rtt;
    struct wsp_brake brake;
    double even_bps;        /* what each stream is held to when it is not braked; 0: nothing */
    uint64_t look_at_ns;    /* when young streams are looked at; NEVER: not */
    uint64_t demand_bytes;  /* the largest message while the path had no bulk */
    uint64_t told_bps;      /* to config.pair */
    unsigned wake_turn;     /* which stream is woken first */
    bool is_counted;        /* in config.pair */
    bool is_blind;          /* the number was guessed without a round trip */
    bool is_kernel_pacing;  /* each stream, at all times */
    bool was_held;          /* in this interval */
    uint64_t idle_ns;       /* of this interval, without bulk */
    uint64_t idle_since_ns; /* a stream asked for bulk, and there was none; 0: there is */

    /* time */
    uint64_t now_ns; /* of the latest call */
    uint64_t opened_ns, heard_ns, tick_at_ns;
    uint64_t acked_ns; /* a segment was last acknowledged, or the first of those under way cut */
    uint64_t damage_since_ns;
    unsigned n_damaged;
    bool was_up;   /* had a stream at some time */
    bool is_stuck; /* no segment gets through, and that was said */

    struct wsp_end_stats stats;
};

/* end.c */
bool wsp_end_is_over(const struct wsp_end *end);
void wsp_end_check_closed(struct wsp_end *end);
/* Wakes the stream that will be soonest to send something small; or all that may send. */
void wsp_end_wake_one(struct wsp_end *end);
void wsp_end_wake_all(struct wsp_end *end);
/* Makes the next tick come no later than this. */
void wsp_end_arm(struct wsp_end *end, uint64_t at_ns);
/* Counts one damaged frame; WSP_ERR_PROTOCOL, the end having failed, if they are too many. */
wsp_err wsp_end_damage(struct wsp_end *end, uint64_t now_ns);

/* send.c */
/* Queues a control item. */
wsp_err wsp_tx_control(struct wsp_end *end, uint8_t type, uint64_t target, uint64_t value);
/* Bytes of tx that may be cut by now. */
uint64_t wsp_tx_allowed(const struct wsp_tx *tx);
/* Looks whether `sent` is due, and frees tx when nothing of it is left to do. */
void wsp_tx_settle(struct wsp_end *end, struct wsp_tx *tx);
wsp_err wsp_tx_accepted(struct wsp_end *end, uint64_t item);
wsp_err wsp_tx_cancel_answered(struct wsp_end *end, uint64_t item, bool is_granted);
void wsp_tx_fail_all(struct wsp_end *end, wsp_err err);
void wsp_tx_free_all(struct wsp_end *end);

/* flight.c: segments between being cut and being acknowledged */
struct wsp_seg *wsp_seg_new(struct wsp_end *end, struct wsp_tx *tx, uint64_t length);
bool wsp_seg_has_room(const struct wsp_end *end);
void wsp_seg_bind(struct wsp_end *end, struct wsp_seg *seg, unsigned index, uint64_t now_ns);
/* Takes a segment from its stream to be sent on any. */
void wsp_seg_unbind(struct wsp_end *end, struct wsp_seg *seg);
/* Takes all segments of a stream; what it writes at the moment may go on. */
void wsp_seg_unbind_all(struct wsp_end *end, unsigned index);
/* Has streams that are writing it copy what they need, so that its bytes may go. */
void wsp_seg_unpin(struct wsp_end *end, struct wsp_seg *seg);
/* An acknowledgement came, on a frame or in a handshake. */
wsp_err wsp_seg_acknowledge(struct wsp_end *end, uint64_t cumulative,
                            const struct wsp_range *ranges, unsigned n_ranges, uint64_t now_ns);
void wsp_seg_nacked(struct wsp_end *end, uint64_t number);
void wsp_seg_free(struct wsp_end *end, struct wsp_seg *seg);

/* plan.c: a short message on an idle path */
/* Gives each stream its part of a message whose bulk begins, if it is short and nothing is under
 * way. */
void wsp_plan_make(struct wsp_end *end, struct wsp_tx *tx, uint64_t now_ns);
bool wsp_plan_holds(const struct wsp_tx *tx, uint64_t now_ns);
/* The next piece of a stream's part, of what is left; 0: it has none. */
uint64_t wsp_plan_take(struct wsp_end *end, unsigned index, uint64_t left);

/* replay.c */
/* The first segment to be sent again that is for this stream; NULL: none. */
struct wsp_seg *wsp_replay_next(const struct wsp_end *end, unsigned index);

/* bulk.c */
/* More of a message may be cut from now on. */
void wsp_bulk_add(struct wsp_end *end, struct wsp_tx *tx);
/* Is the stream up, sound, and for bulk? */
bool wsp_bulk_is_usable(const struct wsp_end *end, unsigned index);
/* Is what is left to be cut less than what is sent before the first of it is acknowledged? */
bool wsp_bulk_is_ending(const struct wsp_end *end);
/* The next piece of bulk for this stream; NULL: none now, and it is asked again. */
struct wsp_seg *wsp_bulk_next(struct wsp_end *end, unsigned index, uint64_t now_ns);

/* claim.c: where the payload of an incoming segment goes */
void wsp_chunk_free(struct wsp_end *end, struct wsp_chunk *chunk); /* may be NULL */
wsp_err wsp_claim_make(struct wsp_end *end, unsigned index, struct wsp_landing *landing);
wsp_err wsp_claim_finish(struct wsp_end *end, unsigned index, uint64_t now_ns);
void wsp_claim_drop(struct wsp_end *end, unsigned index);
/* Turns away every reader that would write into rx's chunks. */
void wsp_claim_withdraw(struct wsp_end *end, struct wsp_rx *rx);
/* rx is about to go: nothing may refer to it. */
void wsp_claim_forget(struct wsp_end *end, const struct wsp_rx *rx);
/* Turns away every reader that would write into a receiver's buffer. */
void wsp_claim_sink_all(struct wsp_end *end);

/* item.c: incoming items */
/* The rx of an item, made if need be. */
wsp_err wsp_rx_find(struct wsp_end *end, uint64_t item, struct wsp_rx **rx);
/* Some segment of rx has landed whole. */
wsp_err wsp_rx_progress(struct wsp_end *end, struct wsp_rx *rx);
/* Charged bytes need no store any more. */
void wsp_rx_release(struct wsp_end *end, uint64_t bytes);
/* Raises the credit if it may be, and has that told. */
void wsp_rx_grant(struct wsp_end *end);
void wsp_rx_store(struct wsp_end *end, struct wsp_rx *rx, struct wsp_chunk *chunk);
void wsp_rx_copy(struct wsp_rx *rx, uint64_t offset, const uint8_t *from, uint32_t length);
bool wsp_rx_is_owing(const struct wsp_end *end);
void wsp_rx_fail_all(struct wsp_end *end, wsp_err err);
void wsp_rx_free_all(struct wsp_end *end);

/* ack.c: our own acknowledgements */
/* A segment came on this stream: landed, or a repetition (is_urgent). */
void wsp_ack_note(struct wsp_end *end, unsigned index, uint64_t bytes, bool is_urgent);
/* Something is to be told, soon or at once. */
void wsp_ack_soon(struct wsp_end *end, bool is_urgent);
/* All that was told may be lost: tell it again. */
void wsp_ack_again(struct wsp_end *end);
bool wsp_ack_is_pressing(const struct wsp_end *end, uint64_t now_ns);
/* Puts the acknowledgement into a frame about to go out. */
void wsp_ack_fill(struct wsp_end *end, struct wsp_frame *frame);

/* slot.c */
static inline bool wsp_slot_is_sound(const struct wsp_slot *slot)
{
    return slot->is_up && !slot->is_suspect;
}

/* Makes the slots below n, if memory allows. */
bool wsp_slot_grow(struct wsp_end *end, unsigned n);
/* How many streams there should be: what either side needs. */
unsigned wsp_slot_n_wanted(const struct wsp_end *end);
/* The other side told, with this item, how many it uses. */
void wsp_slot_told(struct wsp_end *end, uint64_t item, uint64_t n, uint64_t now_ns);
/* Asks for those that are wanted and neither up nor asked for. */
void wsp_slot_ask_missing(struct wsp_end *end, uint64_t now_ns);
/* Ends a stream that nobody needs, once it has been quiet for a while. */
void wsp_slot_retire(struct wsp_end *end, unsigned index, uint64_t now_ns);
/* Is another stream up and not suspect? */
bool wsp_slot_has_other(const struct wsp_end *end, unsigned index);
/* Takes over what a suspect stream carries, if another can send it. */
void wsp_slot_take_over(struct wsp_end *end, unsigned index);
/* Asks for a connection with a generation above the slot's last. */
void wsp_slot_ask(struct wsp_end *end, unsigned index, uint64_t now_ns);

/* steer.c: tuning put to work */
void wsp_steer_open(struct wsp_end *end);
/* A message of this length is to be sent. */
void wsp_steer_demand(struct wsp_end *end, uint64_t length, uint64_t now_ns);
/* May bulk be cut now, and for this stream? */
bool wsp_steer_may_cut(struct wsp_end *end, unsigned index, uint64_t now_ns);
void wsp_steer_cut(struct wsp_end *end, uint64_t length, uint64_t now_ns);
void wsp_steer_tick(struct wsp_end *end, uint64_t now_ns);
/* Bulk that flows fills the bottleneck with so much, bytes a second. */
void wsp_steer_take_pace(struct wsp_end *end, double bps, uint64_t now_ns);
/* The end is over: it sends nothing any more. */
void wsp_steer_stop(struct wsp_end *end);

/* lane.c */
/* Have small things the first stream for themselves? */
bool wsp_lane_is_kept(const struct wsp_end *end);
bool wsp_lane_is_for_bulk(const struct wsp_end *end, unsigned index);
/* Bytes of middling messages that wait, if they are many: then they are bulk, though none of them
 * is by itself. Else 0. */
uint64_t wsp_lane_flood_bytes(const struct wsp_end *end);
bool wsp_lane_is_middling(const struct wsp_end *end, uint64_t length);

/* reading.c: asks the kernels */
/* Sets what went on since the last time, and end->rtt.ns. Returns how many streams for bulk told:
 * of none, only the bytes that were acknowledged are known. */
unsigned wsp_reading_take(struct wsp_end *end, struct wsp_reading *reading);
/* Asks the streams for bulk; sets rtt_ns, delivered_bytes and n. */
void wsp_reading_look(const struct wsp_end *end, struct wsp_look *look);

/* young.c: young streams are kept from running the bottleneck over (brake.h) */
void wsp_young_up(struct wsp_end *end, uint64_t now_ns);   /* a stream came up */
void wsp_young_flow(struct wsp_end *end, uint64_t now_ns); /* bulk begins to flow */
void wsp_young_stop(struct wsp_end *end);                  /* none has for a while */
/* Are the streams young still, as far as that is looked at? */
bool wsp_young_are(const struct wsp_end *end, uint64_t now_ns);
void wsp_young_tick(struct wsp_end *end, uint64_t now_ns);

/* hold.c: what the kernel lets each stream send at most */
void wsp_hold_apply(struct wsp_end *end);

/* hedge.c: the last part of a burst goes twice */
void wsp_hedge_count(struct wsp_end *end, const struct wsp_reading *reading);
/* All is cut. */
void wsp_hedge_end(struct wsp_end *end, uint64_t now_ns);

/* race.c: the end of a burst */
/* Takes a segment from its stream to be sent once more on another. */
void wsp_race_seg(struct wsp_end *end, unsigned index, struct wsp_seg *seg);
/* Nothing is left to be cut: the segments under way are watched. */
void wsp_race_begin(struct wsp_end *end, uint64_t now_ns);
/* There is more to cut after all. */
void wsp_race_cut(struct wsp_end *end, uint64_t now_ns);
void wsp_race_tick(struct wsp_end *end, uint64_t now_ns);

/* watch.c */
void wsp_watch_progress(struct wsp_end *end, unsigned index, uint64_t now_ns);

#endif
