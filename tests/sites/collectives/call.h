/* SPDX-License-Identifier: BSD-3-Clause */
/* The reference test of collectives: one call of one collective, as a rank sees it.
 *
 * Every member of the communicator draws the same call from the same seed (plan.c). Then each lays
 * out its memory, and what the call must make of it is computed with point-to-point messages on
 * another communicator (reference.c) before the call itself is made (start.c). */
#ifndef COLLECTIVES_CALL_H
#define COLLECTIVES_CALL_H

#include "box.h"
#include "groups.h"

enum kind {
    BARRIER,
    BCAST,
    GATHER,
    GATHERV,
    SCATTER,
    SCATTERV,
    ALLGATHER,
    ALLGATHERV,
    ALLTOALL,
    ALLTOALLV,
    ALLTOALLW,
    REDUCE,
    FIRST_REDUCTION = REDUCE,
    ALLREDUCE,
    SCAN,
    EXSCAN,
    REDUCE_SCATTER_BLOCK,
    REDUCE_SCATTER,
    REDUCE_LOCAL,
    N_KINDS
};

/* The memory of a call's send or receive buffer, as blocks: one for each rank, or one alone. */
struct side {
    bool is_used; /* else the arguments are not significant here */
    struct box box;
    int n_blocks, n_shapes; /* shapes: one for all blocks, or (Alltoallw) one for each */
    struct shape shapes[MAX_RANKS];
    int units[MAX_RANKS];
    ptrdiff_t at[MAX_RANKS]; /* bytes, where each block begins */

    /* As MPI takes them. */
    int counts[MAX_RANKS], displacements[MAX_RANKS];
    MPI_Datatype types[MAX_RANKS];
    bool is_whole;    /* types[0] is all of a block: the count is 1 */
    bool is_absolute; /* and stands at its address from MPI_BOTTOM */
};

struct call {
    enum kind kind;
    const struct group *group;
    uint64_t id; /* all that differs between ranks and blocks follows from it */
    int index;   /* in its round */
    int root, limit;
    bool in_place, is_blocking, frees_early;
    struct signature signature;
    enum operation operation; /* of reductions */
    MPI_Op op;
    int reduced_units[MAX_RANKS]; /* of each block of a Reduce_scatter */
    struct side out, in;
    MPI_Request request;
};

/* plan.c */
/* Draws a call for this communicator. */
void call_plan(struct call *call, const struct group *group, uint64_t state, int only_kind);
/* Units that `from` gives to `to`; of reductions: units of the block of `to`. */
int call_units(const struct call *call, int from, int to);
/* True if data go from one to the other; of collectives that only move data. */
bool call_flows(const struct call *call, int from, int to);
/* True of an element that the host can handle by itself alone. */
bool call_must_be_plain(const struct element *element);
const char *call_name(const struct call *call);

/* memory.c */
void call_open(struct call *call);
/* The sums over all blocks of a reduction: units of its operand. */
int call_operand_units(const struct call *call);
/* Frees types and operations; the call may still be under way. */
void call_forget(struct call *call);
void call_close(struct call *call);

/* reference.c */
/* Makes the twins what the call must leave; all members together. */
void call_refer(struct call *call);

/* start.c */
/* The call itself; an MPI code. */
int call_start(struct call *call);

/* verify.c */
/* Ends the job unless the memory is as it must be, or MPI reported an error. */
void call_verify(struct call *call, int code);
/* One line on standard error: what is called. */
void call_tell(const struct call *call);
void call_check_code(const struct call *call, int code);
/* Says what is wrong with a call, and how to repeat it, and ends the job. */
_Noreturn void call_fail(const struct call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* main.c */
/* Says where the test stands: the start of a line on standard error. */
void call_tell_place(void);

#endif
