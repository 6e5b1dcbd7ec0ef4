/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses: text to sockaddr and back, and their comparison. */
#include "net/tcp.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void wsp_address_text(const struct wsp_address *address, char text[WSP_ADDRESS_TEXT_MAX])
{
    char host[INET6_ADDRSTRLEN] = "?";
    const struct sockaddr *any = (const struct sockaddr *)&address->storage;
    if (any->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)any;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        snprintf(text, WSP_ADDRESS_TEXT_MAX, "%s:%u", host, ntohs(in->sin_port));
    } else if (any->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)any;
        inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof host);
        snprintf(text, WSP_ADDRESS_TEXT_MAX, "[%s]:%u", host, ntohs(in->sin6_port));
    } else {
        snprintf(text, WSP_ADDRESS_TEXT_MAX, "?");
    }
}

bool wsp_address_host_bytes(const struct wsp_address *address, uint8_t bytes[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    const struct sockaddr *any = (const struct sockaddr *)&address->storage;
    if (any->sa_family == AF_INET6) {
        memcpy(bytes, &((const struct sockaddr_in6 *)any)->sin6_addr, 16);
        return true;
    }
    if (any->sa_family != AF_INET)
        return false;
    memcpy(bytes, mapped, sizeof mapped);
    memcpy(bytes + 12, &((const struct sockaddr_in *)any)->sin_addr, 4);
    return true;
}

void wsp_address_set_port(struct wsp_address *address, uint16_t port)
{
    /* The port stands at the same place in both families. */
    ((struct sockaddr_in *)&address->storage)->sin_port = htons(port);
}

bool wsp_address_is_same_host(const struct wsp_address *a, const struct wsp_address *b)
{
    uint8_t x[16], y[16];
    return wsp_address_host_bytes(a, x) && wsp_address_host_bytes(b, y) &&
           memcmp(x, y, sizeof x) == 0;
}

static bool parse_port(const char *text, uint16_t *port)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || value == 0 || value > 65535)
        return false;
    *port = (uint16_t)value;
    return true;
}

wsp_err wsp_tcp_split(const char *text, char *host, size_t host_size, uint16_t *port)
{
    const char *colon = strrchr(text, ':');
    if (!colon)
        return WSP_ERR_INVALID;
    const char *from = text, *to = colon;
    if (*from == '[') {
        if (colon == text || colon[-1] != ']')
            return WSP_ERR_INVALID;
        from++;
        to--;
    }
    size_t length = (size_t)(to - from);
    uint16_t parsed;
    if (to <= from || length >= host_size || !parse_port(colon + 1, &parsed))
        return WSP_ERR_INVALID;
    memcpy(host, from, length);
    host[length] = '\0';
    *port = parsed;
    return WSP_OK;
}

wsp_err wsp_tcp_resolve(const char *host, uint16_t port, struct wsp_address *addresses, size_t max,
                        size_t *n_addresses)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *list;
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(host, service, &hints, &list) != 0)
        return WSP_ERR_UNREACHABLE;
    size_t n = 0;
    for (struct addrinfo *at = list; at && n < max; at = at->ai_next) {
        if (at->ai_addrlen > sizeof addresses->storage)
            continue;
        memcpy(&addresses[n].storage, at->ai_addr, at->ai_addrlen);
        addresses[n++].length = at->ai_addrlen;
    }
    freeaddrinfo(list);
    *n_addresses = n;
    return n ? WSP_OK : WSP_ERR_UNREACHABLE;
}
