/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/placement.h"

#include "base/log.h"
#include "base/opts.h"
#include "net/topology.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LIST_MAX      128
#define UNBOUND_PLAIN "not bound: one NUMA node, and no rank is bound to a core"

/* What the choice rests on. */
struct facts {
    hwloc_const_bitmap_t allowed; /* processors this process may be given */
    hwloc_bitmap_t own;           /* those it is bound to */
    hwloc_bitmap_t taken;         /* all of the cores that ranks of its launcher are bound to */
    hwloc_obj_t node;             /* NUMA node of the interface, or NULL */
    char interface[IF_NAMESIZE];  /* "": unknown */
};

static void list_text(hwloc_const_bitmap_t set, char text[LIST_MAX])
{
    hwloc_bitmap_list_snprintf(text, LIST_MAX, set);
}

/* Adds the whole cores that a set of processors touches. */
static void add_cores(hwloc_topology_t topology, hwloc_bitmap_t to, hwloc_const_bitmap_t set)
{
    hwloc_bitmap_or(to, to, set);
    for (hwloc_obj_t core = NULL;
         (core = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_CORE, core));)
        if (hwloc_bitmap_intersects(core->cpuset, set))
            hwloc_bitmap_or(to, to, core->cpuset);
}

/* The ranks of this launcher on this machine are our parent's children: where are they bound? */
static void see_siblings(hwloc_topology_t topology, struct facts *facts)
{
    char path[64];
    int pid;
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)getppid(), (int)getppid());
    FILE *file = set ? fopen(path, "re") : NULL;
    while (file && fscanf(file, "%d", &pid) == 1)
        if (hwloc_get_proc_cpubind(topology, pid, set, 0) == 0 &&
            !hwloc_bitmap_isincluded(facts->allowed, set))
            add_cores(topology, facts->taken, set);
    if (file)
        fclose(file);
    hwloc_bitmap_free(set);
}

static bool gather(hwloc_topology_t topology, const char *local_address, struct facts *facts)
{
    facts->allowed = hwloc_topology_get_allowed_cpuset(topology);
    facts->own = hwloc_bitmap_alloc();
    facts->taken = hwloc_bitmap_alloc();
    if (!facts->own || !facts->taken)
        return false;
    if (hwloc_get_cpubind(topology, facts->own, HWLOC_CPUBIND_PROCESS) != 0)
        hwloc_bitmap_copy(facts->own, facts->allowed);
    if (!hwloc_bitmap_isincluded(facts->allowed, facts->own)) {
        add_cores(topology, facts->taken, facts->own);
        see_siblings(topology, facts);
    }
    if (*local_address && wsp_interface_of(local_address, facts->interface))
        facts->node = wsp_interface_node(topology, facts->interface);
    return true;
}

/* Takes over a set as the choice. */
static wsp_err settle(struct wsp_placement *placement, hwloc_const_bitmap_t set)
{
    placement->processors = hwloc_bitmap_dup(set);
    placement->is_bound = placement->processors != NULL;
    return placement->is_bound ? WSP_OK : WSP_ERR_NO_MEMORY;
}

/* Ranks are bound: a core that none of them has, near the interface if possible. */
static wsp_err choose_spare(const struct facts *facts, struct wsp_placement *placement)
{
    char spare_text[LIST_MAX], taken_text[LIST_MAX];
    const char *where = "";
    wsp_err err = WSP_OK;
    hwloc_bitmap_t spare = hwloc_bitmap_alloc();
    if (!spare)
        return WSP_ERR_NO_MEMORY;
    list_text(facts->taken, taken_text);
    hwloc_bitmap_andnot(spare, facts->allowed, facts->taken);
    if (facts->node && hwloc_bitmap_intersects(spare, facts->node->cpuset)) {
        hwloc_bitmap_and(spare, spare, facts->node->cpuset);
        where = " on the NUMA node of the interface ";
    }
    if (hwloc_bitmap_iszero(spare)) {
        snprintf(placement->reason, sizeof placement->reason,
                 "left with its rank: ranks are bound to every core (processors %s)", taken_text);
    } else {
        list_text(spare, spare_text);
        snprintf(placement->reason, sizeof placement->reason,
                 "processors %s: free of ranks, which are bound to %s%s%s", spare_text, taken_text,
                 where, *where ? facts->interface : "");
        err = settle(placement, spare);
    }
    hwloc_bitmap_free(spare);
    return err;
}

/* Ranks may run anywhere: the interface's node, unless the scheduler is better left free. */
static wsp_err choose_near(hwloc_topology_t topology, const struct facts *facts,
                           struct wsp_placement *placement)
{
    char text[LIST_MAX];
    int n_nodes = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_NUMANODE);
    if (n_nodes <= 1) {
        snprintf(placement->reason, sizeof placement->reason, UNBOUND_PLAIN);
        return WSP_OK;
    }
    if (!facts->node) {
        snprintf(placement->reason, sizeof placement->reason,
                 "not bound: the NUMA node of %s%s is not known", *facts->interface ? "" : "the ",
                 *facts->interface ? facts->interface : "interface");
        return WSP_OK;
    }
    if (!hwloc_bitmap_intersects(facts->allowed, facts->node->cpuset)) {
        snprintf(placement->reason, sizeof placement->reason,
                 "not bound: this process may not run on the NUMA node of %s", facts->interface);
        return WSP_OK;
    }
    wsp_err err = settle(placement, facts->node->cpuset);
    if (err)
        return err;
    hwloc_bitmap_and(placement->processors, placement->processors, facts->allowed);
    list_text(placement->processors, text);
    snprintf(placement->reason, sizeof placement->reason,
             "processors %s: NUMA node %u, to which %s is attached", text, facts->node->os_index,
             facts->interface);
    return WSP_OK;
}

static wsp_err choose_list(hwloc_topology_t topology, const char *bind,
                           struct wsp_placement *placement)
{
    hwloc_const_bitmap_t allowed = hwloc_topology_get_allowed_cpuset(topology);
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    wsp_err err = WSP_ERR_CONFIG;
    if (!set)
        return WSP_ERR_NO_MEMORY;
    if (bind[strspn(bind, "0123456789,-")] != '\0' || hwloc_bitmap_list_sscanf(set, bind) != 0 ||
        hwloc_bitmap_iszero(set)) {
        snprintf(placement->reason, sizeof placement->reason,
                 "not bound: WIDESPAN_BIND=%.64s is neither auto, none nor a list of processors",
                 bind);
    } else if (!hwloc_bitmap_isincluded(set, allowed)) {
        char text[LIST_MAX];
        list_text(allowed, text);
        snprintf(placement->reason, sizeof placement->reason,
                 "not bound: WIDESPAN_BIND=%.64s, but this process may use %s", bind, text);
    } else {
        snprintf(placement->reason, sizeof placement->reason,
                 "processors %.64s: WIDESPAN_BIND says so", bind);
        err = settle(placement, set);
    }
    hwloc_bitmap_free(set);
    return err;
}

wsp_err wsp_placement_choose(hwloc_topology_t topology, const char *local_address, const char *bind,
                             struct wsp_placement *placement)
{
    struct facts facts = {0};
    *placement = (struct wsp_placement){0};
    if (strcmp(bind, "none") == 0) {
        snprintf(placement->reason, sizeof placement->reason, "not bound: WIDESPAN_BIND=none");
        return WSP_OK;
    }
    if (strcmp(bind, "auto") != 0)
        return choose_list(topology, bind, placement);
    wsp_err err = gather(topology, local_address, &facts) ? WSP_OK : WSP_ERR_NO_MEMORY;
    if (!err)
        err = hwloc_bitmap_iszero(facts.taken) ? choose_near(topology, &facts, placement)
                                               : choose_spare(&facts, placement);
    hwloc_bitmap_free(facts.own);
    hwloc_bitmap_free(facts.taken);
    return err;
}

/* One NUMA node, and this process may use every processor: then there is nothing to choose, and
 * the topology need not be loaded, which takes milliseconds. */
static bool is_plain(void)
{
    char nodes[16] = "";
    cpu_set_t own;
    FILE *file = fopen("/sys/devices/system/node/online", "re");
    bool is_read = file && fgets(nodes, sizeof nodes, file);
    if (file)
        fclose(file);
    return is_read && strcmp(nodes, "0\n") == 0 && sched_getaffinity(0, sizeof own, &own) == 0 &&
           CPU_COUNT(&own) == sysconf(_SC_NPROCESSORS_ONLN);
}

void wsp_placement_apply(void)
{
    hwloc_topology_t topology;
    struct wsp_placement placement;
    const char *bind = wsp_opt_text(WSP_OPT_BIND);
    if (strcmp(bind, "none") == 0)
        return;
    if (strcmp(bind, "auto") == 0 && is_plain()) {
        wsp_info("i/o thread: " UNBOUND_PLAIN);
        return;
    }
    wsp_err err = wsp_topology_load(&topology);
    if (err) {
        wsp_warn("i/o thread: not placed: the topology cannot be loaded");
        return;
    }
    err = wsp_placement_choose(topology, wsp_opt_text(WSP_OPT_ADDRESS), bind, &placement);
    if (err)
        wsp_warn("i/o thread: %s", *placement.reason ? placement.reason : wsp_err_text(err));
    else if (placement.is_bound &&
             hwloc_set_cpubind(topology, placement.processors, HWLOC_CPUBIND_THREAD) != 0)
        wsp_warn("i/o thread: cannot be placed on %s: %s", placement.reason, strerror(errno));
    else
        wsp_info("i/o thread: %s", placement.reason);
    if (placement.is_bound)
        hwloc_bitmap_free(placement.processors);
    hwloc_topology_destroy(topology);
}
