/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls that wait for other processes inside of the host and have no nonblocking form: locks and
 * epochs of windows, files, and what joins processes. While one does, the host's own progress loop
 * drives what is wide, so that whoever it waits for may need this rank meanwhile. */
#ifndef WSP_MPI_HOST_ASLEEP_H
#define WSP_MPI_HOST_ASLEEP_H

/* Around such a call; costs a few loads while nothing wide needs this thread. Nests. Any thread. */
void wsp_asleep_enter(void);
void wsp_asleep_leave(void);

#endif
