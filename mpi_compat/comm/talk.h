/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages of the shim itself between members of a spanning communicator, home or wide, apart from
 * all that the program sends: for agreements among some of the members. Blocking, driven. */
#ifndef WSP_MPI_COMM_TALK_H
#define WSP_MPI_COMM_TALK_H

#include "comm/comm.h"

#include <stdint.h>

/* tag: any number; messages of one tag between two members stay in order. MPI error code, not
 * raised. The receive takes exactly n bytes. */
int wsp_talk_send(struct wsp_comm *comm, int dest, int tag, const void *data, uint64_t n);
int wsp_talk_receive(struct wsp_comm *comm, int source, int tag, void *data, uint64_t n);

/* Both at once, with one other member. */
int wsp_talk_exchange(struct wsp_comm *comm, int other, int tag, const void *mine, uint64_t n_mine,
                      void *theirs, uint64_t n_theirs);

#endif
