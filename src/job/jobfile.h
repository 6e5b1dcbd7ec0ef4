/* SPDX-License-Identifier: BSD-3-Clause */
/* The job file of `widespan run --job`: its sites and how to start them. widespan-job(5) is the
 * reference for users. */
#ifndef WSP_JOB_JOBFILE_H
#define WSP_JOB_JOBFILE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WSP_SITE_NAME_MAX 40 /* longest name of a job or site, characters */

struct wsp_jobfile_site {
    char *name;
    uint32_t n_ranks;
    char *launch;   /* shell command with {ranks} in it; what it starts follows it */
    char *address;  /* NULL: found out at the site */
    char *ports;    /* as WIDESPAN_PORTS; NULL: the default */
    char *key_file; /* path at the site; NULL: that of the job */
    char *mpi;      /* shim for scripts; NULL: found out at the site */
    char *widespan; /* the widespan command at the site; NULL: the running one */
    bool quote;     /* launch passes its arguments through another shell, as ssh does */
    unsigned line;  /* of the section's first line */
};

struct wsp_jobfile {
    char *name;        /* NULL: none given */
    char *key_file;    /* NULL: a key is made for the run */
    char *coordinator; /* HOST[:PORT] by which sites reach the coordinator; NULL: found out */
    unsigned n_sites;
    struct wsp_jobfile_site *sites; /* in job order */
};

/* Reads a job file; *job is the caller's. On WSP_ERR_CONFIG why is "FILE:LINE: what is wrong". */
wsp_err wsp_jobfile_read(const char *path, struct wsp_jobfile **job, char *why,
                         size_t why_size) WSP_MUST_USE;
void wsp_jobfile_free(struct wsp_jobfile **job);

/* True if text can name a job or a site: letters, digits, '.', '_' and '-', not too long, and not
 * beginning with '-'. */
bool wsp_site_name_is_valid(const char *text);

#endif
