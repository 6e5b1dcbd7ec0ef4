/* SPDX-License-Identifier: BSD-3-Clause */
#include "job/coordinator.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "job/channel.h"
#include "job/door.h"
#include "job/message.h"
#include "job/roster.h"
#include "net/random.h"
#include "net/tcp.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define REASON_MAX 1024
#define N_DOORS    2 /* TCP and Unix */

/* A site that lost a rank is told to end later than others: its own launcher knows better how the
 * rank ended, and gives the job its exit status. */
#define LATE_NS (2 * WSP_NS_PER_S)

/* A leader's connection. Linked in the coordinator's list from proof to end. */
struct guest {
    struct wsp_coordinator *coordinator;
    struct wsp_channel *channel;
    struct site *site; /* NULL before it introduced itself */
    struct wsp_node node;
};

struct site {
    struct wsp_coordinator_site expected; /* name is ours */
    struct guest *guest;                  /* its leader, or NULL */
    struct wsp_site_card card;
    struct wsp_endpoint *ranks;
    bool has_joined, has_left;
};

struct wsp_coordinator {
    struct wsp_loop *loop;
    struct wsp_coordinator_config config;
    struct wsp_proof_key key;
    uint64_t nonce;
    struct wsp_door *doors[N_DOORS];
    unsigned n_doors;
    struct site *sites;
    struct wsp_list guests;
    uint32_t n_joined, n_left;
    struct wsp_timer join_timer;
    struct wsp_timer late_timer; /* of the site that lost a rank */
    struct site *late_site;
    int late_code;
    uint32_t late_rank;
    char late_reason[REASON_MAX];
    bool is_together, is_over;
};

static uint32_t index_of(const struct wsp_coordinator *coordinator, const struct site *site)
{
    return site ? (uint32_t)(site - coordinator->sites) : WSP_NO_SITE;
}

static uint32_t first_rank(const struct wsp_coordinator *coordinator, uint32_t site)
{
    uint32_t rank = 0;
    for (uint32_t i = 0; i < site; i++)
        rank += coordinator->sites[i].expected.n_ranks;
    return rank;
}

/* The site of a world rank, or NULL if there is no such rank. */
static struct site *site_of(struct wsp_coordinator *coordinator, uint32_t rank)
{
    for (uint32_t i = 0; i < coordinator->config.n_sites; i++) {
        if (rank < coordinator->sites[i].expected.n_ranks)
            return &coordinator->sites[i];
        rank -= coordinator->sites[i].expected.n_ranks;
    }
    return NULL;
}

static void send_verdict(struct wsp_channel *channel, enum wsp_message_type type, uint32_t rank,
                         int code, const char *reason)
{
    struct wsp_writer writer = {0};
    if (type == WSP_MSG_ABORT)
        wsp_write_u32(&writer, (uint32_t)code);
    if (type != WSP_MSG_REFUSED)
        wsp_write_u32(&writer, rank);
    wsp_write_text(&writer, reason);
    if (!writer.has_failed)
        wsp_channel_send(channel, type, writer.bytes, writer.length);
    wsp_writer_fini(&writer);
}

static void tell(struct guest *guest, uint32_t rank, int code, const char *reason)
{
    bool is_in = guest->coordinator->is_together && guest->site;
    send_verdict(guest->channel, is_in ? WSP_MSG_ABORT : WSP_MSG_REFUSED, rank, code, reason);
}

static void on_late_time(void *user, uint64_t now_ns)
{
    struct wsp_coordinator *coordinator = user;
    (void)now_ns;
    if (coordinator->late_site->guest)
        tell(coordinator->late_site->guest, coordinator->late_rank, coordinator->late_code,
             coordinator->late_reason);
}

/* Tells everyone that the job is over (`late`, if not NULL, after a while); guests that still wait
 * for the roster are refused. */
static void tell_all(struct wsp_coordinator *coordinator, struct site *late, uint32_t rank,
                     int code, const char *reason)
{
    coordinator->is_over = true;
    wsp_timer_stop(coordinator->loop, &coordinator->join_timer);
    WSP_LIST_EACH(node, &coordinator->guests)
    {
        struct guest *guest = WSP_CONTAINER(node, struct guest, node);
        if (!late || guest->site != late)
            tell(guest, rank, code, reason);
    }
    if (!late || !late->guest)
        return;
    coordinator->late_site = late;
    coordinator->late_rank = rank;
    coordinator->late_code = code;
    snprintf(coordinator->late_reason, sizeof coordinator->late_reason, "%s", reason);
    if (wsp_timer_set(coordinator->loop, &coordinator->late_timer, wsp_clock_now_ns() + LATE_NS))
        tell(late->guest, rank, code, reason);
}

__attribute__((format(printf, 6, 7))) static void finish(struct wsp_coordinator *coordinator,
                                                         enum wsp_job_outcome outcome,
                                                         struct site *site, uint32_t rank, int code,
                                                         const char *format, ...)
{
    char reason[REASON_MAX];
    va_list args;
    if (coordinator->is_over)
        return;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    if (outcome == WSP_JOB_FINISHED)
        coordinator->is_over = true;
    else
        tell_all(coordinator, outcome == WSP_JOB_RANK_LOST ? site : NULL, rank, code, reason);
    struct wsp_job_end end = {outcome, index_of(coordinator, site), code, reason};
    coordinator->config.ended(coordinator->config.user, &end);
}

static void on_join_time(void *user, uint64_t now_ns)
{
    struct wsp_coordinator *coordinator = user;
    char missing[REASON_MAX / 2] = "";
    size_t length = 0;
    struct site *first = NULL;
    (void)now_ns;
    for (uint32_t i = 0; i < coordinator->config.n_sites; i++) {
        struct site *site = &coordinator->sites[i];
        if (site->has_joined || length >= sizeof missing - WSP_HOST_MAX)
            continue;
        length += (size_t)snprintf(missing + length, sizeof missing - length, "%s%s",
                                   first ? ", " : "", site->expected.name);
        first = first ? first : site;
    }
    finish(coordinator, WSP_JOB_NOT_TOGETHER, first, 0, 1,
           "site %s did not show up within %.0f s (WIDESPAN_JOIN_TIME)", missing,
           (double)coordinator->config.join_ns / 1e9);
}

static void forget_guest(struct guest *guest)
{
    if (guest->site)
        guest->site->guest = NULL;
    wsp_node_remove(&guest->node);
    wsp_channel_close(&guest->channel);
    free(guest);
}

static void refuse(struct guest *guest, const char *reason)
{
    wsp_warn("coordinator: a site is refused: %s", reason);
    send_verdict(guest->channel, WSP_MSG_REFUSED, 0, 0, reason);
}

static wsp_err build_roster(const struct wsp_coordinator *coordinator, uint8_t **bytes,
                            size_t *length)
{
    struct wsp_roster *roster;
    uint32_t n_sites = coordinator->config.n_sites, n_ranks = first_rank(coordinator, n_sites);
    wsp_err err = wsp_roster_new(n_sites, n_ranks, &roster);
    if (err)
        return err;
    for (uint32_t i = 0; i < n_sites; i++) {
        const struct site *site = &coordinator->sites[i];
        roster->sites[i].card = site->card;
        memcpy(roster->ranks + first_rank(coordinator, i), site->ranks,
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
        finish(coordinator, WSP_JOB_NOT_TOGETHER, NULL, 0, 1, "the coordinator failed: %s",
               wsp_err_text(err));
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
static struct site *place_of(struct wsp_coordinator *coordinator, const struct wsp_site_card *card,
                             char why[REASON_MAX])
{
    for (uint32_t i = 0; i < coordinator->config.n_sites; i++) {
        struct site *site = &coordinator->sites[i];
        if (strcmp(site->expected.name, card->name) != 0)
            continue;
        if (!site->has_joined)
            return site;
        snprintf(why, REASON_MAX, "two sites call themselves %s", card->name);
        return NULL;
    }
    snprintf(why, REASON_MAX, "the job has no site %s", card->name);
    return NULL;
}

static void take_introduction(struct guest *guest, struct wsp_reader *reader)
{
    struct wsp_coordinator *coordinator = guest->coordinator;
    struct wsp_site_card card = {0};
    char why[REASON_MAX];
    wsp_card_read(reader, &card);
    if (reader->has_failed || guest->site || coordinator->is_over) {
        refuse(guest, coordinator->is_over ? "the job is over" : "the introduction is damaged");
        return;
    }
    struct site *site = place_of(coordinator, &card, why);
    if (!site) {
        refuse(guest, why);
        return;
    }
    if (card.n_ranks != site->expected.n_ranks) {
        finish(coordinator, WSP_JOB_NOT_TOGETHER, site, 0, 1,
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

static void take_abort(struct guest *guest, struct wsp_reader *reader)
{
    struct wsp_coordinator *coordinator = guest->coordinator;
    char reason[REASON_MAX / 2];
    int code = (int)wsp_read_u32(reader);
    uint32_t rank = wsp_read_u32(reader);
    wsp_read_text(reader, reason, sizeof reason);
    struct site *site = site_of(coordinator, rank);
    if (reader->has_failed || !site)
        return;
    finish(coordinator, WSP_JOB_ABORTED, site, rank, code, "site %s, rank %u (home rank %u): %s",
           site->expected.name, rank, rank - first_rank(coordinator, index_of(coordinator, site)),
           reason);
}

static void lose_rank(struct wsp_coordinator *coordinator, uint32_t rank, const char *reason)
{
    struct site *site = site_of(coordinator, rank);
    if (!site || coordinator->is_over)
        return;
    WSP_LIST_EACH(node, &coordinator->guests)
    {
        struct guest *guest = WSP_CONTAINER(node, struct guest, node);
        if (guest->site && coordinator->is_together)
            send_verdict(guest->channel, WSP_MSG_LOST, rank, 0, reason);
    }
    finish(coordinator, WSP_JOB_RANK_LOST, site, rank, 1, "site %s, rank %u (home rank %u): %s",
           site->expected.name, rank, rank - first_rank(coordinator, index_of(coordinator, site)),
           reason);
}

static void take_leave(struct guest *guest)
{
    struct wsp_coordinator *coordinator = guest->coordinator;
    if (!guest->site || guest->site->has_left)
        return;
    guest->site->has_left = true;
    wsp_channel_send(guest->channel, WSP_MSG_LEFT, NULL, 0);
    if (++coordinator->n_left == coordinator->config.n_sites)
        finish(coordinator, WSP_JOB_FINISHED, NULL, 0, 0, "finished");
}

static void on_message(void *user, struct wsp_channel *channel, enum wsp_message_type type,
                       const uint8_t *bytes, size_t length)
{
    struct guest *guest = user;
    struct wsp_reader reader = {.at = bytes, .left = length};
    char reason[REASON_MAX / 2];
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
    struct guest *guest = user;
    struct wsp_coordinator *coordinator = guest->coordinator;
    struct site *site = guest->site;
    (void)channel;
    forget_guest(guest);
    if (!site || site->has_left || coordinator->is_over)
        return;
    if (!coordinator->is_together) {
        finish(coordinator, WSP_JOB_NOT_TOGETHER, site, 0, 1,
               "site %s: its first rank ended before all sites had come together",
               site->expected.name);
        return;
    }
    lose_rank(coordinator, first_rank(coordinator, index_of(coordinator, site)),
              err == WSP_ERR_EOF || err == WSP_ERR_RESET ? "ended without MPI_Finalize"
                                                         : wsp_err_text(err));
}

static void on_opened(void *user, struct wsp_channel *channel)
{
    (void)user, (void)channel; /* a door hands over channels that are open already */
}

static void on_proven(void *user, struct wsp_channel *channel)
{
    static const struct wsp_channel_handler handler = {on_opened, on_message, on_ended};
    struct wsp_coordinator *coordinator = user;
    struct guest *guest = calloc(1, sizeof *guest);
    if (!guest) {
        wsp_channel_close(&channel);
        return;
    }
    *guest = (struct guest){.coordinator = coordinator, .channel = channel};
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
    coordinator->late_timer = (struct wsp_timer){.fn = on_late_time, .user = coordinator};
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

static wsp_err open_door(struct wsp_coordinator *coordinator, int listener)
{
    struct wsp_channel_config config = {.loop = coordinator->loop,
                                        .key = &coordinator->key,
                                        .purpose = WSP_FOR_COORDINATOR,
                                        .nonce = coordinator->nonce,
                                        .rank = WSP_RANK_UNKNOWN,
                                        .remote_rank = WSP_RANK_UNKNOWN};
    if (coordinator->n_doors == N_DOORS) {
        close(listener);
        return WSP_ERR_BUSY;
    }
    wsp_err err = wsp_door_open(&config, listener, on_proven, coordinator,
                                &coordinator->doors[coordinator->n_doors]);
    if (!err)
        coordinator->n_doors++;
    return err;
}

wsp_err wsp_coordinator_listen(struct wsp_coordinator *coordinator, const char *ports,
                               uint16_t *port)
{
    int listener;
    wsp_err err = wsp_tcp_listen(ports, &listener, port);
    return err ? err : open_door(coordinator, listener);
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
    return open_door(coordinator, listener);
}

void wsp_coordinator_stop(struct wsp_coordinator *coordinator, int code, const char *reason)
{
    if (!coordinator->is_over)
        tell_all(coordinator, NULL, WSP_RANK_UNKNOWN, code, reason);
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
    for (unsigned i = 0; i < coordinator->n_doors; i++)
        wsp_door_close(&coordinator->doors[i]);
    while (!wsp_list_is_empty(&coordinator->guests))
        forget_guest(WSP_CONTAINER(wsp_list_first(&coordinator->guests), struct guest, node));
    wsp_timer_stop(coordinator->loop, &coordinator->join_timer);
    wsp_timer_stop(coordinator->loop, &coordinator->late_timer);
    for (uint32_t i = 0; coordinator->sites && i < coordinator->config.n_sites; i++) {
        free((char *)coordinator->sites[i].expected.name);
        free(coordinator->sites[i].ranks);
    }
    free(coordinator->sites);
    free(coordinator);
}
