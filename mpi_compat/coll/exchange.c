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

static int finish_slot(struct wsp_exchange_slot *slot)
{
    struct wsp_op *op = slot->is_receive ? &slot->receive.op : &slot->send;
    wsp_err err = wsp_drive_ops(&op, 1);
    if (err != WSP_OK)
        return wsp_mpi_class(err);
    /* Members that disagree on the amount of data: the host would not tell, we can. */
    return slot->is_receive && op->length != slot->expected ? MPI_ERR_COUNT : MPI_SUCCESS;
}

int wsp_exchange_finish(struct wsp_exchange *exchange)
{
    int first = MPI_SUCCESS;
    for (int i = 0; i < exchange->n_slots; i++) {
        int err = finish_slot(&exchange->slots[i]);
        if (first == MPI_SUCCESS)
            first = err;
    }
    if (exchange->slots != exchange->few)
        free(exchange->slots);
    return first;
}
