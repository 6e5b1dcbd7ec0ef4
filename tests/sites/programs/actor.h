/* SPDX-License-Identifier: BSD-3-Clause */
/* Who executes a plan: a rank, or one of its threads. */
#ifndef PROGRAMS_ACTOR_H
#define PROGRAMS_ACTOR_H

#include "plan.h"

#include <mpi.h>
#include <stddef.h>

/* A buffer of words with a guard behind; spaced ones use every second word only. */
struct box {
    uint32_t *data;
    int words;
    bool is_spaced;
};

/* A request under way. */
struct flight {
    enum event_kind of; /* SEND, RECEIVE, COLLECTIVE or MAKE */
    int item, finish;
    bool is_done;
};

enum { MAX_FLIGHTS = MAX_MESSAGES + MAX_RECEIVES + MAX_COLLECTIVES + MAX_MAKES, MAX_IDLE = 64 };

/* A persistent request that is not active, kept for another message of the same kind. */
struct idle {
    MPI_Request request;
    bool sends;
    int mailbox, source, tag; /* source: of a send its own rank */
    struct box box;
};

/* What a receive came to. */
struct outcome {
    struct box box;
    MPI_Status status;
    int turn; /* receives in the order in which they were posted (or their message was taken) */
    bool is_done, is_cancelled;
};

struct actor {
    int rank, thread; /* thread: -1 where there are none */
    struct plan plan;
    uint64_t state;
    MPI_Comm comms[MAX_TEAMS], duplicates[MAX_MAKES];
    MPI_Datatype spaced;

    MPI_Request requests[MAX_FLIGHTS];
    struct flight flights[MAX_FLIGHTS];
    int n_flights;
    struct idle idle[MAX_IDLE];
    int n_idle;
    struct box sent[MAX_MESSAGES];
    bool is_persistent_send[MAX_MESSAGES], is_persistent_receive[MAX_RECEIVES];
    struct outcome received[MAX_RECEIVES];
    int n_turns;
    uint32_t *in[MAX_COLLECTIVES], *out[MAX_COLLECTIVES];
    size_t n_buffered;  /* bytes of buffered sends since the buffer was attached */
    volatile int place; /* in the order */

    long n_events, n_messages, n_wild, n_surplus, n_reposted, n_late;
};

_Noreturn void fail(const struct actor *actor, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* actor.c: executes the plan. */
void actor_run(struct actor *actor);
void actor_open(struct actor *actor, MPI_Comm world, MPI_Comm shared);
void actor_close(struct actor *actor);

/* box.c */
struct box box_make(struct actor *actor, int words);
/* A new one with what this one holds, which is then as new. */
struct box box_move(const struct actor *actor, struct box *from);
/* The words of a message, a function of program and message. */
void box_fill(const struct actor *actor, struct box *box, int message);
/* Checks the words of a message and that nothing else was written. */
void box_check(const struct actor *actor, const struct box *box, int message);
MPI_Datatype box_type(const struct actor *actor, const struct box *box);
void box_discard(struct box *box);

/* send.c, receive.c */
void buffer_attach(struct actor *actor);
void buffer_detach(struct actor *actor);
void send_start(struct actor *actor, int item);
void send_done(struct actor *actor, int item, MPI_Request request);
void announce(struct actor *actor, int mailbox);
void ring_run(struct actor *actor, int item);
void relay_run(struct actor *actor, int item);
void receive_start(struct actor *actor, int item);
void receive_done(struct actor *actor, int item, MPI_Request request, const MPI_Status *status);
void receive_cancel(struct actor *actor, int item);
void receive_repost(struct actor *actor, int item);
void receives_verify(struct actor *actor);

/* collect.c */
void collective_start(struct actor *actor, int item);
void collective_done(struct actor *actor, int item);

/* make.c */
void comm_make(struct actor *actor, int item);
void comm_made(struct actor *actor, int item, MPI_Comm made);
void comm_free(struct actor *actor, int item);

/* finish.c */
void flight_add(struct actor *actor, enum event_kind of, int item, int finish, MPI_Request request);
/* The place of a flight among those under way, -1 if it is over. */
int flight_find(const struct actor *actor, int finish);
/* Takes it out; the caller has completed it. */
void flight_end(struct actor *actor, int at, const MPI_Status *status);
/* Waits for one, in one of many ways. */
void flight_finish(struct actor *actor, int finish);
/* Harvests and looks, without waiting. */
void flight_disturb(struct actor *actor);

/* An idle persistent request of this kind; -1: none. */
int idle_find(const struct actor *actor, bool sends, int mailbox, int source, int tag);
struct idle idle_take(struct actor *actor, int at);
void idle_keep(struct actor *actor, struct idle idle);

#endif
