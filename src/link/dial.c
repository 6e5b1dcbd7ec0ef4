/* SPDX-License-Identifier: BSD-3-Clause */
/* Attempts to connect a stream: wait, connect, prove, hand over; begin again when it fails. Whether
 * there is still time is the end's to say: it declares the path lost, which drops the attempts. */
#include "link/emulator.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/random.h"
#include "net/sample.h"

#include <stdlib.h>
#include <string.h>

#define CONNECT_NS   (4 * WSP_NS_PER_S) /* the kernel's own timers back off for minutes */
#define PROVE_NS     (6 * WSP_NS_PER_S)
#define FIRST_WAIT   (50 * WSP_NS_PER_MS) /* after a failure; doubles */
#define LONGEST_WAIT (2 * WSP_NS_PER_S)
#define COURTESY_NS  (2 * WSP_NS_PER_S)  /* left to the side that dialled first */
#define LOOK_UP_NS   (10 * WSP_NS_PER_S) /* between two look-ups of a name that is not known */

enum stage { WAITING, CONNECTING, PROVING };

struct wsp_dial {
    struct wsp_stream *stream;
    uint32_t generation;
    enum stage stage;
    int fd; /* -1 while waiting */
    struct wsp_watch *watch;
    struct wsp_timer timer; /* the wait, or the deadline of what is under way */
    unsigned n_failures;
    struct wsp_handshake handshake;
};

static void hang_up(struct wsp_dial *dial)
{
    wsp_watch_remove(&dial->watch);
    if (dial->fd >= 0)
        wsp_link_close_descriptor(dial->stream->peer->link, dial->fd);
    dial->fd = -1;
}

void wsp_dial_drop(struct wsp_stream *stream)
{
    struct wsp_dial *dial = stream->dial;
    if (!dial)
        return;
    stream->dial = NULL;
    hang_up(dial);
    wsp_timer_stop(stream->peer->link->loop, &dial->timer);
    free(dial);
}

static bool is_by_lower(const struct wsp_peer *peer)
{
    return peer->frame_local < peer->frame_remote;
}

static void set_timer(struct wsp_dial *dial, uint64_t after_ns)
{
    struct wsp_peer *peer = dial->stream->peer;
    if (wsp_timer_set(peer->link->loop, &dial->timer, wsp_clock_now_ns() + after_ns) != WSP_OK)
        wsp_peer_declare_lost(peer, WSP_ERR_NO_MEMORY);
}

static void retry(struct wsp_dial *dial, wsp_err why)
{
    struct wsp_peer *peer = dial->stream->peer;
    uint64_t wait = FIRST_WAIT << (dial->n_failures < 6 ? dial->n_failures : 6);
    if (why == WSP_ERR_UNTRUSTED && dial->n_failures == 0 && !peer->link->is_silent)
        wsp_warn("peer %u: did not prove the job key, will try again", peer->rank);
    wsp_debug("stream %u.%u: dial failed, %s", peer->rank, dial->stream->index, wsp_err_text(why));
    hang_up(dial);
    peer->dial_err = why;
    dial->stage = WAITING;
    dial->n_failures++;
    set_timer(dial, wait < LONGEST_WAIT ? wait : LONGEST_WAIT);
}

/* After a refusal with a reason. */
static void refused(struct wsp_dial *dial, wsp_err why)
{
    struct wsp_peer *peer = dial->stream->peer;
    if (peer->is_closed)
        wsp_dial_drop(dial->stream);
    else if (why == WSP_ERR_PEER_LOST || why == WSP_ERR_VERSION)
        wsp_peer_declare_lost(peer, why);
    else
        retry(dial, why);
}

static wsp_err flush(struct wsp_dial *dial)
{
    struct iovec part = {0};
    const uint8_t *bytes;
    size_t n;
    part.iov_len = wsp_handshake_output(&dial->handshake, &bytes);
    part.iov_base = (void *)bytes;
    if (part.iov_len == 0)
        return WSP_OK;
    wsp_err err = wsp_tcp_writev(dial->fd, &part, 1, &n);
    if (err)
        return err;
    wsp_handshake_wrote(&dial->handshake, n);
    /* A new socket has room for a few hundred bytes; if not, it is a bad one. */
    return n == part.iov_len ? WSP_OK : WSP_ERR_STALLED;
}

static wsp_err say_hello(struct wsp_dial *dial)
{
    struct wsp_peer *peer = dial->stream->peer;
    struct wsp_stream_birth mine;
    wsp_end_describe(peer->end, &mine);
    struct wsp_hello hello = {.purpose = WSP_FOR_STREAM,
                              .version_min = WSP_HANDSHAKE_VERSION,
                              .version_max = WSP_HANDSHAKE_VERSION,
                              .src_rank = peer->frame_local,
                              .dst_rank = peer->frame_remote,
                              .src_nonce = peer->link->nonce,
                              .dst_nonce = peer->nonce,
                              .stream = (uint16_t)dial->stream->index,
                              .n_streams = (uint16_t)mine.n_streams,
                              .generation = dial->generation,
                              .hop_epoch = dial->generation,
                              .received = mine.received,
                              .credit_epoch = mine.credit_epoch,
                              .credit_limit = mine.credit_limit};
    wsp_err err = wsp_random_fill(hello.random, sizeof hello.random);
    if (!err)
        err = wsp_handshake_dial(&dial->handshake, &peer->link->key, &hello);
    return err ? err : flush(dial);
}

/* Both sides are proven: the connection becomes the stream's, the attempt ends. */
static void hand_over(struct wsp_dial *dial, const uint8_t *more, size_t more_length)
{
    struct wsp_stream *stream = dial->stream;
    struct wsp_peer *peer = stream->peer;
    const struct wsp_answer *answer = wsp_handshake_answer(&dial->handshake);
    struct wsp_stream_birth birth = {.generation = dial->generation,
                                     .dialled_by_lower = is_by_lower(peer),
                                     .received = answer->received,
                                     .credit_epoch = answer->credit_epoch,
                                     .credit_limit = answer->credit_limit,
                                     .n_streams = answer->n_streams};
    if (peer->nonce && answer->nonce != peer->nonce) {
        refused(dial, WSP_ERR_PEER_LOST);
        return;
    }
    peer->nonce = answer->nonce;
    wsp_watch_remove(&dial->watch);
    int fd = dial->fd;
    dial->fd = -1;
    wsp_dial_drop(stream);
    wsp_stream_install(stream, fd, &birth, more, more_length);
}

static void on_answer(struct wsp_dial *dial)
{
    uint8_t bytes[WSP_HANDSHAKE_MAX_BYTES];
    size_t n;
    wsp_err err = wsp_tcp_read(dial->fd, bytes, sizeof bytes, &n);
    if (err) {
        if (err != WSP_ERR_AGAIN)
            retry(dial, err);
        return;
    }
    size_t taken = wsp_handshake_feed(&dial->handshake, bytes, n);
    if (dial->handshake.state == WSP_HANDSHAKE_FAILED) {
        refused(dial, wsp_handshake_error(&dial->handshake));
        return;
    }
    err = flush(dial);
    if (err)
        retry(dial, err);
    else if (dial->handshake.state == WSP_HANDSHAKE_DONE)
        hand_over(dial, bytes + taken, n - taken);
}

/* What the kernel has just seen of the way: how many streams are opened depends on it. */
static void note_way(struct wsp_dial *dial)
{
    struct wsp_peer *peer = dial->stream->peer;
    struct wsp_tcp_sample sample;
    wsp_end_hint_kernel_pacing(peer->end, wsp_tcp_is_always_paced(dial->fd));
    if (!peer->link->emulator && wsp_tcp_sample(dial->fd, &sample))
        wsp_end_hint_rtt(peer->end, sample.rtt_ns, wsp_clock_now_ns());
}

static void on_connected(struct wsp_dial *dial)
{
    wsp_err err = wsp_tcp_dialled(dial->fd);
    if (err == WSP_ERR_AGAIN)
        return;
    if (!err) {
        note_way(dial);
        err = say_hello(dial);
    }
    if (err) {
        retry(dial, err);
        return;
    }
    dial->stage = PROVING;
    wsp_watch_set(dial->watch, WSP_READABLE);
    set_timer(dial, PROVE_NS);
}

static void on_ready(void *user, unsigned events)
{
    struct wsp_dial *dial = user;
    struct wsp_link *link = dial->stream->peer->link;
    wsp_link_enter(link);
    if (dial->stage == CONNECTING)
        on_connected(dial);
    else
        on_answer(dial);
    wsp_link_leave(link);
}

static wsp_err pick_address(struct wsp_dial *dial, struct wsp_address *to)
{
    struct wsp_peer *peer = dial->stream->peer;
    struct wsp_host *host = peer->host;
    if (host->n_addresses == 0) {
        /* The name was not known at the start; it may be by now. A look-up may take long, and holds
         * up all others meanwhile: one for all streams, and not often. */
        if (wsp_clock_now_ns() - host->looked_up_ns < LOOK_UP_NS)
            return WSP_ERR_UNREACHABLE;
        wsp_err err = wsp_tcp_resolve(host->name, 1, host->addresses, WSP_ADDRESSES_PER_HOST,
                                      &host->n_addresses);
        host->looked_up_ns = wsp_clock_now_ns();
        if (err)
            return err;
    }
    *to = host->addresses[dial->n_failures % host->n_addresses];
    wsp_address_set_port(to, peer->port);
    return WSP_OK;
}

static void begin(struct wsp_dial *dial)
{
    struct wsp_stream *stream = dial->stream;
    struct wsp_peer *peer = stream->peer;
    struct wsp_address to;
    if (peer->is_closed || !wsp_end_wants(peer->end, stream->index) ||
        !wsp_end_would_take(peer->end, stream->index, dial->generation, is_by_lower(peer))) {
        wsp_dial_drop(stream);
        return;
    }
    wsp_err err = pick_address(dial, &to);
    if (!err)
        err = wsp_tcp_dial(&to, &dial->fd);
    if (!err) {
        wsp_link_note_descriptor(peer->link, dial->fd);
        err =
            wsp_loop_watch(peer->link->loop, dial->fd, WSP_WRITABLE, on_ready, dial, &dial->watch);
    }
    if (err) {
        retry(dial, err);
        return;
    }
    dial->stage = CONNECTING;
    set_timer(dial, CONNECT_NS);
}

/* Keeps the count of failures, so that the host's other addresses have their turn. */
static void begin_again(struct wsp_dial *dial)
{
    hang_up(dial);
    dial->n_failures++;
    begin(dial);
}

static void on_timer(void *user, uint64_t now_ns)
{
    struct wsp_dial *dial = user;
    struct wsp_link *link = dial->stream->peer->link;
    wsp_link_enter(link);
    if (dial->stage == WAITING) {
        begin(dial);
    } else {
        dial->stream->peer->dial_err = WSP_ERR_TIMEOUT;
        begin_again(dial);
    }
    wsp_link_leave(link);
}

void wsp_dial_want(struct wsp_stream *stream, uint32_t generation)
{
    struct wsp_peer *peer = stream->peer;
    if (!peer->host || peer->is_closed || peer->is_lost)
        return;
    if (stream->dial) {
        if (stream->dial->generation >= generation)
            return;
        stream->dial->generation = generation;
        if (stream->dial->stage == PROVING)
            begin_again(stream->dial); /* the hello said the older one */
        return;
    }
    struct wsp_dial *dial = calloc(1, sizeof *dial);
    if (!dial)
        return; /* the end asks again */
    dial->stream = stream;
    dial->generation = generation;
    dial->fd = -1;
    dial->timer = (struct wsp_timer){.fn = on_timer, .user = dial};
    stream->dial = dial;
    uint64_t wait_ns = (peer->is_dialler ? 0 : COURTESY_NS) + wsp_emulator_opening_ns(peer->link);
    if (wait_ns == 0)
        begin(dial);
    else
        set_timer(dial, wait_ns);
}

bool wsp_dial_precedes(const struct wsp_stream *stream, uint32_t generation)
{
    const struct wsp_dial *dial = stream->dial;
    if (!dial || dial->stage != PROVING)
        return false;
    return dial->generation > generation ||
           (dial->generation == generation && is_by_lower(stream->peer));
}
