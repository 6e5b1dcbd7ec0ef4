/* SPDX-License-Identifier: BSD-3-Clause */
/* The randomised matching test: the state of this rank in a round, and its steps. */
#ifndef MATCHING_RUN_H
#define MATCHING_RUN_H

#include "plan.h"

#include <mpi.h>

/* A buffer with guard bytes behind it; strided ones use every second element only. */
struct box {
    unsigned char *data;
    size_t span; /* bytes without the guard */
    bool ints, strided;
};

/* A receive in posting order. */
struct receive {
    int comm, source, tag; /* as posted */
    size_t capacity;
    struct box box;
    MPI_Status status;
    bool is_done, has_count;
    int taken_slot; /* the message it got; set when the round is checked */
};

/* A request under way and whose it is. */
struct pending {
    struct receive *receive;
    struct box send_box;
    bool is_persistent;
};

enum { MAX_PENDING = 2 * MAX_MESSAGES };

struct run {
    int rank, n_ranks;
    uint64_t seed, state; /* state: this rank's own generator */
    int site[MAX_RANKS];
    MPI_Comm comms[N_COMMS];
    MPI_Datatype strided_byte, strided_int;

    struct plan plan;
    struct receive receives[MAX_MESSAGES];
    int n_receives;
    MPI_Request requests[MAX_PENDING];
    struct pending pending[MAX_PENDING];
    int n_pending;
    struct box freed_later[MAX_MESSAGES]; /* of sends whose request was freed */
    int n_freed_later;

    size_t bsend_bytes; /* since the buffer was attached */
    long n_received, n_wild, n_cancelled_receives, n_cancelled_sends, n_late_cancels;
};

/* Prints what is wrong with seed and round, and ends the job. */
_Noreturn void fail(const struct run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* box.c */
struct box box_make(struct run *run, size_t size, bool ints);
void box_fill(struct box *box, const struct message *message);
/* Checks payload, gaps and guard against the message. */
void box_check(const struct run *run, const struct box *box, const struct message *message);
void box_discard(struct box *box);
int box_count(const struct box *box, size_t size);
MPI_Datatype box_type(const struct run *run, const struct box *box);

/* send.c */
void send_message(struct run *run, const struct message *message);
void attach_buffer(struct run *run);
void detach_buffer(struct run *run);

/* receive.c */
/* In posting order, as the arrangement of each communicator says. */
void post_receives(struct run *run);
/* IN_TURN: the receive that belongs to this message. */
void receive_in_turn(struct run *run, const struct message *message);
/* POLLING: takes every message of the communicators that are not posted. */
void take_messages(struct run *run);
void send_and_receive(struct run *run, const struct message *out, const struct message *in);

/* complete.c */
void pending_add(struct run *run, MPI_Request request, struct pending pending);
void complete_all(struct run *run);
/* Makes some progress without waiting. */
void complete_by_test(struct run *run);

/* verify.c */
void verify_round(struct run *run);

/* cancel.c */
void cancel_round(struct run *run);

#endif
