/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int tcp_listen(uint16_t *port)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(*port)};
    socklen_t length = sizeof(address);
    int one = 1, zero = 0;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 1) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
        close(fd);
        return -1;
    }
    *port = ntohs(address.sin6_port);
    return fd;
}

static int without_delay(int fd)
{
    int one = 1;
    if (fd >= 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

int tcp_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    close(listener);
    return without_delay(fd);
}

int tcp_connect(const char *host, uint16_t port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    char service[8];
    int fd = -1;
    snprintf(service, sizeof(service), "%u", port);
    if (getaddrinfo(host, service, &hints, &found) != 0) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    for (struct addrinfo *a = found; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
            int saved_errno = errno;
            close(fd);
            errno = saved_errno;
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return without_delay(fd);
}

int tcp_send_all(int fd, const void *data, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t sent = send(fd, (const char *)data + done, n - done, MSG_NOSIGNAL);
        if (sent > 0)
            done += (size_t)sent;
        else if (errno != EINTR)
            return -1;
    }
    return 0;
}

int tcp_recv_all(int fd, void *data, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = recv(fd, (char *)data + done, n - done, 0);
        if (got > 0) {
            done += (size_t)got;
        } else if (got == 0) {
            errno = 0;
            return -1;
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

/* First and last byte tell which round trip a message belongs to. */
static void stamp(char *buffer, size_t size, long i)
{
    buffer[0] = buffer[size - 1] = (char)i;
}

static int check(const char *buffer, size_t size, long i)
{
    if (buffer[0] == (char)i && buffer[size - 1] == (char)i)
        return 0;
    errno = EBADMSG;
    return -1;
}

int tcp_round_trips(int fd, int first, char *buffer, size_t size, long n, double *seconds)
{
    double start = now();
    for (long i = 0; i < n; i++) {
        stamp(buffer, size, i);
        if (first && tcp_send_all(fd, buffer, size) != 0)
            return -1;
        if (first)
            stamp(buffer, size, ~i);
        if (tcp_recv_all(fd, buffer, size) != 0 || check(buffer, size, i) != 0)
            return -1;
        if (!first && tcp_send_all(fd, buffer, size) != 0)
            return -1;
    }
    *seconds = now() - start;
    return 0;
}

int tcp_one_way(int fd, int first, char *buffer, size_t size, long n, double *seconds)
{
    char done = 1;
    double start = now();
    for (long i = 0; i < n; i++) {
        if (first) {
            stamp(buffer, size, i);
            if (tcp_send_all(fd, buffer, size) != 0)
                return -1;
        } else if (tcp_recv_all(fd, buffer, size) != 0 || check(buffer, size, i) != 0) {
            return -1;
        }
    }
    int err = first ? tcp_recv_all(fd, &done, 1) : tcp_send_all(fd, &done, 1);
    *seconds = now() - start;
    return err;
}
