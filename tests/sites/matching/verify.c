/* SPDX-License-Identifier: BSD-3-Clause */
/* The verdict on a round of the matching test: every message came once, to a receive it fits,
 * whole, and none overtook another that the same receive would have taken. */
#include "run.h"

/* The next message of this source, communicator and tag that no earlier receive has. */
static struct message *next_message(struct run *run, const struct receive *receive, bool *is_taken)
{
    for (int slot = 0; slot < run->plan.n_messages; slot++) {
        struct message *m = &run->plan.messages[slot];
        if (m->dest == run->rank && m->comm == receive->comm &&
            m->source == receive->status.MPI_SOURCE && m->tag == receive->status.MPI_TAG &&
            !is_taken[slot])
            return m;
    }
    return NULL;
}

static void check_count(struct run *run, const struct receive *receive, const struct message *m)
{
    int count, elements, is_cancelled, expected = box_count(&receive->box, m->size);
    MPI_Get_count(&receive->status, box_type(run, &receive->box), &count);
    MPI_Get_elements(&receive->status, box_type(run, &receive->box), &elements);
    MPI_Test_cancelled(&receive->status, &is_cancelled);
    if (count != expected || elements != expected || is_cancelled)
        fail(run, "slot %d: count %d, elements %d, expected %d; cancelled %d", m->slot, count,
             elements, expected, is_cancelled);
}

static void check_order(struct run *run, int j, const struct message *later)
{
    const struct receive *second = &run->receives[j];
    for (int i = 0; i < j; i++) {
        const struct receive *first = &run->receives[i];
        bool would_take = first->comm == second->comm &&
                          (first->tag == MPI_ANY_TAG || first->tag == later->tag) &&
                          first->status.MPI_SOURCE == later->source;
        if (would_take && first->taken_slot > later->slot)
            fail(run, "slot %d was overtaken by slot %d of the same source (receives %d and %d)",
                 later->slot, first->taken_slot, j, i);
    }
}

void verify_round(struct run *run)
{
    bool is_taken[MAX_MESSAGES] = {false};
    for (int i = 0; i < run->n_receives; i++) {
        struct receive *r = &run->receives[i];
        if (!r->is_done)
            fail(run, "receive %d is not done", i);
        if ((r->source != MPI_ANY_SOURCE && r->status.MPI_SOURCE != r->source) ||
            (r->tag != MPI_ANY_TAG && r->status.MPI_TAG != r->tag))
            fail(run, "receive %d of source %d tag %d ended with source %d tag %d", i, r->source,
                 r->tag, r->status.MPI_SOURCE, r->status.MPI_TAG);
        struct message *m = next_message(run, r, is_taken);
        if (!m)
            fail(run, "receive %d got a message that was never sent: source %d tag %d comm %d", i,
                 r->status.MPI_SOURCE, r->status.MPI_TAG, r->comm);
        is_taken[m->slot] = true;
        r->taken_slot = m->slot;
        if (r->has_count)
            check_count(run, r, m);
        box_check(run, &r->box, m);
        check_order(run, i, m);
        box_discard(&r->box);
    }
    for (int slot = 0; slot < run->plan.n_messages; slot++)
        if (run->plan.messages[slot].dest == run->rank && !is_taken[slot])
            fail(run, "slot %d was never received", slot);
    run->n_received += run->n_receives;
    run->n_receives = 0;
}
