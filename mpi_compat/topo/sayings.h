/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of ints that the members of a communicator tell each other; private to topo/. */
#ifndef WSP_MPI_TOPO_SAYINGS_H
#define WSP_MPI_TOPO_SAYINGS_H

#include "comm/comm.h"

/* Those of rank r are ints[first[r]] up to first[r + 1]. */
struct wsp_sayings {
    int *ints, *first;
};

/* Tells everyone what everyone says, unless one of them says an error (its MPI code): then all get
 * that. Collective; MPI code, not raised. To be closed in any case. */
int wsp_sayings_open(struct wsp_sayings *sayings, struct wsp_comm *comm, int code, const int *ints,
                     int n_ints);
void wsp_sayings_close(struct wsp_sayings *sayings);

#endif
