/* SPDX-License-Identifier: BSD-3-Clause */
/* This process's share in the job: who it is, its link, its session, and private duplicates of the
 * host's world and self communicators for the shim's own calls. Written in MPI_Init and
 * MPI_Finalize, read-only in between. */
#ifndef WSP_MPI_INIT_JOB_H
#define WSP_MPI_INIT_JOB_H

#include "job/roster.h"
#include "job/session.h"
#include "link/link.h"

#include <mpi.h>
#include <stdbool.h>

struct wsp_job {
    bool is_wide;     /* between Init and Finalize of a job with two or more sites */
    bool is_threaded; /* MPI_THREAD_MULTIPLE was granted */
    uint32_t world_rank, n_ranks;
    uint32_t site; /* index in the roster */
    int home_rank, home_size;
    int tag_ub; /* largest tag on a spanning communicator */
    struct wsp_link *link;
    struct wsp_session *session;
    struct wsp_roster *roster;
    MPI_Comm home_world; /* private duplicate of the host's MPI_COMM_WORLD */
    MPI_Comm self;       /* private duplicate of the host's MPI_COMM_SELF */
};

extern struct wsp_job wsp_job;

/* The name of the site of a world rank. */
const char *wsp_job_site_name(uint32_t world_rank);

/* Ends the whole job: tells the other sites, then aborts the host. Does not return. */
void wsp_job_abort(int code, const char *reason) __attribute__((noreturn));

#endif
