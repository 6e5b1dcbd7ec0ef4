/* SPDX-License-Identifier: BSD-3-Clause */
/* Receives, probes, cancels, and the verdict on a mailbox: every message came once and whole, and
 * none overtook another of its source. */
#include "actor.h"

#include "draw.h"

#include <sched.h>
#include <stdlib.h>

/* What MPI is told of a receive. */
struct wanted {
    int source, tag, capacity;
    MPI_Comm comm;
};

static struct wanted wanted_by(const struct actor *actor, const struct receive *r)
{
    const struct mailbox *mailbox = &actor->plan.mailboxes[r->mailbox];
    return (struct wanted){.source = r->source < 0
                                         ? MPI_ANY_SOURCE
                                         : team_rank(&actor->plan.teams[mailbox->team], r->source),
                           .tag = mailbox->n_tags > 1 ? MPI_ANY_TAG : mailbox->tag,
                           .capacity = mailbox->capacity,
                           .comm = actor->comms[mailbox->team]};
}

static void probe_receive(struct actor *actor, const struct wanted *w, struct outcome *o)
{
    MPI_Status seen;
    int is_there = 0;
    if (once_in(&actor->state, 2))
        MPI_Probe(w->source, w->tag, w->comm, &seen);
    else
        for (; !is_there; sched_yield())
            MPI_Iprobe(w->source, w->tag, w->comm, &is_there, &seen);
    MPI_Recv(o->box.data, w->capacity, box_type(actor, &o->box), seen.MPI_SOURCE, seen.MPI_TAG,
             w->comm, &o->status);
}

static void matched_receive(struct actor *actor, const struct wanted *w, struct outcome *o)
{
    MPI_Status seen;
    MPI_Message message;
    MPI_Request request;
    int is_there = 0;
    if (once_in(&actor->state, 2))
        MPI_Mprobe(w->source, w->tag, w->comm, &message, &seen);
    else
        for (; !is_there; sched_yield())
            MPI_Improbe(w->source, w->tag, w->comm, &is_there, &message, &seen);
    if (once_in(&actor->state, 2)) {
        MPI_Mrecv(o->box.data, w->capacity, box_type(actor, &o->box), &message, &o->status);
    } else {
        MPI_Imrecv(o->box.data, w->capacity, box_type(actor, &o->box), &message, &request);
        MPI_Wait(&request, &o->status);
    }
    if (seen.MPI_SOURCE != o->status.MPI_SOURCE || seen.MPI_TAG != o->status.MPI_TAG)
        fail(actor, "a matched probe saw source %d tag %d, its receive got source %d tag %d",
             seen.MPI_SOURCE, seen.MPI_TAG, o->status.MPI_SOURCE, o->status.MPI_TAG);
}

static void receive_waiting(struct actor *actor, int item, const struct wanted *w)
{
    struct outcome *o = &actor->received[item];
    switch (draw_below(&actor->state, 4)) {
    case 0:
        probe_receive(actor, w, o);
        break;
    case 1:
        matched_receive(actor, w, o);
        break;
    default:
        MPI_Recv(o->box.data, w->capacity, box_type(actor, &o->box), w->source, w->tag, w->comm,
                 &o->status);
    }
    receive_done(actor, item, MPI_REQUEST_NULL, &o->status);
}

static MPI_Request start_persistent(struct actor *actor, int item, const struct wanted *w)
{
    const struct receive *r = &actor->plan.receives[item];
    struct outcome *o = &actor->received[item];
    int at = idle_find(actor, false, r->mailbox, r->source, w->tag);
    MPI_Request request;
    actor->is_persistent_receive[item] = true;
    if (at >= 0) {
        struct idle idle = idle_take(actor, at);
        box_discard(&o->box);
        o->box = idle.box;
        request = idle.request;
    } else {
        MPI_Recv_init(o->box.data, w->capacity, box_type(actor, &o->box), w->source, w->tag,
                      w->comm, &request);
    }
    if (once_in(&actor->state, 2))
        MPI_Start(&request);
    else
        MPI_Startall(1, &request);
    return request;
}

static void post(struct actor *actor, int item, const struct wanted *w)
{
    const struct receive *r = &actor->plan.receives[item];
    struct outcome *o = &actor->received[item];
    MPI_Request request;
    o->turn = actor->n_turns++;
    if (!r->is_surplus && !r->is_reposted && once_in(&actor->state, 4))
        request = start_persistent(actor, item, w);
    else
        MPI_Irecv(o->box.data, w->capacity, box_type(actor, &o->box), w->source, w->tag, w->comm,
                  &request);
    flight_add(actor, RECEIVE, item, r->finish, request);
}

void receive_start(struct actor *actor, int item)
{
    const struct receive *r = &actor->plan.receives[item];
    struct wanted w = wanted_by(actor, r);
    actor->received[item] =
        (struct outcome){.box = box_make(actor, w.capacity), .turn = actor->n_turns++};
    actor->is_persistent_receive[item] = false;
    actor->n_wild += r->source < 0;
    if (r->waits)
        receive_waiting(actor, item, &w);
    else
        post(actor, item, &w);
}

/* The box of a persistent receive serves again: what it holds is copied. */
static void keep_box(struct actor *actor, int item, MPI_Request request)
{
    const struct receive *r = &actor->plan.receives[item];
    struct wanted w = wanted_by(actor, r);
    struct outcome *o = &actor->received[item];
    struct box used = o->box;
    o->box = box_move(actor, &used);
    idle_keep(actor, (struct idle){request, false, r->mailbox, r->source, w.tag, used});
}

void receive_done(struct actor *actor, int item, MPI_Request request, const MPI_Status *status)
{
    const struct receive *r = &actor->plan.receives[item];
    struct outcome *o = &actor->received[item];
    int is_cancelled;
    o->status = *status;
    o->is_done = true;
    MPI_Test_cancelled(status, &is_cancelled);
    o->is_cancelled = is_cancelled != 0;
    if (o->is_cancelled != r->is_surplus && !r->is_reposted)
        fail(actor, "receive %d: %s", item,
             is_cancelled ? "cancelled without a call" : "took a message that was another's");
    if (actor->is_persistent_receive[item])
        keep_box(actor, item, request);
}

void receive_cancel(struct actor *actor, int item)
{
    int at = flight_find(actor, actor->plan.receives[item].finish);
    if (at < 0)
        fail(actor, "receive %d is over, though nothing was left for it", item);
    MPI_Cancel(&actor->requests[at]);
    actor->n_surplus++;
}

void receive_repost(struct actor *actor, int item)
{
    struct wanted w = wanted_by(actor, &actor->plan.receives[item]);
    struct outcome *o = &actor->received[item];
    int at = flight_find(actor, actor->plan.receives[item].finish);
    MPI_Status status;
    if (at < 0)
        return; /* its message came */
    MPI_Cancel(&actor->requests[at]);
    MPI_Wait(&actor->requests[at], &status);
    flight_end(actor, at, &status);
    actor->n_reposted += o->is_cancelled;
    actor->n_late += !o->is_cancelled;
    if (!o->is_cancelled)
        return;
    o->is_done = o->is_cancelled = false;
    post(actor, item, &w);
}

/* The next receive of a mailbox in the order of posting, -1 after the last. */
static int next_in_turn(const struct actor *actor, const struct mailbox *mailbox, int turn)
{
    int best = -1;
    for (int i = 0; i < mailbox->n_receives; i++) {
        int item = mailbox->first_receive + i;
        const struct outcome *o = &actor->received[item];
        if (o->turn > turn && (best < 0 || o->turn < actor->received[best].turn))
            best = item;
    }
    return best;
}

/* The first message of this source that nothing has taken. */
static int next_message(const struct actor *actor, const struct mailbox *mailbox, int source,
                        uint32_t is_taken)
{
    for (int i = 0; i < mailbox->n_messages; i++)
        if (actor->plan.messages[mailbox->first_message + i].source == source &&
            !(is_taken >> i & 1))
            return i;
    return -1;
}

static void verify_one(struct actor *actor, const struct mailbox *mailbox, int item,
                       uint32_t *is_taken)
{
    const struct receive *r = &actor->plan.receives[item];
    const struct team *team = &actor->plan.teams[mailbox->team];
    struct outcome *o = &actor->received[item];
    int source = o->status.MPI_SOURCE, count;
    if (source < 0 || source >= team->n || (r->source >= 0 && team->members[source] != r->source))
        fail(actor, "receive %d ended with source %d", item, source);
    int i = next_message(actor, mailbox, team->members[source], *is_taken);
    if (i < 0)
        fail(actor, "receive %d got a message from %d too many", item, source);
    *is_taken |= UINT32_C(1) << i;
    const struct message *m = &actor->plan.messages[mailbox->first_message + i];
    MPI_Get_count(&o->status, box_type(actor, &o->box), &count);
    if (count != m->words || o->status.MPI_TAG != m->tag)
        fail(actor, "receive %d ended with %d words, tag %d; message %d has %d, tag %d", item,
             count, o->status.MPI_TAG, mailbox->first_message + i, m->words, m->tag);
    box_check(actor, &o->box, mailbox->first_message + i);
}

static void verify_mailbox(struct actor *actor, const struct mailbox *mailbox)
{
    uint32_t is_taken = 0;
    for (int item = next_in_turn(actor, mailbox, -1); item >= 0;
         item = next_in_turn(actor, mailbox, actor->received[item].turn)) {
        struct outcome *o = &actor->received[item];
        if (!o->is_done)
            fail(actor, "receive %d is not done", item);
        if (!o->is_cancelled)
            verify_one(actor, mailbox, item, &is_taken);
        box_discard(&o->box);
    }
    if (is_taken != (UINT32_C(1) << mailbox->n_messages) - 1)
        fail(actor, "messages were not received: mailbox from message %d on, bits %x",
             mailbox->first_message, is_taken);
}

void receives_verify(struct actor *actor)
{
    for (int i = 0; i < actor->plan.n_mailboxes; i++)
        if (actor->plan.mailboxes[i].dest == actor->rank)
            verify_mailbox(actor, &actor->plan.mailboxes[i]);
}
