/* SPDX-License-Identifier: BSD-3-Clause */
/* The machine's topology as far as placement needs it (hwloc), and where network interfaces sit in
 * it. Any thread; a topology is used by one thread at a time. */
#ifndef WSP_NET_TOPOLOGY_H
#define WSP_NET_TOPOLOGY_H

#include "base/err.h"

#include <hwloc.h>
#include <net/if.h>
#include <stdbool.h>

/* Loads packages, NUMA nodes, cores, processors and network devices; the caller's to destroy. */
wsp_err wsp_topology_load(hwloc_topology_t *topology) WSP_MUST_USE;

/* The interface that has this address ("10.0.0.1"); false if none has. */
bool wsp_interface_of(const char *address, char name[IF_NAMESIZE]);

/* The NUMA node an interface is attached to (for a bond or VLAN: its first device). NULL if it is
 * virtual, or the machine does not say. */
hwloc_obj_t wsp_interface_node(hwloc_topology_t topology, const char *name);

#endif
