/* SPDX-License-Identifier: BSD-3-Clause */
/* Over a path of Widespan's C library; where is "listen:PORT", or "HOST:PORT" to open it. */
#include "channel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <widespan/path.h>

#define TAG        7
#define TIMEOUT_MS 60000

static struct wsp_path *path;
static struct wsp_request *sends[CHANNEL_SLOTS], *receives[CHANNEL_SLOTS];

static void check(wsp_err err, const char *what)
{
    if (err == WSP_OK)
        return;
    fprintf(stderr, "channel: %s: %s\n", what, wsp_err_text(err));
    exit(1);
}

const bool channel_opens_at_once = true;

bool channel_open(const char *where)
{
    static const uint8_t key[WSP_PATH_KEY_BYTES] = "thirty-two bytes for a benchmark";
    struct wsp_listener *listener;
    if (strncmp(where, "listen:", 7) != 0) {
        check(wsp_path_open(where, "bench", key, NULL, &path), "open");
        return true;
    }
    check(wsp_listener_open(where + 7, "bench", key, NULL, &listener), "listen");
    check(wsp_listener_accept(listener, TIMEOUT_MS, &path), "accept");
    wsp_listener_close(&listener);
    return false;
}

void channel_close(void)
{
    check(wsp_path_close(&path, TIMEOUT_MS), "close");
}

void channel_send(int slot, const void *data, size_t size)
{
    check(wsp_path_isend(path, TAG, data, size, &sends[slot]), "send");
}

void channel_sent(int slot)
{
    check(wsp_request_wait(&sends[slot], WSP_FOREVER, NULL), "send");
}

void channel_receive(int slot, void *data, size_t size)
{
    check(wsp_path_irecv(path, TAG, data, size, &receives[slot]), "receive");
}

void channel_received(int slot)
{
    check(wsp_request_wait(&receives[slot], WSP_FOREVER, NULL), "receive");
}
