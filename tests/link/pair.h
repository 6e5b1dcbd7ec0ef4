/* SPDX-License-Identifier: BSD-3-Clause */
/* Two links of one test process, joined over the loopback, with the simplest matching: messages of
 * a peer meet receives in the order of both. */
#ifndef WSP_TESTS_LINK_PAIR_H
#define WSP_TESTS_LINK_PAIR_H

#include "base/clock.h"
#include "link/link.h"

#define SIDES_MAX  3
#define UNMET_MAX  8192
#define DEADLINE_S 25

struct unmet {
    struct wsp_rx *rx;
    struct wsp_envelope envelope;
};

struct posted {
    void *buffer;
    uint64_t capacity;
    struct wsp_op *op;
};

/* One process's view; the link's lock guards it. */
struct side {
    struct wsp_link *link;
    uint32_t rank;
    struct unmet unmet[SIDES_MAX][UNMET_MAX]; /* rings by source */
    struct posted posted[SIDES_MAX][UNMET_MAX];
    unsigned unmet_first[SIDES_MAX], unmet_end[SIDES_MAX];
    unsigned posted_first[SIDES_MAX], posted_end[SIDES_MAX];
    int32_t last_tag;
    bool is_lost[SIDES_MAX];
    wsp_err lost_err[SIDES_MAX];
    unsigned n_lost;
};

/* Opens and starts n sides under one job key (side `odd`, if not negative, under another). */
void pair_open(struct side *sides, unsigned n, int odd);
void pair_close(struct side *sides, unsigned n);

/* Sets options for the links opened from here on, as "NAME=VALUE" pairs up to NULL. */
void pair_options(const char *first, ...) __attribute__((sentinel));

void side_send(struct side *side, uint32_t dest, int32_t tag, const void *data, uint64_t length,
               unsigned flags, struct wsp_op *op);
void side_receive(struct side *side, uint32_t source, void *buffer, uint64_t capacity,
                  struct wsp_op *op);
/* Drives until the op is done; fails the test at the deadline. */
void side_wait(struct side *side, struct wsp_op *op);
/* ... until *flag, which is written under the lock. */
void side_wait_flag(struct side *side, const bool *flag);

/* Fills and checks a buffer with bytes that depend on seed and place. */
void pattern_fill(uint8_t *bytes, uint64_t length, uint64_t seed);
bool pattern_holds(const uint8_t *bytes, uint64_t length, uint64_t seed);

#endif
