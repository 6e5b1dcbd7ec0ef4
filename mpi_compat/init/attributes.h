/* SPDX-License-Identifier: BSD-3-Clause */
/* What the predefined attributes of MPI_COMM_WORLD say in a job of several sites. */
#ifndef WSP_MPI_INIT_ATTRIBUTES_H
#define WSP_MPI_INIT_ATTRIBUTES_H

/* MPI_TAG_UB becomes the smallest of all sites, MPI_UNIVERSE_SIZE the ranks of the job; MPI_APPNUM
 * stays the host's. In MPI_Init, before the program can duplicate MPI_COMM_WORLD. */
void wsp_attributes_set(void);

#endif
