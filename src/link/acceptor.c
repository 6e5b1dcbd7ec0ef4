/* SPDX-License-Identifier: BSD-3-Clause */
/* Those who connect: a bounded number of guests until they prove the job key. When all places are
 * taken the oldest of the least promising kind makes room; each end of a guest is counted once. */
#include "link/link_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/random.h"

#include <stdlib.h>

#define GUESTS_MAX      WSP_STREAMS_MAX /* a path may open all of its streams at once */
#define ACCEPTS_A_TURN  16
#define PATIENCE_NS     (10 * WSP_NS_PER_S)
#define REST_NS         (100 * WSP_NS_PER_MS)
#define LOG_INTERVAL_NS (10 * WSP_NS_PER_S)

static void log_strangers(struct wsp_link *link)
{
    const struct wsp_link_stats *stats = &link->stats;
    uint64_t now_ns = wsp_clock_now_ns();
    if (link->strangers_logged_ns && now_ns - link->strangers_logged_ns < LOG_INTERVAL_NS)
        return;
    link->strangers_logged_ns = now_ns;
    wsp_info("acceptor: strangers so far: %llu silent, %llu garbage, %llu wrong key, %llu evicted",
             (unsigned long long)stats->strangers_silent,
             (unsigned long long)stats->strangers_garbage,
             (unsigned long long)stats->strangers_wrong_key,
             (unsigned long long)stats->strangers_evicted);
}

/* Takes the guest out; its connection is closed unless it was handed over (fd -1). */
static void dismiss(struct wsp_guest *guest)
{
    struct wsp_link *link = guest->link;
    wsp_watch_remove(&guest->watch);
    wsp_timer_stop(link->loop, &guest->timer);
    wsp_node_remove(&guest->node);
    link->n_guests--;
    if (guest->fd >= 0)
        wsp_link_close_descriptor(link, guest->fd);
    free(guest);
}

static void turn_out(struct wsp_guest *guest, uint64_t *counter)
{
    ++*counter;
    log_strangers(guest->link);
    dismiss(guest);
}

/* One who left, or was told to after saying nothing that convinced. */
static void give_up(struct wsp_guest *guest)
{
    if (guest->handshake.hello_seen)
        dismiss(guest); /* knew the key: one of ours whose connection broke */
    else
        turn_out(guest, &guest->link->stats.strangers_silent);
}

static void flush(struct wsp_guest *guest)
{
    const uint8_t *bytes;
    size_t n, length = wsp_handshake_output(&guest->handshake, &bytes);
    struct iovec part = {(void *)bytes, length};
    if (length && wsp_tcp_writev(guest->fd, &part, 1, &n) == WSP_OK)
        wsp_handshake_wrote(&guest->handshake, n);
}

static bool is_for_us(const struct wsp_link *link, const struct wsp_hello *hello)
{
    return hello->purpose == WSP_FOR_STREAM && hello->dst_rank == link->rank &&
           hello->src_rank < link->n_ranks && hello->src_rank != link->rank;
}

static bool is_callers_door(const struct wsp_link *link, const struct wsp_hello *hello)
{
    return link->is_open_door && is_for_us(link, hello) && hello->src_rank == 1;
}

/* Who a proven HELLO is from; NULL: not one of ours, or not meant for us, or a door without a place
 * for one more. */
static struct wsp_peer *peer_of(struct wsp_link *link, const struct wsp_hello *hello)
{
    if (is_callers_door(link, hello))
        return wsp_door_place(link, hello->src_nonce);
    return is_for_us(link, hello) && !link->is_open_door ? wsp_peer_get(link, hello->src_rank)
                                                         : NULL;
}

static enum wsp_refusal judge(struct wsp_link *link, const struct wsp_hello *hello,
                              struct wsp_peer *peer)
{
    if (!peer && link->is_open_door && wsp_map_get(&link->gone_nonces, hello->src_nonce))
        return WSP_REFUSAL_GONE;
    if (!peer)
        return link->takes_new && is_callers_door(link, hello) ? WSP_REFUSAL_BUSY
                                                               : WSP_REFUSAL_UNTRUSTED;
    if ((hello->dst_nonce && hello->dst_nonce != link->nonce) ||
        (peer->nonce && hello->src_nonce != peer->nonce) || peer->is_lost)
        return WSP_REFUSAL_GONE;
    if (hello->n_streams == 0 || hello->n_streams > WSP_STREAMS_MAX ||
        hello->stream >= WSP_STREAMS_MAX)
        return WSP_REFUSAL_UNTRUSTED;
    if ((!peer->end && wsp_peer_open(peer) != WSP_OK) || !wsp_peer_grow(peer, hello->stream + 1u))
        return WSP_REFUSAL_BUSY;
    if (wsp_dial_precedes(peer->streams[hello->stream], hello->generation) ||
        !wsp_end_would_take(peer->end, hello->stream, hello->generation,
                            peer->frame_remote < peer->frame_local))
        return WSP_REFUSAL_CROSSED;
    return WSP_REFUSAL_NONE;
}

static void grant(struct wsp_guest *guest, struct wsp_peer *peer)
{
    struct wsp_link *link = guest->link;
    const struct wsp_hello *hello = wsp_handshake_hello(&guest->handshake);
    struct wsp_stream_birth mine;
    wsp_end_describe(peer->end, &mine);
    struct wsp_answer answer = {.nonce = link->nonce,
                                .n_streams = (uint16_t)mine.n_streams,
                                .generation = hello->generation,
                                .hop_epoch = hello->generation,
                                .received = mine.received,
                                .credit_epoch = mine.credit_epoch,
                                .credit_limit = mine.credit_limit};
    if (wsp_random_fill(answer.random, sizeof answer.random) != WSP_OK) {
        wsp_handshake_refuse(&guest->handshake, WSP_REFUSAL_BUSY);
        return;
    }
    peer->nonce = hello->src_nonce;
    wsp_handshake_grant(&guest->handshake, &answer);
}

static void decide(struct wsp_guest *guest)
{
    struct wsp_link *link = guest->link;
    const struct wsp_hello *hello = wsp_handshake_hello(&guest->handshake);
    struct wsp_peer *peer = peer_of(link, hello);
    enum wsp_refusal refusal = judge(link, hello, peer);
    if (refusal) {
        wsp_debug("acceptor: rank %u stream %u refused, reason %d", hello->src_rank, hello->stream,
                  refusal);
        wsp_handshake_refuse(&guest->handshake, refusal);
    } else {
        grant(guest, peer);
    }
}

/* Proven: the connection becomes the stream's. */
static void hand_over(struct wsp_guest *guest, const uint8_t *more, size_t more_length)
{
    struct wsp_link *link = guest->link;
    const struct wsp_hello *hello = wsp_handshake_hello(&guest->handshake);
    struct wsp_peer *peer = peer_of(link, hello);
    struct wsp_stream_birth birth = {.generation = hello->generation,
                                     .dialled_by_lower = hello->src_rank < hello->dst_rank,
                                     .received = hello->received,
                                     .credit_epoch = hello->credit_epoch,
                                     .credit_limit = hello->credit_limit,
                                     .n_streams = hello->n_streams};
    unsigned index = hello->stream;
    int fd = guest->fd;
    wsp_watch_remove(&guest->watch);
    guest->fd = -1;
    dismiss(guest);
    if (!peer || !peer->end) {
        wsp_link_close_descriptor(link, fd);
        return;
    }
    if (birth.dialled_by_lower)
        peer->is_dialler = false; /* of two who dialled, the lower goes on doing so */
    wsp_stream_install(peer->streams[index], fd, &birth, more, more_length);
}

static void failed(struct wsp_guest *guest)
{
    struct wsp_link_stats *stats = &guest->link->stats;
    flush(guest);
    switch (guest->handshake.stranger) {
    case WSP_STRANGER_GARBAGE:
        turn_out(guest, &stats->strangers_garbage);
        break;
    case WSP_STRANGER_WRONG_KEY:
        turn_out(guest, &stats->strangers_wrong_key);
        break;
    case WSP_STRANGER_NONE:
        dismiss(guest);
        break;
    }
}

/* Reads what there is; the guest may be gone afterwards. */
static void listen_to(struct wsp_guest *guest)
{
    uint8_t bytes[WSP_HANDSHAKE_MAX_BYTES];
    size_t n, taken = 0;
    wsp_err err = wsp_tcp_read(guest->fd, bytes, sizeof bytes, &n);
    if (err) {
        if (err != WSP_ERR_AGAIN)
            give_up(guest);
        return;
    }
    taken = wsp_handshake_feed(&guest->handshake, bytes, n);
    if (guest->handshake.state == WSP_HANDSHAKE_DECIDE) {
        decide(guest);
        flush(guest);
        taken += wsp_handshake_feed(&guest->handshake, bytes + taken, n - taken);
    }
    if (guest->handshake.state == WSP_HANDSHAKE_FAILED)
        failed(guest);
    else if (guest->handshake.state == WSP_HANDSHAKE_DONE)
        hand_over(guest, bytes + taken, n - taken);
}

static void on_ready(void *user, unsigned events)
{
    struct wsp_guest *guest = user;
    struct wsp_link *link = guest->link;
    wsp_link_enter(link);
    listen_to(guest);
    wsp_link_leave(link);
}

static void on_patience(void *user, uint64_t now_ns)
{
    struct wsp_guest *guest = user;
    struct wsp_link *link = guest->link;
    wsp_link_enter(link);
    give_up(guest);
    wsp_link_leave(link);
}

static int promise(const struct wsp_guest *guest)
{
    return guest->handshake.hello_seen ? 2 : guest->is_known;
}

/* Makes a place for one that promises this much; false if all others promise more. */
static bool make_place(struct wsp_link *link, int newcomer)
{
    struct wsp_guest *worst = NULL;
    if (link->n_guests < GUESTS_MAX)
        return true;
    WSP_LIST_EACH(node, &link->guests)
    {
        struct wsp_guest *guest = WSP_CONTAINER(node, struct wsp_guest, node);
        if (!worst || promise(guest) < promise(worst))
            worst = guest;
    }
    if (promise(worst) > newcomer)
        return false;
    turn_out(worst, &link->stats.strangers_evicted);
    return true;
}

static void welcome(struct wsp_link *link, int fd, const struct wsp_address *from)
{
    bool is_known = wsp_hosts_know(link, from);
    struct wsp_guest *guest = make_place(link, is_known) ? calloc(1, sizeof *guest) : NULL;
    if (!guest) {
        link->stats.strangers_evicted++;
        wsp_link_close_descriptor(link, fd);
        return;
    }
    guest->link = link;
    guest->fd = fd;
    guest->from = *from;
    guest->is_known = is_known;
    guest->timer = (struct wsp_timer){.fn = on_patience, .user = guest};
    wsp_handshake_accept(&guest->handshake, &link->key);
    wsp_list_push_back(&link->guests, &guest->node);
    link->n_guests++;
    if (wsp_loop_watch(link->loop, fd, WSP_READABLE, on_ready, guest, &guest->watch) != WSP_OK ||
        wsp_timer_set(link->loop, &guest->timer, wsp_clock_now_ns() + PATIENCE_NS) != WSP_OK) {
        turn_out(guest, &link->stats.strangers_evicted);
        return;
    }
    listen_to(guest); /* one of ours has mostly said its hello by now */
}

static void on_rested(void *user, uint64_t now_ns)
{
    struct wsp_link *link = user;
    wsp_watch_set(link->listener_watch, WSP_READABLE);
}

static void on_connection(void *user, unsigned events)
{
    struct wsp_link *link = user;
    wsp_link_enter(link);
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        struct wsp_address from;
        int fd;
        wsp_err err = wsp_tcp_accept(link->listener, &fd, &from);
        if (err == WSP_ERR_AGAIN)
            break;
        if (err) {
            /* Out of descriptors or memory: the connection stays in the backlog meanwhile. */
            wsp_watch_set(link->listener_watch, 0);
            if (wsp_timer_set(link->loop, &link->listener_timer, wsp_clock_now_ns() + REST_NS))
                wsp_watch_set(link->listener_watch, WSP_READABLE);
            break;
        }
        wsp_link_note_descriptor(link, fd);
        welcome(link, fd, &from);
    }
    wsp_link_leave(link);
}

wsp_err wsp_acceptor_start(struct wsp_link *link)
{
    if (link->listener < 0)
        return WSP_OK;
    link->listener_timer = (struct wsp_timer){.fn = on_rested, .user = link};
    return wsp_loop_watch(link->loop, link->listener, WSP_READABLE, on_connection, link,
                          &link->listener_watch);
}

void wsp_acceptor_stop(struct wsp_link *link)
{
    struct wsp_node *node;
    while ((node = wsp_list_first(&link->guests)))
        dismiss(WSP_CONTAINER(node, struct wsp_guest, node));
    wsp_watch_remove(&link->listener_watch);
    if (link->loop)
        wsp_timer_stop(link->loop, &link->listener_timer);
    if (link->listener >= 0)
        wsp_link_close_descriptor(link, link->listener);
    link->listener = -1;
}
