/* SPDX-License-Identifier: BSD-3-Clause */
/* How the shim reports errors: through the host's error handler on the operation's communicator. */
#ifndef WSP_MPI_HOST_ERROR_H
#define WSP_MPI_HOST_ERROR_H

#include "base/err.h"

#include <mpi.h>

/* The MPI error class for an error of ours. */
int wsp_mpi_class(wsp_err err);

/* Calls the error handler of comm (a host handle) with an MPI error code; returns the code. */
int wsp_raise(MPI_Comm comm, int code);

/* The answer of a function that has no spanning form: one line that names the function, the
 * communicator and its sites, then MPI_ERR_UNSUPPORTED_OPERATION on the communicator. */
int wsp_refuse(const char *function, MPI_Comm comm);
/* Likewise of one that opens a file: its errors belong to MPI_FILE_NULL (MPI-3.1 13.7). */
int wsp_refuse_file(const char *function, MPI_Comm comm);
/* Of a window's epoch with a group that reaches beyond its site: on the window. */
int wsp_refuse_group(const char *function, MPI_Win win);

#endif
