/* SPDX-License-Identifier: BSD-3-Clause */
/* The emulator's socket: a line in, a line out.
 *
 *     set ab|ba|both KEY=VALUE ...   -> ok    rate (bit/s), delay, jitter (ns), queue (bytes), loss
 *                                             (0 to 1), flow_cap (bit/s), cut (0 or 1)
 *     slow ab|ba FRACTION            -> ok    the busiest flow, to this part of its rate; 1 ends it
 *     statistics                     -> JSON, both directions
 *     quit                           -> ok
 */
#ifndef WAN_CONTROL_H
#define WAN_CONTROL_H

#include "line.h"

#include <stdbool.h>

/* A listening socket at this path, or -1. */
int wan_control_listen(const char *path);

/* Answers one connection; lines[0] goes from a to b. True: it was told to end. */
bool wan_control_serve(int listener, struct wan_line lines[2], uint64_t now_ns);

#endif
