/* SPDX-License-Identifier: BSD-3-Clause */
/* The reference test of collectives: one unit of data, as a rank lays it out in memory. Ranks that
 * exchange units agree on the elements in one and on nothing else. */
#ifndef COLLECTIVES_SHAPE_H
#define COLLECTIVES_SHAPE_H

#include "elements.h"

#include <stdbool.h>

enum { MAX_FIELDS = 4 };

/* What a unit holds, in the order of the typemap. */
struct signature {
    int n_fields; /* 0: the type is empty */
    const struct element *fields[MAX_FIELDS];
};

enum layout {
    PLAIN,    /* the fields behind each other; one field: the predefined type itself */
    SPACED,   /* gaps between the fields, and behind */
    BACKWARD, /* the first field behind the last */
    BELOW,    /* begins before the address, and its lower bound is negative */
    DOWNWARD, /* the next unit lies before this one: the extent is negative */
    N_LAYOUTS
};

struct shape {
    struct signature signature;
    ptrdiff_t at[MAX_FIELDS];
    ptrdiff_t extent;
    ptrdiff_t low, high; /* bytes of the fields lie from low to below high */
    MPI_Datatype type;
    bool is_derived;
};

struct shape shape_open(const struct signature *signature, enum layout layout);
void shape_close(struct shape *shape);

/* Four words, on which the user's operations work, in any layout. */
struct signature signature_of_words(void);
MPI_Op shape_user_operation(enum operation op);
/* What they do to n units: at = before op at. */
void shape_fold(const struct shape *shape, enum operation op, const void *before, void *at, int n);

#endif
