/* SPDX-License-Identifier: BSD-3-Clause */
/* A job from the first launch command to the last process: starts the sites, is their coordinator,
 * brings their output through, and when something fails ends all of it and says what it was. */
#ifndef WSP_TOOLS_SUPERVISE_H
#define WSP_TOOLS_SUPERVISE_H

#include "base/err.h"
#include "job/jobfile.h"

#include <stdbool.h>

struct wsp_supervision {
    const struct wsp_jobfile *job;
    const char *widespan; /* path of this command */
    char *const *program; /* and its arguments */
    bool is_local;        /* all sites are on this machine: the coordinator needs no network */
    bool tag_output;
    bool is_verbose;
};

/* Runs the job to its end; returns the exit status for it. */
int wsp_supervise(const struct wsp_supervision *supervision);

#endif
