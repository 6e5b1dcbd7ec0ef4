/* SPDX-License-Identifier: BSD-3-Clause */
#include "init/bottleneck.h"

#include "base/emulation.h"
#include "base/log.h"
#include "base/opts.h"
#include "host/host.h"
#include "init/job.h"
#include "net/delay.h"

#include <stdlib.h>

static MPI_Comm machine = MPI_COMM_NULL; /* the site's ranks on this one */
static MPI_Win window = MPI_WIN_NULL;    /* holds a bottleneck for each site */

/* Zeroed memory for n of them that all ranks of this machine see; NULL without such memory. */
static struct wsp_bottleneck *share(int n)
{
    struct wsp_bottleneck *own = NULL, *first = NULL;
    MPI_Aint size;
    int rank, unit;
    host.Comm_split_type(wsp_job.home_world, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine);
    host.Comm_set_errhandler(machine, MPI_ERRORS_RETURN);
    host.Comm_rank(machine, &rank);
    size = rank == 0 ? n * (MPI_Aint)sizeof *own : 0;
    if (host.Win_allocate_shared(size, 1, MPI_INFO_NULL, machine, &own, &window) ||
        host.Win_shared_query(window, 0, &size, &unit, &first))
        return NULL;
    for (int i = 0; rank == 0 && i < n; i++)
        atomic_init(&own[i].free_ns, 0);
    host.Barrier(machine);
    return first;
}

void wsp_bottleneck_open(void)
{
    struct wsp_emulation emulation;
    const struct wsp_roster *roster = wsp_job.roster;
    if (wsp_emulation_parse(wsp_opt_text(WSP_OPT_EMULATE), &emulation) || emulation.rate_bps == 0)
        return;
    struct wsp_bottleneck *of_sites = share((int)roster->n_sites);
    struct wsp_bottleneck **of_ranks = calloc(roster->n_ranks, sizeof(struct wsp_bottleneck *));
    if (!of_sites || !of_ranks) {
        wsp_warn("emulation: no memory to share: the rate holds for each pair of ranks");
        free(of_ranks);
        return;
    }
    for (uint32_t i = 0; i < roster->n_ranks; i++)
        of_ranks[i] = &of_sites[wsp_roster_site_of(roster, i)];
    wsp_link_share_bottlenecks(wsp_job.link, of_ranks);
}

void wsp_bottleneck_close(void)
{
    if (window != MPI_WIN_NULL)
        host.Win_free(&window);
    if (machine != MPI_COMM_NULL)
        host.Comm_free(&machine);
}
