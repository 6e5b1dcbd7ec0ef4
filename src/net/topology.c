/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/topology.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define LOWER_MAX 4 /* interfaces on interfaces on ... */

wsp_err wsp_topology_load(hwloc_topology_t *out)
{
    /* These look for graphics cards and accelerators, which takes long and is not asked. */
    static const char *const unwanted[] = {"cuda", "opencl", "nvml", "gl", "rsmi", "levelzero"};
    static const hwloc_obj_type_t unneeded[] = {
        HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L2CACHE,  HWLOC_OBJ_L3CACHE,  HWLOC_OBJ_L4CACHE,
        HWLOC_OBJ_L5CACHE, HWLOC_OBJ_L1ICACHE, HWLOC_OBJ_L2ICACHE, HWLOC_OBJ_L3ICACHE,
        HWLOC_OBJ_GROUP,   HWLOC_OBJ_MISC,     HWLOC_OBJ_MEMCACHE, HWLOC_OBJ_DIE};
    hwloc_topology_t topology;
    if (hwloc_topology_init(&topology) != 0)
        return WSP_ERR_NO_MEMORY;
    for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++)
        hwloc_topology_set_components(topology, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST,
                                      unwanted[i]);
    for (size_t i = 0; i < sizeof unneeded / sizeof *unneeded; i++)
        hwloc_topology_set_type_filter(topology, unneeded[i], HWLOC_TYPE_FILTER_KEEP_NONE);
    hwloc_topology_set_io_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
    if (hwloc_topology_load(topology) != 0) {
        hwloc_topology_destroy(topology);
        return WSP_ERR_IO;
    }
    *out = topology;
    return WSP_OK;
}

static bool has_address(const struct ifaddrs *entry, const struct in_addr *v4,
                        const struct in6_addr *v6)
{
    const struct sockaddr *address = entry->ifa_addr;
    if (!address)
        return false;
    if (v4 && address->sa_family == AF_INET)
        return memcmp(&((const struct sockaddr_in *)address)->sin_addr, v4, sizeof *v4) == 0;
    if (v6 && address->sa_family == AF_INET6)
        return memcmp(&((const struct sockaddr_in6 *)address)->sin6_addr, v6, sizeof *v6) == 0;
    return false;
}

bool wsp_interface_of(const char *address, char name[IF_NAMESIZE])
{
    struct in_addr v4;
    struct in6_addr v6;
    struct ifaddrs *entries;
    bool is_v4 = inet_pton(AF_INET, address, &v4) == 1, is_found = false;
    bool is_v6 = inet_pton(AF_INET6, address, &v6) == 1;
    if ((!is_v4 && !is_v6) || getifaddrs(&entries) != 0)
        return false;
    for (const struct ifaddrs *entry = entries; entry && !is_found; entry = entry->ifa_next) {
        is_found = has_address(entry, is_v4 ? &v4 : NULL, is_v6 ? &v6 : NULL);
        if (is_found)
            snprintf(name, IF_NAMESIZE, "%s", entry->ifa_name);
    }
    freeifaddrs(entries);
    return is_found;
}

/* The interface below a bond, bridge or VLAN; false if it is at the bottom. */
static bool lower_of(char name[IF_NAMESIZE])
{
    char path[64];
    bool is_found = false;
    snprintf(path, sizeof path, "/sys/class/net/%s", name);
    DIR *dir = opendir(path);
    if (!dir)
        return false;
    for (struct dirent *entry; !is_found && (entry = readdir(dir));) {
        is_found = strncmp(entry->d_name, "lower_", 6) == 0;
        if (is_found)
            snprintf(name, IF_NAMESIZE, "%.*s", IF_NAMESIZE - 1, entry->d_name + 6);
    }
    closedir(dir);
    return is_found;
}

hwloc_obj_t wsp_interface_node(hwloc_topology_t topology, const char *name)
{
    char at[IF_NAMESIZE];
    snprintf(at, sizeof at, "%s", name);
    for (int depth = 0; depth < LOWER_MAX && lower_of(at); depth++)
        continue;
    for (hwloc_obj_t device = NULL; (device = hwloc_get_next_osdev(topology, device));) {
        if (!device->name || strcmp(device->name, at) != 0)
            continue;
        hwloc_obj_t place = hwloc_get_non_io_ancestor_obj(topology, device);
        if (!place || !place->nodeset || hwloc_bitmap_weight(place->nodeset) != 1)
            return NULL;
        return hwloc_get_numanode_obj_by_os_index(topology,
                                                  (unsigned)hwloc_bitmap_first(place->nodeset));
    }
    return NULL;
}
