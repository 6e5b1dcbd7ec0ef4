/* SPDX-License-Identifier: BSD-3-Clause */
/* Sends in every mode, blocking, nonblocking and persistent; rings of MPI_Sendrecv, relays. A
 * buffer is overwritten and freed as soon as MPI says that it is the program's again. */
#include "actor.h"

#include "draw.h"
#include "send_modes.h"

#include <stdlib.h>
#include <string.h>

enum { ATTACHED = 4 << 20, MOST_BUFFERED = ATTACHED / 2 };

void buffer_attach(struct actor *actor)
{
    void *buffer = malloc(ATTACHED);
    if (!buffer)
        fail(actor, "out of memory");
    MPI_Buffer_attach(buffer, ATTACHED);
    actor->n_buffered = 0;
}

void buffer_detach(struct actor *actor)
{
    void *buffer;
    int size;
    MPI_Buffer_detach(&buffer, &size);
    if (size != ATTACHED)
        fail(actor, "the buffer that was attached has %d bytes", size);
    free(buffer);
}

static enum mode draw_mode(struct actor *actor, const struct message *m)
{
    size_t needed = (size_t)m->words * sizeof(uint32_t) + MPI_BSEND_OVERHEAD;
    if (actor->plan.is_tight && !m->may_be_ready)
        return SYNCHRONOUS;
    switch (draw_below(&actor->state, 6)) {
    case 0:
    case 1:
        return SYNCHRONOUS;
    case 2:
        if (actor->thread >= 0 || actor->n_buffered + needed > MOST_BUFFERED)
            return STANDARD;
        actor->n_buffered += needed;
        return BUFFERED;
    case 3:
        return m->may_be_ready ? READY : STANDARD;
    default:
        return STANDARD;
    }
}

/* A persistent request, one that was used before if there is one: its mode is what it was. */
static MPI_Request start_persistent(struct actor *actor, int item, struct box *box, enum mode mode)
{
    const struct message *m = &actor->plan.messages[item];
    const struct mailbox *mailbox = &actor->plan.mailboxes[m->mailbox];
    const struct team *team = &actor->plan.teams[mailbox->team];
    int at = mailbox->is_fixed ? idle_find(actor, true, m->mailbox, m->source, m->tag) : -1;
    MPI_Request request;
    actor->is_persistent_send[item] = true;
    if (at >= 0) {
        struct idle idle = idle_take(actor, at);
        box_discard(box);
        *box = idle.box;
        request = idle.request;
        box_fill(actor, box, item);
    } else {
        persistent[mode == BUFFERED ? STANDARD : mode](box->data, m->words, box_type(actor, box),
                                                       team_rank(team, mailbox->dest), m->tag,
                                                       actor->comms[mailbox->team], &request);
    }
    if (once_in(&actor->state, 2))
        MPI_Start(&request);
    else
        MPI_Startall(1, &request);
    return request;
}

void send_start(struct actor *actor, int item)
{
    const struct message *m = &actor->plan.messages[item];
    const struct mailbox *mailbox = &actor->plan.mailboxes[m->mailbox];
    const struct team *team = &actor->plan.teams[mailbox->team];
    int dest = team_rank(team, mailbox->dest);
    MPI_Comm comm = actor->comms[mailbox->team];
    MPI_Request request;
    enum mode mode = draw_mode(actor, m);
    struct box *box = &actor->sent[item];
    *box = box_make(actor, m->words);
    box_fill(actor, box, item);
    actor->is_persistent_send[item] = false;
    actor->n_messages++;
    if (m->waits) {
        blocking[mode](box->data, m->words, box_type(actor, box), dest, m->tag, comm);
        box_discard(box);
        return;
    }
    if (once_in(&actor->state, 4))
        request = start_persistent(actor, item, box, mode);
    else
        immediate[mode](box->data, m->words, box_type(actor, box), dest, m->tag, comm, &request);
    flight_add(actor, SEND, item, m->finish, request);
}

void send_done(struct actor *actor, int item, MPI_Request request)
{
    const struct message *m = &actor->plan.messages[item];
    if (actor->is_persistent_send[item])
        idle_keep(actor,
                  (struct idle){request, true, m->mailbox, m->source, m->tag, actor->sent[item]});
    else
        box_discard(&actor->sent[item]);
}

/* The owner of a mailbox tells its senders that all receives are posted. */
void announce(struct actor *actor, int index)
{
    const struct mailbox *mailbox = &actor->plan.mailboxes[index];
    const struct team *team = &actor->plan.teams[mailbox->team];
    int tag = mailbox->tag + mailbox->n_tags;
    MPI_Comm comm = actor->comms[mailbox->team];
    uint32_t sources = actor->plan.events[actor->plan.order[actor->place]].ranks;
    if (actor->rank != mailbox->dest) {
        MPI_Recv(NULL, 0, MPI_INT, team_rank(team, mailbox->dest), tag, comm, MPI_STATUS_IGNORE);
        return;
    }
    for (int i = 0; i < team->n; i++)
        if (sources >> team->members[i] & 1 && team->members[i] != mailbox->dest)
            MPI_Send(NULL, 0, MPI_INT, i, tag, comm);
}

static uint32_t ring_word(const struct actor *actor, const struct ring *ring, int rank, int i)
{
    return (uint32_t)(ring->tag * 31 + rank * 1000003 + i * 7 + actor->plan.number);
}

static void exchange(struct actor *actor, uint32_t *data, int n, int to, int from, int tag,
                     MPI_Comm comm, MPI_Status *status)
{
    MPI_Request requests[2];
    MPI_Status statuses[2];
    switch (draw_below(&actor->state, 3)) {
    case 0:
        MPI_Sendrecv(data, n, MPI_UINT32_T, to, tag, data + n, n, MPI_UINT32_T, from, tag, comm,
                     status);
        break;
    case 1:
        memcpy(data + n, data, (size_t)n * sizeof *data);
        MPI_Sendrecv_replace(data + n, n, MPI_UINT32_T, to, tag, from, tag, comm, status);
        break;
    default:
        MPI_Irecv(data + n, n, MPI_UINT32_T, from, tag, comm, &requests[0]);
        MPI_Issend(data, n, MPI_UINT32_T, to, tag, comm, &requests[1]);
        MPI_Waitall(2, requests, statuses);
        *status = statuses[0];
    }
}

void ring_run(struct actor *actor, int item)
{
    const struct ring *ring = &actor->plan.rings[item];
    const struct team *team = &actor->plan.teams[ring->team];
    int me = team_rank(team, actor->rank), n = ring->words, count;
    int to = (me + ring->shift) % team->n, from = (me + team->n - ring->shift) % team->n;
    uint32_t *data = malloc(((size_t)n * 2 + 1) * sizeof *data);
    MPI_Status status;
    if (!data)
        fail(actor, "out of memory");
    for (int i = 0; i < n; i++)
        data[i] = ring_word(actor, ring, me, i);
    exchange(actor, data, n, to, once_in(&actor->state, 3) ? MPI_ANY_SOURCE : from, ring->tag,
             actor->comms[ring->team], &status);
    MPI_Get_count(&status, MPI_UINT32_T, &count);
    if (count != n || status.MPI_SOURCE != from || status.MPI_TAG != ring->tag)
        fail(actor, "ring %d: count %d, source %d, tag %d", item, count, status.MPI_SOURCE,
             status.MPI_TAG);
    for (int i = 0; i < n; i++)
        if (data[n + i] != ring_word(actor, ring, from, i))
            fail(actor, "ring %d: word %d is wrong", item, i);
    free(data);
}

void relay_run(struct actor *actor, int item)
{
    const struct relay *relay = &actor->plan.relays[item];
    int me = team_rank(&actor->plan.teams[relay->team], actor->rank), at = 0, word = -1;
    MPI_Comm comm = actor->comms[relay->team];
    while (relay->list[at] != me)
        at++;
    if (at == 0)
        word = relay->tag;
    else
        MPI_Recv(&word, 1, MPI_INT, relay->list[at - 1], relay->tag, comm, MPI_STATUS_IGNORE);
    if (word != relay->tag)
        fail(actor, "relay %d: the word is %d, not %d", item, word, relay->tag);
    if (at + 1 < relay->n)
        MPI_Ssend(&word, 1, MPI_INT, relay->list[at + 1], relay->tag, comm);
}
