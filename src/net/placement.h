/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the I/O thread runs: near the network interface that the paths use, and off the cores that
 * ranks are bound to, where there is one to spare. */
#ifndef WSP_NET_PLACEMENT_H
#define WSP_NET_PLACEMENT_H

#include "base/err.h"

#include <hwloc.h>
#include <stdbool.h>

struct wsp_placement {
    bool is_bound;
    hwloc_bitmap_t processors; /* if bound: the caller's to free */
    char reason[448];          /* one sentence, with the processors in it */
};

/* Chooses for this process. local_address: the one its paths leave from, "" if unknown. bind: as
 * WIDESPAN_BIND. WSP_ERR_CONFIG if bind cannot be used here; the reason then says why and nothing
 * is bound. */
wsp_err wsp_placement_choose(hwloc_topology_t topology, const char *local_address, const char *bind,
                             struct wsp_placement *placement) WSP_MUST_USE;

/* Chooses by the options as loaded, and puts the calling thread there. Never fails: a thread that
 * cannot be placed runs where it is, which a log line tells. */
void wsp_placement_apply(void);

#endif
