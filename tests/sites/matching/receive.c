/* SPDX-License-Identifier: BSD-3-Clause */
/* Receives of the matching test, in all their forms. */
#include "run.h"

#include <sched.h>

static struct receive *new_receive(struct run *run, int comm, int source, int tag, size_t capacity)
{
    struct receive *receive = &run->receives[run->n_receives++];
    *receive = (struct receive){.comm = comm,
                                .source = source,
                                .tag = tag,
                                .capacity = capacity,
                                .box = box_make(run, capacity, run->plan.ints[run->rank][comm])};
    run->n_wild += source == MPI_ANY_SOURCE;
    return receive;
}

static void done(struct receive *receive)
{
    receive->is_done = receive->has_count = true;
}

static MPI_Request start_receive(struct run *run, struct receive *r)
{
    MPI_Request request;
    MPI_Irecv(r->box.data, box_count(&r->box, r->capacity), box_type(run, &r->box), r->source,
              r->tag, run->comms[r->comm], &request);
    return request;
}

static void receive_nonblocking(struct run *run, struct receive *r)
{
    MPI_Request request;
    if (once_in(&run->state, 4)) {
        MPI_Recv_init(r->box.data, box_count(&r->box, r->capacity), box_type(run, &r->box),
                      r->source, r->tag, run->comms[r->comm], &request);
        MPI_Start(&request);
        pending_add(run, request, (struct pending){.receive = r, .is_persistent = true});
    } else {
        pending_add(run, start_receive(run, r), (struct pending){.receive = r});
    }
}

/* Posts, cancels, and posts again if the cancel came first. */
static void receive_after_cancel(struct run *run, struct receive *r)
{
    int is_cancelled;
    MPI_Request request = start_receive(run, r);
    MPI_Cancel(&request);
    MPI_Wait(&request, &r->status);
    MPI_Test_cancelled(&r->status, &is_cancelled);
    if (is_cancelled) {
        run->n_cancelled_receives++;
        receive_nonblocking(run, r);
    } else {
        run->n_late_cancels++;
        done(r);
    }
}

static void receive_blocking(struct run *run, struct receive *r)
{
    MPI_Recv(r->box.data, box_count(&r->box, r->capacity), box_type(run, &r->box), r->source,
             r->tag, run->comms[r->comm], &r->status);
    done(r);
}

/* The size of the message that a status tells of. */
static size_t size_of(const struct run *run, const MPI_Status *status, int comm)
{
    int count;
    bool ints = run->plan.ints[run->rank][comm];
    MPI_Get_count(status, ints ? MPI_INT : MPI_BYTE, &count);
    if (count == MPI_UNDEFINED || count < 0)
        fail(run, "a probe found a message of count %d", count);
    return (size_t)count * (ints ? sizeof(int) : 1);
}

/* Receives exactly the message that a probe found. */
static void receive_probed(struct run *run, int comm, const MPI_Status *status)
{
    receive_blocking(run, new_receive(run, comm, status->MPI_SOURCE, status->MPI_TAG,
                                      size_of(run, status, comm)));
}

static void receive_matched(struct run *run, int comm, MPI_Message *message,
                            const MPI_Status *status)
{
    size_t size = size_of(run, status, comm);
    struct receive *r = new_receive(run, comm, status->MPI_SOURCE, status->MPI_TAG, size);
    int count = box_count(&r->box, size);
    MPI_Datatype type = box_type(run, &r->box);
    if (once_in(&run->state, 2)) {
        MPI_Mrecv(r->box.data, count, type, message, &r->status);
        done(r);
    } else {
        MPI_Request request;
        MPI_Imrecv(r->box.data, count, type, message, &request);
        pending_add(run, request, (struct pending){.receive = r});
    }
    if (*message != MPI_MESSAGE_NULL)
        fail(run, "a received message's handle is not MPI_MESSAGE_NULL");
}

/* Probes once, waiting if asked; takes the message if there is one. */
static bool take_one(struct run *run, int comm, int source, int tag, bool waits)
{
    int found = 1;
    MPI_Status status;
    MPI_Message message;
    MPI_Comm handle = run->comms[comm];
    if (once_in(&run->state, 2)) {
        if (waits)
            MPI_Mprobe(source, tag, handle, &message, &status);
        else
            MPI_Improbe(source, tag, handle, &found, &message, &status);
        if (found)
            receive_matched(run, comm, &message, &status);
    } else {
        if (waits)
            MPI_Probe(source, tag, handle, &status);
        else
            MPI_Iprobe(source, tag, handle, &found, &status);
        if (found)
            receive_probed(run, comm, &status);
    }
    if (!found)
        sched_yield();
    return found;
}

/* True if all messages with this tag on this communicator come to this rank from one source. */
static bool has_one_source(const struct run *run, const struct message *message)
{
    for (int slot = 0; slot < run->plan.n_messages; slot++) {
        const struct message *m = &run->plan.messages[slot];
        if (m->dest == run->rank && m->comm == message->comm && m->tag == message->tag &&
            m->source != message->source)
            return false;
    }
    return true;
}

void receive_in_turn(struct run *run, const struct message *m)
{
    int source = m->source, tag = m->tag, kind = draw_below(&run->state, 6);
    if (once_in(&run->state, 3))
        tag = MPI_ANY_TAG; /* the next of this source is no other */
    else if (once_in(&run->state, 2) && has_one_source(run, m))
        source = MPI_ANY_SOURCE;
    if (m->source == run->rank && kind < 4)
        kind = 4; /* its send comes only afterwards */
    if (kind == 2)
        take_one(run, m->comm, source, tag, true);
    if (kind == 3)
        while (!take_one(run, m->comm, source, tag, false))
            continue;
    if (kind == 2 || kind == 3)
        return;
    size_t slack = once_in(&run->state, 2) ? 0 : (size_t)draw_below(&run->state, 64) * 4;
    struct receive *r = new_receive(run, m->comm, source, tag, m->size + slack);
    if (kind < 2)
        receive_blocking(run, r);
    else if (kind == 4)
        receive_nonblocking(run, r);
    else
        receive_after_cancel(run, r);
}

void send_and_receive(struct run *run, const struct message *out, const struct message *in)
{
    struct receive *r = new_receive(run, in->comm, in->source,
                                    once_in(&run->state, 2) ? in->tag : MPI_ANY_TAG, in->size);
    struct box box = box_make(run, out->size, run->plan.ints[out->dest][out->comm]);
    box_fill(&box, out);
    if (out->comm == in->comm && out->size == in->size && box.ints == r->box.ints) {
        MPI_Datatype type = box_type(run, &box);
        MPI_Sendrecv_replace(box.data, box_count(&box, out->size), type, out->dest, out->tag,
                             r->source, r->tag, run->comms[in->comm], &r->status);
        struct box swap = r->box;
        r->box = box;
        box = swap;
    } else if (out->comm == in->comm) {
        MPI_Sendrecv(box.data, box_count(&box, out->size), box_type(run, &box), out->dest, out->tag,
                     r->box.data, box_count(&r->box, in->size), box_type(run, &r->box), r->source,
                     r->tag, run->comms[in->comm], &r->status);
    } else {
        fail(run, "send_and_receive needs one communicator");
    }
    done(r);
    box_discard(&box);
}

/* One receive to post. */
struct order {
    int comm, source, tag;
};

static void shuffle(struct run *run, struct order *orders, int n)
{
    for (int i = n - 1; i > 0; i--) {
        int j = draw_below(&run->state, i + 1);
        struct order swap = orders[i];
        orders[i] = orders[j];
        orders[j] = swap;
    }
}

/* Some receives name the busiest source, the others take anything. As many of its messages as
 * wildcards stand before the last of the former are left over, so that none starves. */
static int arrange_mixed(struct run *run, const struct message **mine, int n, int comm,
                         struct order *orders)
{
    int from[MAX_RANKS] = {0}, busiest = 0;
    for (int i = 0; i < n; i++)
        from[mine[i]->source]++;
    for (int rank = 1; rank < run->n_ranks; rank++)
        busiest = from[rank] > from[busiest] ? rank : busiest;
    int n_before = draw_below(&run->state, from[busiest]), n_named = from[busiest] - n_before;
    for (int i = 0; i < n; i++) {
        bool is_named = i < n_named;
        orders[i] = (struct order){comm, is_named ? busiest : MPI_ANY_SOURCE, MPI_ANY_TAG};
    }
    shuffle(run, orders, n_named + n_before);
    return n;
}

/* Fills the orders of one communicator; returns how many. */
static int arrange(struct run *run, int comm, struct order *orders)
{
    const struct message *mine[MAX_MESSAGES];
    int n = 0;
    for (int slot = 0; slot < run->plan.n_messages; slot++) {
        const struct message *m = &run->plan.messages[slot];
        if (m->dest == run->rank && m->comm == comm)
            mine[n++] = m;
    }
    enum arrangement arrangement = run->plan.arrangement[run->rank][comm];
    if (n == 0 || arrangement == TAKEN)
        return 0;
    if (arrangement == MIXED)
        return arrange_mixed(run, mine, n, comm, orders);
    uint64_t coins = draw(&run->state); /* a bit for each source or tag */
    for (int i = 0; i < n; i++) {
        bool any_tag = arrangement == ALL_WILD ||
                       (arrangement == BY_SOURCE && (coins >> mine[i]->source % 64 & 1));
        bool any_source =
            arrangement == ALL_WILD || (arrangement == BY_TAG && (coins >> mine[i]->tag % 61 & 1));
        orders[i] = (struct order){comm, any_source ? MPI_ANY_SOURCE : mine[i]->source,
                                   any_tag ? MPI_ANY_TAG : mine[i]->tag};
    }
    shuffle(run, orders, n);
    return n;
}

void post_receives(struct run *run)
{
    for (int comm = 0; comm < N_COMMS; comm++) {
        struct order orders[MAX_MESSAGES];
        int n = arrange(run, comm, orders);
        size_t capacity = run->plan.largest[run->rank][comm];
        for (int i = 0; i < n; i++) {
            struct receive *r = new_receive(run, comm, orders[i].source, orders[i].tag, capacity);
            if (once_in(&run->state, 8))
                receive_after_cancel(run, r);
            else
                receive_nonblocking(run, r);
        }
    }
}

void take_messages(struct run *run)
{
    int left[N_COMMS] = {0}, n_open = 0, n_left = 0;
    for (int slot = 0; slot < run->plan.n_messages; slot++) {
        const struct message *m = &run->plan.messages[slot];
        if (m->dest == run->rank && run->plan.arrangement[run->rank][m->comm] == TAKEN)
            n_open += left[m->comm]++ == 0, n_left++;
    }
    for (int comm = 0; n_left > 0; comm = (comm + 1) % N_COMMS) {
        if (left[comm] == 0)
            continue;
        bool waits = n_open == 1 && once_in(&run->state, 2); /* else another might be waiting */
        if (waits && once_in(&run->state, 2))
            receive_blocking(run, new_receive(run, comm, MPI_ANY_SOURCE, MPI_ANY_TAG,
                                              run->plan.largest[run->rank][comm]));
        else if (!take_one(run, comm, MPI_ANY_SOURCE, MPI_ANY_TAG, waits))
            continue;
        left[comm]--, n_left--;
        n_open -= left[comm] == 0;
    }
}
