/* SPDX-License-Identifier: BSD-3-Clause */
/* A message is its payload's length (u32), its type (u8) and the payload. A close from within a
 * callback only marks the channel; the outermost frame that works on it frees it. */
#include "job/channel.h"

#include "base/clock.h"
#include "base/opts.h"
#include "net/random.h"
#include "net/tcp.h"
#include "wire/bytes.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD_BYTES 5
#define READ_BYTES 16384

enum state { CONNECTING, SHAKING, OPEN, ENDED };

/* Owner: who dialled it, or the lobby that accepted it until it hands it over. */
struct wsp_channel {
    struct wsp_channel_config config;
    enum state state;
    int fd;
    struct wsp_watch *watch;
    struct wsp_handshake handshake;
    struct wsp_writer in, out;
    size_t n_written; /* of out */
    unsigned n_busy;  /* frames of ours on the stack that work on it */
    bool is_closed;
};

static void leave(struct wsp_channel *channel)
{
    if (--channel->n_busy > 0 || !channel->is_closed)
        return;
    wsp_writer_fini(&channel->in);
    wsp_writer_fini(&channel->out);
    free(channel);
}

static void end(struct wsp_channel *channel, wsp_err err)
{
    if (channel->state == ENDED)
        return;
    channel->state = ENDED;
    wsp_watch_remove(&channel->watch);
    close(channel->fd);
    channel->fd = -1;
    if (!channel->is_closed)
        channel->config.handler->ended(channel->config.user, channel, err);
}

static void watch_more(struct wsp_channel *channel)
{
    const uint8_t *bytes;
    bool has_output = channel->state == CONNECTING || channel->out.length > 0 ||
                      wsp_handshake_output(&channel->handshake, &bytes) > 0;
    if (channel->watch)
        wsp_watch_set(channel->watch, WSP_READABLE | (has_output ? WSP_WRITABLE : 0));
}

/* Writes bytes; WSP_ERR_AGAIN is no error here. */
static wsp_err write_some(struct wsp_channel *channel, const uint8_t *bytes, size_t length,
                          size_t *n_written)
{
    *n_written = 0;
    while (*n_written < length) {
        size_t n;
        struct iovec part = {(void *)(bytes + *n_written), length - *n_written};
        wsp_err err = wsp_tcp_writev(channel->fd, &part, 1, &n);
        if (err)
            return err == WSP_ERR_AGAIN ? WSP_OK : err;
        *n_written += n;
    }
    return WSP_OK;
}

static wsp_err flush(struct wsp_channel *channel)
{
    const uint8_t *bytes;
    size_t n, length = wsp_handshake_output(&channel->handshake, &bytes);
    if (length > 0) {
        wsp_err err = write_some(channel, bytes, length, &n);
        wsp_handshake_wrote(&channel->handshake, n);
        if (err || n < length)
            return err;
    }
    if (channel->out.length == 0)
        return WSP_OK;
    wsp_err err = write_some(channel, channel->out.bytes + channel->n_written,
                             channel->out.length - channel->n_written, &n);
    channel->n_written += n;
    if (channel->n_written == channel->out.length)
        channel->n_written = channel->out.length = 0;
    return err;
}

static wsp_err decide(struct wsp_channel *channel)
{
    const struct wsp_hello *hello = wsp_handshake_hello(&channel->handshake);
    struct wsp_answer answer = {.nonce = channel->config.nonce, .n_streams = 1};
    if (hello->purpose != channel->config.purpose)
        wsp_handshake_refuse(&channel->handshake, WSP_REFUSAL_UNTRUSTED);
    else if (hello->dst_nonce != 0 && hello->dst_nonce != channel->config.nonce)
        wsp_handshake_refuse(&channel->handshake, WSP_REFUSAL_GONE);
    else {
        wsp_err err = wsp_random_fill(answer.random, sizeof answer.random);
        if (err)
            return err;
        channel->config.remote_rank = hello->src_rank;
        wsp_handshake_grant(&channel->handshake, &answer);
    }
    return WSP_OK;
}

/* Feeds the handshake; what is behind it are the first messages. */
static wsp_err shake(struct wsp_channel *channel, const uint8_t *bytes, size_t length)
{
    size_t n_taken = 0;
    for (size_t n = 1; n > 0 && n_taken < length; n_taken += n) {
        n = wsp_handshake_feed(&channel->handshake, bytes + n_taken, length - n_taken);
        if (channel->handshake.state == WSP_HANDSHAKE_DECIDE) {
            wsp_err err = decide(channel);
            if (err)
                return err;
        }
    }
    wsp_write_bytes(&channel->in, bytes + n_taken, length - n_taken);
    return channel->in.has_failed ? WSP_ERR_NO_MEMORY : WSP_OK;
}

static wsp_err check_shake(struct wsp_channel *channel)
{
    wsp_err err = flush(channel);
    if (channel->handshake.state == WSP_HANDSHAKE_FAILED)
        return wsp_handshake_error(&channel->handshake);
    if (err || channel->handshake.state != WSP_HANDSHAKE_DONE)
        return err;
    channel->state = OPEN;
    channel->config.handler->opened(channel->config.user, channel);
    return WSP_OK;
}

/* Hands out the whole messages that stand in `in`. */
static wsp_err hand_out(struct wsp_channel *channel)
{
    size_t at = 0;
    while (channel->state == OPEN && !channel->is_closed && channel->in.length - at >= HEAD_BYTES) {
        const uint8_t *head = channel->in.bytes + at;
        uint32_t length = wsp_get_u32(head);
        if (length > WSP_MSG_MAX_BYTES)
            return WSP_ERR_PROTOCOL;
        if (channel->in.length - at - HEAD_BYTES < length)
            break;
        at += HEAD_BYTES + length;
        channel->config.handler->message(channel->config.user, channel,
                                         (enum wsp_message_type)head[4], head + HEAD_BYTES, length);
    }
    if (at > 0) {
        memmove(channel->in.bytes, channel->in.bytes + at, channel->in.length - at);
        channel->in.length -= at;
    }
    return WSP_OK;
}

/* One read and what follows from it. */
static wsp_err take_in(struct wsp_channel *channel)
{
    uint8_t bytes[READ_BYTES];
    size_t n;
    wsp_err err = wsp_tcp_read(channel->fd, bytes, sizeof bytes, &n);
    if (err)
        return err;
    if (channel->state == SHAKING) {
        err = shake(channel, bytes, n);
        if (!err)
            err = check_shake(channel);
        if (err || channel->is_closed)
            return err;
    } else {
        wsp_write_bytes(&channel->in, bytes, n);
        if (channel->in.has_failed)
            return WSP_ERR_NO_MEMORY;
    }
    return hand_out(channel);
}

static void on_event(void *user, unsigned events)
{
    struct wsp_channel *channel = user;
    wsp_err err = WSP_OK;
    channel->n_busy++;
    if (channel->state == CONNECTING) {
        err = wsp_tcp_dialled(channel->fd);
        if (!err)
            channel->state = SHAKING;
    }
    if (!err && events & WSP_WRITABLE)
        err = flush(channel);
    if (!err && events & WSP_READABLE)
        err = take_in(channel);
    if (err && err != WSP_ERR_AGAIN)
        end(channel, err);
    else
        watch_more(channel);
    leave(channel);
}

/* The kernel watches over connections that carry nothing for hours: it needs no thread that runs,
 * so a stopped process is not taken for a dead machine. */
static void keep_alive(int fd)
{
    if (wsp_opt_number(WSP_OPT_HOLD_TIMERS))
        return;
    int on = 1, probes = 5, dead_ms = (int)(wsp_opt_number(WSP_OPT_OUTAGE) / WSP_NS_PER_MS);
    int idle_s = dead_ms / 2000 > 0 ? dead_ms / 2000 : 1;
    int interval_s = dead_ms / (2000 * probes) > 0 ? dead_ms / (2000 * probes) : 1;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof dead_ms);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static wsp_err begin(const struct wsp_channel_config *config, int fd, enum state state,
                     struct wsp_channel **out)
{
    struct wsp_channel *channel = calloc(1, sizeof *channel);
    if (!channel) {
        close(fd);
        return WSP_ERR_NO_MEMORY;
    }
    *channel = (struct wsp_channel){.config = *config, .fd = fd, .state = state};
    keep_alive(fd);
    wsp_err err =
        wsp_loop_watch(config->loop, fd, WSP_READABLE | (state == CONNECTING ? WSP_WRITABLE : 0),
                       on_event, channel, &channel->watch);
    if (err) {
        close(fd);
        free(channel);
        return err;
    }
    *out = channel;
    return WSP_OK;
}

wsp_err wsp_channel_dial(const struct wsp_channel_config *config, int fd, struct wsp_channel **out)
{
    struct wsp_hello hello = {.purpose = config->purpose,
                              .version_min = WSP_HANDSHAKE_VERSION,
                              .version_max = WSP_HANDSHAKE_VERSION,
                              .src_rank = config->rank,
                              .dst_rank = config->remote_rank,
                              .src_nonce = config->nonce,
                              .dst_nonce = config->remote_nonce,
                              .n_streams = 1};
    struct wsp_channel *channel;
    wsp_err err = begin(config, fd, CONNECTING, &channel);
    if (err)
        return err;
    err = wsp_random_fill(hello.random, sizeof hello.random);
    if (!err)
        err = wsp_handshake_dial(&channel->handshake, config->key, &hello);
    if (err)
        wsp_channel_close(&channel);
    else
        *out = channel;
    return err;
}

wsp_err wsp_channel_accept(const struct wsp_channel_config *config, int fd,
                           struct wsp_channel **out)
{
    struct wsp_channel *channel;
    wsp_err err = begin(config, fd, SHAKING, &channel);
    if (err)
        return err;
    wsp_handshake_accept(&channel->handshake, config->key);
    *out = channel;
    return WSP_OK;
}

void wsp_channel_set_handler(struct wsp_channel *channel, const struct wsp_channel_handler *handler,
                             void *user)
{
    channel->config.handler = handler;
    channel->config.user = user;
}

void wsp_channel_unwatch(struct wsp_channel *channel)
{
    wsp_watch_remove(&channel->watch);
}

wsp_err wsp_channel_watch(struct wsp_channel *channel, struct wsp_loop *loop)
{
    wsp_err err =
        wsp_loop_watch(loop, channel->fd, WSP_READABLE, on_event, channel, &channel->watch);
    if (err)
        return err;
    channel->config.loop = loop;
    watch_more(channel);
    return WSP_OK;
}

uint32_t wsp_channel_remote_rank(const struct wsp_channel *channel)
{
    return channel->config.remote_rank;
}

void wsp_channel_send(struct wsp_channel *channel, enum wsp_message_type type, const void *bytes,
                      size_t length)
{
    if (channel->state != OPEN || channel->is_closed)
        return;
    wsp_write_u32(&channel->out, (uint32_t)length);
    wsp_write_u8(&channel->out, (uint8_t)type);
    wsp_write_bytes(&channel->out, bytes, length);
    if (channel->out.has_failed || flush(channel))
        shutdown(channel->fd, SHUT_RDWR); /* the loop will find it ended: no callback from here */
    else
        watch_more(channel);
}

size_t wsp_channel_unsent(const struct wsp_channel *channel)
{
    return channel->state == OPEN ? channel->out.length - channel->n_written : 0;
}

bool wsp_channel_local_host(const struct wsp_channel *channel, char *host, size_t size)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    return channel->fd >= 0 &&
           getsockname(channel->fd, (struct sockaddr *)&address, &length) == 0 &&
           (address.ss_family == AF_INET || address.ss_family == AF_INET6) &&
           getnameinfo((struct sockaddr *)&address, length, host, (socklen_t)size, NULL, 0,
                       NI_NUMERICHOST) == 0;
}

void wsp_channel_abandon(struct wsp_channel *channel)
{
    if (channel->fd >= 0)
        close(channel->fd);
    channel->fd = -1;
    channel->state = ENDED;
}

void wsp_channel_close(struct wsp_channel **at)
{
    struct wsp_channel *channel = *at;
    *at = NULL;
    if (!channel || channel->is_closed)
        return;
    channel->is_closed = true;
    channel->n_busy++;
    end(channel, WSP_ERR_CLOSED);
    leave(channel);
}
