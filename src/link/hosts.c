/* SPDX-License-Identifier: BSD-3-Clause */
/* The machines of the roster: their addresses, looked up once for all ranks that are there. */
#include "link/link_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash_bytes(const void *bytes, size_t length)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t hash_address(const struct wsp_address *address)
{
    uint8_t bytes[16];
    return wsp_address_host_bytes(address, bytes) ? hash_bytes(bytes, sizeof bytes) : 0;
}

struct wsp_host *wsp_hosts_find(struct wsp_link *link, const char *name)
{
    struct wsp_host *host = link->hosts;
    while (host && strcmp(host->name, name) != 0)
        host = host->next;
    return host;
}

static wsp_err add(struct wsp_link *link, const char *name)
{
    struct wsp_host *host = calloc(1, sizeof *host);
    if (!host)
        return WSP_ERR_NO_MEMORY;
    memcpy(host->name, name, strlen(name) + 1); /* cut to WSP_HOST_MAX by wsp_hosts_load */
    host->next = link->hosts;
    link->hosts = host;
    if (wsp_tcp_resolve(name, 1, host->addresses, WSP_ADDRESSES_PER_HOST, &host->n_addresses) !=
        WSP_OK)
        wsp_warn("host %s: has no address yet", name);
    host->looked_up_ns = wsp_clock_now_ns();
    for (size_t i = 0; i < host->n_addresses; i++) {
        wsp_err err = wsp_map_put(&link->known_addresses, hash_address(&host->addresses[i]), host);
        if (err)
            return err;
    }
    return WSP_OK;
}

wsp_err wsp_hosts_load(struct wsp_link *link)
{
    for (uint32_t i = 0; i < link->n_ranks; i++) {
        char *name = link->endpoints[i].host;
        name[WSP_HOST_MAX - 1] = '\0';
        /* Ranks of one machine stand together, so the newest entry is mostly the right one. */
        if (!name[0] || wsp_hosts_find(link, name))
            continue;
        wsp_err err = add(link, name);
        if (err)
            return err;
    }
    return WSP_OK;
}

bool wsp_hosts_know(const struct wsp_link *link, const struct wsp_address *from)
{
    return wsp_map_get(&link->known_addresses, hash_address(from)) != NULL;
}

void wsp_hosts_free(struct wsp_link *link)
{
    while (link->hosts) {
        struct wsp_host *next = link->hosts->next;
        free(link->hosts);
        link->hosts = next;
    }
    wsp_map_fini(&link->known_addresses);
}
