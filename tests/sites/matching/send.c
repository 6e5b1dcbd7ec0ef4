/* SPDX-License-Identifier: BSD-3-Clause */
/* Sends of the matching test: every mode, blocking, nonblocking and persistent. The buffer is
 * overwritten and freed as soon as MPI says that it is ours again. */
#include "run.h"

#include "send_modes.h"

#include <stdlib.h>

enum { ATTACHED = 16 << 20, MAX_BUFFERED = 1 << 20 };

void attach_buffer(struct run *run)
{
    void *buffer = malloc(ATTACHED);
    if (!buffer)
        fail(run, "out of memory");
    MPI_Buffer_attach(buffer, ATTACHED);
    run->bsend_bytes = 0;
}

void detach_buffer(struct run *run)
{
    void *buffer;
    int size;
    MPI_Buffer_detach(&buffer, &size);
    if (size != ATTACHED)
        fail(run, "Buffer_detach gave %d bytes", size);
    free(buffer);
}

/* A ready send is legal where the receive stands posted since the barrier. */
static bool may_be_ready(const struct run *run, const struct message *message)
{
    const struct plan *plan = &run->plan;
    return plan->ready && plan->style[message->dest] != IN_TURN &&
           plan->arrangement[message->dest][message->comm] != TAKEN;
}

static enum mode draw_mode(struct run *run, const struct message *message)
{
    size_t needed = message->size + MPI_BSEND_OVERHEAD;
    switch (draw_below(&run->state, 6)) {
    case 0:
    case 1:
        return SYNCHRONOUS;
    case 2:
        if (message->size > MAX_BUFFERED || run->bsend_bytes + needed > ATTACHED / 2)
            return STANDARD;
        run->bsend_bytes += needed;
        return BUFFERED;
    case 3:
        return may_be_ready(run, message) ? READY : STANDARD;
    default:
        return STANDARD;
    }
}

void send_message(struct run *run, const struct message *m)
{
    bool ints = run->plan.ints[m->dest][m->comm];
    struct pending pending = {.send_box = box_make(run, m->size, ints)};
    struct box *box = &pending.send_box;
    MPI_Datatype type = box_type(run, box);
    int count = box_count(box, m->size), kind = draw_below(&run->state, 4);
    enum mode mode = draw_mode(run, m);
    MPI_Comm comm = run->comms[m->comm];
    MPI_Request request;

    box_fill(box, m);
    if (kind == 0 && run->plan.style[run->rank] != POLLING) {
        blocking[mode](box->data, count, type, m->dest, m->tag, comm);
        box_discard(box);
    } else if (kind == 1) {
        pending.is_persistent = true;
        persistent[mode](box->data, count, type, m->dest, m->tag, comm, &request);
        if (once_in(&run->state, 2))
            MPI_Start(&request);
        else
            MPI_Startall(1, &request);
        pending_add(run, request, pending);
    } else {
        immediate[mode](box->data, count, type, m->dest, m->tag, comm, &request);
        if (once_in(&run->state, 20)) { /* known to be done when the round has ended */
            MPI_Request_free(&request);
            run->freed_later[run->n_freed_later++] = *box;
        } else {
            pending_add(run, request, pending);
        }
    }
}
