/* SPDX-License-Identifier: BSD-3-Clause */
/* Credit of one pair, both sides of it. Bytes are absolute counts since the path opened, so that
 * a lost or repeated report does no harm; an epoch tells limits before and after a yield apart. */
#ifndef WSP_PATH_CREDIT_H
#define WSP_PATH_CREDIT_H

#include "path/budget.h"

#include <stdbool.h>
#include <stdint.h>

/* What we let the other side send unasked. limit - released bytes are taken from the budget: every
 * byte it may send has its place before it comes. */
struct wsp_grant {
    struct wsp_budget *budget;
    uint64_t want_bytes; /* credit we would like to have granted at any time */
    uint32_t epoch;
    uint64_t limit;    /* told to the other side */
    uint64_t charged;  /* came */
    uint64_t released; /* came and is not in our store any more */
};

void wsp_grant_open(struct wsp_grant *grant, struct wsp_budget *budget, uint64_t want_bytes);
/* Gives all of it back to the budget. */
void wsp_grant_close(struct wsp_grant *grant);
/* Charged bytes came; false if they were more than allowed. */
bool wsp_grant_charge(struct wsp_grant *grant, uint64_t bytes);
/* Charged bytes have left the store (or never needed it). */
void wsp_grant_release(struct wsp_grant *grant, uint64_t bytes);
/* Raises the limit as far as wanted and the budget allows; returns by how much. */
uint64_t wsp_grant_top_up(struct wsp_grant *grant);
/* The other side gave back what it does not use; false if that makes no sense. */
bool wsp_grant_yielded(struct wsp_grant *grant, uint32_t epoch, uint64_t limit);

/* Granted and not charged. */
static inline uint64_t wsp_grant_unused(const struct wsp_grant *grant)
{
    return grant->limit - grant->charged;
}

/* What the other side lets us send unasked. */
struct wsp_purse {
    bool is_known; /* a first limit came */
    uint32_t epoch;
    uint64_t limit;
    uint64_t charged;
    uint64_t window; /* the most we had at any time: what a quarter is measured by */
};

/* A limit came with a frame or a handshake. */
void wsp_purse_hear(struct wsp_purse *purse, uint32_t epoch, uint64_t limit);
/* Takes what a message of this length may send unasked, and returns it. */
uint64_t wsp_purse_take(struct wsp_purse *purse, uint64_t length, uint64_t eager_bytes);
/* Gives all unused credit back: begins a new epoch, whose limit is what is charged. */
void wsp_purse_yield(struct wsp_purse *purse);

#endif
