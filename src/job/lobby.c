/* SPDX-License-Identifier: BSD-3-Clause */
#include "job/lobby.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "net/tcp.h"

#include <stdlib.h>
#include <unistd.h>

#define N_STRANGERS    64                  /* at once, beside those who are expected */
#define GUEST_TIME_NS  (10 * WSP_NS_PER_S) /* to prove it */
#define PAUSE_NS       (WSP_NS_PER_S / 4)  /* without accepting, when descriptors have run out */
#define N_WARNINGS_MAX 3

struct guest {
    struct wsp_lobby *lobby;
    struct wsp_channel *channel;
    struct wsp_timer timer;
    struct wsp_node node; /* in lobby->guests, oldest first */
};

struct wsp_lobby {
    struct wsp_channel_config config;
    int listener;
    struct wsp_watch *watch;
    struct wsp_timer pause;
    struct wsp_list guests;
    unsigned n_guests, n_guests_max;
    unsigned n_warnings;
    void (*proven)(void *user, struct wsp_channel *channel);
    void *user;
};

/* Forgets a guest; the channel is closed unless it was handed over. */
static void dismiss(struct guest *guest)
{
    struct wsp_lobby *lobby = guest->lobby;
    wsp_timer_stop(lobby->config.loop, &guest->timer);
    wsp_node_remove(&guest->node);
    lobby->n_guests--;
    wsp_channel_close(&guest->channel);
    free(guest);
}

static void on_opened(void *user, struct wsp_channel *channel)
{
    struct guest *guest = user;
    struct wsp_lobby *lobby = guest->lobby;
    guest->channel = NULL;
    dismiss(guest);
    lobby->proven(lobby->user, channel);
}

static void on_message(void *user, struct wsp_channel *channel, enum wsp_message_type type,
                       const uint8_t *bytes, size_t length)
{
    (void)user, (void)channel, (void)type, (void)bytes, (void)length; /* none before `opened` */
}

static void on_ended(void *user, struct wsp_channel *channel, wsp_err err)
{
    struct guest *guest = user;
    (void)channel;
    if (err == WSP_ERR_UNTRUSTED && guest->lobby->n_warnings++ < N_WARNINGS_MAX)
        wsp_info("a connection did not prove the job key and was refused");
    dismiss(guest);
}

static const struct wsp_channel_handler guest_handler = {on_opened, on_message, on_ended};

static void on_guest_time(void *user, uint64_t now_ns)
{
    (void)now_ns;
    dismiss(user);
}

static void receive_guest(struct wsp_lobby *lobby, int fd)
{
    if (lobby->n_guests >= lobby->n_guests_max)
        dismiss(WSP_CONTAINER(wsp_list_first(&lobby->guests), struct guest, node));
    struct guest *guest = calloc(1, sizeof *guest);
    if (!guest) {
        close(fd);
        return;
    }
    struct wsp_channel_config config = lobby->config;
    config.handler = &guest_handler;
    config.user = guest;
    guest->lobby = lobby;
    guest->timer = (struct wsp_timer){.fn = on_guest_time, .user = guest};
    wsp_list_push_back(&lobby->guests, &guest->node);
    lobby->n_guests++;
    if (wsp_channel_accept(&config, fd, &guest->channel) ||
        wsp_timer_set(config.loop, &guest->timer, wsp_clock_now_ns() + GUEST_TIME_NS))
        dismiss(guest);
}

static void on_pause_over(void *user, uint64_t now_ns)
{
    struct wsp_lobby *lobby = user;
    (void)now_ns;
    wsp_watch_set(lobby->watch, WSP_READABLE);
}

static void on_knock(void *user, unsigned events)
{
    struct wsp_lobby *lobby = user;
    wsp_err err = WSP_OK;
    (void)events;
    for (int fd; !(err = wsp_tcp_accept(lobby->listener, &fd, NULL));)
        receive_guest(lobby, fd);
    if (err == WSP_ERR_AGAIN)
        return;
    if (!wsp_timer_set(lobby->config.loop, &lobby->pause, wsp_clock_now_ns() + PAUSE_NS))
        wsp_watch_set(lobby->watch, 0);
}

wsp_err wsp_lobby_open(const struct wsp_channel_config *config, int listener, unsigned n_expected,
                       void (*proven)(void *, struct wsp_channel *), void *user,
                       struct wsp_lobby **out)
{
    struct wsp_lobby *lobby = calloc(1, sizeof *lobby);
    wsp_err err = lobby ? WSP_OK : WSP_ERR_NO_MEMORY;
    if (lobby) {
        *lobby = (struct wsp_lobby){.config = *config,
                                    .listener = listener,
                                    .n_guests_max = N_STRANGERS + n_expected,
                                    .proven = proven,
                                    .user = user};
        lobby->pause = (struct wsp_timer){.fn = on_pause_over, .user = lobby};
        wsp_list_init(&lobby->guests);
        err = wsp_loop_watch(config->loop, listener, WSP_READABLE, on_knock, lobby, &lobby->watch);
    }
    if (err) {
        close(listener);
        free(lobby);
        return err;
    }
    *out = lobby;
    return WSP_OK;
}

void wsp_lobby_close(struct wsp_lobby **at)
{
    struct wsp_lobby *lobby = *at;
    *at = NULL;
    if (!lobby)
        return;
    while (!wsp_list_is_empty(&lobby->guests))
        dismiss(WSP_CONTAINER(wsp_list_first(&lobby->guests), struct guest, node));
    wsp_timer_stop(lobby->config.loop, &lobby->pause);
    wsp_watch_remove(&lobby->watch);
    if (lobby->listener >= 0)
        close(lobby->listener);
    free(lobby);
}

void wsp_lobby_abandon(struct wsp_lobby *lobby)
{
    WSP_LIST_EACH(node, &lobby->guests)
    {
        struct guest *guest = WSP_CONTAINER(node, struct guest, node);
        if (guest->channel)
            wsp_channel_abandon(guest->channel);
    }
    close(lobby->listener);
    lobby->listener = -1;
}
