/* SPDX-License-Identifier: BSD-3-Clause */
/* What the ranks of a collective hold: operands, checks of arguments, the order of ranks; private
 * to coll/. */
#ifndef WSP_MPI_COLL_OPERAND_H
#define WSP_MPI_COLL_OPERAND_H

#include "comm/comm.h"
#include "type/type.h"

#include <stdbool.h>
#include <stdint.h>

/* True if each site's ranks follow each other without others between: then the order of sites,
 * and of ranks within each, is the order of ranks. */
bool wsp_coll_are_runs(const struct wsp_part *parts, int n_parts);
bool wsp_coll_parts_are_runs(const struct wsp_comm *comm);

/* Elements in memory, and as the bytes that travel: the same place if the type is contiguous. */
struct wsp_operand {
    void *base; /* as MPI takes it */
    int count;
    MPI_Datatype type;
    uint64_t length; /* of wire */
    char *wire;
    void *memory;  /* ours, behind base; or NULL */
    bool is_split; /* wire is a place of its own */
};

/* Of elements that stand at base (which may be MPI_BOTTOM), or with room made for them. MPI code;
 * close it in any case. */
int wsp_operand_open(struct wsp_operand *operand, const void *base, int count, MPI_Datatype type);
int wsp_operand_make(struct wsp_operand *operand, int count, MPI_Datatype type);
/* Brings wire, or the elements, up to date with the other. */
int wsp_operand_pack(struct wsp_operand *operand);
int wsp_operand_unpack(struct wsp_operand *operand);
/* Of a zeroed one, too. */
void wsp_operand_close(struct wsp_operand *operand);

/* Opens and packs what is to be sent. */
int wsp_operand_open_packed(struct wsp_operand *operand, const void *base, int count,
                            MPI_Datatype type);

/* Combines n packed values that stand behind each other, from left to right, into the bytes at
 * `to`, which may be where they begin. MPI code. */
int wsp_operand_combine(int count, MPI_Datatype type, MPI_Op op, const char *values, int n,
                        char *to);

/* Checks arguments as the host does; an MPI code that is not raised. */
int wsp_coll_check_buffer(const void *buffer, int count, MPI_Datatype type,
                          struct wsp_layout *layout);
/* By the host: of these the operation first, whether it takes the type. */
int wsp_coll_check_op(int count, MPI_Datatype type, MPI_Op op);
int wsp_coll_check_root(const struct wsp_comm *comm, int root);

/* A few zeroed bytes for each rank or site, without which nobody could even be told of an error:
 * the job ends if they cannot be had. */
void *wsp_coll_calloc(size_t n, size_t size);

/* An address that may be relative to MPI_BOTTOM. */
static inline void *wsp_coll_at(const void *base, int64_t displacement)
{
    return (void *)((uintptr_t)base + (uintptr_t)displacement);
}

#endif
