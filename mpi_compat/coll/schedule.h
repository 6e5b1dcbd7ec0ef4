/* SPDX-License-Identifier: BSD-3-Clause */
/* A collective under way on one rank: a list of steps. A step starts what it needs (calls of the
 * host, wide messages) and returns; when all that is over, the next one runs. Steps run in whatever
 * call of the program makes progress; the blocking form of a collective drives its own to the end.
 *
 * Host collectives match by call order. A first home phase runs on the communicator's handle and is
 * started by the call itself, so in the program's order. A second one runs on the communicator's
 * second home communicator, in a step `at_turn`, which waits until all collectives that were called
 * before on the communicator have passed theirs. Home messages go on the second one too, with the
 * collective's own tag.
 *
 * One that duplicates a communicator has both for itself: the host's MPI_Comm_idup starts
 * collectives of its own on them while it makes progress (Open MPI 4.1), in an order that differs
 * from rank to rank if others are started meanwhile. Those called after it begin when it has
 * passed.
 *
 * An object belongs to the thread that called until it is listed, then to whoever holds the list's
 * lock. */
#ifndef WSP_MPI_COLL_SCHEDULE_H
#define WSP_MPI_COLL_SCHEDULE_H

#include "base/list.h"
#include "coll/exchange.h"
#include "comm/comm.h"
#include "request/request.h"

#include <mpi.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct wsp_schedule;

/* Starts the step's work; an MPI error code if it could not. Also runs after an error (in err):
 * then it does only what the other ranks wait for. */
typedef int (*wsp_step_fn)(struct wsp_schedule *schedule);

struct wsp_step {
    wsp_step_fn run; /* NULL ends the list */
    bool at_turn;
};

/* First member of every collective's own object, which is malloc'ed. */
struct wsp_schedule {
    struct wsp_node node;
    struct wsp_comm *comm; /* held */
    uint32_t tag;
    enum wsp_function function;                   /* that called: its messages count for it */
    const struct wsp_step *steps;                 /* the next one first */
    void (*close)(struct wsp_schedule *schedule); /* frees what the object holds, not itself */
    struct wsp_request *request;                  /* NULL: a blocking call */
    MPI_Request *home;                            /* calls of the host under way */
    int n_home, home_capacity;
    MPI_Request home_few[4];
    struct wsp_exchange exchange;
    bool has_exchange;
    bool defers_exchange; /* set by a step: the next one does not wait for the wide messages */
    bool awaits_arrivals; /* set by a step: the next one waits for what comes, not for what goes */
    bool has_begun;       /* its first step was run */
    bool has_passed;      /* its step at_turn, if any, was run; or it says so, if it is_exclusive */
    bool is_exclusive;    /* those called later on the same handle wait until it has passed */
    int agreed;           /* the code that a second home phase carries */
    int err;
    bool is_raised;     /* err went to the error handler already */
    bool is_one_group;  /* of an intercommunicator: collective home phases are the own group's */
    bool tells_errors;  /* its steps tell other ranks that this one has failed */
    bool is_quiet;      /* of the shim's own: err does not go there */
    MPI_Datatype *held; /* freed at the end */
    int n_held;
    void *memory[2]; /* likewise */
    atomic_bool is_over;
    atomic_bool is_listed; /* a blocking call waits while this holds */
};

/* A zeroed object of this size, to be run or closed. NULL when out of memory. */
void *wsp_schedule_new(size_t size, struct wsp_comm *comm, const struct wsp_step *steps,
                       void (*close)(struct wsp_schedule *schedule));

/* For a call whose arguments are wrong: raises the code, and counts the call all the same. Other
 * ranks may have found nothing wrong with theirs, and the next call must still meet theirs. */
int wsp_schedule_refuse(struct wsp_comm *comm, int err);

/* Runs it: to the end (handle NULL), or hangs it on a new request. Takes the object. Returns the
 * MPI code, raised. */
int wsp_schedule_run(struct wsp_schedule *schedule, MPI_Request *handle);

/* True if every collective called before on this communicator has passed its turn. */
bool wsp_schedule_has_turn(const struct wsp_schedule *schedule);

/* Where the next call of the host puts its request; NULL when out of memory. */
MPI_Request *wsp_schedule_slot(struct wsp_schedule *schedule);

/* Keeps a type of the program alive (its handle stays good too) although it may free it. */
int wsp_schedule_keep_type(struct wsp_schedule *schedule, MPI_Datatype type);
/* Takes over a type that is freed at the end. MPI code. */
int wsp_schedule_take_type(struct wsp_schedule *schedule, MPI_Datatype type);

/* A copy that lives as long as the schedule, which has at most two; NULL when out of memory. */
void *wsp_schedule_copy(struct wsp_schedule *schedule, const void *bytes, size_t length);

/* Wide messages of the exchange, if this rank has not failed (s->err): else the other is told of
 * the error, or let go on. */
void wsp_schedule_send(struct wsp_schedule *schedule, int dest, const void *bytes, uint64_t length);
void wsp_schedule_receive(struct wsp_schedule *schedule, int source, void *bytes, uint64_t length);

/* Opens the schedule's exchange for n_max wide messages. MPI code. */
int wsp_schedule_open_exchange(struct wsp_schedule *schedule, int n_max);

#endif
