/* SPDX-License-Identifier: BSD-3-Clause */
/* Over one bare TCP connection, which sleeps in the kernel; where is "listen:PORT" or "HOST:PORT".
 */
#include "channel.h"

#include "tcp.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fd;
static struct {
    void *data;
    size_t size;
} receives[CHANNEL_SLOTS];

static void check(bool holds, const char *what)
{
    if (holds)
        return;
    perror(what);
    exit(1);
}

const bool channel_opens_at_once = true;

bool channel_open(const char *where)
{
    char host[256];
    const char *colon = strrchr(where, ':');
    uint16_t port = (uint16_t)(colon ? atoi(colon + 1) : 0);
    snprintf(host, sizeof host, "%.*s", (int)(colon ? colon - where : 0), where);
    if (strcmp(host, "listen") != 0) {
        fd = tcp_connect(host, port);
        check(fd >= 0, where);
        return true;
    }
    int listener = tcp_listen(&port);
    check(listener >= 0, where);
    fd = tcp_accept(listener);
    check(fd >= 0, where);
    return false;
}

void channel_close(void) {}

void channel_send(int slot, const void *data, size_t size)
{
    (void)slot;
    check(tcp_send_all(fd, data, size) == 0, "send");
}

void channel_sent(int slot)
{
    (void)slot;
}

void channel_receive(int slot, void *data, size_t size)
{
    receives[slot].data = data;
    receives[slot].size = size;
}

void channel_received(int slot)
{
    check(tcp_recv_all(fd, receives[slot].data, receives[slot].size) == 0, "receive");
}
