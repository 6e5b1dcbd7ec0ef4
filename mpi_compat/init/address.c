/* SPDX-License-Identifier: BSD-3-Clause */
#include "init/address.h"

#include "base/opts.h"
#include "host/host.h"
#include "init/job.h"
#include "job/route.h"

#include <stdio.h>
#include <string.h>

static int home_ranks_of_machine(void)
{
    MPI_Comm machine;
    int n = 0;
    host.Comm_split_type(wsp_job.home_world, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine);
    host.Comm_size(machine, &n);
    host.Comm_free(&machine);
    return n;
}

bool wsp_address_settle(struct wsp_job_env *env, char *why, size_t why_size)
{
    /* true if it is so on any rank */
    enum { DIFFERENT, ON_SEVERAL, OWNED, N_FACTS };
    int facts[N_FACTS] = {0};
    char first[sizeof env->address];
    bool is_own = false, is_given = wsp_opt_is_set(WSP_OPT_ADDRESS);
    memcpy(first, env->address, sizeof first);
    host.Bcast(first, sizeof first, MPI_CHAR, 0, wsp_job.home_world);
    facts[DIFFERENT] = !is_given || strcmp(first, env->address) != 0;
    facts[ON_SEVERAL] = home_ranks_of_machine() < wsp_job.home_size;
    if (is_given && facts[ON_SEVERAL])
        facts[OWNED] = is_own = wsp_route_is_own(env->address);
    host.Allreduce(MPI_IN_PLACE, facts, N_FACTS, MPI_INT, MPI_MAX, wsp_job.home_world);
    if (facts[DIFFERENT] || !facts[ON_SEVERAL] || is_own)
        return true;
    snprintf(why, why_size,
             "site %s: its ranks are on several machines, and none of them has the address %s; "
             "leave `address` out (each rank then says its own), or let the launch command give "
             "each machine its own by WIDESPAN_ADDRESS",
             env->site, env->address);
    wsp_route_facing(env->coordinator, env->address, sizeof env->address);
    return facts[OWNED];
}
