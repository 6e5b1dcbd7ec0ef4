/* SPDX-License-Identifier: BSD-3-Clause */
/* Receives from any source: settling which half, the host's or the wide one, has the message. */
#ifndef WSP_MPI_REQUEST_WILDCARD_H
#define WSP_MPI_REQUEST_WILDCARD_H

#include "request/request.h"

/* True while this thread settles: what it asks of the host must not lead to another settlement. */
extern _Thread_local bool wsp_wildcard_is_settling;

/* Enters a receive whose both halves are posted. */
void wsp_wildcard_open(struct wsp_request *request);

/* One pass over those that a wide message waits for. Cheap when there are none. */
void wsp_wildcard_settle(void);

/* Looks whether the home half of one receive is over: only who waits for it asks, for each such
 * question makes the host work. */
void wsp_wildcard_look(struct wsp_request *request);

/* Asks for the receive to be cancelled; it then ends as cancelled or complete. */
void wsp_wildcard_cancel(struct wsp_request *request);

#endif
