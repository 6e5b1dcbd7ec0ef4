/* SPDX-License-Identifier: BSD-3-Clause */
/* Under which address this rank is told to the other sites. */
#ifndef WSP_INIT_ADDRESS_H
#define WSP_INIT_ADDRESS_H

#include "job/session.h"

#include <stdbool.h>
#include <stddef.h>

/* Collective over the site. The one address that a job file gives to all ranks of a site leads to
 * one machine: ranks elsewhere get their own in env->address. False, on all, if the ranks are on
 * several machines of which none has the address; why then says so. */
bool wsp_address_settle(struct wsp_job_env *env, char *why, size_t why_size);

#endif
