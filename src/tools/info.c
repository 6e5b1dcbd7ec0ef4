/* SPDX-License-Identifier: BSD-3-Clause */
/* `widespan info`: what Widespan sees of the machine, what it would do there, and every option. */
#include "tools/options.h"
#include "tools/shim.h"
#include "tools/tools.h"

#include "base/opts.h"
#include "job/route.h"
#include "net/placement.h"
#include "net/topology.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOOL "info"

static void show_sets(hwloc_topology_t topology)
{
    char *allowed = NULL;
    hwloc_bitmap_list_asprintf(&allowed, hwloc_topology_get_allowed_cpuset(topology));
    printf("Topology:\n  %d packages, %d NUMA nodes, %d cores, %d processors\n"
           "  this process may use processors %s\n",
           hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PACKAGE),
           hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_NUMANODE),
           hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE),
           hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU), allowed ? allowed : "?");
    free(allowed);
}

static void show_nodes(hwloc_topology_t topology)
{
    for (hwloc_obj_t node = NULL;
         (node = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, node));) {
        char *processors = NULL;
        hwloc_bitmap_list_asprintf(&processors, node->cpuset);
        printf("  NUMA node %u: processors %s\n", node->os_index, processors ? processors : "?");
        free(processors);
    }
}

/* Every address of this machine, its interface, and where that is attached. */
static void show_interfaces(hwloc_topology_t topology)
{
    char hosts[1024], name[IF_NAMESIZE], *rest;
    wsp_route_own_hosts(hosts, sizeof hosts);
    for (char *host = strtok_r(hosts, ",", &rest); host; host = strtok_r(NULL, ",", &rest)) {
        if (!wsp_interface_of(host, name))
            continue;
        hwloc_obj_t node = wsp_interface_node(topology, name);
        if (node)
            printf("  interface %s (%s): NUMA node %u\n", name, host, node->os_index);
        else
            printf("  interface %s (%s): no NUMA node known\n", name, host);
    }
}

static int show_placement(hwloc_topology_t topology, const char *address)
{
    struct wsp_placement placement;
    wsp_err err = wsp_placement_choose(topology, address, wsp_opt_text(WSP_OPT_BIND), &placement);
    printf("\nPlacement of the I/O thread%s%s:\n  %s\n", *address ? " for paths from " : "",
           address, *placement.reason ? placement.reason : wsp_err_text(err));
    if (placement.is_bound)
        hwloc_bitmap_free(placement.processors);
    return err ? 1 : 0;
}

static int show_machine(void)
{
    char hosts[1024];
    const char *address = wsp_opt_text(WSP_OPT_ADDRESS);
    hwloc_topology_t topology;
    if (wsp_topology_load(&topology))
        return wsp_tool_fail(1, TOOL, "the topology cannot be loaded");
    wsp_route_own_hosts(hosts, sizeof hosts);
    hosts[strcspn(hosts, ",")] = '\0';
    show_sets(topology);
    show_nodes(topology);
    show_interfaces(topology);
    int status = show_placement(topology, *address ? address : hosts);
    hwloc_topology_destroy(topology);
    return status;
}

static void show_shim(const char *shim, const char *path, const char *description, void *user)
{
    unsigned *n_shims = user;
    (*n_shims)++;
    printf("  %s: for %s\n    %s\n", shim, description ? description : "an unknown host MPI", path);
}

static void show_shims(void)
{
    unsigned n_shims = 0;
    puts("\nShims installed:");
    wsp_shim_each(show_shim, &n_shims);
    if (n_shims == 0)
        puts("  none");
}

int wsp_tool_info(int argc, char **argv)
{
    static const struct option options[] = {{"options-man", no_argument, NULL, 'm'},
                                            {NULL, 0, NULL, 0}};
    char why[1024];
    for (int opt; (opt = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (opt != 'm')
            return wsp_tool_usage(TOOL, "the command line is wrong");
        wsp_options_print_man(stdout);
        return 0;
    }
    if (optind < argc)
        return wsp_tool_usage(TOOL, "'%s' is not expected", argv[optind]);
    if (wsp_opts_load(why, sizeof why))
        return wsp_tool_fail(WSP_EXIT_USAGE, TOOL, "%s", why);
    puts("widespan " WSP_VERSION "\n");
    int status = show_machine();
    show_shims();
    puts("\nOptions (environment variables):");
    wsp_options_print(stdout);
    return status;
}
