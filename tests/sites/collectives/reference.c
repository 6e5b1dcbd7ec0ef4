/* SPDX-License-Identifier: BSD-3-Clause */
/* The reference test of collectives: what a call must make of its buffers, by point-to-point
 * messages and, for reductions, by operations written out in C. */
#include "call.h"

/* Messages of one call have tags of its own: what goes to the referee, and all else. */
static int tag_of(const struct call *call)
{
    return 2 * call->index;
}

static int operand_tag_of(const struct call *call)
{
    return 2 * call->index + 1;
}

static int peer_of(const struct call *call, int rank)
{
    return call->group->world[rank];
}

static MPI_Datatype block_type(const struct side *side, int block)
{
    return side->shapes[side->n_shapes > 1 ? block : 0].type;
}

/* From what the buffers hold before the call to what the twin must hold after it. */
static void send_block(const struct call *call, int to, MPI_Request *request)
{
    bool from_in = call->in_place && !call->out.is_used;
    const struct side *side = from_in ? &call->in : &call->out;
    bool is_own = from_in && (call->kind == ALLGATHER || call->kind == ALLGATHERV);
    int block = is_own ? call->group->rank : side->n_blocks > 1 ? to : 0;
    MPI_Isend(box_at(&side->box, side->at[block]), side->units[block], block_type(side, block),
              peer_of(call, to), tag_of(call), world.reference, request);
}

static void receive_block(const struct call *call, int from, MPI_Request *request)
{
    const struct side *side = &call->in;
    int block = side->n_blocks > 1 ? from : 0;
    MPI_Irecv(box_twin_at(&side->box, side->at[block]), side->units[block], block_type(side, block),
              peer_of(call, from), tag_of(call), world.reference, request);
}

static void refer_moved(const struct call *call)
{
    MPI_Request requests[2 * MAX_RANKS];
    int n = 0, me = call->group->rank;
    for (int rank = 0; rank < call->group->size; rank++)
        if (call_flows(call, rank, me))
            receive_block(call, rank, &requests[n++]);
    for (int rank = 0; rank < call->group->size; rank++)
        if (call_flows(call, me, rank))
            send_block(call, rank, &requests[n++]);
    MPI_Waitall(n, requests, MPI_STATUSES_IGNORE);
}

/* The referee's: the values of the ranks up to one, and those of one. */
struct fold {
    const struct shape *shape;
    int n_units;
    struct box so_far, next;
};

static void give(const struct call *call, const struct box *box, int first, int n, int to,
                 const struct shape *shape)
{
    MPI_Send(box_at(box, first * shape->extent), n, shape->type, peer_of(call, to), tag_of(call),
             world.reference);
}

static void fold_next(struct fold *fold, const struct call *call, int rank)
{
    MPI_Recv(box_at(&fold->next, 0), fold->n_units, fold->shape->type, peer_of(call, rank),
             operand_tag_of(call), world.reference, MPI_STATUS_IGNORE);
    if (rank > 0)
        shape_fold(fold->shape, call->operation, box_at(&fold->so_far, 0), box_at(&fold->next, 0),
                   fold->n_units);
    struct box last = fold->so_far;
    fold->so_far = fold->next;
    fold->next = last;
}

/* Folds in the order of ranks, and gives each what it must get. */
static void referee(const struct call *call, const struct side *operand)
{
    struct fold fold = {.shape = &operand->shapes[0], .n_units = operand->units[0]};
    ptrdiff_t last = (fold.n_units - 1) * fold.shape->extent, low = fold.shape->low;
    ptrdiff_t high = fold.shape->high + (last > 0 ? last : 0);
    int size = call->group->size, block = 0;
    fold.so_far = box_open(low + (last < 0 ? last : 0), high, 1);
    fold.next = box_open(low + (last < 0 ? last : 0), high, 2);
    for (int rank = 0; rank < size; rank++) {
        if (call->kind == EXSCAN && rank > 0)
            give(call, &fold.so_far, 0, fold.n_units, rank, fold.shape);
        fold_next(&fold, call, rank);
        if (call->kind == SCAN)
            give(call, &fold.so_far, 0, fold.n_units, rank, fold.shape);
    }
    for (int rank = 0; rank < size; rank++) {
        int n = call_units(call, 0, rank);
        if (call->kind == ALLREDUCE || (call->kind == REDUCE && rank == call->root))
            give(call, &fold.so_far, 0, n, rank, fold.shape);
        if (call->kind == REDUCE_SCATTER || call->kind == REDUCE_SCATTER_BLOCK)
            give(call, &fold.so_far, block, n, rank, fold.shape);
        block += n;
    }
    box_close(&fold.so_far);
    box_close(&fold.next);
}

static void refer_reduced(const struct call *call)
{
    const struct side *operand = call->out.is_used ? &call->out : &call->in;
    const struct shape *shape = &operand->shapes[0];
    int me = call->group->rank, judge = call->root;
    bool has_result = call->kind == REDUCE ? me == call->root : call->kind != EXSCAN || me > 0;
    MPI_Request requests[2] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL};
    MPI_Isend(box_at(&operand->box, 0), operand->units[0], shape->type, peer_of(call, judge),
              operand_tag_of(call), world.reference, &requests[0]);
    if (has_result)
        MPI_Irecv(box_twin_at(&call->in.box, 0), call_units(call, 0, me), shape->type,
                  peer_of(call, judge), tag_of(call), world.reference, &requests[1]);
    if (me == judge)
        referee(call, operand);
    MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
}

void call_refer(struct call *call)
{
    if (call->kind == REDUCE_LOCAL)
        shape_fold(&call->in.shapes[0], call->operation,
                   call->out.is_used ? box_at(&call->out.box, 0) : box_at(&call->in.box, 0),
                   box_twin_at(&call->in.box, 0), call->in.units[0]);
    else if (call->kind >= FIRST_REDUCTION)
        refer_reduced(call);
    else
        refer_moved(call);
}
