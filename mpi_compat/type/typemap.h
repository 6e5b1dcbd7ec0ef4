/* SPDX-License-Identifier: BSD-3-Clause */
/* What the signature of a datatype says about the order of its bytes; private to type/. */
#ifndef WSP_MPI_TYPE_TYPEMAP_H
#define WSP_MPI_TYPE_TYPEMAP_H

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* One element, as far as it can be told without listing its typemap. */
struct wsp_typemap {
    uint64_t size;
    int64_t extent;
    int64_t first; /* displacement of the first byte of the typemap, if dense */
    bool is_dense; /* the typemap ascends from `first` without a gap */
};

/* Walks the signature of a type once. In doubt the answer is "not dense". MPI error code. */
int wsp_typemap_walk(MPI_Datatype type, struct wsp_typemap *map);

#endif
