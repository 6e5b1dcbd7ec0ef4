/* SPDX-License-Identifier: BSD-3-Clause */
/* The joint loop: waits of the program's thread that drive the host MPI and the link together and
 * settle wildcards, so that no call blocks inside the host while wide work needs this thread. */
#ifndef WSP_MPI_REQUEST_PROGRESS_H
#define WSP_MPI_REQUEST_PROGRESS_H

#include "comm/comm.h"
#include "link/link.h"
#include "match/match.h"

#include <mpi.h>

/* How a wait spins, yields and sleeps; one per wait, starts as all zero but for hears_host. */
struct wsp_pause {
    bool hears_host;  /* what the host has to tell may end it, too */
    unsigned n_idle;  /* rounds without news */
    uint64_t idle_ns; /* when the first of them was */
};

/* One round: settles wildcards, drives the host once and the link once; when it brought nothing,
 * gives up the processor for a moment. */
void wsp_progress(struct wsp_pause *pause);

/* The same for a call that looks and returns: never gives up the processor. */
void wsp_progress_once(void);

/* For a call that looks at the host's side only and returns: does what this thread alone can do,
 * so that a program that polls at home drives what is wide, too. */
void wsp_progress_glance(void);

/* Drives until a host request is complete; as host.Wait otherwise (status may be
 * MPI_STATUS_IGNORE; errors are the host's, already raised on its communicator). */
int wsp_drive_host(MPI_Request *request, MPI_Status *status);

/* Drives until all of n wide operations are done; returns the first error among them. */
wsp_err wsp_drive_ops(struct wsp_op *const *ops, int n);

/* Sends envelope->length bytes at data to a rank of comm at another site, and counts it; the rest
 * as wsp_link_send. */
void wsp_wide_send(const struct wsp_comm *comm, int dest, const struct wsp_envelope *envelope,
                   const void *data, unsigned flags, struct wsp_op *op);

/* Wide messages of the shim itself (collectives, agreement) on comm's collective context. dest and
 * source are ranks of comm at other sites; buffers stay the caller's until the op is done. flags:
 * enum wsp_send_flag; small control payloads need no credit. */
void wsp_internal_send(struct wsp_comm *comm, int dest, uint32_t tag, const void *data,
                       uint64_t length, unsigned flags, struct wsp_op *op);
/* Instead of a message: that this rank has failed with an MPI code. */
void wsp_internal_send_error(struct wsp_comm *comm, int dest, uint32_t tag, int code,
                             struct wsp_op *op);
void wsp_internal_receive(struct wsp_comm *comm, int source, uint32_t tag, void *buffer,
                          uint64_t capacity, struct wsp_posted *posted);

#endif
