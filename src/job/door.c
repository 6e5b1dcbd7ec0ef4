/* SPDX-License-Identifier: BSD-3-Clause */
#include "job/door.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "net/tcp.h"

#include <stdlib.h>
#include <unistd.h>

#define N_GUESTS_MAX   64                  /* at once, before they prove the key */
#define GUEST_TIME_NS  (10 * WSP_NS_PER_S) /* to prove it */
#define PAUSE_NS       (WSP_NS_PER_S / 4)  /* without accepting, when descriptors have run out */
#define N_WARNINGS_MAX 3

struct guest {
    struct wsp_door *door;
    struct wsp_channel *channel;
    struct wsp_timer timer;
    struct wsp_node node; /* in door->guests, oldest first */
};

struct wsp_door {
    struct wsp_channel_config config;
    int listener;
    struct wsp_watch *watch;
    struct wsp_timer pause;
    struct wsp_list guests;
    unsigned n_guests;
    unsigned n_warnings;
    void (*proven)(void *user, struct wsp_channel *channel);
    void *user;
};

/* Forgets a guest; the channel is closed unless it was handed over. */
static void dismiss(struct guest *guest)
{
    struct wsp_door *door = guest->door;
    wsp_timer_stop(door->config.loop, &guest->timer);
    wsp_node_remove(&guest->node);
    door->n_guests--;
    wsp_channel_close(&guest->channel);
    free(guest);
}

static void on_opened(void *user, struct wsp_channel *channel)
{
    struct guest *guest = user;
    struct wsp_door *door = guest->door;
    guest->channel = NULL;
    dismiss(guest);
    door->proven(door->user, channel);
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
    if (err == WSP_ERR_UNTRUSTED && guest->door->n_warnings++ < N_WARNINGS_MAX)
        wsp_info("a connection did not prove the job key and was refused");
    dismiss(guest);
}

static const struct wsp_channel_handler guest_handler = {on_opened, on_message, on_ended};

static void on_guest_time(void *user, uint64_t now_ns)
{
    (void)now_ns;
    dismiss(user);
}

static void receive_guest(struct wsp_door *door, int fd)
{
    if (door->n_guests >= N_GUESTS_MAX)
        dismiss(WSP_CONTAINER(wsp_list_first(&door->guests), struct guest, node));
    struct guest *guest = calloc(1, sizeof *guest);
    if (!guest) {
        close(fd);
        return;
    }
    struct wsp_channel_config config = door->config;
    config.handler = &guest_handler;
    config.user = guest;
    guest->door = door;
    guest->timer = (struct wsp_timer){.fn = on_guest_time, .user = guest};
    wsp_list_push_back(&door->guests, &guest->node);
    door->n_guests++;
    if (wsp_channel_accept(&config, fd, &guest->channel) ||
        wsp_timer_set(config.loop, &guest->timer, wsp_clock_now_ns() + GUEST_TIME_NS))
        dismiss(guest);
}

static void on_pause_over(void *user, uint64_t now_ns)
{
    struct wsp_door *door = user;
    (void)now_ns;
    wsp_watch_set(door->watch, WSP_READABLE);
}

static void on_knock(void *user, unsigned events)
{
    struct wsp_door *door = user;
    wsp_err err = WSP_OK;
    (void)events;
    for (int fd; !(err = wsp_tcp_accept(door->listener, &fd, NULL));)
        receive_guest(door, fd);
    if (err == WSP_ERR_AGAIN)
        return;
    if (!wsp_timer_set(door->config.loop, &door->pause, wsp_clock_now_ns() + PAUSE_NS))
        wsp_watch_set(door->watch, 0);
}

wsp_err wsp_door_open(const struct wsp_channel_config *config, int listener,
                      void (*proven)(void *, struct wsp_channel *), void *user,
                      struct wsp_door **out)
{
    struct wsp_door *door = calloc(1, sizeof *door);
    wsp_err err = door ? WSP_OK : WSP_ERR_NO_MEMORY;
    if (door) {
        *door = (struct wsp_door){
            .config = *config, .listener = listener, .proven = proven, .user = user};
        door->pause = (struct wsp_timer){.fn = on_pause_over, .user = door};
        wsp_list_init(&door->guests);
        err = wsp_loop_watch(config->loop, listener, WSP_READABLE, on_knock, door, &door->watch);
    }
    if (err) {
        close(listener);
        free(door);
        return err;
    }
    *out = door;
    return WSP_OK;
}

void wsp_door_close(struct wsp_door **at)
{
    struct wsp_door *door = *at;
    *at = NULL;
    if (!door)
        return;
    while (!wsp_list_is_empty(&door->guests))
        dismiss(WSP_CONTAINER(wsp_list_first(&door->guests), struct guest, node));
    wsp_timer_stop(door->config.loop, &door->pause);
    wsp_watch_remove(&door->watch);
    close(door->listener);
    free(door);
}
