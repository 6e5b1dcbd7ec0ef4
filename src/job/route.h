/* SPDX-License-Identifier: BSD-3-Clause */
/* Which addresses this machine has, seen from elsewhere. Sends nothing. */
#ifndef WSP_JOB_ROUTE_H
#define WSP_JOB_ROUTE_H

#include "base/err.h"

#include <stddef.h>

/* The address of ours that packets to remote_host would leave from. WSP_ERR_UNREACHABLE if there
 * is no way to it. */
wsp_err wsp_route_local_host(const char *remote_host, char *host, size_t size) WSP_MUST_USE;

/* All addresses of this machine, the loopback one last, separated by commas; those that do not fit
 * are left out. */
void wsp_route_own_hosts(char *hosts, size_t size);

#endif
