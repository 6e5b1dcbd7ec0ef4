/* SPDX-License-Identifier: BSD-3-Clause */
/* Standard input for the site of world rank 0. */
#ifndef WSP_TOOLS_INPUT_H
#define WSP_TOOLS_INPUT_H

#include "base/err.h"
#include "net/loop.h"

struct wsp_input;

/* Sets *fd to what the site's launch command gets as its standard input; the caller closes it once
 * the command has started. What is no terminal it gets as it is. A terminal stays with this
 * process group, and is copied into a pipe: another group that reads a terminal is stopped. */
wsp_err wsp_input_open(struct wsp_loop *loop, int *fd, struct wsp_input **input) WSP_MUST_USE;
void wsp_input_close(struct wsp_input **input);

#endif
