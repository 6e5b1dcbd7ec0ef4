/* SPDX-License-Identifier: BSD-3-Clause */
#include "coll/exchange.h"

#include "host/error.h"

#include <stdlib.h>

/* Payload up to this travels without credit: a collective of small operands must not wait for it.
 */
#define TINY_BYTES 256

int wsp_exchange_open(struct wsp_exchange *exchange, struct wsp_comm *comm, uint32_t tag, int n_max)
{
    exchange->comm = comm;
    exchange->tag = tag;
    exchange->n_slots = 0;
    exchange->slots = exchange->few;
    if (n_max > WSP_EXCHANGE_FEW)
        exchange->slots = malloc((size_t)n_max * sizeof *exchange->slots);
    return exchange->slots ? MPI_SUCCESS : MPI_ERR_NO_MEM;
}

void wsp_exchange_send(struct wsp_exchange *exchange, int dest, const void *bytes, uint64_t length)
{
    struct wsp_exchange_slot *slot = &exchange->slots[exchange->n_slots++];
    slot->is_receive = false;
    wsp_internal_send(exchange->comm, dest, exchange->tag, bytes, length,
                      length <= TINY_BYTES ? WSP_SEND_CONTROL : 0, &slot->send);
}

void wsp_exchange_receive(struct wsp_exchange *exchange, int source, void *bytes, uint64_t length)
{
    struct wsp_exchange_slot *slot = &exchange->slots[exchange->n_slots++];
    slot->is_receive = true;
    slot->expected = length;
    wsp_internal_receive(exchange->comm, source, exchange->tag, bytes, length, &slot->receive);
}

void wsp_exchange_send_error(struct wsp_exchange *exchange, int dest, int code)
{
    struct wsp_exchange_slot *slot = &exchange->slots[exchange->n_slots++];
    slot->is_receive = false;
    wsp_internal_send_error(exchange->comm, dest, exchange->tag, code, &slot->send);
}

/* What comes is cut to nothing. */
void wsp_exchange_let_go(struct wsp_exchange *exchange, int source)
{
    wsp_exchange_receive(exchange, source, NULL, 0);
}

static const struct wsp_op *op_of(const struct wsp_exchange_slot *slot)
{
    return slot->is_receive ? &slot->receive.op : &slot->send;
}

bool wsp_exchange_is_over(const struct wsp_exchange *exchange)
{
    for (int i = 0; i < exchange->n_slots; i++)
        if (!atomic_load_explicit(&op_of(&exchange->slots[i])->done, memory_order_acquire))
            return false;
    return true;
}

static int outcome_of(const struct wsp_exchange_slot *slot)
{
    const struct wsp_op *op = op_of(slot);
    uint32_t flags = slot->is_receive ? slot->receive.envelope.flags : 0;
    if (op->err != WSP_OK)
        return wsp_mpi_class(op->err);
    if (flags & WSP_ENVELOPE_FAILED) {
        uint32_t why = flags >> WSP_ENVELOPE_WHY_SHIFT & WSP_ENVELOPE_WHY_MASK;
        return why == WSP_WHY_NO_MEMORY ? MPI_ERR_NO_MEM : MPI_ERR_OTHER;
    }
    /* Members that disagree on the amount of data: the host would not tell, we can. */
    return slot->is_receive && op->length != slot->expected ? MPI_ERR_COUNT : MPI_SUCCESS;
}

bool wsp_exchange_has_arrived(const struct wsp_exchange *exchange)
{
    for (int i = 0; i < exchange->n_slots; i++)
        if (exchange->slots[i].is_receive &&
            !atomic_load_explicit(&exchange->slots[i].receive.op.done, memory_order_acquire))
            return false;
    return true;
}

int wsp_exchange_arrival_error(const struct wsp_exchange *exchange)
{
    int first = MPI_SUCCESS;
    for (int i = 0; first == MPI_SUCCESS && i < exchange->n_slots; i++)
        if (exchange->slots[i].is_receive)
            first = outcome_of(&exchange->slots[i]);
    return first;
}

int wsp_exchange_close(struct wsp_exchange *exchange)
{
    int first = MPI_SUCCESS;
    for (int i = 0; first == MPI_SUCCESS && i < exchange->n_slots; i++)
        first = outcome_of(&exchange->slots[i]);
    if (exchange->slots != exchange->few)
        free(exchange->slots);
    return first;
}
