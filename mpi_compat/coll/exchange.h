/* SPDX-License-Identifier: BSD-3-Clause */
/* The wide messages of one collective on one rank, all in flight together; private to coll/. */
#ifndef WSP_MPI_COLL_EXCHANGE_H
#define WSP_MPI_COLL_EXCHANGE_H

#include "comm/comm.h"
#include "request/progress.h"

#include <stdbool.h>
#include <stdint.h>

struct wsp_exchange_slot {
    bool is_receive;
    uint64_t expected; /* bytes that a receive must bring, no fewer and no more */
    struct wsp_op send;
    struct wsp_posted receive;
};

#define WSP_EXCHANGE_FEW 6

struct wsp_exchange {
    struct wsp_comm *comm;
    uint32_t tag;
    int n_slots;
    struct wsp_exchange_slot *slots; /* `few`, or malloc'ed for more sites */
    struct wsp_exchange_slot few[WSP_EXCHANGE_FEW];
};

/* Makes room for n_max messages of this tag. MPI_ERR_NO_MEM; else close it, once. */
int wsp_exchange_open(struct wsp_exchange *exchange, struct wsp_comm *comm, uint32_t tag,
                      int n_max);

/* Start a message to or from a rank of another site; the bytes stay untouched until it is
 * over. */
void wsp_exchange_send(struct wsp_exchange *exchange, int dest, const void *bytes, uint64_t length);
void wsp_exchange_receive(struct wsp_exchange *exchange, int source, void *bytes, uint64_t length);

/* Instead of these: tells a rank that this one has failed with an MPI code, which its receive ends
 * with; lets a rank go on that sends, and takes nothing of it. */
void wsp_exchange_send_error(struct wsp_exchange *exchange, int dest, int code);
void wsp_exchange_let_go(struct wsp_exchange *exchange, int source);

/* True if all are over; does not drive. */
bool wsp_exchange_is_over(const struct wsp_exchange *exchange);

/* True if all receives are over, and their first error. */
bool wsp_exchange_has_arrived(const struct wsp_exchange *exchange);
int wsp_exchange_arrival_error(const struct wsp_exchange *exchange);

/* Once all are over: gives back the memory and returns the first error, as an MPI code. */
int wsp_exchange_close(struct wsp_exchange *exchange);

#endif
