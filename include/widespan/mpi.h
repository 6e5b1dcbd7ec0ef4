/* SPDX-License-Identifier: BSD-3-Clause */
/* For MPI programs that want to know that they run over several sites. Needs no library; where no
 * Widespan is, the host MPI refuses what is defined here with MPI_ERR_ARG. */
#ifndef WIDESPAN_MPI_H
#define WIDESPAN_MPI_H

/* A split_type for MPI_Comm_split_type: the members of a communicator that are at this rank's site.
 * The result is a communicator of the host MPI, as fast as there is one. No host MPI uses the
 * value; for Fortran it is 1465076051.
 *
 * The same without this header: MPI_COMM_TYPE_SHARED with the info key "widespan_split" set to
 * "site", which other MPI libraries ignore (they give the ranks that share memory). */
enum { WIDESPAN_COMM_TYPE_SITE = 0x57534953 };
#define WIDESPAN_COMM_TYPE_SITE WIDESPAN_COMM_TYPE_SITE /* for #ifdef */

#endif
