/* SPDX-License-Identifier: BSD-3-Clause */
/* The root sends once to the leader of each other site, all at once; each site spreads it at home,
 * the root's own from the root. */
#include "coll/exchange.h"
#include "coll/phase.h"
#include "host/error.h"
#include "wide.h"

struct bcast {
    struct wsp_comm *comm;
    uint32_t tag;
    void *buffer;
    int count;
    MPI_Datatype type;
    uint64_t n_bytes;
};

static int spread_at_home(struct bcast *b, int home_root, int code)
{
    return wsp_phase_bcast(b->comm, home_root, code, b->buffer, b->count, b->type, b->n_bytes);
}

static int send_to_leaders(struct bcast *b, const struct wsp_operand *operand, int home_root)
{
    struct wsp_exchange exchange;
    int err = wsp_exchange_open(&exchange, b->comm, b->tag, b->comm->n_parts);
    for (int p = 0; err == MPI_SUCCESS && p < b->comm->n_parts; p++)
        if (p != b->comm->part)
            wsp_exchange_send(&exchange, b->comm->parts[p].ranks[0], operand->wire, b->n_bytes);
    if (err != MPI_SUCCESS)
        return spread_at_home(b, home_root, err);
    int spread = spread_at_home(b, home_root, MPI_SUCCESS);
    err = wsp_exchange_finish(&exchange);
    return err != MPI_SUCCESS ? err : spread;
}

static int at_root(struct bcast *b)
{
    struct wsp_operand operand;
    int err = wsp_operand_open(&operand, b->buffer, b->count, b->type);
    if (err == MPI_SUCCESS)
        err = wsp_operand_pack(&operand, b->count, b->type);
    if (err == MPI_SUCCESS)
        err = send_to_leaders(b, &operand, b->comm->home_rank);
    else
        err = spread_at_home(b, b->comm->home_rank, err);
    wsp_operand_close(&operand);
    return err;
}

static int receive_from_root(struct bcast *b, struct wsp_operand *operand, int root)
{
    struct wsp_exchange exchange;
    int err = wsp_exchange_open(&exchange, b->comm, b->tag, 1);
    if (err != MPI_SUCCESS)
        return err;
    wsp_exchange_receive(&exchange, root, operand->wire, b->n_bytes);
    err = wsp_exchange_finish(&exchange);
    return err == MPI_SUCCESS ? wsp_operand_unpack(operand, b->count, b->type) : err;
}

static int at_leader(struct bcast *b, int root)
{
    struct wsp_operand operand;
    int err = wsp_operand_open(&operand, b->buffer, b->count, b->type);
    if (err == MPI_SUCCESS)
        err = receive_from_root(b, &operand, root);
    wsp_operand_close(&operand);
    return spread_at_home(b, 0, err);
}

int wide_Bcast(void *buffer, int count, MPI_Datatype datatype, int root, MPI_Comm handle)
{
    struct bcast b = {wsp_comm_of(handle), 0, buffer, count, datatype, 0};
    struct wsp_layout layout;
    int err = wsp_coll_check_buffer(buffer, count, datatype, &layout);
    if (err == MPI_SUCCESS)
        err = buffer == MPI_IN_PLACE ? MPI_ERR_ARG : wsp_coll_check_root(b.comm, root);
    if (err != MPI_SUCCESS)
        return wsp_raise(handle, err);
    b.tag = wsp_coll_draw_tag(b.comm);
    b.n_bytes = layout.size * (uint64_t)count;
    if (b.n_bytes == 0)
        return MPI_SUCCESS;
    if (root == b.comm->rank)
        err = at_root(&b);
    else if (b.comm->home[root] >= 0)
        err = spread_at_home(&b, b.comm->home[root], MPI_SUCCESS);
    else if (wsp_comm_is_leader(b.comm))
        err = at_leader(&b, root);
    else
        err = spread_at_home(&b, 0, MPI_SUCCESS);
    return err == MPI_SUCCESS ? err : wsp_raise(handle, err);
}
