/* SPDX-License-Identifier: BSD-3-Clause */
/* An array of requests as MPI_Waitall and its kin get it, sorted into the host's (with their notes)
 * and wide ones. */
#ifndef WSP_MPI_REQUEST_BATCH_H
#define WSP_MPI_REQUEST_BATCH_H

#include "request/request.h"

#define WSP_BATCH_INLINE 32

struct wsp_batch {
    int count;
    MPI_Request *program;       /* the program's array */
    struct wsp_request **known; /* by position; NULL for plain host requests */
    int n_wide;                 /* positions whose known is wide */
    int n_active;               /* ... and active */

    int n_host;           /* requests of the host, gathered */
    MPI_Request *host;    /* their handles */
    MPI_Status *statuses; /* room for their statuses */
    int *position;        /* where each stands in the program's array */
    int *indices;         /* room for the host's answer */

    void *memory; /* NULL while the inline room suffices */
    struct wsp_request *known_inline[WSP_BATCH_INLINE];
    MPI_Request host_inline[WSP_BATCH_INLINE];
    MPI_Status statuses_inline[WSP_BATCH_INLINE];
    int position_inline[WSP_BATCH_INLINE], indices_inline[WSP_BATCH_INLINE];
};

/* Sorts; MPI_ERR_NO_MEM on failure. */
int wsp_batch_open(struct wsp_batch *batch, int count, MPI_Request *requests);
void wsp_batch_close(struct wsp_batch *batch);

/* The wide request at a position, or NULL. */
struct wsp_request *wsp_batch_wide(const struct wsp_batch *batch, int position);

/* The i-th status, or MPI_STATUS_IGNORE where the array is ignored. */
static inline MPI_Status *wsp_status_at(MPI_Status *statuses, int i)
{
    return statuses == MPI_STATUSES_IGNORE ? MPI_STATUS_IGNORE : &statuses[i];
}

/* After the host has worked on the k-th of its requests: hands its handle and status back to the
 * program's arrays. status may be MPI_STATUS_IGNORE. */
void wsp_batch_return(struct wsp_batch *batch, int k, const MPI_Status *from, MPI_Status *status);

/* After the host has failed: it frees every request that has an error, also those that its call did
 * not name. */
void wsp_batch_return_freed(struct wsp_batch *batch);

#endif
