/* SPDX-License-Identifier: BSD-3-Clause */
/* The host MPI: the only way from the shim to it is this table of pointers, for a call by name
 * would come back to the shim. Filled before main and constant from then on. */
#ifndef WSP_MPI_HOST_HOST_H
#define WSP_MPI_HOST_HOST_H

#include "host_table.h"

#define WSP_HOST_COUNT (sizeof(struct wsp_host) / sizeof(void *))

extern struct wsp_host host;

/* The symbols behind the fields of struct wsp_host, in their order. */
extern const char *const wsp_host_names[WSP_HOST_COUNT];

/* Another symbol of the host's library or of those it is made of; NULL: not there. */
void *wsp_host_symbol(const char *name);

/* NULL if the host's library is there and is the one that this shim was built for, else a line
 * that says what is wrong; no field of `host` may be used then. */
const char *wsp_host_problem(void);

/* The version of the host, such as "4.1.4"; empty if it could not be asked. */
const char *wsp_host_version(void);

#endif
