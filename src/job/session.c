/* SPDX-License-Identifier: BSD-3-Clause */
/* A site's introduction: its leader finds the coordinator, tells of the site, and waits for the
 * roster. One thread, blocking, on a loop of its own. */
#include "job/session.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/opts.h"
#include "job/jobfile.h"
#include "job/key.h"
#include "job/liveness.h"
#include "job/message.h"
#include "job/route.h"
#include "net/tcp.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define OPEN_NS     (5 * WSP_NS_PER_S) /* for one address to answer */
#define PATIENCE_NS (5 * WSP_NS_PER_S) /* beyond the join time: the coordinator knows more */
#define RETRY_MS    200                /* between rounds over all addresses */
#define N_ADDRESSES 8                  /* of one name */
#define UNIX_PREFIX "unix:"

static wsp_err fail(char *why, size_t why_size, const char *text, const char *detail)
{
    snprintf(why, why_size, text, detail);
    return WSP_ERR_CONFIG;
}

static bool copy_option(enum wsp_opt_id id, char *to, size_t size)
{
    return (size_t)snprintf(to, size, "%s", wsp_opt_text(id)) < size;
}

wsp_err wsp_job_env_load(struct wsp_job_env *env, bool *is_job, char *why, size_t why_size)
{
    static const enum wsp_opt_id needed[] = {WSP_OPT_JOB, WSP_OPT_SITE, WSP_OPT_COORDINATOR,
                                             WSP_OPT_KEY_FILE};
    unsigned n_set = 0, n_needed = sizeof needed / sizeof *needed;
    for (unsigned i = 0; i < n_needed; i++)
        n_set += wsp_opt_is_set(needed[i]);
    *is_job = n_set > 0;
    if (n_set == 0)
        return WSP_OK;
    for (unsigned i = 0; i < n_needed; i++)
        if (!wsp_opt_is_set(needed[i]))
            return fail(why, why_size, "a part of the job is described, but %s is not set",
                        wsp_opt_row(needed[i])->variable);
    *env = (struct wsp_job_env){0};
    if (!copy_option(WSP_OPT_JOB, env->job, sizeof env->job) || !wsp_site_name_is_valid(env->job))
        return fail(why, why_size, "WIDESPAN_JOB=%s cannot name a job", wsp_opt_text(WSP_OPT_JOB));
    if (!copy_option(WSP_OPT_SITE, env->site, sizeof env->site) ||
        !wsp_site_name_is_valid(env->site))
        return fail(why, why_size, "WIDESPAN_SITE=%s cannot name a site",
                    wsp_opt_text(WSP_OPT_SITE));
    if (!copy_option(WSP_OPT_COORDINATOR, env->coordinator, sizeof env->coordinator))
        return fail(why, why_size, "WIDESPAN_COORDINATOR=%s is too long",
                    wsp_opt_text(WSP_OPT_COORDINATOR));
    if (!copy_option(WSP_OPT_ADDRESS, env->address, sizeof env->address))
        return fail(why, why_size, "WIDESPAN_ADDRESS=%s is too long",
                    wsp_opt_text(WSP_OPT_ADDRESS));
    if (!*env->address)
        wsp_route_facing(env->coordinator, env->address, sizeof env->address);
    return wsp_key_read(wsp_opt_text(WSP_OPT_KEY_FILE), env->key, why, why_size);
}

wsp_err wsp_session_new(const struct wsp_job_env *env, struct wsp_session **out)
{
    struct wsp_session *session = calloc(1, sizeof *session);
    if (!session)
        return WSP_ERR_NO_MEMORY;
    session->listener = -1;
    wsp_list_init(&session->children);
    snprintf(session->site, sizeof session->site, "%s", env->site);
    wsp_err err = wsp_proof_key_init(&session->key, env->key, env->job);
    if (err) {
        free(session);
        return err;
    }
    *out = session;
    return WSP_OK;
}

static wsp_err dial_unix(const char *path, int *out)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return WSP_ERR_INVALID;
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return wsp_err_of_errno(errno);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        wsp_err err =
            errno == ENOENT || errno == ENOTSOCK ? WSP_ERR_UNREACHABLE : wsp_err_of_errno(errno);
        close(fd);
        return err;
    }
    *out = fd;
    return WSP_OK;
}

wsp_err wsp_session_dial(const char *target, size_t n, int *fd)
{
    struct wsp_address addresses[N_ADDRESSES];
    char host[256];
    uint16_t port;
    size_t n_addresses;
    if (strncmp(target, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
        return n == 0 ? dial_unix(target + strlen(UNIX_PREFIX), fd) : WSP_ERR_UNREACHABLE;
    wsp_err err = wsp_tcp_split(target, host, sizeof host, &port);
    if (!err)
        err = wsp_tcp_resolve(host, port, addresses, N_ADDRESSES, &n_addresses);
    if (err)
        return err;
    return n < n_addresses ? wsp_tcp_dial(&addresses[n], fd) : WSP_ERR_UNREACHABLE;
}

/* One introduction under way. */
struct introduction {
    struct wsp_session *session;
    struct wsp_loop *loop;
    struct wsp_writer message; /* WSP_MSG_INTRODUCE */
    uint64_t deadline_ns;
    bool is_open, is_ended;
    wsp_err err; /* why it ended */
    uint8_t *blob;
    size_t blob_length;
    char refusal[512];
};

static void on_opened(void *user, struct wsp_channel *channel)
{
    struct introduction *introduction = user;
    introduction->is_open = true;
    wsp_channel_send(channel, WSP_MSG_INTRODUCE, introduction->message.bytes,
                     introduction->message.length);
}

static void on_message(void *user, struct wsp_channel *channel, enum wsp_message_type type,
                       const uint8_t *bytes, size_t length)
{
    struct introduction *introduction = user;
    struct wsp_reader reader = {.at = bytes, .left = length};
    (void)channel;
    if (type == WSP_MSG_REFUSED || type == WSP_MSG_ABORT) {
        if (type == WSP_MSG_ABORT) {
            wsp_read_u32(&reader); /* the code and the rank: this process has not begun */
            wsp_read_u32(&reader);
        }
        wsp_read_text(&reader, introduction->refusal, sizeof introduction->refusal);
        introduction->is_ended = true;
        introduction->err = WSP_ERR_JOB;
    } else if (type == WSP_MSG_ROSTER && !introduction->blob) {
        introduction->blob = malloc(length);
        introduction->blob_length = length;
        introduction->is_ended = true;
        introduction->err = introduction->blob ? WSP_OK : WSP_ERR_NO_MEMORY;
        if (introduction->blob)
            memcpy(introduction->blob, bytes, length);
    }
}

static void on_ended(void *user, struct wsp_channel *channel, wsp_err err)
{
    struct introduction *introduction = user;
    if (!introduction->is_ended)
        introduction->err = err;
    introduction->is_ended = true;
    wsp_channel_close(&channel);
    introduction->session->up = NULL;
}

static const struct wsp_channel_handler introduction_handler = {on_opened, on_message, on_ended};

/* Runs the loop until the connection opened, ended, or time is up. */
static void drive(struct introduction *introduction, uint64_t until_ns, bool stop_when_open)
{
    for (uint64_t now = wsp_clock_now_ns(); now < until_ns; now = wsp_clock_now_ns()) {
        if (introduction->is_ended || (stop_when_open && introduction->is_open))
            return;
        wsp_loop_wait(introduction->loop, until_ns - now);
        wsp_loop_dispatch(introduction->loop);
    }
}

/* Tries one address; true if something final came of it. */
static bool try_address(struct introduction *introduction, int fd, uint64_t nonce)
{
    struct wsp_channel_config config = {.loop = introduction->loop,
                                        .key = &introduction->session->key,
                                        .purpose = WSP_FOR_COORDINATOR,
                                        .nonce = nonce,
                                        .rank = WSP_RANK_UNKNOWN,
                                        .remote_rank = WSP_RANK_UNKNOWN,
                                        .handler = &introduction_handler,
                                        .user = introduction};
    uint64_t until_ns = wsp_clock_now_ns() + OPEN_NS;
    introduction->is_ended = false;
    introduction->err = wsp_channel_dial(&config, fd, &introduction->session->up);
    if (introduction->err)
        return false;
    drive(introduction, until_ns < introduction->deadline_ns ? until_ns : introduction->deadline_ns,
          true);
    if (introduction->is_open)
        drive(introduction, introduction->deadline_ns, false);
    if (!introduction->is_ended)
        introduction->err = WSP_ERR_TIMEOUT;
    if (introduction->err)
        wsp_channel_close(&introduction->session->up);
    return introduction->is_open || introduction->err == WSP_ERR_UNTRUSTED ||
           introduction->err == WSP_ERR_VERSION;
}

/* Tries all addresses of all targets once; true if something final came of it. */
static bool try_round(struct introduction *introduction, const char *coordinator, uint64_t nonce)
{
    char targets[sizeof((struct wsp_job_env *)0)->coordinator], *rest;
    snprintf(targets, sizeof targets, "%s", coordinator);
    for (char *target = strtok_r(targets, ",", &rest); target; target = strtok_r(NULL, ",", &rest))
        for (size_t n = 0; n < N_ADDRESSES; n++) {
            int fd;
            wsp_err err = wsp_session_dial(target, n, &fd);
            if (err && n > 0)
                break; /* no more addresses: keep what the last one said */
            if (err)
                introduction->err = err;
            else if (try_address(introduction, fd, nonce))
                return true;
        }
    return false;
}

static void explain(const struct introduction *introduction, const struct wsp_job_env *env,
                    char *why, size_t why_size)
{
    wsp_err err = introduction->err;
    if (*introduction->refusal)
        snprintf(why, why_size, "%s", introduction->refusal);
    else if (err == WSP_ERR_UNTRUSTED)
        snprintf(
            why, why_size,
            "the coordinator at %s did not accept the proof of the job key: the job's name and "
            "the key must be the same for it and for site %s",
            env->coordinator, env->site);
    else if (introduction->is_open && err == WSP_ERR_TIMEOUT)
        snprintf(why, why_size,
                 "the sites of the job did not come together in time "
                 "(WIDESPAN_JOIN_TIME)");
    else if (introduction->is_open)
        snprintf(why, why_size, "the coordinator at %s ended before all sites were there: %s",
                 env->coordinator, wsp_err_text(err));
    else
        snprintf(why, why_size,
                 "site %s: the coordinator at %s cannot be reached: %s; it must run, and its "
                 "address must lead there from this site",
                 env->site, env->coordinator, wsp_err_text(err));
}

static wsp_err open_listener(struct wsp_session *session, struct wsp_site_card *card)
{
    wsp_route_own_hosts(card->liveness_hosts, sizeof card->liveness_hosts);
    return wsp_tcp_listen("0", &session->listener, &card->liveness_port);
}

static wsp_err introduce(struct introduction *introduction, const struct wsp_job_env *env,
                         uint64_t nonce)
{
    bool is_final = false;
    introduction->deadline_ns =
        wsp_clock_now_ns() + wsp_opt_number(WSP_OPT_JOIN_TIME) + PATIENCE_NS;
    wsp_err err = wsp_loop_open(&introduction->loop);
    if (err)
        return err;
    introduction->err = WSP_ERR_INVALID;
    while (!is_final && wsp_clock_now_ns() < introduction->deadline_ns) {
        is_final = try_round(introduction, env->coordinator, nonce);
        if (!is_final)
            poll(NULL, 0, RETRY_MS);
    }
    return introduction->err;
}

/* So that it can be named if it ends before it is attached. */
static void find_world_rank(struct wsp_session *session, const uint8_t *blob, size_t length)
{
    struct wsp_roster *roster;
    if (wsp_roster_decode(blob, length, &roster))
        return;
    session->world_rank = roster->sites[wsp_roster_site_named(roster, session->site)].first_rank;
    wsp_roster_free(&roster);
}

wsp_err wsp_session_introduce(const struct wsp_job_env *env, const struct wsp_site_card *card,
                              const struct wsp_endpoint *ranks, struct wsp_session **out,
                              uint8_t **blob, size_t *blob_length, char *why, size_t why_size)
{
    struct introduction introduction = {0};
    struct wsp_site_card own = *card;
    struct wsp_session *session = NULL;
    wsp_err err = wsp_session_new(env, &session);
    if (!err)
        err = open_listener(session, &own);
    if (!err) {
        wsp_card_write(&introduction.message, &own);
        for (uint32_t i = 0; i < own.n_ranks; i++)
            wsp_endpoint_write(&introduction.message, &ranks[i]);
        err = introduction.message.has_failed ? WSP_ERR_NO_MEMORY : WSP_OK;
    }
    if (err) {
        snprintf(why, why_size, "site %s: %s", env->site, wsp_err_text(err));
    } else {
        session->is_leader = true;
        introduction.session = session;
        err = introduce(&introduction, env, ranks[0].nonce);
        if (err)
            explain(&introduction, env, why, why_size);
    }
    wsp_writer_fini(&introduction.message);
    if (err) {
        free(introduction.blob);
        if (session)
            wsp_session_free(&session);
    } else {
        if (session->up)
            wsp_channel_unwatch(session->up);
        find_world_rank(session, introduction.blob, introduction.blob_length);
        *out = session;
        *blob = introduction.blob;
        *blob_length = introduction.blob_length;
    }
    wsp_loop_close(&introduction.loop);
    return err;
}
