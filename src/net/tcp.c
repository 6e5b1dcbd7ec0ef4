/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOCKET_FLAGS (SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC)
#define BACKLOG      1024

static void set_int(int fd, int level, int option, int value)
{
    setsockopt(fd, level, option, &value, sizeof value);
}

static wsp_err close_with(int fd, int saved_errno)
{
    close(fd);
    return wsp_err_of_errno(saved_errno);
}

/* A socket that takes both families, or one for IPv4 alone where there is no IPv6. */
static wsp_err listener_socket(int *fd, struct wsp_address *any)
{
    memset(any, 0, sizeof *any);
    *fd = socket(AF_INET6, SOCKET_FLAGS, 0);
    if (*fd >= 0) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&any->storage;
        in6->sin6_family = AF_INET6;
        any->length = sizeof *in6;
        set_int(*fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
        return WSP_OK;
    }
    *fd = socket(AF_INET, SOCKET_FLAGS, 0);
    if (*fd < 0)
        return wsp_err_of_errno(errno);
    struct sockaddr_in *in = (struct sockaddr_in *)&any->storage;
    in->sin_family = AF_INET;
    any->length = sizeof *in;
    return WSP_OK;
}

static wsp_err listen_on(uint16_t port, int *fd, uint16_t *bound)
{
    struct wsp_address any;
    wsp_err err = listener_socket(fd, &any);
    if (err)
        return err;
    set_int(*fd, SOL_SOCKET, SO_REUSEADDR, 1);
    wsp_address_set_port(&any, port);
    int failed = bind(*fd, (struct sockaddr *)&any.storage, any.length);
    if (failed && ((struct sockaddr *)&any.storage)->sa_family == AF_INET6 &&
        errno == EADDRNOTAVAIL) {
        /* IPv6 is compiled in but switched off: the socket exists and cannot be bound. */
        close(*fd);
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
        *fd = socket(AF_INET, SOCKET_FLAGS, 0);
        if (*fd < 0)
            return wsp_err_of_errno(errno);
        set_int(*fd, SOL_SOCKET, SO_REUSEADDR, 1);
        failed = bind(*fd, (struct sockaddr *)&in, sizeof in);
    }
    if (failed || listen(*fd, BACKLOG) != 0)
        return close_with(*fd, errno == EADDRINUSE ? EMFILE : errno);
    any.length = sizeof any.storage;
    if (getsockname(*fd, (struct sockaddr *)&any.storage, &any.length) != 0)
        return close_with(*fd, errno);
    *bound = ntohs(((struct sockaddr_in *)&any.storage)->sin_port);
    return WSP_OK;
}

static bool parse_ports(const char *text, unsigned long *low, unsigned long *high)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    *low = *high = strtoul(text, &end, 10);
    if (*end == '-' && end[1] >= '0' && end[1] <= '9')
        *high = strtoul(end + 1, &end, 10);
    return *end == '\0' && *low <= *high && *high <= 65535 && (*low > 0 || *high == 0);
}

wsp_err wsp_tcp_listen(const char *ports, int *fd, uint16_t *port)
{
    unsigned long low, high;
    if (!parse_ports(ports, &low, &high))
        return WSP_ERR_CONFIG;
    wsp_err err = WSP_ERR_BUSY;
    for (unsigned long at = low; at <= high && err == WSP_ERR_BUSY; at++)
        err = listen_on((uint16_t)at, fd, port);
    return err;
}

wsp_err wsp_tcp_accept(int listener, int *fd, struct wsp_address *from)
{
    struct wsp_address peer = {.length = sizeof peer.storage};
    int taken = accept4(listener, (struct sockaddr *)&peer.storage, &peer.length,
                        SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (taken < 0) /* also what Linux passes on from a connection that failed before its turn */
        return errno == EAGAIN || errno == ECONNABORTED || errno == EINTR || errno == EPROTO
                   ? WSP_ERR_AGAIN
                   : wsp_err_of_errno(errno);
    if (from)
        *from = peer;
    *fd = taken;
    return WSP_OK;
}

wsp_err wsp_tcp_dial(const struct wsp_address *to, int *out)
{
    int fd = socket(((const struct sockaddr *)&to->storage)->sa_family, SOCKET_FLAGS, 0);
    if (fd < 0)
        return wsp_err_of_errno(errno);
    if (connect(fd, (const struct sockaddr *)&to->storage, to->length) != 0 &&
        errno != EINPROGRESS && errno != EINTR)
        return close_with(fd, errno);
    *out = fd;
    return WSP_OK;
}

wsp_err wsp_tcp_dialled(int fd)
{
    int failed = 0;
    socklen_t length = sizeof failed;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &length) != 0)
        return wsp_err_of_errno(errno);
    return wsp_err_of_errno(failed);
}

/* The kernel tells twice what it was asked for. */
static uint64_t granted(int fd, int option, int bytes)
{
    int got = 0;
    socklen_t length = sizeof got;
    set_int(fd, SOL_SOCKET, option, bytes);
    return getsockopt(fd, SOL_SOCKET, option, &got, &length) == 0 ? (uint64_t)got / 2 : 0;
}

uint64_t wsp_tcp_granted_buffer(uint32_t bytes)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return bytes; /* nobody can tell */
    uint64_t out = granted(fd, SO_SNDBUF, (int)bytes), in = granted(fd, SO_RCVBUF, (int)bytes);
    close(fd);
    return out < in ? out : in;
}

void wsp_tcp_tune(int fd, const struct wsp_tcp_options *options)
{
    set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 0);
    if (options->notsent_lowat_bytes)
        set_int(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, (int)options->notsent_lowat_bytes);
    if (options->user_timeout_ms)
        set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)options->user_timeout_ms);
    if (options->buffer_bytes) {
        set_int(fd, SOL_SOCKET, SO_SNDBUF, (int)options->buffer_bytes);
        set_int(fd, SOL_SOCKET, SO_RCVBUF, (int)options->buffer_bytes);
    }
}

void wsp_tcp_set_notsent(int fd, uint32_t bytes)
{
    set_int(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, (int)bytes);
}

bool wsp_tcp_is_always_paced(int fd)
{
    char name[32] = "";
    socklen_t length = sizeof name - 1;
    return getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length) == 0 &&
           strncmp(name, "bbr", 3) == 0;
}

void wsp_tcp_hold(int fd, uint64_t bps)
{
    uint32_t rate = bps > 0 && bps < UINT32_MAX ? (uint32_t)bps : UINT32_MAX;
    (void)setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof rate);
}

static wsp_err outcome(ssize_t result, size_t *n)
{
    if (result > 0) {
        *n = (size_t)result;
        return WSP_OK;
    }
    if (result == 0)
        return WSP_ERR_EOF;
    return errno == EINTR ? WSP_ERR_AGAIN : wsp_err_of_errno(errno);
}

wsp_err wsp_tcp_read(int fd, void *buffer, size_t length, size_t *n)
{
    return outcome(recv(fd, buffer, length, 0), n);
}

wsp_err wsp_tcp_readv(int fd, const struct iovec *parts, size_t n_parts, size_t *n)
{
    return outcome(readv(fd, parts, (int)n_parts), n);
}

wsp_err wsp_tcp_writev(int fd, const struct iovec *parts, size_t n_parts, size_t *n)
{
    struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = n_parts};
    return outcome(sendmsg(fd, &message, MSG_NOSIGNAL), n);
}
