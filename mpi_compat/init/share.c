/* SPDX-License-Identifier: BSD-3-Clause */
#include "init/share.h"

#include "base/emulation.h"
#include "base/log.h"
#include "base/opts.h"
#include "host/host.h"
#include "init/job.h"
#include "link/share.h"

#include <stdlib.h>
#include <string.h>

static MPI_Comm machine = MPI_COMM_NULL;   /* the site's ranks on this one */
static MPI_Win window = MPI_WIN_NULL;      /* holds a part for each site */
static struct wsp_share *own_parts = NULL; /* where nothing is shared */

/* Zeroed memory for n parts that all ranks of this machine see; NULL without such memory. */
static struct wsp_share *share_parts(int n)
{
    struct wsp_share *own = NULL, *first = NULL;
    MPI_Aint size;
    int rank, unit;
    host.Comm_split_type(wsp_job.home_world, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine);
    host.Comm_set_errhandler(machine, MPI_ERRORS_RETURN);
    host.Comm_rank(machine, &rank);
    size = rank == 0 ? n * (MPI_Aint)sizeof *own : 0;
    if (host.Win_allocate_shared(size, 1, MPI_INFO_NULL, machine, &own, &window) ||
        host.Win_shared_query(window, 0, &size, &unit, &first))
        return NULL;
    if (rank == 0)
        memset(own, 0, (size_t)n * sizeof *own);
    host.Barrier(machine);
    return first;
}

static bool has_rate(void)
{
    struct wsp_emulation emulation;
    return !wsp_emulation_parse(wsp_opt_text(WSP_OPT_EMULATE), &emulation) &&
           emulation.rate_bps != 0;
}

void wsp_share_open(void)
{
    const struct wsp_roster *roster = wsp_job.roster;
    struct wsp_share *of_sites = NULL;
    if (wsp_job.home_size > 1)
        of_sites = share_parts((int)roster->n_sites);
    if (!of_sites && wsp_job.home_size > 1 && has_rate())
        wsp_warn("emulation: no memory to share: the rate holds for each pair of ranks");
    if (!of_sites)
        of_sites = own_parts = calloc(roster->n_sites, sizeof *own_parts);
    struct wsp_share **of_ranks = calloc(roster->n_ranks, sizeof(struct wsp_share *));
    if (!of_sites || !of_ranks) {
        free(of_ranks);
        return;
    }
    for (uint32_t i = 0; i < roster->n_ranks; i++)
        of_ranks[i] = &of_sites[wsp_roster_site_of(roster, i)];
    wsp_link_share(wsp_job.link, of_ranks);
}

void wsp_share_close(void)
{
    if (window != MPI_WIN_NULL)
        host.Win_free(&window);
    if (machine != MPI_COMM_NULL)
        host.Comm_free(&machine);
    free(own_parts);
    own_parts = NULL;
}
