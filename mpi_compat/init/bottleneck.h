/* SPDX-License-Identifier: BSD-3-Clause */
/* The rate of an emulated distance holds for a pair of sites: ranks of one machine share, in memory
 * of the host MPI, the bottleneck of what comes from each other site. */
#ifndef WSP_MPI_INIT_BOTTLENECK_H
#define WSP_MPI_INIT_BOTTLENECK_H

/* Collective over the site, before the link starts; does nothing unless a rate is emulated. Without
 * shared memory the rate holds for each pair of ranks, and a warning says so. */
void wsp_bottleneck_open(void);
/* Collective over the site, after the link is closed. */
void wsp_bottleneck_close(void);

#endif
