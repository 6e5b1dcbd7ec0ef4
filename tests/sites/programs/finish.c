/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests under way, and the many ways to wait for one of them: alone, among others that may end
 * by the way, by polling. */
#include "actor.h"

#include "draw.h"

#include <sched.h>

void flight_add(struct actor *actor, enum event_kind of, int item, int finish, MPI_Request request)
{
    if (actor->n_flights == MAX_FLIGHTS)
        fail(actor, "too many requests");
    actor->requests[actor->n_flights] = request;
    actor->flights[actor->n_flights++] = (struct flight){.of = of, .item = item, .finish = finish};
}

int flight_find(const struct actor *actor, int finish)
{
    for (int i = 0; i < actor->n_flights; i++)
        if (actor->flights[i].finish == finish)
            return i;
    return -1;
}

void flight_end(struct actor *actor, int at, const MPI_Status *status)
{
    struct flight flight = actor->flights[at];
    MPI_Request request = actor->requests[at];
    actor->n_flights--;
    actor->flights[at] = actor->flights[actor->n_flights];
    actor->requests[at] = actor->requests[actor->n_flights];
    if (flight.of == SEND)
        send_done(actor, flight.item, request);
    else if (flight.of == RECEIVE)
        receive_done(actor, flight.item, request, status);
    else if (flight.of == COLLECTIVE)
        collective_done(actor, flight.item);
    else
        comm_made(actor, flight.item, actor->duplicates[flight.item]);
}

/* Some of those under way, as an array for MPI in random order, null requests among them. */
struct choice {
    int n;
    int finish[2 * MAX_FLIGHTS]; /* -1 at a null request */
    MPI_Request requests[2 * MAX_FLIGHTS];
    MPI_Status statuses[2 * MAX_FLIGHTS];
    int indices[2 * MAX_FLIGHTS];
};

static void choose(struct choice *choice, const struct actor *actor, int at)
{
    choice->finish[choice->n] = at < 0 ? -1 : actor->flights[at].finish;
    choice->requests[choice->n++] = at < 0 ? MPI_REQUEST_NULL : actor->requests[at];
}

/* safe: only those that may be waited for. finish: the one that must be among them, or -1. */
static void choose_some(struct choice *choice, struct actor *actor, int finish, bool safe)
{
    const struct plan *plan = &actor->plan;
    int first = actor->n_flights ? draw_below(&actor->state, actor->n_flights) : 0;
    choice->n = 0;
    for (int k = 0; k < actor->n_flights; k++) {
        int at = (first + k) % actor->n_flights;
        bool is_it = actor->flights[at].finish == finish;
        bool is_allowed =
            !safe || plan->events[actor->flights[at].finish].safe_since < actor->place;
        if (is_it || (is_allowed && once_in(&actor->state, 2)))
            choose(choice, actor, at);
        if (once_in(&actor->state, 16))
            choose(choice, actor, -1);
    }
}

static void take(struct actor *actor, struct choice *choice, int index, const MPI_Status *status)
{
    int at = flight_find(actor, choice->finish[index]);
    if (choice->finish[index] < 0 || at < 0)
        fail(actor, "index %d of %d ended, which is no request under way", index, choice->n);
    actor->requests[at] = choice->requests[index];
    flight_end(actor, at, status);
}

static void take_all(struct actor *actor, struct choice *choice)
{
    for (int i = 0; i < choice->n; i++)
        if (choice->finish[i] >= 0)
            take(actor, choice, i, &choice->statuses[i]);
}

/* One call of MPI_Waitany, _Testany, _Waitsome, _Testsome, _Waitall or _Testall on a choice. */
static void any_once(struct actor *actor, struct choice *choice, bool waits)
{
    int index = MPI_UNDEFINED, is_done = 1;
    if (waits)
        MPI_Waitany(choice->n, choice->requests, &index, &choice->statuses[0]);
    else
        MPI_Testany(choice->n, choice->requests, &index, &is_done, &choice->statuses[0]);
    if (waits && index == MPI_UNDEFINED)
        fail(actor, "MPI_Waitany: nothing is active");
    if (is_done && index != MPI_UNDEFINED)
        take(actor, choice, index, &choice->statuses[0]);
}

static void some_once(struct actor *actor, struct choice *choice, bool waits)
{
    int n = MPI_UNDEFINED;
    (waits ? MPI_Waitsome : MPI_Testsome)(choice->n, choice->requests, &n, choice->indices,
                                          choice->statuses);
    if (waits && (n == MPI_UNDEFINED || n < 1))
        fail(actor, "MPI_Waitsome: %d ended", n);
    for (int i = 0; n != MPI_UNDEFINED && i < n; i++)
        take(actor, choice, choice->indices[i], &choice->statuses[i]);
}

static void all_once(struct actor *actor, struct choice *choice, bool waits)
{
    int are_done = 1;
    if (waits)
        MPI_Waitall(choice->n, choice->requests, choice->statuses);
    else
        MPI_Testall(choice->n, choice->requests, &are_done, choice->statuses);
    if (are_done)
        take_all(actor, choice);
}

static void wait_alone(struct actor *actor, int at)
{
    MPI_Status status;
    int is_done = 0;
    switch (draw_below(&actor->state, 4)) {
    case 0:
        for (; !is_done; sched_yield())
            MPI_Test(&actor->requests[at], &is_done, &status);
        break;
    case 1:
        for (; !is_done; sched_yield())
            MPI_Request_get_status(actor->requests[at], &is_done, &status);
        MPI_Wait(&actor->requests[at], &status);
        break;
    default:
        MPI_Wait(&actor->requests[at], &status);
    }
    flight_end(actor, at, &status);
}

void flight_finish(struct actor *actor, int finish)
{
    struct choice choice;
    int style = draw_below(&actor->state, 7);
    for (int at = flight_find(actor, finish); at >= 0; at = flight_find(actor, finish)) {
        if (style == 0) {
            wait_alone(actor, at);
            continue;
        }
        choose_some(&choice, actor, finish, style >= 5);
        if (style <= 2)
            any_once(actor, &choice, style == 1);
        else if (style <= 4)
            some_once(actor, &choice, style == 3);
        else
            all_once(actor, &choice, style == 5);
    }
}

void flight_disturb(struct actor *actor)
{
    struct choice choice;
    MPI_Status status;
    int is_there = 0, team = draw_below(&actor->state, actor->plan.n_base);
    switch (draw_below(&actor->state, 3)) {
    case 0:
        if (actor->comms[team] != MPI_COMM_NULL)
            MPI_Iprobe(MPI_ANY_SOURCE, actor->plan.tag + TAG_UNUSED, actor->comms[team], &is_there,
                       &status);
        if (is_there)
            fail(actor, "a probe saw a message that nobody sent, from %d", status.MPI_SOURCE);
        break;
    case 1:
        if (actor->n_flights > 0)
            MPI_Request_get_status(actor->requests[draw_below(&actor->state, actor->n_flights)],
                                   &is_there, MPI_STATUS_IGNORE);
        break;
    default:
        choose_some(&choice, actor, -1, false);
        if (once_in(&actor->state, 2))
            any_once(actor, &choice, false);
        else
            some_once(actor, &choice, false);
    }
}

int idle_find(const struct actor *actor, bool sends, int mailbox, int source, int tag)
{
    for (int i = 0; i < actor->n_idle; i++) {
        const struct idle *idle = &actor->idle[i];
        if (idle->sends == sends && idle->mailbox == mailbox && idle->source == source &&
            idle->tag == tag)
            return i;
    }
    return -1;
}

struct idle idle_take(struct actor *actor, int at)
{
    struct idle idle = actor->idle[at];
    actor->idle[at] = actor->idle[--actor->n_idle];
    return idle;
}

void idle_keep(struct actor *actor, struct idle idle)
{
    if (actor->n_idle == MAX_IDLE) {
        MPI_Request_free(&idle.request);
        box_discard(&idle.box);
        return;
    }
    actor->idle[actor->n_idle++] = idle;
}
