/* SPDX-License-Identifier: BSD-3-Clause */
/* The liveness tree: coordinator, one leader per site, the site's ranks. A connection that ends
 * without a goodbye is a death; aborts and losses travel up to the coordinator and from it down to
 * everyone. Handlers run under the link's lock in whichever thread drives its sockets. */
#include "job/liveness.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/opts.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REASON_MAX 1024
#define OPEN_NS    (5 * WSP_NS_PER_S)  /* for one address of the leader to answer */
#define ABORT_NS   (1 * WSP_NS_PER_S)  /* for an abort to come back from above */
#define LEAVE_NS   (2 * WSP_NS_PER_S)  /* for a goodbye to be taken */
#define LATE_NS    (2 * WSP_NS_PER_S)  /* for the launcher to see the death of the leader first */
#define STEP_NS    (WSP_NS_PER_S / 20) /* at most between two looks */
#define ATTACH_NS  (30 * WSP_NS_PER_S) /* for a leader that is there, but turns callers away */
#define RETRY_MS   200

/* A rank of the leader's site. */
struct child {
    struct wsp_session *session;
    struct wsp_channel *channel;
    uint32_t world_rank;
    bool has_left;
    struct wsp_node node;
};

static void send_abort(struct wsp_channel *channel, int code, uint32_t rank, const char *reason)
{
    struct wsp_writer writer = {0};
    wsp_write_u32(&writer, (uint32_t)code);
    wsp_write_u32(&writer, rank);
    wsp_write_text(&writer, reason);
    if (!writer.has_failed)
        wsp_channel_send(channel, WSP_MSG_ABORT, writer.bytes, writer.length);
    wsp_writer_fini(&writer);
}

static void send_lost(struct wsp_channel *channel, uint32_t rank, const char *reason)
{
    struct wsp_writer writer = {0};
    wsp_write_u32(&writer, rank);
    wsp_write_text(&writer, reason);
    if (!writer.has_failed)
        wsp_channel_send(channel, WSP_MSG_LOST, writer.bytes, writer.length);
    wsp_writer_fini(&writer);
}

/* The job is over: tells the ranks below, then this process. */
static void end_job(struct wsp_session *session, int code, uint32_t rank, const char *reason)
{
    if (session->is_over)
        return;
    session->is_over = true;
    WSP_LIST_EACH(node, &session->children)
    send_abort(WSP_CONTAINER(node, struct child, node)->channel, code, rank, reason);
    if (session->is_aborting)
        session->was_echoed = true;
    else if (!session->is_leaving)
        session->handler->aborted(session->user, code, reason);
}

/* A rank of this site is gone. The coordinator decides what becomes of the job; without it the
 * site decides for itself. */
static void lose_rank(struct wsp_session *session, uint32_t rank, const char *reason)
{
    char text[REASON_MAX];
    if (session->is_over)
        return;
    if (session->is_leader && session->up) {
        send_lost(session->up, rank, reason);
        return;
    }
    snprintf(text, sizeof text, "site %s, rank %u (home rank %u): %s", session->site, rank,
             rank - session->first_rank, reason);
    session->handler->rank_lost(session->user, rank, text);
    end_job(session, 1, rank, text);
}

static void forget_child(struct child *child)
{
    wsp_node_remove(&child->node);
    wsp_channel_close(&child->channel);
    free(child);
}

static void on_child_message(void *user, struct wsp_channel *channel, enum wsp_message_type type,
                             const uint8_t *bytes, size_t length)
{
    struct child *child = user;
    struct wsp_session *session = child->session;
    struct wsp_reader reader = {.at = bytes, .left = length};
    char reason[REASON_MAX / 2];
    if (type == WSP_MSG_LEAVE && !child->has_left) {
        child->has_left = true;
        session->n_children_left++;
        wsp_channel_send(channel, WSP_MSG_LEFT, NULL, 0);
    } else if (type == WSP_MSG_ABORT) {
        int code = (int)wsp_read_u32(&reader);
        uint32_t rank = wsp_read_u32(&reader);
        wsp_read_text(&reader, reason, sizeof reason);
        if (reader.has_failed)
            return;
        if (session->up)
            wsp_channel_send(session->up, WSP_MSG_ABORT, bytes, length);
        end_job(session, code, rank, reason);
    }
}

static void on_child_ended(void *user, struct wsp_channel *channel, wsp_err err)
{
    struct child *child = user;
    struct wsp_session *session = child->session;
    uint32_t rank = child->world_rank;
    bool has_left = child->has_left;
    (void)channel;
    forget_child(child);
    if (!has_left && !session->has_left)
        lose_rank(session, rank,
                  err == WSP_ERR_EOF || err == WSP_ERR_RESET ? "ended without MPI_Finalize"
                                                             : wsp_err_text(err));
}

static void on_child_opened(void *user, struct wsp_channel *channel)
{
    (void)user, (void)channel; /* the lobby hands over channels that are open already */
}

static bool is_expected_child(const struct wsp_session *session, uint32_t rank)
{
    if (rank <= session->first_rank || rank - session->first_rank >= session->n_home)
        return false;
    for (const struct wsp_node *node = session->children.head.next; node != &session->children.head;
         node = node->next)
        if (WSP_CONTAINER(node, struct child, node)->world_rank == rank)
            return false;
    return true;
}

static void on_child(void *user, struct wsp_channel *channel)
{
    static const struct wsp_channel_handler handler = {on_child_opened, on_child_message,
                                                       on_child_ended};
    struct wsp_session *session = user;
    uint32_t rank = wsp_channel_remote_rank(channel);
    struct child *child = is_expected_child(session, rank) ? calloc(1, sizeof *child) : NULL;
    if (!child) {
        wsp_warn("liveness: a connection of rank %u is not expected here", rank);
        wsp_channel_close(&channel);
        return;
    }
    *child = (struct child){.session = session, .channel = channel, .world_rank = rank};
    wsp_list_push_back(&session->children, &child->node);
    wsp_channel_set_handler(channel, &handler, child);
}

static void take_lost(struct wsp_session *session, const uint8_t *bytes, size_t length)
{
    struct wsp_reader reader = {.at = bytes, .left = length};
    char reason[REASON_MAX];
    uint32_t rank = wsp_read_u32(&reader);
    wsp_read_text(&reader, reason, sizeof reason);
    if (reader.has_failed)
        return;
    WSP_LIST_EACH(node, &session->children)
    wsp_channel_send(WSP_CONTAINER(node, struct child, node)->channel, WSP_MSG_LOST, bytes, length);
    session->handler->rank_lost(session->user, rank, reason);
}

static void on_up_message(void *user, struct wsp_channel *channel, enum wsp_message_type type,
                          const uint8_t *bytes, size_t length)
{
    struct wsp_session *session = user;
    struct wsp_reader reader = {.at = bytes, .left = length};
    char reason[REASON_MAX];
    (void)channel;
    if (type == WSP_MSG_ABORT) {
        int code = (int)wsp_read_u32(&reader);
        uint32_t rank = wsp_read_u32(&reader);
        wsp_read_text(&reader, reason, sizeof reason);
        if (!reader.has_failed)
            end_job(session, code, rank, reason);
    } else if (type == WSP_MSG_LOST) {
        take_lost(session, bytes, length);
    } else if (type == WSP_MSG_LEFT) {
        session->has_left = true; /* also: the leader left before us, and watches no more */
    }
}

static void on_up_opened(void *user, struct wsp_channel *channel)
{
    struct wsp_session *session = user;
    (void)channel;
    session->is_up_open = true;
}

static void leader_is_lost(void *user, uint64_t now_ns)
{
    struct wsp_session *session = user;
    lose_rank(session, session->first_rank, "ended without MPI_Finalize");
}

static void on_up_ended(void *user, struct wsp_channel *channel, wsp_err err)
{
    struct wsp_session *session = user;
    bool was_open = session->is_up_open;
    wsp_channel_close(&channel);
    session->up = NULL;
    session->is_up_open = false;
    session->up_err = err;
    if (session->has_left || session->is_over || !was_open)
        return;
    if (session->is_leader) {
        wsp_warn("the coordinator is gone (%s); the job goes on without it", wsp_err_text(err));
        return;
    }
    /* Were we to end at once, the site's launcher might report our status and not the leader's. */
    session->late_timer = (struct wsp_timer){.fn = leader_is_lost, .user = session};
    if (wsp_timer_set(wsp_link_loop(session->link), &session->late_timer,
                      wsp_clock_now_ns() + LATE_NS))
        leader_is_lost(session, 0);
}

static const struct wsp_channel_handler up_handler = {on_up_opened, on_up_message, on_up_ended};

void wsp_session_free(struct wsp_session **at)
{
    struct wsp_session *session = *at;
    *at = NULL;
    if (!session)
        return;
    if (session->link)
        wsp_link_on_fork(session->link, NULL, NULL);
    while (!wsp_list_is_empty(&session->children))
        forget_child(WSP_CONTAINER(wsp_list_first(&session->children), struct child, node));
    if (session->late_timer.fn)
        wsp_timer_stop(wsp_link_loop(session->link), &session->late_timer);
    wsp_lobby_close(&session->lobby);
    if (session->listener >= 0)
        close(session->listener);
    wsp_channel_close(&session->up);
    free(session);
}

/* A forked child that held our connections open would hide our death. */
static void on_forked(void *user)
{
    struct wsp_session *session = user;
    if (session->up)
        wsp_channel_abandon(session->up);
    WSP_LIST_EACH(node, &session->children)
    wsp_channel_abandon(WSP_CONTAINER(node, struct child, node)->channel);
    if (session->lobby)
        wsp_lobby_abandon(session->lobby);
    if (session->listener >= 0)
        close(session->listener);
    session->listener = -1;
}

static wsp_err attach_leader(struct wsp_session *session)
{
    struct wsp_loop *loop = wsp_link_loop(session->link);
    struct wsp_channel_config config = {.loop = loop,
                                        .key = &session->key,
                                        .purpose = WSP_FOR_LIVENESS,
                                        .nonce = session->leader_nonce,
                                        .rank = session->world_rank,
                                        .remote_rank = WSP_RANK_UNKNOWN};
    int listener = session->listener;
    session->listener = -1;
    wsp_err err =
        wsp_lobby_open(&config, listener, session->n_home, on_child, session, &session->lobby);
    if (err || !session->up)
        return err;
    wsp_channel_set_handler(session->up, &up_handler, session);
    session->is_up_open = true;
    return wsp_channel_watch(session->up, loop);
}

static wsp_err dial_leader(struct wsp_session *session, int fd)
{
    struct wsp_channel_config config = {.loop = wsp_link_loop(session->link),
                                        .key = &session->key,
                                        .purpose = WSP_FOR_LIVENESS,
                                        .nonce = session->leader_nonce ^ session->world_rank,
                                        .remote_nonce = session->leader_nonce,
                                        .rank = session->world_rank,
                                        .remote_rank = session->first_rank,
                                        .handler = &up_handler,
                                        .user = session};
    wsp_link_lock(session->link);
    wsp_err err = wsp_channel_dial(&config, fd, &session->up);
    wsp_link_unlock(session->link);
    wsp_link_wake(session->link);
    return err;
}

enum goal { UP_OPEN_OR_GONE, ECHOED, CHILDREN_LEFT, LEFT };

static bool is_reached(const struct wsp_session *session, enum goal goal)
{
    switch (goal) {
    case UP_OPEN_OR_GONE:
        return session->is_up_open || !session->up;
    case ECHOED:
        return session->was_echoed || !session->up;
    case CHILDREN_LEFT:
        return session->is_over || session->n_children_left + 1 >= session->n_home;
    case LEFT:
        return session->has_left || session->is_over || !session->up;
    }
    return true;
}

/* Drives the link until the goal is reached or time is up. Takes the lock itself. */
static bool wait_for(struct wsp_session *session, enum goal goal, uint64_t time_ns)
{
    uint64_t until_ns = wsp_clock_now_ns() + time_ns;
    for (;;) {
        wsp_link_lock(session->link);
        bool is_done = is_reached(session, goal);
        wsp_link_unlock(session->link);
        if (is_done || wsp_clock_now_ns() >= until_ns)
            return is_done;
        wsp_link_progress(session->link, STEP_NS);
    }
}

/* Tries one address of the leader; true when the connection stands. */
static bool try_leader(struct wsp_session *session, int fd)
{
    wsp_err err = dial_leader(session, fd);
    bool is_known = !err && wait_for(session, UP_OPEN_OR_GONE, OPEN_NS);
    wsp_link_lock(session->link);
    bool is_open = session->is_up_open;
    if (err)
        session->up_err = err;
    else if (!is_known)
        session->up_err = WSP_ERR_TIMEOUT;
    if (!is_open)
        wsp_channel_close(&session->up);
    wsp_link_unlock(session->link);
    return is_open;
}

/* Tries each address of the leader once; true when a connection stands. is_there: at one of them
 * somebody hung up, or may yet answer. */
static bool try_addresses(struct wsp_session *session, const struct wsp_site_card *card,
                          bool *is_there)
{
    char hosts[sizeof card->liveness_hosts], target[sizeof hosts + 16], *rest;
    snprintf(hosts, sizeof hosts, "%s", card->liveness_hosts);
    for (char *host = strtok_r(hosts, ",", &rest); host; host = strtok_r(NULL, ",", &rest)) {
        int fd;
        snprintf(target, sizeof target, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host,
                 card->liveness_port);
        session->up_err = wsp_session_dial(target, 0, &fd);
        if (!session->up_err && try_leader(session, fd))
            return true;
        *is_there |= session->up_err == WSP_ERR_EOF || session->up_err == WSP_ERR_RESET ||
                     session->up_err == WSP_ERR_TIMEOUT;
    }
    return false;
}

/* All ranks of a site call at once: a leader that is busy, or beset by strangers, may close a
 * connection before it is proven, or be late to answer. */
static wsp_err attach_rank(struct wsp_session *session, const struct wsp_site_card *card, char *why,
                           size_t why_size)
{
    uint64_t until_ns = wsp_clock_now_ns() + ATTACH_NS;
    for (bool is_there = true; is_there && wsp_clock_now_ns() < until_ns;) {
        is_there = false;
        if (try_addresses(session, card, &is_there))
            return WSP_OK;
        if (is_there)
            poll(NULL, 0, RETRY_MS);
    }
    snprintf(why, why_size,
             "site %s, rank %u: the site's first rank cannot be reached at any of %s, port %u: %s",
             session->site, session->world_rank, card->liveness_hosts, card->liveness_port,
             wsp_err_text(session->up_err));
    return WSP_ERR_UNREACHABLE;
}

wsp_err wsp_session_attach(struct wsp_session **out, const struct wsp_job_env *env,
                           struct wsp_link *link, const struct wsp_roster *roster,
                           uint32_t world_rank, const struct wsp_session_handler *handler,
                           void *user, char *why, size_t why_size)
{
    const struct wsp_site *site = &roster->sites[wsp_roster_site_of(roster, world_rank)];
    wsp_err err = WSP_OK;
    if (!*out) {
        err = wsp_session_new(env, out);
        if (err) {
            snprintf(why, why_size, "site %s: %s", env->site, wsp_err_text(err));
            return err;
        }
    }
    struct wsp_session *session = *out;
    session->link = link;
    session->handler = handler;
    session->user = user;
    session->world_rank = world_rank;
    session->first_rank = site->first_rank;
    session->n_home = site->card.n_ranks;
    session->leader_nonce = roster->ranks[site->first_rank].nonce;
    wsp_link_lock(link);
    wsp_link_on_fork(link, on_forked, session);
    wsp_link_unlock(link);
    if (session->is_leader) {
        wsp_link_lock(link);
        err = attach_leader(session);
        wsp_link_unlock(link);
        wsp_link_wake(link);
        if (err)
            snprintf(why, why_size, "site %s: %s", env->site, wsp_err_text(err));
    } else {
        err = attach_rank(session, &site->card, why, why_size);
    }
    if (err) {
        wsp_link_lock(link);
        wsp_session_free(out);
        wsp_link_unlock(link);
    }
    return err;
}

void wsp_session_abort(struct wsp_session *session, int code, const char *reason)
{
    if (!session->link) { /* introduced, and not attached yet */
        if (session->up)
            send_abort(session->up, code, session->world_rank, reason);
        return;
    }
    wsp_link_lock(session->link);
    session->is_aborting = true;
    if (session->up)
        send_abort(session->up, code, session->world_rank, reason);
    WSP_LIST_EACH(node, &session->children)
    send_abort(WSP_CONTAINER(node, struct child, node)->channel, code, session->world_rank, reason);
    wsp_link_unlock(session->link);
    wsp_link_wake(session->link);
    wait_for(session, ECHOED, ABORT_NS);
}

void wsp_session_leave(struct wsp_session **at)
{
    struct wsp_session *session = *at;
    *at = NULL;
    if (!session)
        return;
    struct wsp_link *link = session->link;
    if (session->is_leader)
        wait_for(session, CHILDREN_LEFT, LEAVE_NS);
    wsp_link_lock(link);
    session->is_leaving = true;
    if (session->up)
        wsp_channel_send(session->up, WSP_MSG_LEAVE, NULL, 0);
    wsp_link_unlock(link);
    wsp_link_wake(link);
    wait_for(session, LEFT, LEAVE_NS);
    wsp_link_lock(link);
    WSP_LIST_EACH(node, &session->children)
    wsp_channel_send(WSP_CONTAINER(node, struct child, node)->channel, WSP_MSG_LEFT, NULL, 0);
    wsp_session_free(&session);
    wsp_link_unlock(link);
}
