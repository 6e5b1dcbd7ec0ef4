/* SPDX-License-Identifier: BSD-3-Clause */
/* Brings the output of several sites to one descriptor, line by line. A line of up to
 * WSP_LINE_BYTES is never mixed with another; a longer one holds the output until its end, or until
 * another site has as much to say. On a loop, in one thread. */
#ifndef WSP_TOOLS_OUTPUT_H
#define WSP_TOOLS_OUTPUT_H

#include "base/err.h"
#include "net/loop.h"

#include <stdbool.h>

#define WSP_LINE_BYTES (1u << 20)

struct wsp_output;

/* Writes to fd, which stays the caller's. broken is called once, when nobody reads it any more. */
wsp_err wsp_output_open(struct wsp_loop *loop, int fd, void (*broken)(void *user), void *user,
                        struct wsp_output **output) WSP_MUST_USE;

/* Takes over a descriptor to read lines from; prefix (constant, may be "") stands before each. */
wsp_err wsp_output_add(struct wsp_output *output, int from, const char *prefix) WSP_MUST_USE;

/* True when every descriptor has been read to its end and all of it written. */
bool wsp_output_is_done(const struct wsp_output *output);

/* Writes what is left, waiting for the reader, and frees; nulls *output. */
void wsp_output_close(struct wsp_output **output);

#endif
