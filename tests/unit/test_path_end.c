/* SPDX-License-Identifier: BSD-3-Clause */
/* Two ends joined by hand, frame by frame; tests/sim does the same at random. */
#include "unit.h"

#include "base/clock.h"
#include "path/end.h"

#include <string.h>

#define N_STREAMS 4
#define WAY_NS    (20 * WSP_NS_PER_MS)
#define LAG_NS    (WAY_NS + 5 * WSP_NS_PER_MS) /* an acknowledgement waits for company */

struct party {
    struct wsp_end *end;
    struct wsp_budget unexpected, replay;
    struct wsp_spares spares;
    bool wants_write[N_STREAMS];
    struct wsp_rx *arrived;
    unsigned n_arrived, n_landed, n_sent, n_lost, n_closed, n_sunk;
    wsp_err landed_err, sent_err, lost_err;
    uint32_t wanted[N_STREAMS];
    uint64_t pace_bps[N_STREAMS]; /* as the kernels tell it */
    uint64_t n_packets, n_again;  /* ... of each stream */
};

static struct party parties[2];
static uint64_t now;

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
    *sample = (struct wsp_stream_sample){.rtt_ns = 2 * WAY_NS,
                                         .pace_bps = p->pace_bps[index],
                                         .n_sent = p->n_packets,
                                         .n_sent_again = p->n_again};
    return true;
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
    .unpin = on_unpin,
    .sink = on_sink,
    .closed = on_closed,
    .lost = on_lost,
};

static bool is_tuned; /* parties, that are opened next */
static unsigned n_first = N_STREAMS, guess = N_STREAMS;
static struct wsp_pair *shared;

static void open_party(int id)
{
    struct party *p = &parties[id];
    *p = (struct party){.unexpected.limit_bytes = 1 << 20, .replay.limit_bytes = 1 << 20};
    struct wsp_end_config config = {
        .local_rank = (uint32_t)id,
        .remote_rank = (uint32_t)(1 - id),
        .streams_max = N_STREAMS,
        .streams_first = n_first,
        .tunes_streams = is_tuned,
        .streams_guess = guess,
        .pair = shared,
        .segment_bytes = 4096,
        .credit_bytes = 16384,
        .eager_bytes = 1024,
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

static void join(unsigned index, uint32_t generation, bool by_lower)
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

/* Pulls one frame from a party's stream; false if it has none. */
static bool pull(int id, unsigned index, struct wsp_out *out)
{
    if (!wsp_end_pull(parties[id].end, index, now, out))
        return false;
    return true;
}

static wsp_err hand_over(int to, unsigned index, const struct wsp_out *out, bool is_damaged)
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

/* Carries frames until neither side has any. */
static void settle(void)
{
    bool is_quiet = false;
    while (!is_quiet) {
        is_quiet = true;
        for (int id = 0; id < 2; id++)
            for (unsigned i = 0; i < N_STREAMS; i++) {
                struct wsp_out out;
                while (pull(id, i, &out)) {
                    is_quiet = false;
                    ck_assert_int_eq(hand_over(1 - id, i, &out, false), WSP_OK);
                    wsp_end_written(parties[id].end, i, now);
                }
            }
    }
}

static void pass(uint64_t ns)
{
    uint64_t until = now + ns;
    while (now < until) {
        now += 50 * WSP_NS_PER_MS;
        for (int id = 0; id < 2; id++)
            wsp_end_tick(parties[id].end, now);
    }
}

static struct wsp_tx *send(int from, const void *data, uint64_t length, unsigned flags)
{
    struct wsp_envelope envelope = {.length = length};
    struct wsp_tx *tx = NULL;
    ck_assert_int_eq(wsp_end_send(parties[from].end, &envelope, data, flags, NULL, now, &tx),
                     WSP_OK);
    return tx;
}

static void setup(void)
{
    now = WSP_NS_PER_S;
    open_party(0);
    open_party(1);
    join(0, 1, true);
    settle();
}

static void teardown(void)
{
    for (int id = 0; id < 2; id++) {
        wsp_end_free(&parties[id].end);
        ck_assert_uint_eq(parties[id].unexpected.used_bytes, 0);
        ck_assert_uint_eq(parties[id].replay.used_bytes, 0);
        wsp_spares_fini(&parties[id].spares);
    }
}

static uint8_t data[80000], buffer[80000];

START_TEST(a_small_message_is_sent_at_once_and_waits_for_its_receive)
{
    setup();
    memset(data, 7, 100);
    send(0, data, 100, 0);
    ck_assert_uint_eq(parties[0].n_sent, 1);
    memset(data, 9, 100); /* ours again */
    settle();
    ck_assert_uint_eq(parties[1].n_arrived, 1);
    wsp_end_accept(parties[1].end, parties[1].arrived, buffer, 100, NULL, now);
    ck_assert_uint_eq(parties[1].n_landed, 1);
    ck_assert_uint_eq(buffer[99], 7);
    teardown();
}
END_TEST

/* Bytes of a message of two pieces that each stream sends, the head apart. */
static void send_short(uint64_t bytes[N_STREAMS])
{
    uint64_t before[N_STREAMS];
    for (unsigned i = 0; i < N_STREAMS; i++)
        before[i] = wsp_end_stream_bytes(parties[0].end, i);
    unsigned n = parties[1].n_arrived;
    send(0, data, 8000, 0);
    settle();
    ck_assert_uint_eq(parties[1].n_arrived, n + 1);
    wsp_end_accept(parties[1].end, parties[1].arrived, buffer, sizeof buffer, NULL, now);
    settle();
    ck_assert_uint_eq(parties[1].n_landed, n + 1);
    ck_assert_mem_eq(buffer, data, 8000);
    for (unsigned i = 0; i < N_STREAMS; i++)
        bytes[i] = wsp_end_stream_bytes(parties[0].end, i) - before[i];
}

START_TEST(a_short_message_is_shared_by_what_the_kernels_tell)
{
    uint64_t bytes[N_STREAMS];
    setup();
    join(1, 1, true);
    settle();
    parties[0].pace_bps[0] = parties[0].pace_bps[1] = 1000000;
    send_short(bytes);
    ck_assert_uint_eq(bytes[0] + bytes[1], 8000);
    ck_assert_uint_ge(bytes[0], 3904);
    ck_assert_uint_ge(bytes[1], 3904);
    parties[0].pace_bps[1] = 3000000;
    send_short(bytes);
    ck_assert_uint_eq(bytes[0], 0);
    ck_assert_uint_eq(bytes[1], 8000);
    parties[0].pace_bps[0] = 9000000;
    send_short(bytes);
    ck_assert_uint_eq(bytes[0], 8000);
    teardown();
}
END_TEST

static void carry_back(void)
{
    struct wsp_out out;
    for (unsigned i = 0; i < N_STREAMS; i++)
        while (pull(1, i, &out)) {
            ck_assert_int_eq(hand_over(0, i, &out, false), WSP_OK);
            wsp_end_written(parties[1].end, i, now);
        }
}

/* Carries what party 0 has to send, in turn from its streams, but for the last n_held frames, of
 * those on one stream (-1: on any); it takes a while, what comes back does not. */
static void carry_slowly(int holder, unsigned n_held)
{
    static struct wsp_out outs[64];
    unsigned on[64], n = 0, n_before;
    do {
        n_before = n;
        for (unsigned i = 0; i < N_STREAMS; i++)
            if (pull(0, i, &outs[n])) {
                wsp_end_written(parties[0].end, i, now);
                on[n++] = i;
            }
    } while (n > n_before && n + N_STREAMS <= 64);
    now += WAY_NS;
    unsigned n_there = 0;
    for (unsigned k = 0; k < n; k++)
        n_there += holder < 0 || on[k] == (unsigned)holder;
    for (unsigned k = 0; k < n; k++) {
        bool is_there = holder < 0 || on[k] == (unsigned)holder;
        if (!is_there || n_there-- > n_held)
            ck_assert_int_eq(hand_over(1, on[k], &outs[k], false), WSP_OK);
    }
    now += LAG_NS - WAY_NS;
    carry_back();
}

static void send_slowly(int holder, unsigned n_held)
{
    send(0, data, sizeof data, 0);
    carry_slowly(-1, 0);
    wsp_end_accept(parties[1].end, parties[1].arrived, buffer, sizeof buffer, NULL, now);
    carry_back();
    carry_slowly(holder, n_held);
}

static bool is_sent_again_after(uint64_t age_ns)
{
    struct wsp_end_stats before, after;
    wsp_end_get_stats(parties[0].end, &before);
    wsp_end_tick(parties[0].end, now - LAG_NS + age_ns);
    wsp_end_get_stats(parties[0].end, &after);
    return after.segments_taken_over > before.segments_taken_over;
}

/* The last n frames of a message, of those on a stream or any, are on their way for longer than
 * they take as a rule. */
static void hold_up(int holder, unsigned n)
{
    setup();
    join(1, 1, true);
    settle();
    for (unsigned k = 0; k < 4; k++)
        send_slowly(-1, 0);
    send_slowly(holder, n);
}

START_TEST(the_few_that_are_left_are_sent_again_sooner)
{
    hold_up(1, 4);
    ck_assert(!is_sent_again_after(LAG_NS * 10 / 8));
    ck_assert(is_sent_again_after(LAG_NS * 2));
    teardown();
    hold_up(1, 1);
    ck_assert(!is_sent_again_after(LAG_NS));
    ck_assert(is_sent_again_after(LAG_NS * 10 / 8));
    teardown();
}
END_TEST

START_TEST(nothing_is_sent_again_while_all_streams_are_slow)
{
    hold_up(-1, 4);
    ck_assert(!is_sent_again_after(LAG_NS * 4));
    teardown();
}
END_TEST

static void setup_tuned(unsigned n_streams)
{
    is_tuned = true;
    setup();
    is_tuned = false;
    for (unsigned i = 1; i < n_streams; i++)
        join(i, 1, true);
    settle();
}

static bool has_payload(unsigned index, uint64_t length)
{
    struct wsp_out out;
    bool has = false;
    while (pull(0, index, &out)) {
        has = has || out.payload_length == length;
        wsp_end_written(parties[0].end, index, now);
    }
    return has;
}

/* The first of four streams is the express lane then. */
START_TEST(bulk_that_goes_again_keeps_off_the_express_lane)
{
    setup_tuned(N_STREAMS);
    for (unsigned k = 0; k < 4; k++)
        send_slowly(-1, 0);
    send_slowly(1, 4);
    ck_assert(is_sent_again_after(LAG_NS * 4));
    ck_assert(!has_payload(0, 4096));
    bool is_carried = false;
    for (unsigned i = 1; i < N_STREAMS; i++)
        is_carried = has_payload(i, 4096) || is_carried;
    ck_assert(is_carried);
    teardown();
}
END_TEST

START_TEST(a_small_message_does_not_wait_for_a_lane_that_writes_bulk_of_before)
{
    struct wsp_out out;
    setup_tuned(N_STREAMS - 1);
    send(0, data, sizeof data, 0);
    do {
        ck_assert(pull(0, 0, &out));
        if (!out.payload_length)
            wsp_end_written(parties[0].end, 0, now);
    } while (!out.payload_length); /* and that does not end */
    join(N_STREAMS - 1, 1, true);
    send(0, data, 100, 0);
    ck_assert(has_payload(1, 100));
    teardown();
}
END_TEST

/* How many segments go twice at the end of a message, of a path that repeats some of 1000 packets.
 */
static uint64_t n_hedged(uint64_t n_again)
{
    struct wsp_end_stats before, after;
    setup_tuned(N_STREAMS);
    wsp_end_hint_rtt(parties[0].end, 2 * WAY_NS, now);
    for (unsigned k = 0; k < 4; k++) {
        parties[0].n_packets += 1000;
        parties[0].n_again += n_again;
        send_slowly(-1, 0);
        wsp_end_tick(parties[0].end, now);
    }
    wsp_end_get_stats(parties[0].end, &before);
    send_slowly(-1, 0);
    wsp_end_get_stats(parties[0].end, &after);
    teardown();
    return after.segments_hedged - before.segments_hedged;
}

START_TEST(the_end_of_a_burst_goes_twice_where_packets_are_lost)
{
    ck_assert_uint_eq(n_hedged(0), 0);
    ck_assert_uint_eq(n_hedged(20), 0);
    ck_assert_uint_eq(n_hedged(300), sizeof data / 16 / 4096);
}
END_TEST

START_TEST(a_large_message_waits_for_its_match_beyond_its_credit)
{
    setup();
    memset(data, 3, sizeof data);
    send(0, data, sizeof data, 0);
    settle();
    ck_assert_uint_eq(parties[0].n_sent, 0);
    struct wsp_end_stats stats;
    wsp_end_get_stats(parties[1].end, &stats);
    ck_assert_uint_gt(stats.unexpected_bytes, 0);
    ck_assert_uint_le(stats.unexpected_bytes, 16384 * 3 / 4);
    wsp_end_accept(parties[1].end, parties[1].arrived, buffer, sizeof buffer, NULL, now);
    settle();
    pass(WSP_NS_PER_S);
    settle();
    ck_assert_uint_eq(parties[0].n_sent, 1);
    ck_assert_uint_eq(parties[1].n_landed, 1);
    ck_assert_mem_eq(data, buffer, sizeof data);
    teardown();
}
END_TEST

/* The frames of the prefix that a stream takes, head apart; they come to the other side later. */
static unsigned take_prefix(unsigned index, struct wsp_out outs[], unsigned *n_outs)
{
    unsigned n = 0;
    struct wsp_out out;
    while (pull(0, index, &out)) {
        wsp_end_written(parties[0].end, index, now);
        n += out.payload_length > 0;
        outs[(*n_outs)++] = out;
    }
    return n;
}

START_TEST(what_may_go_before_the_answer_is_spread_over_the_streams)
{
    struct wsp_out outs[16];
    unsigned n_outs = 0;
    setup();
    join(1, 1, true);
    settle();
    memset(data, 5, sizeof data);
    send(0, data, sizeof data, 0);
    /* Of four streams two are up: a quarter of the prefix is less than a segment. */
    ck_assert_uint_eq(take_prefix(0, outs, &n_outs), 1);
    ck_assert_uint_eq(outs[0].payload_length, 0); /* the head goes ahead */
    ck_assert_uint_eq(take_prefix(1, outs, &n_outs), 1);
    /* What is left holds up the messages behind it: soon asked for again. */
    ck_assert_uint_le(wsp_end_deadline(parties[0].end), now + 5 * WSP_NS_PER_MS);
    for (unsigned i = 0; i < n_outs; i++)
        ck_assert_int_eq(hand_over(1, i + 1 == n_outs, &outs[i], false), WSP_OK);
    parties[0].wants_write[1] = false;
    wsp_end_accept(parties[1].end, parties[1].arrived, buffer, sizeof buffer, NULL, now);
    carry_back();
    ck_assert(parties[0].wants_write[1]); /* for what it left before, and the rest */
    settle();
    pass(WSP_NS_PER_S);
    settle();
    ck_assert_uint_eq(parties[1].n_landed, 1);
    ck_assert_mem_eq(data, buffer, sizeof data);
    teardown();
}
END_TEST

static unsigned n_wanted(const struct party *p)
{
    unsigned n = 0;
    for (unsigned i = 0; i < N_STREAMS; i++)
        n += p->wanted[i] > 0;
    return n;
}

START_TEST(a_fresh_path_knows_the_round_trip_that_another_saw)
{
    static uint8_t large[N_STREAMS << 16];
    struct wsp_pair pair = {0};
    is_tuned = true;
    n_first = 1;
    guess = 0;
    shared = &pair;
    open_party(0);
    open_party(1);
    send(0, large, sizeof large, 0);
    ck_assert_uint_eq(n_wanted(&parties[0]), N_STREAMS); /* nobody knows it */
    wsp_end_hint_rtt(parties[0].end, 3 * WSP_NS_PER_MS / 2, now);
    send(1, large, sizeof large, 0);
    ck_assert_uint_eq(n_wanted(&parties[1]), 2);
    teardown();
    is_tuned = false;
    n_first = guess = N_STREAMS;
    shared = NULL;
}
END_TEST

START_TEST(a_damaged_payload_is_asked_for_again)
{
    setup();
    memset(data, 5, 500);
    send(0, data, 500, 0);
    struct wsp_out out;
    ck_assert(pull(0, 0, &out));
    ck_assert_int_eq(hand_over(1, 0, &out, true), WSP_OK);
    wsp_end_written(parties[0].end, 0, now);
    ck_assert_uint_eq(parties[1].n_arrived, 0);
    settle();
    ck_assert_uint_eq(parties[1].n_arrived, 1);
    struct wsp_end_stats stats;
    wsp_end_get_stats(parties[0].end, &stats);
    ck_assert_uint_eq(stats.segments_replayed, 1);
    teardown();
}
END_TEST

START_TEST(what_a_lost_stream_carried_is_sent_on_another)
{
    setup();
    join(1, 1, true);
    settle();
    send(0, data, 500, 0);
    struct wsp_out out;
    ck_assert(pull(0, 0, &out));
    wsp_end_written(parties[0].end, 0, now);
    for (int id = 0; id < 2; id++) {
        wsp_end_stream_down(parties[id].end, 0, now);
        ck_assert_uint_eq(parties[id].wanted[0], 2);
    }
    settle();
    ck_assert_uint_eq(parties[1].n_arrived, 1);
    teardown();
}
END_TEST

START_TEST(of_crossing_openings_the_lower_ranks_stays)
{
    setup();
    ck_assert(!wsp_end_would_take(parties[0].end, 0, 1, true));
    ck_assert(!wsp_end_would_take(parties[0].end, 0, 1, false));
    ck_assert(wsp_end_would_take(parties[0].end, 0, 2, false));
    join(1, 1, false);
    ck_assert(wsp_end_would_take(parties[0].end, 1, 1, true));
    wsp_end_stream_down(parties[0].end, 1, now);
    ck_assert(wsp_end_would_take(parties[0].end, 1, 1, false));
    teardown();
}
END_TEST

START_TEST(a_frame_out_of_turn_ends_the_path)
{
    setup();
    send(0, data, 500, 0);
    struct wsp_out out;
    ck_assert(pull(0, 0, &out));
    wsp_frame_rehop(out.header, out.header_length, 8, 1, 1000, 0);
    ck_assert_int_eq(hand_over(1, 0, &out, false), WSP_ERR_PROTOCOL);
    ck_assert_int_eq(parties[1].lost_err, WSP_ERR_PROTOCOL);
    teardown();
}
END_TEST

START_TEST(a_message_that_nobody_matched_can_be_taken_back)
{
    setup();
    struct wsp_tx *tx = send(0, data, sizeof data, 0);
    settle();
    wsp_end_cancel(parties[0].end, tx, now);
    settle();
    pass(WSP_NS_PER_S);
    settle();
    ck_assert_uint_eq(parties[0].n_sent, 1);
    ck_assert_int_eq(parties[0].sent_err, WSP_ERR_CANCELLED);
    ck_assert_ptr_null(parties[1].arrived);
    struct wsp_end_stats stats;
    wsp_end_get_stats(parties[1].end, &stats);
    ck_assert_uint_eq(stats.unexpected_bytes, 0);
    teardown();
}
END_TEST

START_TEST(a_silent_peer_is_given_up_also_by_a_machine_that_is_always_late)
{
    setup();
    send(0, data, 500, WSP_SEND_SYNC);
    for (unsigned i = 0; i < 200 && parties[0].n_lost == 0; i++) {
        now = wsp_end_deadline(parties[0].end) + 2 * WSP_NS_PER_S;
        wsp_end_tick(parties[0].end, now); /* late: clocks are shifted */
        now = wsp_end_deadline(parties[0].end);
        wsp_end_tick(parties[0].end, now);
        now += WSP_NS_PER_S / 2;
        wsp_end_tick(parties[0].end, now);
    }
    ck_assert_uint_eq(parties[0].n_lost, 1);
    ck_assert_int_eq(parties[0].lost_err, WSP_ERR_OUTAGE);
    ck_assert_uint_eq(parties[0].n_sent, 1);
    ck_assert_int_eq(parties[0].sent_err, WSP_ERR_OUTAGE);
    teardown();
}
END_TEST

/* Party 0 is closed, and hangs up; what party 1 told it on the first stream to end was heard. */
START_TEST(a_side_that_the_other_hung_up_on_is_closed)
{
    struct wsp_out out, last;
    setup();
    join(1, 1, true);
    settle();
    for (int id = 0; id < 2; id++)
        wsp_end_close(parties[id].end, now);
    for (int from = 0; from < 2; from++)
        for (unsigned i = 0; i < N_STREAMS; i++)
            while (pull(from, i, &out)) {
                ck_assert_int_eq(hand_over(1 - from, i, &out, false), WSP_OK);
                wsp_end_written(parties[from].end, i, now);
            }
    ck_assert(pull(0, 0, &last));
    wsp_end_written(parties[0].end, 0, now);
    ck_assert_uint_eq(parties[0].n_closed, 1);
    ck_assert_uint_eq(parties[1].n_closed, 0);
    wsp_end_stream_hung_up(parties[1].end, 1, now);
    ck_assert_int_eq(hand_over(1, 0, &last, false), WSP_OK);
    ck_assert_uint_eq(parties[1].n_closed, 0);
    wsp_end_stream_hung_up(parties[1].end, 0, now);
    ck_assert_uint_eq(parties[1].n_closed, 1);
    teardown();
}
END_TEST

START_TEST(both_sides_close_when_all_is_acknowledged)
{
    setup();
    send(0, data, 500, 0);
    settle();
    wsp_end_accept(parties[1].end, parties[1].arrived, buffer, 500, NULL, now);
    wsp_end_close(parties[0].end, now);
    wsp_end_close(parties[1].end, now);
    settle();
    pass(WSP_NS_PER_S);
    settle();
    ck_assert_uint_eq(parties[0].n_closed, 1);
    ck_assert_uint_eq(parties[1].n_closed, 1);
    ck_assert_uint_eq(parties[0].n_lost + parties[1].n_lost, 0);
    teardown();
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, a_small_message_is_sent_at_once_and_waits_for_its_receive);
    tcase_add_test(cases, a_short_message_is_shared_by_what_the_kernels_tell);
    tcase_add_test(cases, the_few_that_are_left_are_sent_again_sooner);
    tcase_add_test(cases, nothing_is_sent_again_while_all_streams_are_slow);
    tcase_add_test(cases, bulk_that_goes_again_keeps_off_the_express_lane);
    tcase_add_test(cases, a_small_message_does_not_wait_for_a_lane_that_writes_bulk_of_before);
    tcase_add_test(cases, the_end_of_a_burst_goes_twice_where_packets_are_lost);
    tcase_add_test(cases, a_large_message_waits_for_its_match_beyond_its_credit);
    tcase_add_test(cases, what_may_go_before_the_answer_is_spread_over_the_streams);
    tcase_add_test(cases, a_fresh_path_knows_the_round_trip_that_another_saw);
    tcase_add_test(cases, a_damaged_payload_is_asked_for_again);
    tcase_add_test(cases, what_a_lost_stream_carried_is_sent_on_another);
    tcase_add_test(cases, of_crossing_openings_the_lower_ranks_stays);
    tcase_add_test(cases, a_frame_out_of_turn_ends_the_path);
    tcase_add_test(cases, a_message_that_nobody_matched_can_be_taken_back);
    tcase_add_test(cases, a_silent_peer_is_given_up_also_by_a_machine_that_is_always_late);
    tcase_add_test(cases, a_side_that_the_other_hung_up_on_is_closed);
    tcase_add_test(cases, both_sides_close_when_all_is_acknowledged);
}
