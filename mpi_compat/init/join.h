/* SPDX-License-Identifier: BSD-3-Clause */
/* Joining the job in MPI_Init and leaving it in MPI_Finalize. */
#ifndef WSP_MPI_INIT_JOIN_H
#define WSP_MPI_INIT_JOIN_H

/* After the host's init, on every rank of the site: joins the job that `widespan exec` named, if
 * it did. Ends the job with a message where it cannot. thread_level: as the host granted it. */
void wsp_job_join(int thread_level);

/* Leaves the job: waits for every rank to come here, delivers what is under way, closes. Runs in
 * the host's finalize as the last delete callback of MPI_COMM_SELF. */
void wsp_job_leave(void);

#endif
