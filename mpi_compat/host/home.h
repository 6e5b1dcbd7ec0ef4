/* SPDX-License-Identifier: BSD-3-Clause */
/* Collectives on home communicators in a job of several sites: they must not sleep in the host
 * while wide work may need this thread. Which form is taken depends on operation and size alone,
 * so that all members choose alike. */
#ifndef WSP_MPI_HOST_HOME_H
#define WSP_MPI_HOST_HOME_H

#include <mpi.h>
#include <stdbool.h>

/* True if comm, a communicator of the host, has members that the job has no rank for: guests, which
 * a site spawned or met at a port. They have no part in the job and make plain calls of their host,
 * which must be met by the same form. */
bool wsp_home_has_guests(MPI_Comm comm);

/* True if the payload is large: then a driven barrier and the host's blocking form are faster than
 * its nonblocking one. Never on an intercommunicator, where count and datatype may mean nothing on
 * some members. Raises no error for a datatype that is none. */
bool wsp_home_is_large(MPI_Comm comm, int count, MPI_Datatype datatype);
/* Likewise, with a count for each rank. */
bool wsp_home_are_large(MPI_Comm comm, const int counts[], MPI_Datatype datatype);

/* False: the host's nonblocking reductions would write beyond their memory. The same on all members
 * of a communicator. Raises no error for a datatype that is none. */
bool wsp_home_can_reduce(MPI_Datatype datatype);

/* Drives until every member of comm has entered: the blocking call that follows waits for none of
 * them. Errors are the host's, already raised. */
int wsp_home_enter(MPI_Comm comm);

/* Drives a collective under way to its end. Errors are the host's, already raised. */
int wsp_home_complete(MPI_Request *request);

#endif
