/* SPDX-License-Identifier: BSD-3-Clause */
/* The reference test of collectives: the memory of a call on one rank. */
#include "call.h"

#include "draw.h"

/* This rank's own choices, which the others need not know. */
static uint64_t own_state(const struct call *call)
{
    return call->id ^ (uint64_t)(call->group->rank + 1) * UINT64_C(0x9fb21c651e98df25);
}

/* Lays the blocks behind each other in units of the extent, with gaps if their places are told. */
static void place(struct side *side, bool is_told, uint64_t *state)
{
    ptrdiff_t next = 0;
    for (int k = 0; k < side->n_blocks; k++) {
        next += is_told ? draw_below(state, 4) : 0;
        side->displacements[k] = (int)next;
        side->at[k] = next * side->shapes[0].extent;
        next += side->units[k];
    }
}

/* Each block has a type and a place in bytes of its own. */
static void place_apart(struct side *side, uint64_t *state)
{
    ptrdiff_t next = 0;
    for (int k = 0; k < side->n_blocks; k++) {
        const struct shape *shape = &side->shapes[k];
        ptrdiff_t last = (side->units[k] - 1) * shape->extent;
        next += 16 * draw_below(state, 3) - (shape->low + (last < 0 ? last : 0)) / 16 * 16 + 16;
        side->at[k] = side->units[k] > 0 ? next : 0;
        side->displacements[k] = (int)side->at[k];
        next += (shape->high + (last > 0 ? last : 0)) / 16 * 16 + 16;
    }
}

static void open_box(struct side *side, uint64_t seed)
{
    ptrdiff_t low = 0, high = 0;
    for (int k = 0; k < side->n_blocks; k++) {
        const struct shape *shape = &side->shapes[side->n_shapes > 1 ? k : 0];
        for (int end = 0; side->units[k] > 0 && end < 2; end++) {
            ptrdiff_t at = side->at[k] + (end ? side->units[k] - 1 : 0) * shape->extent;
            low = at + shape->low < low ? at + shape->low : low;
            high = at + shape->high > high ? at + shape->high : high;
        }
    }
    side->box = box_open(low, high, seed);
}

/* All of a block as one element: a type with a count inside, or with addresses, too. */
static void make_whole(struct side *side, bool is_absolute)
{
    const int one = 1;
    MPI_Aint address = 0;
    MPI_Datatype block;
    if (is_absolute)
        MPI_Get_address(box_at(&side->box, 0), &address);
    MPI_Type_contiguous(side->units[0], side->shapes[0].type, &block);
    MPI_Type_create_hindexed(1, &one, &address, block, &side->types[0]);
    MPI_Type_free(&block);
    MPI_Type_commit(&side->types[0]);
    side->is_whole = true;
    side->is_absolute = is_absolute;
    for (int k = 0; k < side->n_blocks; k++)
        side->counts[k] = 1;
}

/* Open MPI's Allgatherv takes the count of a block to mean the same at both ends. */
static bool may_be_whole(const struct call *call, const struct side *side)
{
    return call->kind < FIRST_REDUCTION && side->units[0] > 0 && side->shapes[0].extent >= 0 &&
           !(call->kind == ALLGATHERV && call->group->is_home);
}

/* Open MPI's nonblocking reductions, and Allreduce of much, write beyond their memory where the
 * first byte of a type is not at its address. */
static bool overruns(const struct call *call, enum layout layout)
{
    return layout == BELOW && call->kind >= FIRST_REDUCTION && call->group->is_home &&
           (!call->is_blocking || call->kind == ALLREDUCE);
}

/* Open MPI reduces no types of negative extent, and collectives at home refuse some. */
static enum layout draw_layout(const struct call *call, uint64_t *state)
{
    bool is_reduction = call->kind >= FIRST_REDUCTION;
    const struct signature *s = &call->signature;
    if ((is_reduction && call->operation < N_PREDEFINED) ||
        (s->n_fields == 1 && call_must_be_plain(s->fields[0])))
        return PLAIN;
    int n = is_reduction || call->group->is_home ? DOWNWARD : N_LAYOUTS;
    enum layout layout = (enum layout)draw_below(state, n);
    return overruns(call, layout) ? BACKWARD : layout;
}

/* units of the blocks are set. */
static void open_side(struct call *call, struct side *side, bool is_told, uint64_t *state)
{
    bool is_apart = call->kind == ALLTOALLW;
    side->is_used = true;
    side->n_shapes = is_apart ? side->n_blocks : 1;
    for (int k = 0; k < side->n_shapes; k++) {
        side->shapes[k] = shape_open(&call->signature, draw_layout(call, state));
        side->types[k] = side->shapes[k].type;
    }
    for (int k = 0; k < side->n_blocks; k++)
        side->counts[k] = side->units[k];
    if (is_apart)
        place_apart(side, state);
    else
        place(side, is_told, state);
    open_box(side, draw(state) + 2 * (uint64_t)call->group->rank + (side == &call->in));
    if (!is_told && !is_apart && may_be_whole(call, side) && once_in(state, 3))
        make_whole(side, !call->group->is_home && once_in(state, 2));
}

static bool is_gather(enum kind kind)
{
    return kind == GATHER || kind == GATHERV;
}

static bool is_scatter(enum kind kind)
{
    return kind == SCATTER || kind == SCATTERV;
}

/* Whether the send buffer means something here; of a broadcast, the root's buffer. */
static bool has_out(const struct call *call)
{
    bool is_root = call->group->rank == call->root;
    if (call->kind == BCAST || is_scatter(call->kind))
        return is_root;
    return !call->in_place || (is_gather(call->kind) && !is_root);
}

static bool has_in(const struct call *call)
{
    bool is_root = call->group->rank == call->root;
    if (call->kind == BCAST)
        return !is_root;
    if (is_gather(call->kind))
        return is_root;
    return !(is_scatter(call->kind) && is_root && call->in_place);
}

static void open_moved(struct call *call)
{
    int me = call->group->rank, size = call->group->size;
    enum kind kind = call->kind;
    bool is_alltoall = kind >= ALLTOALL, is_allgather = kind == ALLGATHER || kind == ALLGATHERV;
    bool gets_many = is_alltoall || is_allgather || is_gather(kind);
    uint64_t state = own_state(call);
    call->out.n_blocks = is_alltoall || is_scatter(kind) ? size : 1;
    call->in.n_blocks = gets_many ? size : 1;
    for (int k = 0; k < size; k++) {
        call->out.units[k] = call_units(call, me, k);
        call->in.units[k] = call_units(call, gets_many ? k : call->root, me);
    }
    if (has_out(call))
        open_side(call, &call->out, kind == SCATTERV || kind == ALLTOALLV, &state);
    if (has_in(call))
        open_side(call, &call->in, kind == GATHERV || kind == ALLGATHERV || kind == ALLTOALLV,
                  &state);
}

int call_operand_units(const struct call *call)
{
    int n = 0;
    if (call->kind != REDUCE_SCATTER && call->kind != REDUCE_SCATTER_BLOCK)
        return call->limit;
    for (int k = 0; k < call->group->size; k++)
        n += call_units(call, 0, k);
    return n;
}

static void set_operand(struct side *side, enum operation op, uint64_t state)
{
    const struct shape *shape = &side->shapes[0];
    for (int i = 0; i < side->units[0]; i++)
        for (int k = 0; k < shape->signature.n_fields; k++) {
            ptrdiff_t at = i * shape->extent + shape->at[k];
            uint64_t word = draw(&state);
            shape->signature.fields[k]->set(box_at(&side->box, at), word, op);
            shape->signature.fields[k]->set(box_twin_at(&side->box, at), word, op);
        }
}

/* Operand and result have one type: the call has one argument for both. */
static void open_reduced(struct call *call)
{
    uint64_t state = own_state(call), shared = call->id;
    bool is_root = call->group->rank == call->root;
    bool in_place = call->in_place && (call->kind != REDUCE || is_root);
    struct side *operand = in_place ? &call->in : &call->out;
    call->in.n_blocks = call->out.n_blocks = 1;
    for (int k = 0; k < call->group->size; k++)
        call->reduced_units[k] = call_units(call, 0, k);
    call->in.units[0] = call_units(call, 0, call->group->rank);
    operand->units[0] = call_operand_units(call);
    call->op = call->operation >= N_PREDEFINED ? shape_user_operation(call->operation)
                                               : operation_handle(call->operation);
    if (!in_place)
        open_side(call, &call->out, false, &shared);
    shared = call->id;
    if (call->kind != REDUCE || is_root)
        open_side(call, &call->in, false, &shared);
    set_operand(operand, call->operation, draw(&state));
    if (call->kind == REDUCE_LOCAL && operand != &call->in)
        set_operand(&call->in, call->operation, draw(&state));
}

void call_open(struct call *call)
{
    if (call->kind >= FIRST_REDUCTION)
        open_reduced(call);
    else if (call->kind != BARRIER)
        open_moved(call);
}

static void forget_side(struct side *side)
{
    for (int k = 0; k < side->n_shapes; k++)
        shape_close(&side->shapes[k]);
    if (side->is_whole)
        MPI_Type_free(&side->types[0]);
    side->is_whole = false;
}

void call_forget(struct call *call)
{
    forget_side(&call->out);
    forget_side(&call->in);
    if (call->operation >= N_PREDEFINED && call->op != MPI_OP_NULL)
        MPI_Op_free(&call->op);
}

void call_close(struct call *call)
{
    call_forget(call);
    box_close(&call->out.box);
    box_close(&call->in.box);
}
