/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls of host functions that call MPI by public names (files, through ROMIO). While they run,
 * wsp_nested sends this thread's calls straight to the host. A file's error handler is the user's
 * code and must see the whole world: it is set aside meanwhile and called when the host is done. */
#ifndef WSP_MPI_HOST_NESTED_H
#define WSP_MPI_HOST_NESTED_H

#include "host/route.h"

#include <mpi.h>

/* Around a call that works on an open file; leave returns the call's error code, after the file's
 * error handler has seen it. Any thread. */
void wsp_nested_enter_file(MPI_File file);
int wsp_nested_leave_file(MPI_File file, int err);

#endif
