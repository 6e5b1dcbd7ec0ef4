/* SPDX-License-Identifier: BSD-3-Clause */
#include "job/coordinator_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "job/message.h"
#include "net/random.h"
#include "net/tcp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

/* The site of a world rank, or NULL if there is no such rank. */
static struct wsp_coordinator_place *place_of_rank(struct wsp_coordinator *coordinator,
                                                   uint32_t rank)
{
    for (uint32_t i = 0; i < coordinator->config.n_sites; i++) {
        if (rank < coordinator->sites[i].expected.n_ranks)
            return &coordinator->sites[i];
        rank -= coordinator->sites[i].expected.n_ranks;
    }
    return NULL;
}

static void on_join_time(void *user, uint64_t now_ns)
{
    struct wsp_coordinator *coordinator = user;
    char missing[WSP_REASON_MAX / 2] = "";
    size_t length = 0;
    uint32_t n_missing = 0;
    struct wsp_coordinator_place *first = NULL;
    (void)now_ns;
    for (uint32_t i = 0; i < coordinator->config.n_sites; i++) {
        struct wsp_coordinator_place *site = &coordinator->sites[i];
        if (site->has_joined || length >= sizeof missing - WSP_HOST_MAX)
            continue;
        length += (size_t)snprintf(missing + length, sizeof missing - length, "%s%s",
                                   n_missing++ ? ", " : "", site->expected.name);
        first = first ? first : site;
    }
    wsp_coordinator_finish(coordinator, WSP_JOB_NOT_TOGETHER, first, 0, 1,
                           "site%s %s did not show up within %.0f s (WIDESPAN_JOIN_TIME)",
                           n_missing == 1 ? "" : "s", missing,
                           (double)coordinator->config.join_ns / 1e9);
}

static void forget_guest(struct wsp_coordinator_guest *guest)
{
    if (guest->site)
        guest->site->guest = NULL;
    wsp_node_remove(&guest->node);
    wsp_channel_close(&guest->channel);
    free(guest);
}

static void refuse(struct wsp_coordinator_guest *guest, const char *reason)
{
    wsp_warn("coordinator: a site is refused: %s", reason);
    wsp_coordinator_send(guest->channel, WSP_MSG_REFUSED, 0, 0, reason);
}

static wsp_err build_roster(const struct wsp_coordinator *coordinator, uint8_t **bytes,
                            size_t *length)
{
    struct wsp_roster *roster;
    uint32_t n_sites = coordinator->config.n_sites,
             n_ranks = wsp_coordinator_first_rank(coordinator, n_sites);
    wsp_err err = wsp_roster_new(n_sites, n_ranks, &roster);
    if (err)
        return err;
    for (uint32_t i = 0; i < n_sites; i++) {
        const struct wsp_coordinator_place *site = &coordinator->sites[i];
        roster->sites[i].card = site->card;
        memcpy(roster->ranks + wsp_coordinator_first_rank(coordinator, i), site->ranks,
               site->card.n_ranks * sizeof *site->ranks);
    }
    err = wsp_roster_encode(roster, bytes, length);
    wsp_roster_free(&roster);
    return err;
}

static void bring_together(struct wsp_coordinator *coordinator)
{
    uint8_t *bytes;
    size_t length;
    wsp_err err = build_roster(coordinator, &bytes, &length);
    if (err) {
        wsp_coordinator_finish(coordinator, WSP_JOB_NOT_TOGETHER, NULL, 0, 1,
                               "the coordinator failed: %s", wsp_err_text(err));
        return;
    }
    wsp_timer_stop(coordinator->loop, &coordinator->join_timer);
    coordinator->is_together = true;
    for (uint32_t i = 0; i < coordinator->config.n_sites; i++)
        if (coordinator->sites[i].guest)
            wsp_channel_send(coordinator->sites[i].guest->channel, WSP_MSG_ROSTER, bytes, length);
    free(bytes);
    if (coordinator->config.together)
        coordinator->config.together(coordinator->config.user);
}

/* The expected site that a card is for; NULL, and why, if it cannot be taken. */
static struct wsp_coordinator_place *place_of(struct wsp_coordinator *coordinator,
                                              const struct wsp_site_card *card,
                                              char why[WSP_REASON_MAX])
{
    for (uint32_t i = 0; i < coordinator->config.n_sites; i++) {
        struct wsp_coordinator_place *site = &coordinator->sites[i];
        if (strcmp(site->expected.name, card->name) != 0)
            continue;
        if (!site->has_joined)
            return site;
        snprintf(why, WSP_REASON_MAX, "two sites call themselves %s", card->name);
        return NULL;
    }
    snprintf(why, WSP_REASON_MAX, "the job has no site %s", card->name);
    return NULL;
}

static void take_introduction(struct wsp_coordinator_guest *guest, struct wsp_reader *reader)
{
    struct wsp_coordinator *coordinator = guest->coordinator;
    struct wsp_site_card card = {0};
    char why[WSP_REASON_MAX];
    wsp_card_read(reader, &card);
    if (reader->has_failed || guest->site || coordinator->is_over) {
        refuse(guest, coordinator->is_over ? "the job is over" : "the introduction is damaged");
        return;
    }
    struct wsp_coordinator_place *site = place_of(coordinator, &card, why);
    if (!site) {
        refuse(guest, why);
        return;
    }
    if (card.n_ranks != site->expected.n_ranks) {
        wsp_coordinator_finish(
            coordinator, WSP_JOB_NOT_TOGETHER, site, 0, 1,
            "site %s: the job has %u ranks there, but its launch command started %u", card.name,
            site->expected.n_ranks, card.n_ranks);
        return;
    }
    struct wsp_endpoint *ranks = calloc(card.n_ranks, sizeof *ranks);
    for (uint32_t i = 0; ranks && i < card.n_ranks; i++)
        wsp_endpoint_read(reader, &ranks[i]);
    if (!ranks || reader->has_failed) {
        free(ranks);
        refuse(guest, "the introduction is damaged");
        return;
    }
    site->card = card;
    site->ranks = ranks;
    site->guest = guest;
    site->has_joined = true;
    guest->site = site;
    wsp_info("site %s: introduced %u ranks", card.name, card.n_ranks);
    if (++coordinator->n_joined == coordinator->config.n_sites)
        bring_together(coordinator);
}

static void take_abort(struct wsp_coordinator_guest *guest, struct wsp_reader *reader)
{
    struct wsp_coordinator *coordinator = guest->coordinator;
    char reason[WSP_REASON_MAX / 2];
    int code = (int)wsp_read_u32(reader);
    uint32_t rank = wsp_read_u32(reader);
    wsp_read_text(reader, reason, sizeof reason);
    struct wsp_coordinator_place *site = place_of_rank(coordinator, rank);
    if (reader->has_failed || !site)
        return;
    wsp_coordinator_finish(
        coordinator, WSP_JOB_ABORTED, site, rank, code, "site %s, rank %u (home rank %u): %s",
        site->expected.name, rank,
        rank - wsp_coordinator_first_rank(coordinator, (uint32_t)(site - coordinator->sites)),
        reason);
}

static void lose_rank(struct wsp_coordinator *coordinator, uint32_t rank, const char *reason)
{
    struct wsp_coordinator_place *site = place_of_rank(coordinator, rank);
    if (!site || coordinator->is_over)
        return;
    WSP_LIST_EACH(node, &coordinator->guests)
    {
        struct wsp_coordinator_guest *guest =
            WSP_CONTAINER(node, struct wsp_coordinator_guest, node);
        if (guest->site && coordinator->is_together)
            wsp_coordinator_send(guest->channel, WSP_MSG_LOST, rank, 0, reason);
    }
    wsp_coordinator_finish(
        coordinator, WSP_JOB_RANK_LOST, site, rank, 1, "site %s, rank %u (home rank %u): %s",
        site->expected.name, rank,
        rank - wsp_coordinator_first_rank(coordinator, (uint32_t)(site - coordinator->sites)),
        reason);
}

static void take_leave(struct wsp_coordinator_guest *guest)
{
    struct wsp_coordinator *coordinator = guest->coordinator;
    if (!guest->site || guest->site->has_left)
        return;
    guest->site->has_left = true;
    wsp_channel_send(guest->channel, WSP_MSG_LEFT, NULL, 0);
    if (++coordinator->n_left == coordinator->config.n_sites)
        wsp_coordinator_finish(coordinator, WSP_JOB_FINISHED, NULL, 0, 0, "finished");
}

static void on_message(void *user, struct wsp_channel *channel, enum wsp_message_type type,
                       const uint8_t *bytes, size_t length)
{
    struct wsp_coordinator_guest *guest = user;
    struct wsp_reader reader = {.at = bytes, .left = length};
    char reason[WSP_REASON_MAX / 2];
    (void)channel;
    switch (type) {
    case WSP_MSG_INTRODUCE:
        take_introduction(guest, &reader);
        break;
    case WSP_MSG_ABORT:
        take_abort(guest, &reader);
        break;
    case WSP_MSG_LOST: {
        uint32_t rank = wsp_read_u32(&reader);
        wsp_read_text(&reader, reason, sizeof reason);
        if (!reader.has_failed)
            lose_rank(guest->coordinator, rank, reason);
        break;
    }
    case WSP_MSG_LEAVE:
        take_leave(guest);
        break;
    default:
        wsp_warn("coordinator: message %u makes no sense here", (unsigned)type);
    }
}

static void on_ended(void *user, struct wsp_channel *channel, wsp_err err)
{
    struct wsp_coordinator_guest *guest = user;
    struct wsp_coordinator *coordinator = guest->coordinator;
    struct wsp_coordinator_place *site = guest->site;
    (void)channel;
    forget_guest(guest);
    if (!site || site->has_left || coordinator->is_over)
        return;
    if (!coordinator->is_together) {
        wsp_coordinator_finish(coordinator, WSP_JOB_NOT_TOGETHER, site, 0, 1,
                               "site %s: its first rank ended before all sites had come together",
                               site->expected.name);
        return;
    }
    lose_rank(coordinator,
              wsp_coordinator_first_rank(coordinator, (uint32_t)(site - coordinator->sites)),
              err == WSP_ERR_EOF || err == WSP_ERR_RESET ? "ended without MPI_Finalize"
                                                         : wsp_err_text(err));
}

static void on_opened(void *user, struct wsp_channel *channel)
{
    (void)user, (void)channel; /* a lobby hands over channels that are open already */
}

static void on_proven(void *user, struct wsp_channel *channel)
{
    static const struct wsp_channel_handler handler = {on_opened, on_message, on_ended};
    struct wsp_coordinator *coordinator = user;
    struct wsp_coordinator_guest *guest = calloc(1, sizeof *guest);
    if (!guest) {
        wsp_channel_close(&channel);
        return;
    }
    *guest = (struct wsp_coordinator_guest){.coordinator = coordinator, .channel = channel};
    wsp_list_push_back(&coordinator->guests, &guest->node);
    wsp_channel_set_handler(channel, &handler, guest);
}

static wsp_err copy_sites(struct wsp_coordinator *coordinator)
{
    uint32_t n = coordinator->config.n_sites;
    coordinator->sites = calloc(n, sizeof *coordinator->sites);
    for (uint32_t i = 0; coordinator->sites && i < n; i++) {
        coordinator->sites[i].expected = coordinator->config.sites[i];
        coordinator->sites[i].expected.name = strdup(coordinator->config.sites[i].name);
        if (!coordinator->sites[i].expected.name)
            return WSP_ERR_NO_MEMORY;
    }
    return coordinator->sites ? WSP_OK : WSP_ERR_NO_MEMORY;
}

wsp_err wsp_coordinator_open(struct wsp_loop *loop, const struct wsp_coordinator_config *config,
                             struct wsp_coordinator **out)
{
    struct wsp_coordinator *coordinator = calloc(1, sizeof *coordinator);
    if (!coordinator)
        return WSP_ERR_NO_MEMORY;
    coordinator->loop = loop;
    coordinator->config = *config;
    coordinator->join_timer = (struct wsp_timer){.fn = on_join_time, .user = coordinator};
    coordinator->late_timer =
        (struct wsp_timer){.fn = wsp_coordinator_on_late_time, .user = coordinator};
    wsp_list_init(&coordinator->guests);
    wsp_err err = copy_sites(coordinator);
    if (!err)
        err = wsp_proof_key_init(&coordinator->key, config->key, config->job);
    if (!err)
        err = wsp_random_nonce(&coordinator->nonce);
    if (!err && config->join_ns != WSP_TIME_NEVER)
        err = wsp_timer_set(loop, &coordinator->join_timer, wsp_clock_now_ns() + config->join_ns);
    if (err)
        wsp_coordinator_close(&coordinator);
    else
        *out = coordinator;
    return err;
}

static wsp_err open_lobby(struct wsp_coordinator *coordinator, int listener)
{
    struct wsp_channel_config config = {.loop = coordinator->loop,
                                        .key = &coordinator->key,
                                        .purpose = WSP_FOR_COORDINATOR,
                                        .nonce = coordinator->nonce,
                                        .rank = WSP_RANK_UNKNOWN,
                                        .remote_rank = WSP_RANK_UNKNOWN};
    if (coordinator->n_lobbies == WSP_N_LOBBIES) {
        close(listener);
        return WSP_ERR_BUSY;
    }
    wsp_err err = wsp_lobby_open(&config, listener, coordinator->config.n_sites, on_proven,
                                 coordinator, &coordinator->lobbies[coordinator->n_lobbies]);
    if (!err)
        coordinator->n_lobbies++;
    return err;
}

wsp_err wsp_coordinator_listen(struct wsp_coordinator *coordinator, const char *ports,
                               uint16_t *port)
{
    int listener;
    wsp_err err = wsp_tcp_listen(ports, &listener, port);
    return err ? err : open_lobby(coordinator, listener);
}

wsp_err wsp_coordinator_listen_unix(struct wsp_coordinator *coordinator, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return WSP_ERR_INVALID;
    strcpy(address.sun_path, path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0)
        return wsp_err_of_errno(errno);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, SOMAXCONN) != 0) {
        wsp_err err = wsp_err_of_errno(errno);
        close(listener);
        return err;
    }
    return open_lobby(coordinator, listener);
}

bool wsp_coordinator_has_joined(const struct wsp_coordinator *coordinator, uint32_t site)
{
    return coordinator->sites[site].has_joined;
}

bool wsp_coordinator_has_left(const struct wsp_coordinator *coordinator, uint32_t site)
{
    return coordinator->sites[site].has_left;
}

bool wsp_coordinator_is_together(const struct wsp_coordinator *coordinator)
{
    return coordinator->is_together;
}

void wsp_coordinator_close(struct wsp_coordinator **at)
{
    struct wsp_coordinator *coordinator = *at;
    *at = NULL;
    if (!coordinator)
        return;
    for (unsigned i = 0; i < coordinator->n_lobbies; i++)
        wsp_lobby_close(&coordinator->lobbies[i]);
    while (!wsp_list_is_empty(&coordinator->guests))
        forget_guest(WSP_CONTAINER(wsp_list_first(&coordinator->guests),
                                   struct wsp_coordinator_guest, node));
    wsp_timer_stop(coordinator->loop, &coordinator->join_timer);
    wsp_timer_stop(coordinator->loop, &coordinator->late_timer);
    for (uint32_t i = 0; coordinator->sites && i < coordinator->config.n_sites; i++) {
        free((char *)coordinator->sites[i].expected.name);
        free(coordinator->sites[i].ranks);
    }
    free(coordinator->sites);
    free(coordinator);
}
