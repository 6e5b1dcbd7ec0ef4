/* SPDX-License-Identifier: BSD-3-Clause */
/* The members of a communicator, sorted by site. */
#include "comm/comm.h"

#include <stdlib.h>

static struct wsp_part *part_for(struct wsp_part *parts, int *n_parts, uint32_t site, int n_max)
{
    for (int i = 0; i < *n_parts; i++)
        if (parts[i].site == site)
            return &parts[i];
    struct wsp_part *part = &parts[*n_parts];
    part->ranks = calloc((size_t)n_max, sizeof *part->ranks);
    if (!part->ranks)
        return NULL;
    part->site = site;
    (*n_parts)++;
    return part;
}

wsp_err wsp_parts_sort(const uint32_t *world, int first, int n, struct wsp_part **made,
                       int *n_parts)
{
    struct wsp_part *parts = calloc(wsp_job.roster->n_sites, sizeof *parts);
    *n_parts = 0;
    for (int rank = first; parts && rank < first + n; rank++) {
        uint32_t site = wsp_roster_site_of(wsp_job.roster, world[rank]);
        struct wsp_part *part = part_for(parts, n_parts, site, n);
        if (part)
            part->ranks[part->n_ranks++] = rank;
        else
            wsp_parts_free(&parts, *n_parts);
    }
    *made = parts;
    return parts ? WSP_OK : WSP_ERR_NO_MEMORY;
}

void wsp_parts_free(struct wsp_part **parts, int n_parts)
{
    for (int i = 0; *parts && i < n_parts; i++)
        free((*parts)[i].ranks);
    free(*parts);
    *parts = NULL;
}
