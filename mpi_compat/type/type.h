/* SPDX-License-Identifier: BSD-3-Clause */
/* Datatypes as the wire sees them: the packed bytes in typemap order. */
#ifndef WSP_MPI_TYPE_TYPE_H
#define WSP_MPI_TYPE_TYPE_H

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

struct wsp_layout {
    uint64_t size;      /* bytes of data in one element */
    int64_t true_lb;    /* where the first byte lies, relative to the buffer address */
    int64_t extent;     /* from one element to the next */
    bool is_contiguous; /* count elements are size * count bytes from buf + true_lb, in typemap
                           order without a gap, for every count */
};

/* Describes a type; cached. Predefined types cost a look-up. Returns an MPI error code (not
 * raised). */
int wsp_type_describe(MPI_Datatype type, struct wsp_layout *layout);

/* Packs count elements at buf into bytes (layout.size * count of them, caller's memory); also
 * beyond 2 GiB. MPI error code. */
int wsp_type_pack(const void *buf, int count, MPI_Datatype type, void *bytes, uint64_t length);

/* Unpacks length bytes (at most count elements, may end within an element) to buf. */
int wsp_type_unpack(const void *bytes, uint64_t length, void *buf, int count, MPI_Datatype type);

/* A type of n bytes for host calls whose counts are int: MPI_BYTE with *count = n when n fits,
 * else a derived type that the caller frees (then *is_derived). MPI error code. */
int wsp_type_of_bytes(uint64_t n, MPI_Datatype *type, int *count, bool *is_derived);

/* A type of the same layout that outlives the program's, or MPI_DATATYPE_NULL where that is one of
 * MPI's own and needs none. The caller frees it. It has no attributes: the program's callbacks are
 * not called for it. MPI error code. */
int wsp_type_hold(MPI_Datatype type, MPI_Datatype *held);

void wsp_type_fini(void);

#endif
