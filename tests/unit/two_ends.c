/* SPDX-License-Identifier: BSD-3-Clause */
#include "two_ends.h"

#include "unit.h"

#include <string.h>

struct party parties[2];
uint64_t now;
uint8_t data[80000], buffer[80000];

static void on_arrived(void *user, struct wsp_rx *rx, const struct wsp_envelope *envelope)
{
    struct party *p = user;
    p->arrived = rx;
    p->n_arrived++;
}

static void on_landed(void *user, void *rx_user, uint64_t length, wsp_err err)
{
    struct party *p = user;
    p->n_landed++;
    p->landed_err = err;
}

static void on_sent(void *user, void *tx_user, wsp_err err)
{
    struct party *p = user;
    p->n_sent++;
    p->sent_err = err;
}

static bool on_withdraw(void *user, struct wsp_rx *rx)
{
    struct party *p = user;
    p->arrived = NULL;
    return true;
}

static void on_want_write(void *user, unsigned index)
{
    ((struct party *)user)->wants_write[index] = true;
}

static void on_want_reset(void *user, unsigned index, wsp_err why)
{
    (void)user, (void)index, (void)why;
}

static void on_want_stream(void *user, unsigned index, uint32_t generation)
{
    ((struct party *)user)->wanted[index] = generation;
}

static void on_unpin(void *user, unsigned index)
{
    (void)user, (void)index;
}

static void on_sink(void *user, unsigned index)
{
    ((struct party *)user)->n_sunk++;
}

static void on_closed(void *user)
{
    ((struct party *)user)->n_closed++;
}

static void on_lost(void *user, wsp_err err)
{
    struct party *p = user;
    p->n_lost++;
    p->lost_err = err;
}

static bool on_sample(void *user, unsigned index, struct wsp_stream_sample *sample)
{
    const struct party *p = user;
    *sample =
        (struct wsp_stream_sample){.rtt_ns = (p->near_ns ? p->near_ns : 2 * WAY_NS) + p->queue_ns,
                                   .delivered_bytes = p->delivered_bytes,
                                   .pace_bps = p->pace_bps[index],
                                   .n_sent = p->n_packets,
                                   .n_sent_again = p->n_again};
    return true;
}

static void on_hold(void *user, unsigned index, uint64_t bps)
{
    ((struct party *)user)->held_bps[index] = bps;
}

static const struct wsp_end_handler handler = {
    .arrived = on_arrived,
    .landed = on_landed,
    .sent = on_sent,
    .withdraw = on_withdraw,
    .want_write = on_want_write,
    .want_reset = on_want_reset,
    .want_stream = on_want_stream,
    .sample = on_sample,
    .hold = on_hold,
    .unpin = on_unpin,
    .sink = on_sink,
    .closed = on_closed,
    .lost = on_lost,
};

static void open_party(int id, const struct ends_options *options)
{
    struct party *p = &parties[id];
    *p = (struct party){.unexpected.limit_bytes = 1 << 20, .replay.limit_bytes = 1 << 20};
    struct wsp_end_config config = {
        .local_rank = (uint32_t)id,
        .remote_rank = (uint32_t)(1 - id),
        .streams_max = N_STREAMS,
        .streams_first = options->n_first,
        .tunes_streams = options->is_tuned,
        .tunes_pace = options->is_paced,
        .streams_guess = options->guess,
        .pair = options->machine,
        .segment_bytes = 4096,
        .credit_bytes = 16384,
        .eager_bytes = options->eager_bytes ? options->eager_bytes : 1024,
        .heartbeat_ns = 2 * WSP_NS_PER_S,
        .outage_ns = 30 * WSP_NS_PER_S,
        .connect_ns = 30 * WSP_NS_PER_S,
        .unexpected = &p->unexpected,
        .replay = &p->replay,
        .spares = &p->spares,
        .handler = &handler,
        .user = p,
    };
    ck_assert_int_eq(wsp_end_open(&config, now, &p->end), WSP_OK);
}

void ends_join(unsigned index, uint32_t generation, bool by_lower)
{
    struct wsp_stream_birth births[2];
    for (int id = 0; id < 2; id++) {
        wsp_end_describe(parties[id].end, &births[id]);
        births[id].generation = generation;
        births[id].dialled_by_lower = by_lower;
    }
    for (int id = 0; id < 2; id++)
        ck_assert_int_eq(wsp_end_stream_up(parties[id].end, index, &births[1 - id], now), WSP_OK);
}

bool ends_pull(int id, unsigned index, struct wsp_out *out)
{
    return wsp_end_pull(parties[id].end, index, now, out);
}

wsp_err ends_hand_over(int to, unsigned index, const struct wsp_out *out, bool is_damaged)
{
    struct wsp_landing landing;
    wsp_err err =
        wsp_end_header(parties[to].end, index, out->header, out->header_length, now, &landing);
    if (err)
        return err;
    if (landing.where && landing.length)
        memcpy(landing.where, out->payload, landing.length);
    if (landing.where && is_damaged)
        *(uint8_t *)landing.where ^= 1;
    return wsp_end_payload(parties[to].end, index, now);
}

bool ends_carry(int from)
{
    bool has_carried = false;
    for (unsigned i = 0; i < N_STREAMS; i++) {
        struct wsp_out out;
        while (ends_pull(from, i, &out)) {
            has_carried = true;
            ck_assert_int_eq(ends_hand_over(1 - from, i, &out, false), WSP_OK);
            wsp_end_written(parties[from].end, i, now);
        }
    }
    return has_carried;
}

void ends_settle(void)
{
    while (ends_carry(0) | ends_carry(1))
        ;
}

void ends_pass(uint64_t ns)
{
    uint64_t until = now + ns;
    while (now < until) {
        now += 50 * WSP_NS_PER_MS;
        for (int id = 0; id < 2; id++)
            wsp_end_tick(parties[id].end, now);
    }
}

struct wsp_tx *ends_send(int from, const void *bytes, uint64_t length, unsigned flags)
{
    struct wsp_envelope envelope = {.length = length};
    struct wsp_tx *tx = NULL;
    ck_assert_int_eq(wsp_end_send(parties[from].end, &envelope, bytes, flags, NULL, now, &tx),
                     WSP_OK);
    return tx;
}

void ends_open(const struct ends_options *options)
{
    now = WSP_NS_PER_S;
    open_party(0, options);
    open_party(1, options);
}

static void setup(unsigned n, bool is_tuned)
{
    ends_open(
        &(struct ends_options){.is_tuned = is_tuned, .n_first = N_STREAMS, .guess = N_STREAMS});
    for (unsigned i = 0; i < n; i++)
        ends_join(i, 1, true);
    ends_settle();
}

void ends_setup(unsigned n)
{
    setup(n, false);
}

void ends_setup_tuned(unsigned n)
{
    setup(n, true);
}

void ends_teardown(void)
{
    for (int id = 0; id < 2; id++) {
        wsp_end_free(&parties[id].end);
        ck_assert_uint_eq(parties[id].unexpected.used_bytes, 0);
        ck_assert_uint_eq(parties[id].replay.used_bytes, 0);
        wsp_spares_fini(&parties[id].spares);
    }
}
