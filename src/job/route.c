/* SPDX-License-Identifier: BSD-3-Clause */
#include "job/route.h"

#include "net/tcp.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANY_PORT    9 /* nothing is sent to it */
#define N_ADDRESSES 8 /* of one name */

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
    struct wsp_address addresses[N_ADDRESSES];
    size_t n;
    wsp_err err = wsp_tcp_resolve(remote_host, ANY_PORT, addresses, N_ADDRESSES, &n);
    if (err)
        return err;
    for (size_t i = 0; i < n; i++)
        if (ask_route(&addresses[i], host, size))
            return WSP_OK;
    return WSP_ERR_UNREACHABLE;
}

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

void wsp_route_facing(const char *targets, char *host, size_t size)
{
    char *list = strdup(targets), *rest = NULL, own[256];
    snprintf(host, size, "127.0.0.1");
    for (char *target = list ? strtok_r(list, ",", &rest) : NULL; target;
         target = strtok_r(NULL, ",", &rest)) {
        char remote[256];
        uint16_t port;
        if (!wsp_tcp_split(target, remote, sizeof remote, &port) &&
            !wsp_route_local_host(remote, host, size))
            break;
    }
    free(list);
    if (!is_loopback(host))
        return;
    wsp_route_own_hosts(own, sizeof own);
    own[strcspn(own, ",")] = '\0';
    if (strlen(own) < size)
        strcpy(host, own);
}

/* Only an address of this machine can be bound to. */
static bool can_bind(const struct wsp_address *address)
{
    const struct sockaddr *own = (const struct sockaddr *)&address->storage;
    int fd = socket(own->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool is_bound = fd >= 0 && bind(fd, own, address->length) == 0;
    if (fd >= 0)
        close(fd);
    return is_bound;
}

bool wsp_route_is_own(const char *host)
{
    struct wsp_address addresses[N_ADDRESSES];
    size_t n = 0;
    if (wsp_tcp_resolve(host, 0, addresses, N_ADDRESSES, &n))
        return false;
    for (size_t i = 0; i < n; i++)
        if (can_bind(&addresses[i]))
            return true;
    return false;
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
