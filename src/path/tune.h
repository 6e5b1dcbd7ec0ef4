/* SPDX-License-Identifier: BSD-3-Clause */
/* How many streams bulk takes, and how fast it leaves: decisions from what an interval of traffic
 * showed. Pure: time is a parameter, nothing is sent to find out.
 *
 * Pace. While the bottleneck's queue is not empty, what is delivered is what the bottleneck gives
 * us. The pace is held around that, so that a tenth of a round trip of queue stays (more where the
 * machine or the way pauses again and again); with none left it rises. It begins when a long queue
 * has formed, or when young streams that the kernel held are let go. A long queue that does not
 * shrink although we hold back is somebody else's: then the pace is let go for a while, and the
 * kernel's congestion control finds our share. A short one may be a way that has become longer.
 *
 * Number. While the bottleneck is not full, more streams are tried, and kept if they deliver more;
 * while it is full, fewer are, and kept if they deliver as much; but not where bulk comes in short
 * bursts, whose ends are the sooner through the more streams share what is lost there.
 *
 * Evenness. Where the bottleneck is full and much has to be sent again all the same, something on
 * the way does not bear what streams send in a spell, as one that holds each to a rate. Then each
 * is tried held to its part, and after that more of them; kept if it makes that half.
 *
 * What did not help is not tried again for a while, each time for longer. */
#ifndef WSP_PATH_TUNE_H
#define WSP_PATH_TUNE_H

#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

/* X(name, what keeps bulk from being faster) */
#define WSP_LIMIT_TABLE(X)                                                                         \
    X(NONE, "not measured yet")                                                                    \
    X(SENDER, "the program does not send more")                                                    \
    X(LINK, "the bottleneck is full")                                                              \
    X(SHARED, "the bottleneck is full, of others' traffic too")                                    \
    X(WINDOW, "the windows of the streams")                                                        \
    X(LOSS, "packets are lost")                                                                    \
    X(POLICED, "each stream is held to a rate by the network")                                     \
    X(RECEIVER, "the other side does not read faster")                                             \
    X(CPU, "this process does not keep its sockets full")                                          \
    X(PACING, "the pace set by hand")

enum wsp_limit {
#define WSP_LIMIT_ENUM_(name, text) WSP_LIMIT_##name,
    WSP_LIMIT_TABLE(WSP_LIMIT_ENUM_)
#undef WSP_LIMIT_ENUM_
        WSP_LIMIT_COUNT_
};

/* "LINK" and the like in lower case, and the text; constant. */
const char *wsp_limit_name(enum wsp_limit limit);
const char *wsp_limit_text(enum wsp_limit limit);

/* What one interval showed. */
struct wsp_reading {
    uint64_t span_ns;
    uint64_t delivered_bytes;      /* acknowledged by the other side */
    uint64_t rtt_ns;               /* at its end, the middle of the streams; 0: not known */
    uint64_t min_rtt_ns;           /* the least since the path opened */
    uint64_t n_sent, n_sent_again; /* packets */
    bool is_backlogged;            /* there was bulk to send all the time */
    bool is_held;                  /* the pace held it back */
    bool is_kernel_pacing;         /* each stream, at all times */
    double dry_share;              /* of the streams, those whose socket had nothing to send */
    double pinched_share;  /* of the streams, those whose window is closed to a few packets */
    double receiver_share; /* of the time, that the receiver's window was full */
    double evenness;       /* slowest stream over fastest, 0 to 1 */
    double equal_bps;      /* an equal part of what the paths to that site take; 0: alone */
    uint64_t burst_ns;     /* for so long bulk has flowed without a pause */
};

enum wsp_trial {
    WSP_TRIAL_NONE,
    WSP_TRIAL_UP,     /* more streams deliver more */
    WSP_TRIAL_DOWN,   /* fewer deliver as much */
    WSP_TRIAL_EVEN,   /* each held to its part, less is sent again */
    WSP_TRIAL_SPREAD, /* the same of more streams */
    WSP_TRIAL_COUNT_
};

/* Of one kind of trial. */
struct wsp_tune_rest {
    uint64_t from_ns; /* not tried before */
    uint64_t next_ns; /* for so long the next one that does not help is not tried again */
};

/* Sums over the intervals since a decision. */
struct wsp_tally {
    uint64_t span_ns, delivered_bytes;
    uint64_t n_sent, n_sent_again;
    unsigned n, n_full, n_held;
    double dry, receiver, evenness;
};

/* What the windows with one number of streams delivered: their mean, and how far they lie off it;
 * and the mean share of packets sent again. */
struct wsp_windows {
    unsigned n;
    double mean_bps, spread_bps;
    double again;
};

/* Whether a round trip above the least is a queue. */
struct wsp_tune_way {
    double longer_ns; /* what of it is none */
    double short_bps; /* the pace that went with a short queue */
    /* Of the intervals that are looked at together. */
    unsigned n;
    double sum_bps, sum_pace_bps; /* delivered, and let go */
    double least_queue_ns;
    /* A try, and what was before it. */
    bool is_trying;
    double before_bps, before_queue_ns;
    unsigned n_rest, rest; /* intervals that are not looked at: now, and after the next try */
};

struct wsp_tune {
    unsigned n_max;
    bool is_n_fixed, is_rate_fixed;
    /* The choice. */
    unsigned n;
    double rate_bps; /* bytes a second; 0: as fast as it goes */
    bool is_even;    /* each stream should send little more than its part, also for a moment */
    enum wsp_limit limit;
    /* Pace. */
    double capacity_bps; /* what the bottleneck gives us */
    double last_bps;     /* of the last interval */
    double peak_bps;     /* the best of late; fades slowly */
    bool is_paced;
    unsigned n_crowded;    /* intervals with a long queue, one after another */
    double least_queue_ns; /* of them */
    unsigned n_clear;      /* intervals held back without any */
    unsigned n_paced;      /* intervals since the pace is ours */
    unsigned n_slow;       /* intervals with little delivered, one after another */
    double pause_aims;     /* of the aim, what pauses make it; 1 without any */
    uint64_t let_go_until_ns, let_go_ns;
    struct wsp_tune_way way;
    /* Number. */
    enum wsp_trial trial;
    unsigned n_before;
    bool was_even;              /* before the trial; without one, as now */
    double before_bps;          /* what the trial is held against */
    struct wsp_windows before;  /* the windows before it */
    double before_capacity_bps; /* what the bottleneck gave then */
    double window_bps;          /* in the window before this one */
    double best_bps;            /* of the windows with this number; fades slowly */
    struct wsp_windows windows; /* with this number */
    double top_bps;             /* the best mean with any number; fades more slowly */
    double refused_bps;         /* what was delivered when more streams were no better */
    unsigned n_windows;         /* of this trial */
    uint64_t settle_until_ns;
    uint64_t young_until_ns;
    struct wsp_tune_rest rests[WSP_TRIAL_COUNT_];
    struct wsp_tally tally;
    double goodput_bps; /* of the last whole window */
};

/* Bulk is cut into pieces of at least this, however many streams share it. */
#define WSP_SEGMENT_LEAST (UINT32_C(32) << 10)

/* Below this round trip a queue cannot be told from the machine's own delays. */
#define WSP_TUNE_NEAR_NS (2 * WSP_NS_PER_MS)

/* On so near a way the copying limits, and several sockets keep both ends busier than one; fewer
 * are not tried there. */
#define WSP_TUNE_NEAR_STREAMS 16

/* The queue that the pace lets stand; 0: nothing is paced. */
uint64_t wsp_tune_standing_ns(const struct wsp_tune *tune, uint64_t min_rtt_ns);

void wsp_tune_init(struct wsp_tune *tune, unsigned n_max);

/* What is known of a way before bulk flows. */
struct wsp_outlook {
    uint64_t rtt_ns;       /* 0: not known */
    bool is_kernel_pacing; /* each stream, at all times, as BBR does */
};

/* Streams for a path whose bulk begins: by what is known of the way, the bytes to send, and how
 * many the last run had (0: not known), which is better than either rule. */
unsigned wsp_tune_guess(const struct wsp_outlook *way, uint64_t bytes, unsigned last_n);

/* How long the next interval should be. */
uint64_t wsp_tune_interval_ns(uint64_t min_rtt_ns);

/* Takes a reading; the choice may be another afterwards. */
void wsp_tune_step(struct wsp_tune *tune, const struct wsp_reading *reading, uint64_t now_ns);

/* The bottleneck was seen to be full with this much, bytes a second, by others than readings: from
 * now on the pace is ours, unless it is already, is set by hand, or has just been let go. */
void wsp_tune_take_pace(struct wsp_tune *tune, double bps, uint64_t now_ns);

#endif
