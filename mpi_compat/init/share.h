/* SPDX-License-Identifier: BSD-3-Clause */
/* What the ranks of one machine share of each other site, in memory of the host MPI: the streams
 * that their paths there have together, and the bottleneck of an emulated distance. */
#ifndef WSP_MPI_INIT_SHARE_H
#define WSP_MPI_INIT_SHARE_H

/* Collective over the site, before the link starts. Without shared memory each rank counts for
 * itself; where a rate is emulated it then holds for each pair of ranks, and a warning says so. */
void wsp_share_open(void);
/* Collective over the site, after the link is closed. */
void wsp_share_close(void);

#endif
