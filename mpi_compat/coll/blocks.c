/* SPDX-License-Identifier: BSD-3-Clause */
#include "coll/blocks.h"

#include "coll/operand.h"
#include "type/type.h"

static int describe(const struct wsp_blocks *blocks, int i, struct wsp_block *block)
{
    struct wsp_layout layout;
    block->count = blocks->is_even ? blocks->count : blocks->counts[i];
    block->type = blocks->is_typed ? blocks->types[i] : blocks->type;
    /* With types of their own the host looks at the counts first. */
    int err = blocks->is_typed && block->count < 0 ? MPI_ERR_COUNT
                                                   : wsp_type_describe(block->type, &layout);
    if (err == MPI_SUCCESS && block->count < 0)
        err = MPI_ERR_COUNT;
    if (err != MPI_SUCCESS)
        return err;
    int64_t place = blocks->is_one    ? 0
                    : blocks->is_even ? (int64_t)i * block->count
                    : blocks->places  ? (int64_t)blocks->places[i]
                                      : (int64_t)blocks->displacements[i];
    block->base = wsp_coll_at(blocks->buffer, blocks->is_typed ? place : place * layout.extent);
    block->length = layout.size * (uint64_t)block->count;
    return MPI_SUCCESS;
}

struct wsp_block wsp_block_of(const struct wsp_blocks *blocks, int i)
{
    struct wsp_block block = {0};
    (void)!describe(blocks, i, &block);
    return block;
}

struct wsp_block wsp_block_of_rank(const struct wsp_blocks *blocks, const struct wsp_comm *comm,
                                   int rank)
{
    int i = rank - comm->peer_base;
    return i >= 0 && i < comm->n_peers ? wsp_block_of(blocks, i)
                                       : (struct wsp_block){.type = MPI_BYTE};
}

uint64_t wsp_blocks_length(const struct wsp_blocks *blocks, const struct wsp_comm *comm,
                           const struct wsp_part *part)
{
    uint64_t length = 0;
    for (int i = 0; i < part->n_ranks; i++)
        length += wsp_block_of_rank(blocks, comm, part->ranks[i]).length;
    return length;
}

/* Blocks that are all alike are checked even if there are none, as the host does. */
int wsp_blocks_check(const struct wsp_blocks *blocks, int n)
{
    struct wsp_block block;
    int err = MPI_SUCCESS;
    if (blocks->is_even)
        return describe(blocks, 0, &block);
    if (n > 0 && (!blocks->counts || (!blocks->displacements && !blocks->places) ||
                  (blocks->is_typed && !blocks->types)))
        return MPI_ERR_ARG;
    for (int i = 0; err == MPI_SUCCESS && i < n; i++)
        err = describe(blocks, i, &block);
    return err;
}

int wsp_blocks_keep(struct wsp_blocks *blocks, int n, struct wsp_schedule *s)
{
    int err = MPI_SUCCESS;
    if (!blocks->is_typed)
        return wsp_schedule_keep_type(s, blocks->type);
    /* The array too: the host's Fortran bindings free theirs when the call has returned. */
    blocks->types = wsp_schedule_copy(s, blocks->types, (size_t)n * sizeof *blocks->types);
    if (!blocks->types)
        return MPI_ERR_NO_MEM;
    for (int i = 0; err == MPI_SUCCESS && i < n; i++)
        err = wsp_schedule_keep_type(s, blocks->types[i]);
    return err;
}
