/* SPDX-License-Identifier: BSD-3-Clause */
/* Two ends of a path joined by hand, frame by frame, at a time that stands still; tests/sim does
 * the same at random. */
#ifndef WSP_TESTS_TWO_ENDS_H
#define WSP_TESTS_TWO_ENDS_H

#include "base/clock.h"
#include "path/end.h"

#define N_STREAMS 4
#define WAY_NS    (20 * WSP_NS_PER_MS) /* half of the round trip that the kernels tell */

/* One end, and what it told. */
struct party {
    struct wsp_end *end;
    struct wsp_budget unexpected, replay;
    struct wsp_spares spares;
    bool wants_write[N_STREAMS];
    struct wsp_rx *arrived;
    unsigned n_arrived, n_landed, n_sent, n_lost, n_closed, n_sunk;
    wsp_err landed_err, sent_err, lost_err;
    uint32_t wanted[N_STREAMS];
    uint64_t pace_bps[N_STREAMS]; /* as the kernels tell it */
    uint64_t n_packets, n_again;  /* ... of each stream */
    uint64_t delivered_bytes;     /* ... likewise */
    uint64_t near_ns;             /* ... a round trip of so much; 0: of two WAY_NS */
    uint64_t queue_ns;            /* ... what round trips are longer by */
    uint64_t held_bps[N_STREAMS]; /* what it had its kernels hold them to */
};

struct ends_options {
    bool is_tuned;            /* finds its number of streams itself */
    bool is_paced;            /* ... and its pace */
    unsigned n_first, guess;  /* streams at once; with more than a little to send, 0: by the way */
    struct wsp_pair *machine; /* what its paths share, or NULL */
    uint64_t eager_bytes;     /* 0: few */
};

extern struct party parties[2];
extern uint64_t now;
extern uint8_t data[80000], buffer[80000]; /* for messages and where they land */

/* Opens both parties, without a stream. */
void ends_open(const struct ends_options *options);

/* The same with N_STREAMS for all numbers, and the first n streams up. */
void ends_setup(unsigned n);
void ends_setup_tuned(unsigned n);

/* Frees both; fails when memory of theirs is left. */
void ends_teardown(void);

/* Brings a stream up on both sides. */
void ends_join(unsigned index, uint32_t generation, bool by_lower);

/* Hands a message to a party. */
struct wsp_tx *ends_send(int from, const void *bytes, uint64_t length, unsigned flags);

/* Takes one frame from a party's stream, false if it has none; gives one to the other. */
bool ends_pull(int id, unsigned index, struct wsp_out *out);
wsp_err ends_hand_over(int to, unsigned index, const struct wsp_out *out, bool is_damaged);

/* Carries what one side has to send, false if that is nothing; of both, until neither has any. */
bool ends_carry(int from);
void ends_settle(void);

/* Lets time pass, with ticks. */
void ends_pass(uint64_t ns);

#endif
