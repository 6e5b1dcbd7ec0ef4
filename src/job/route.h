/* SPDX-License-Identifier: BSD-3-Clause */
/* Which addresses this machine has, seen from elsewhere. Sends nothing. */
#ifndef WSP_JOB_ROUTE_H
#define WSP_JOB_ROUTE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* The address of ours that packets to remote_host would leave from. WSP_ERR_UNREACHABLE if there
 * is no way to it. */
wsp_err wsp_route_local_host(const char *remote_host, char *host, size_t size) WSP_MUST_USE;

/* The address of ours that faces the first of `targets` (HOST:PORT, separated by commas) that there
 * is a way to. Never that of the loopback, which leads nobody else here, if there is another: the
 * coordinator of this very machine may be known by it. */
void wsp_route_facing(const char *targets, char *host, size_t size);

/* Is the host, a name or numeric, this machine? */
bool wsp_route_is_own(const char *host);

/* All addresses of this machine, the loopback one last, separated by commas; those that do not fit
 * are left out. */
void wsp_route_own_hosts(char *hosts, size_t size);

#endif
