/* SPDX-License-Identifier: BSD-3-Clause */
/* The reference test of collectives: the predefined types and operations, and what an operation
 * makes of two values, written out in C: a reference that asks no MPI. */
#ifndef COLLECTIVES_ELEMENTS_H
#define COLLECTIVES_ELEMENTS_H

#include <mpi.h>
#include <stddef.h>
#include <stdint.h>

enum operation {
    SUM,
    PROD,
    MAX,
    MIN,
    LAND,
    LOR,
    LXOR,
    BAND,
    BOR,
    BXOR,
    MAXLOC,
    MINLOC,
    N_PREDEFINED,
    ADD = N_PREDEFINED, /* the user's: sums of four words; commutes */
    MULTIPLY,           /* the user's: products of two-by-two matrices; does not */
    N_OPERATIONS
};

struct element {
    const char *name;
    MPI_Datatype type;
    size_t size;         /* of an array's element */
    unsigned operations; /* a bit for each predefined one that is legal */
    /* Sets a value that a number stands for, an operand of an operation that is exact over such in
     * every order. */
    void (*set)(void *at, uint64_t number, enum operation op);
    /* at = before op at */
    void (*fold)(enum operation op, const void *before, void *at);
    /* Gives equal values equal bytes (signed zeros, unused bytes); NULL: they have. */
    void (*normalise)(void *at);
};

/* The types that this host has; the number of them. */
int elements_list(const struct element *const **list);

const char *operation_name(enum operation op);
MPI_Op operation_handle(enum operation op); /* a predefined one's */

#endif
