/* SPDX-License-Identifier: BSD-3-Clause */
/* Cancels that the rounds themselves cannot hold: receives that nothing matches, and sends to other
 * sites, of which the sender then tells the receiver how they ended. (Sends at home are left out:
 * cancelling one hangs in Open MPI 4.1 without any help of ours.) */
#include "run.h"

enum { TAG_NEVER = 4242, TAG_CANCELLED = 4243, TAG_OUTCOME = 4244 };

static void cancel_unmatched(struct run *run)
{
    for (int i = 0; i < 4; i++) {
        int buffer = 0, is_cancelled;
        int source = i & 1 ? MPI_ANY_SOURCE : draw_below(&run->state, run->n_ranks);
        MPI_Request request;
        MPI_Status status;
        MPI_Irecv(&buffer, 1, MPI_INT, source, TAG_NEVER, run->comms[i % N_COMMS], &request);
        MPI_Cancel(&request);
        MPI_Wait(&request, &status);
        MPI_Test_cancelled(&status, &is_cancelled);
        if (!is_cancelled)
            fail(run, "a receive that nothing matches was not cancelled");
        run->n_cancelled_receives++;
    }
}

/* Starts a send, cancels it and returns whether that worked. */
static int send_and_cancel(struct run *run, const struct message *m)
{
    int is_cancelled;
    MPI_Request request;
    MPI_Status status;
    struct box box = box_make(run, m->size, false);
    box_fill(&box, m);
    if (once_in(&run->state, 2))
        MPI_Issend(box.data, box_count(&box, m->size), box_type(run, &box), m->dest, TAG_CANCELLED,
                   run->comms[m->comm], &request);
    else
        MPI_Isend(box.data, box_count(&box, m->size), box_type(run, &box), m->dest, TAG_CANCELLED,
                  run->comms[m->comm], &request);
    MPI_Cancel(&request);
    MPI_Wait(&request, &status);
    MPI_Test_cancelled(&status, &is_cancelled);
    box_discard(&box);
    run->n_cancelled_sends += is_cancelled != 0;
    return is_cancelled;
}

/* The other side: its receive may stand posted before the cancel, or come after the outcome. */
static void await_outcome(struct run *run, const struct message *m, MPI_Request early,
                          struct box *box)
{
    int was_cancelled, is_cancelled = 0;
    MPI_Status status;
    MPI_Comm comm = run->comms[m->comm];
    MPI_Recv(&was_cancelled, 1, MPI_INT, m->source, TAG_OUTCOME, comm, MPI_STATUS_IGNORE);
    if (early == MPI_REQUEST_NULL && !was_cancelled)
        MPI_Irecv(box->data, box_count(box, m->size), box_type(run, box), m->source, TAG_CANCELLED,
                  comm, &early);
    if (early != MPI_REQUEST_NULL) {
        if (was_cancelled)
            MPI_Cancel(&early);
        MPI_Wait(&early, &status);
        MPI_Test_cancelled(&status, &is_cancelled);
        if (is_cancelled != (was_cancelled != 0))
            fail(run, "the sender's cancel: %d, the receiver's: %d", was_cancelled, is_cancelled);
    }
    if (!was_cancelled)
        box_check(run, box, m);
}

void cancel_round(struct run *run)
{
    uint64_t shared = run->seed ^ (uint64_t)run->plan.round << 20; /* the same on every rank */
    int shift = 1 + draw_below(&shared, run->n_ranks);
    struct message out = {.slot = -1, .source = run->rank, .comm = draw_below(&shared, N_COMMS)};
    out.size = (size_t)draw_below(&shared, once_in(&shared, 4) ? 200000 : 2000);
    out.dest = (run->rank + shift) % run->n_ranks;
    out.id = (uint64_t)run->rank;
    struct message in = out;
    in.source = (run->rank + run->n_ranks - shift % run->n_ranks) % run->n_ranks;
    in.dest = run->rank;
    in.id = (uint64_t)in.source;
    bool sends = run->site[out.dest] != run->site[run->rank];
    bool receives = run->site[in.source] != run->site[run->rank];

    cancel_unmatched(run);
    MPI_Request early = MPI_REQUEST_NULL, telling = MPI_REQUEST_NULL;
    struct box box = box_make(run, in.size, false);
    int outcome = 0;
    if (receives && once_in(&run->state, 2))
        MPI_Irecv(box.data, box_count(&box, in.size), box_type(run, &box), in.source, TAG_CANCELLED,
                  run->comms[in.comm], &early);
    if (sends) {
        outcome = send_and_cancel(run, &out);
        MPI_Isend(&outcome, 1, MPI_INT, out.dest, TAG_OUTCOME, run->comms[out.comm], &telling);
    }
    if (receives)
        await_outcome(run, &in, early, &box);
    MPI_Wait(&telling, MPI_STATUS_IGNORE);
    box_discard(&box);
}
