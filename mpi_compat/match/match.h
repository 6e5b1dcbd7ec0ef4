/* SPDX-License-Identifier: BSD-3-Clause */
/* Matching of wide messages with receives: per context, posted receives in posting order and
 * unexpected messages in order of arrival. Everything here runs under the link's lock and never
 * calls MPI; the I/O thread is among its callers.
 *
 * A receive from MPI_ANY_SOURCE is posted at the host too (its home half). A wide message that
 * would match it becomes its candidate; the program's thread settles who has it. While a context
 * has a candidate, its later messages are held back and matched after the settlement. */
#ifndef WSP_MPI_MATCH_MATCH_H
#define WSP_MPI_MATCH_MATCH_H

#include "base/list.h"
#include "count/count.h"
#include "link/link.h"

#include <stdbool.h>
#include <stdint.h>

#define WSP_ANY INT32_MIN /* any source, any tag */

#define WSP_NO_RANK UINT32_MAX

struct wsp_arrival; /* a wide message that is not matched */

struct wsp_posted {
    struct wsp_node node; /* in its context's posted list while unmatched */
    uint64_t context;
    int32_t source, tag;   /* communicator rank and tag; or WSP_ANY */
    uint32_t world_source; /* world rank of source; WSP_NO_RANK if any */
    void *buffer;
    uint64_t capacity;
    bool has_home_half; /* source is any: the host may take it as well */
    bool is_matched;    /* a wide message has it; envelope is that message's */
    struct wsp_envelope envelope;
    enum wsp_function function; /* who posted it */
    struct wsp_arrival *candidate;
    struct wsp_op op; /* done when the message has landed (or failed) */
};

/* The handlers to give to the link. */
extern const struct wsp_link_handler wsp_match_link_handler;

/* How many posted receives have a home half and are not settled; read without the lock. */
extern atomic_int wsp_match_n_open;

/* How many of them have a candidate. */
extern atomic_int wsp_match_n_candidates;

/* Posts a receive whose fields up to has_home_half are filled; it may match at once. With a home
 * half and no match at once, the caller posts that half afterwards. WSP_ERR_NO_MEMORY. */
wsp_err wsp_match_post(struct wsp_posted *posted) WSP_MUST_USE;

/* Takes a receive out if no wide message has it; false if it is matched. A candidate goes on to
 * the next receive that fits. For cancel, and for a home half that completed. */
bool wsp_match_withdraw(struct wsp_posted *posted);

/* The home half was cancelled: the candidate has the receive, or it stays posted without one. */
void wsp_match_settle_wide(struct wsp_posted *posted);

/* The first unmatched message that fits and is not held back, or NULL. */
struct wsp_arrival *wsp_match_find(uint64_t context, int32_t source, int32_t tag);
const struct wsp_envelope *wsp_arrival_envelope(const struct wsp_arrival *arrival);

/* Takes a found message out of matching (MPI_Mprobe)... */
void wsp_match_claim(struct wsp_arrival *arrival);
/* ... and lets it land later; frees arrival. */
void wsp_match_receive(struct wsp_arrival *arrival, struct wsp_posted *posted);

/* Wakes whoever waits for a change of the context's messages: a counter that grows with each
 * arrival; read without the lock. */
extern atomic_uint wsp_match_n_arrived;

/* Forgets a context that is not used any more; its unexpected messages are read away. */
void wsp_match_forget(uint64_t context);

/* Frees everything; the link is closed already. */
void wsp_match_fini(void);

#endif
