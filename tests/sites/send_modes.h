/* SPDX-License-Identifier: BSD-3-Clause */
/* The send calls of MPI by mode, for tests that draw one. */
#ifndef SEND_MODES_H
#define SEND_MODES_H

#include <mpi.h>

enum mode { STANDARD, SYNCHRONOUS, BUFFERED, READY };

#define SEND_ARGUMENTS const void *, int, MPI_Datatype, int, int, MPI_Comm
typedef int blocking_fn(SEND_ARGUMENTS);
typedef int request_fn(SEND_ARGUMENTS, MPI_Request *);

static blocking_fn *const blocking[] = {MPI_Send, MPI_Ssend, MPI_Bsend, MPI_Rsend};
static request_fn *const immediate[] = {MPI_Isend, MPI_Issend, MPI_Ibsend, MPI_Irsend};
static request_fn *const persistent[] = {MPI_Send_init, MPI_Ssend_init, MPI_Bsend_init,
                                         MPI_Rsend_init};

#endif
