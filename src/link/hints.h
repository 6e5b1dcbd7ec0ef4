/* SPDX-License-Identifier: BSD-3-Clause */
/* What tuning found, kept in a file from one run to the next, by remote host. Text, a line a host:
 *     host streams pace_bps goodput_bps min_rtt_ns credit_bytes
 * behind a first line that names the format. Rates are bits a second. Any thread, a list by one at
 * a time. The file is read as it stands, and written beside and renamed while FILE.lock is held, so
 * that processes that write at the same time keep each other's lines. */
#ifndef WSP_LINK_HINTS_H
#define WSP_LINK_HINTS_H

#include "base/err.h"
#include "link/link.h" /* WSP_HOST_MAX */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define WSP_HINTS_HEADER "# widespan hints 1"
#define WSP_HINTS_MOST   4096 /* lines of a file; the oldest go first */

struct wsp_hint {
    char host[WSP_HOST_MAX]; /* as the roster says it; no spaces */
    unsigned n_streams;      /* 1 to WSP_STREAMS_MAX */
    uint64_t pace_bps;       /* for the reader: never begun with, for what it fitted has passed */
    uint64_t goodput_bps;
    uint64_t min_rtt_ns;
    uint64_t credit_bytes;
};

/* Oldest first; all zero is an empty list. */
struct wsp_hints {
    struct wsp_hint *rows;
    size_t n;
};

/* Adds the rows of a file. Lines that are none are left out: *first_bad is the number of the first
 * (0: there is none).
 * WSP_ERR_VERSION  the first line is not ours: nothing was read */
wsp_err wsp_hints_parse(FILE *in, struct wsp_hints *hints, unsigned *first_bad) WSP_MUST_USE;
/* Writes header and rows. */
void wsp_hints_print(const struct wsp_hints *hints, FILE *out);

/* Adds a row behind the others; one of the same host goes. */
wsp_err wsp_hints_put(struct wsp_hints *hints, const struct wsp_hint *hint) WSP_MUST_USE;
/* NULL: nothing is known. */
const struct wsp_hint *wsp_hints_find(const struct wsp_hints *hints, const char *host);
void wsp_hints_free(struct wsp_hints *hints);

/* Reads a file; one that is not there is empty. Warns once of what cannot be used, if it is this
 * process that tells. */
void wsp_hints_load(const char *path, bool tells, struct wsp_hints *hints);
/* Puts the rows into the file, beside those that are there for other hosts. Waits for others that
 * write for a few seconds at most. Warns if it cannot be; a file that is none of ours stays. */
void wsp_hints_save(const char *path, const struct wsp_hints *hints);

#endif
