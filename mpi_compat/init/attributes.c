/* SPDX-License-Identifier: BSD-3-Clause */
/* The host keeps one number for each of these attributes and hands out its address; C, both Fortran
 * interfaces (whose getters never pass the shim) and duplicates read it there. So it is changed
 * there, and asked for again: a host that hands out the address of a copy is noticed. */
#include "init/attributes.h"
#include "base/log.h"
#include "host/host.h"
#include "init/job.h"

static int *find(int keyval)
{
    int *value = NULL, is_set = 0;
    int code = host.Comm_get_attr(MPI_COMM_WORLD, keyval, &value, &is_set);
    return code == MPI_SUCCESS && is_set ? value : NULL;
}

static void set(int keyval, const char *name, int wanted)
{
    int *value = find(keyval);
    if (!value || *value == wanted)
        return;
    *value = wanted;
    value = find(keyval);
    if (!value || *value != wanted)
        wsp_warn("%s: the host MPI keeps saying %d, for the job it is %d", name,
                 value ? *value : -1, wanted);
}

void wsp_attributes_set(void)
{
    set(MPI_TAG_UB, "MPI_TAG_UB", wsp_job.tag_ub);
    set(MPI_UNIVERSE_SIZE, "MPI_UNIVERSE_SIZE", (int)wsp_job.n_ranks);
}
