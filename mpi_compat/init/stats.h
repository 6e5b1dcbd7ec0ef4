/* SPDX-License-Identifier: BSD-3-Clause */
/* What WIDESPAN_STATS asks for, written when the program finalizes. */
#ifndef WSP_MPI_INIT_STATS_H
#define WSP_MPI_INIT_STATS_H

/* "1": a line for each site on standard error; "json:FILE": a line for each rank behind FILE's end.
 * Collective over the site's ranks. */
void wsp_stats_report(void);

#endif
