/* SPDX-License-Identifier: BSD-3-Clause */
/* What WIDESPAN_STATS asks for, written when the program finalizes: "1": on standard error a table
 * of the job, by MPI function, and a line for each site; "json:FILE": behind FILE's end a line for
 * each rank and one for the job. */
#ifndef WSP_MPI_INIT_STATS_H
#define WSP_MPI_INIT_STATS_H

/* What travelled by function, added up over the job, before the last barrier of all ranks: every
 * site tells the first rank of the job, also where it does not ask itself. */
void wsp_stats_gather(void);
/* Behind that barrier: on the first rank of the job, writes the sum. */
void wsp_stats_report_job(void);

/* Writes what is known of the rank or site. Collective over the site's ranks. */
void wsp_stats_report(void);

#endif
