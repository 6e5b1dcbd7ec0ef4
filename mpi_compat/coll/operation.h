/* SPDX-License-Identifier: BSD-3-Clause */
/* The program may free an operation while a collective still uses it; no call of the host keeps one
 * alive, so the shim frees it later. Private to coll/. */
#ifndef WSP_MPI_COLL_OPERATION_H
#define WSP_MPI_COLL_OPERATION_H

#include <mpi.h>

/* Between these, MPI_Op_free on it waits for the last release. MPI_OP_NULL is left alone. */
void wsp_operation_hold(MPI_Op op);
void wsp_operation_release(MPI_Op op);

#endif
