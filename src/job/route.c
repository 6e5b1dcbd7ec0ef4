/* SPDX-License-Identifier: BSD-3-Clause */
#include "job/route.h"

#include "net/tcp.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ANY_PORT 9 /* nothing is sent to it */

static bool text_of(const struct sockaddr *address, char *host, size_t size)
{
    socklen_t length =
        address->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    return getnameinfo(address, length, host, (socklen_t)size, NULL, 0, NI_NUMERICHOST) == 0;
}

/* Connecting a datagram socket asks the routing table and nobody else. */
static bool ask_route(const struct wsp_address *to, char *host, size_t size)
{
    struct sockaddr_storage own;
    socklen_t length = sizeof own;
    const struct sockaddr *remote = (const struct sockaddr *)&to->storage;
    int fd = socket(remote->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool is_found = connect(fd, remote, to->length) == 0 &&
                    getsockname(fd, (struct sockaddr *)&own, &length) == 0 &&
                    text_of((struct sockaddr *)&own, host, size);
    close(fd);
    return is_found;
}

wsp_err wsp_route_local_host(const char *remote_host, char *host, size_t size)
{
    struct wsp_address addresses[8];
    size_t n;
    wsp_err err = wsp_tcp_resolve(remote_host, ANY_PORT, addresses, 8, &n);
    if (err)
        return err;
    for (size_t i = 0; i < n; i++)
        if (ask_route(&addresses[i], host, size))
            return WSP_OK;
    return WSP_ERR_UNREACHABLE;
}

static bool is_useful(const struct ifaddrs *entry)
{
    if (!entry->ifa_addr || !(entry->ifa_flags & IFF_UP) || entry->ifa_flags & IFF_LOOPBACK)
        return false;
    if (entry->ifa_addr->sa_family == AF_INET)
        return true;
    if (entry->ifa_addr->sa_family != AF_INET6)
        return false;
    const struct sockaddr_in6 *address = (const struct sockaddr_in6 *)entry->ifa_addr;
    return !IN6_IS_ADDR_LINKLOCAL(&address->sin6_addr);
}

void wsp_route_own_hosts(char *hosts, size_t size)
{
    static const char loopback[] = "127.0.0.1";
    char host[NI_MAXHOST];
    size_t length = 0;
    struct ifaddrs *entries = NULL;
    if (getifaddrs(&entries) != 0)
        entries = NULL;
    for (const struct ifaddrs *entry = entries; entry; entry = entry->ifa_next) {
        if (!is_useful(entry) || !text_of(entry->ifa_addr, host, sizeof host) ||
            length + strlen(host) + 1 + sizeof loopback > size)
            continue;
        length += (size_t)snprintf(hosts + length, size - length, "%s,", host);
    }
    if (entries)
        freeifaddrs(entries);
    snprintf(hosts + length, size - length, "%s", loopback);
}
