/* SPDX-License-Identifier: BSD-3-Clause */
#include "coll/operand.h"

#include "host/host.h"

#include <stdlib.h>
#include <string.h>

bool wsp_coll_are_runs(const struct wsp_part *parts, int n_parts)
{
    for (int p = 0; p < n_parts; p++)
        if (parts[p].ranks[parts[p].n_ranks - 1] - parts[p].ranks[0] != parts[p].n_ranks - 1)
            return false;
    return true;
}

bool wsp_coll_parts_are_runs(const struct wsp_comm *comm)
{
    return wsp_coll_are_runs(comm->parts, comm->n_parts);
}

/* Room for count elements wherever their bytes lie: lower bounds and extents may be negative. */
static int make_room(struct wsp_operand *operand, int count, MPI_Datatype type)
{
    MPI_Count lb, extent, true_lb, true_extent;
    if (count == 0)
        return MPI_SUCCESS;
    int err = host.Type_get_extent_x(type, &lb, &extent);
    if (err == MPI_SUCCESS)
        err = host.Type_get_true_extent_x(type, &true_lb, &true_extent);
    if (err != MPI_SUCCESS)
        return err;
    int64_t last = true_lb + (int64_t)(count - 1) * extent;
    int64_t low = last < true_lb ? last : true_lb, high = last < true_lb ? true_lb : last;
    /* Zeroed: what lies in gaps must be no chance value if an operation looks at it. */
    operand->memory = calloc(1, (size_t)(high - low + true_extent));
    operand->base = wsp_coll_at(operand->memory, -low);
    return operand->memory ? MPI_SUCCESS : MPI_ERR_NO_MEM;
}

static int find_wire(struct wsp_operand *operand, int count, MPI_Datatype type)
{
    struct wsp_layout layout;
    int err = wsp_type_describe(type, &layout);
    if (err != MPI_SUCCESS)
        return err;
    operand->count = count;
    operand->type = type;
    operand->length = layout.size * (uint64_t)count;
    operand->is_split = !layout.is_contiguous;
    if (operand->is_split)
        operand->wire = malloc(operand->length + 1);
    else
        operand->wire = wsp_coll_at(operand->base, layout.true_lb);
    return operand->wire || !operand->is_split ? MPI_SUCCESS : MPI_ERR_NO_MEM;
}

int wsp_operand_open(struct wsp_operand *operand, const void *base, int count, MPI_Datatype type)
{
    *operand = (struct wsp_operand){.base = (void *)base};
    return find_wire(operand, count, type);
}

int wsp_operand_make(struct wsp_operand *operand, int count, MPI_Datatype type)
{
    *operand = (struct wsp_operand){0};
    int err = make_room(operand, count, type);
    return err == MPI_SUCCESS ? find_wire(operand, count, type) : err;
}

int wsp_operand_pack(struct wsp_operand *o)
{
    return o->is_split ? wsp_type_pack(o->base, o->count, o->type, o->wire, o->length)
                       : MPI_SUCCESS;
}

int wsp_operand_unpack(struct wsp_operand *o)
{
    return o->is_split ? wsp_type_unpack(o->wire, o->length, o->base, o->count, o->type)
                       : MPI_SUCCESS;
}

int wsp_operand_open_packed(struct wsp_operand *operand, const void *base, int count,
                            MPI_Datatype type)
{
    int err = wsp_operand_open(operand, base, count, type);
    return err == MPI_SUCCESS ? wsp_operand_pack(operand) : err;
}

void wsp_operand_close(struct wsp_operand *operand)
{
    if (operand->is_split)
        free(operand->wire);
    free(operand->memory);
    *operand = (struct wsp_operand){0};
}

int wsp_operand_combine(int count, MPI_Datatype type, MPI_Op op, const char *values, int n,
                        char *to)
{
    struct wsp_operand left, right = {0};
    int err = wsp_operand_make(&left, count, type);
    if (err == MPI_SUCCESS)
        err = wsp_operand_make(&right, count, type);
    for (int i = 0; err == MPI_SUCCESS && i < n; i++) {
        struct wsp_operand next = right;
        memcpy(next.wire, values + (uint64_t)i * next.length, next.length);
        err = wsp_operand_unpack(&next);
        if (err == MPI_SUCCESS && i > 0)
            err = host.Reduce_local(left.base, next.base, count, type, op);
        right = left;
        left = next;
    }
    if (err == MPI_SUCCESS)
        err = wsp_operand_pack(&left);
    if (err == MPI_SUCCESS)
        memcpy(to, left.wire, left.length);
    wsp_operand_close(&left);
    wsp_operand_close(&right);
    return err;
}

int wsp_coll_check_buffer(const void *buffer, int count, MPI_Datatype type,
                          struct wsp_layout *layout)
{
    int err = wsp_type_describe(type, layout);
    if (err != MPI_SUCCESS)
        return err;
    if (count < 0)
        return MPI_ERR_COUNT;
    /* MPI_BOTTOM is the same address: only a type with absolute addresses may start there. */
    if (!buffer && count > 0 && layout->size > 0 && layout->true_lb == 0)
        return MPI_ERR_BUFFER;
    return MPI_SUCCESS;
}

int wsp_coll_check_op(int count, MPI_Datatype type, MPI_Op op)
{
    char nothing;
    return host.Allreduce(MPI_IN_PLACE, &nothing, count < 0 ? count : 0, type, op, wsp_job.self);
}

int wsp_coll_check_root(const struct wsp_comm *comm, int root)
{
    return root >= 0 && root < comm->size ? MPI_SUCCESS : MPI_ERR_ROOT;
}

void *wsp_coll_calloc(size_t n, size_t size)
{
    void *memory = calloc(n, size);
    if (!memory)
        wsp_job_abort(1, "out of memory in a collective");
    return memory;
}
