/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_frames [--seed N] [--count M]: random headers for the decoder, and for a live end frames
 * that are well-formed but say anything. Nothing may crash, hang or be written outside of its
 * place (best run under AddressSanitizer); an end that has enough of it fails with PROTOCOL. */
#include "base/clock.h"
#include "path/end.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_STREAMS   3
#define N_HELD      64
#define BUFFER_SIZE 5000

struct victim {
    struct wsp_end *end;
    struct wsp_budget unexpected, replay;
    struct wsp_spares spares;
    struct wsp_rx *held[N_HELD]; /* arrived and not matched */
    unsigned n_held;
    uint8_t *buffers[N_HELD];
    unsigned n_buffers;
    bool is_lost, is_closed;
    struct wsp_landing landing[N_STREAMS]; /* of the payload under way */
    bool has_landing[N_STREAMS], is_writing[N_STREAMS];
    uint64_t hop_sent[N_STREAMS];
    uint64_t segment, item;   /* the next that would be right */
    struct wsp_frame message; /* head of the latest message; offset: where its next data begins */
};

static uint64_t state;

static uint64_t draw(uint64_t below)
{
    uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return below ? z % below : z;
}

static void check(bool holds, const char *what)
{
    if (holds)
        return;
    printf("does not hold: %s\n", what);
    abort();
}

static void on_arrived(void *user, struct wsp_rx *rx, const struct wsp_envelope *envelope)
{
    struct victim *v = user;
    check(v->n_held < N_HELD, "held messages are bounded by the test");
    v->held[v->n_held++] = rx;
}

static void on_landed(void *user, void *rx_user, uint64_t length, wsp_err err)
{
    (void)user, (void)rx_user, (void)length, (void)err;
}

static void on_sent(void *user, void *tx_user, wsp_err err)
{
    (void)user, (void)tx_user, (void)err;
}

static bool on_withdraw(void *user, struct wsp_rx *rx)
{
    struct victim *v = user;
    for (unsigned i = 0; i < v->n_held; i++)
        if (v->held[i] == rx) {
            v->held[i] = v->held[--v->n_held];
            return true;
        }
    return false;
}

static void on_index(void *user, unsigned index)
{
    (void)user;
    check(index < N_STREAMS, "a stream that exists");
}

static void on_sink(void *user, unsigned index)
{
    struct victim *v = user;
    v->landing[index].where = NULL;
}

static void on_want_reset(void *user, unsigned index, wsp_err why)
{
    (void)why;
    on_index(user, index);
}

static void on_want_stream(void *user, unsigned index, uint32_t generation)
{
    (void)generation;
    on_index(user, index);
}

static void on_closed(void *user)
{
    ((struct victim *)user)->is_closed = true;
}

static void on_lost(void *user, wsp_err err)
{
    struct victim *v = user;
    check(!v->is_lost, "lost once");
    v->is_lost = true;
    v->n_held = 0;
    (void)err;
}

static const struct wsp_end_handler handler = {
    .arrived = on_arrived,
    .landed = on_landed,
    .sent = on_sent,
    .withdraw = on_withdraw,
    .want_write = on_index,
    .want_reset = on_want_reset,
    .want_stream = on_want_stream,
    .unpin = on_index,
    .sink = on_sink,
    .closed = on_closed,
    .lost = on_lost,
};

static void open_victim(struct victim *v)
{
    *v = (struct victim){.unexpected.limit_bytes = 1 << 20, .replay.limit_bytes = 1 << 20};
    struct wsp_end_config config = {
        .local_rank = 0,
        .remote_rank = 1,
        .streams_max = N_STREAMS,
        .streams_first = N_STREAMS,
        .segment_bytes = 512,
        .credit_bytes = 1 << 14,
        .eager_bytes = 1024,
        .heartbeat_ns = WSP_NS_PER_S,
        .outage_ns = 60 * WSP_NS_PER_S,
        .connect_ns = 60 * WSP_NS_PER_S,
        .unexpected = &v->unexpected,
        .replay = &v->replay,
        .spares = &v->spares,
        .handler = &handler,
        .user = v,
    };
    check(wsp_end_open(&config, WSP_NS_PER_S, &v->end) == WSP_OK, "an end opens");
    struct wsp_stream_birth birth = {.generation = 1, .credit_epoch = 1, .credit_limit = 2000};
    for (unsigned i = 0; i < N_STREAMS; i++)
        check(wsp_end_stream_up(v->end, i, &birth, WSP_NS_PER_S) == WSP_OK, "a stream comes up");
}

static void close_victim(struct victim *v)
{
    wsp_end_free(&v->end);
    check(v->unexpected.used_bytes == 0 && v->replay.used_bytes == 0, "memory is given back");
    wsp_spares_fini(&v->spares);
    for (unsigned i = 0; i < v->n_buffers; i++)
        free(v->buffers[i]);
}

/* Right nearly always, or nothing would get past the first checks. */
static uint64_t around(uint64_t right)
{
    switch (draw(600)) {
    case 0:
        return right + draw(4);
    case 1:
        return right - draw(4);
    case 2:
        return draw(100);
    case 3:
        return draw(0);
    default:
        return right;
    }
}

static void make_head(struct victim *v, struct wsp_frame *f)
{
    struct wsp_frame *message = &v->message;
    f->flags = WSP_FRAME_CHARGED;
    f->item = around(v->item++);
    f->envelope.length = around(draw(4000));
    f->envelope.flags = (uint32_t)draw(2);
    f->prefix = around(draw(12) ? f->envelope.length : f->envelope.length / 2);
    f->length = (uint32_t)around(f->prefix < 600 ? f->prefix : draw(600)) % 1024;
    f->wire_length = (uint32_t)around(f->length) % 1024;
    *message = *f;
    message->offset = f->length;
}

/* More of the message whose head came last. */
static void make_data(struct victim *v, struct wsp_frame *f)
{
    struct wsp_frame *message = &v->message;
    bool is_charged = message->offset < message->prefix;
    uint64_t stop = is_charged ? message->prefix : message->envelope.length;
    uint64_t left = stop > message->offset ? stop - message->offset : 0;
    f->flags = is_charged ? WSP_FRAME_CHARGED : 0;
    f->item = around(message->item);
    f->offset = around(message->offset);
    f->length = f->wire_length = (uint32_t)around(left < 600 ? left : draw(600)) % 1024;
    message->offset += f->length;
}

static uint8_t draw_type(struct victim *v)
{
    if (draw(300) == 0)
        return (uint8_t)draw(256);
    if (draw(100) == 0)
        return (uint8_t)(1 + draw(12));
    if (draw(6) == 0)
        return (uint8_t)(WSP_FRAME_ACK + draw(4));
    bool is_more = v->item > 0 && v->message.offset < v->message.envelope.length;
    return is_more && draw(4) ? WSP_FRAME_DATA : WSP_FRAME_HEAD;
}

static struct wsp_frame make_frame(struct victim *v, unsigned index)
{
    struct wsp_frame f = {
        .type = draw_type(v),
        .hop_epoch = (uint32_t)around(1),
        .hop_sequence = around(v->hop_sent[index]),
        .source = (uint32_t)around(1),
        .checksum_kind = WSP_CHECKSUM_XXH3,
        .credit_epoch = 1,
        .credit_limit = 2000 + draw(1000),
        .ack = around(0),
        .target = draw(20),
        .value = draw(2) ? draw(2) : draw(600),
    };
    v->hop_sent[index]++;
    if (wsp_frame_is_sequenced(f.type))
        f.segment = around(v->segment++);
    if (f.type == WSP_FRAME_HEAD)
        make_head(v, &f);
    else if (f.type == WSP_FRAME_DATA)
        make_data(v, &f);
    else if (wsp_frame_is_sequenced(f.type))
        f.item = around(v->item++);
    if (draw(50) == 0)
        f.flags ^= (uint8_t)draw(8);
    f.n_ranges = f.type == WSP_FRAME_ACK && draw(20) == 0 ? (unsigned)draw(3) : 0;
    for (unsigned i = 0; i < f.n_ranges; i++) {
        f.ranges[i].first = draw(3);
        f.ranges[i].end = around(f.ranges[i].first);
    }
    /* Some segments come again, as after a lost stream; their other fields may differ. */
    if (v->segment > 4 && draw(20) == 0)
        f.segment = v->segment - 1 - draw(4);
    return f;
}

static void finish_payload(struct victim *v, unsigned index)
{
    static uint8_t bytes[1024];
    if (v->landing[index].where)
        memcpy(v->landing[index].where, bytes, v->landing[index].length);
    v->has_landing[index] = false;
    wsp_err err = wsp_end_payload(v->end, index, 2 * WSP_NS_PER_S);
    (void)err;
}

static void feed(struct victim *v, unsigned index)
{
    static const uint8_t zeros[1024];
    if (v->has_landing[index]) {
        finish_payload(v, index);
        return;
    }
    struct wsp_frame frame = make_frame(v, index);
    frame.checksum = draw(50) ? wsp_frame_checksum(&frame, zeros) : draw(0);
    uint8_t header[WSP_HEADER_MAX];
    size_t length = wsp_frame_encode(&frame, header);
    if (draw(200) == 0)
        header[draw(length)] ^= 1;
    v->landing[index] = (struct wsp_landing){0};
    if (wsp_end_header(v->end, index, header, length, 2 * WSP_NS_PER_S, &v->landing[index]))
        return;
    v->has_landing[index] = true;
    if (v->landing[index].length == 0)
        finish_payload(v, index);
}

static void accept_one(struct victim *v)
{
    if (v->n_held == 0 || v->n_buffers == N_HELD)
        return;
    struct wsp_rx *rx = v->held[--v->n_held];
    uint64_t capacity = draw(BUFFER_SIZE);
    uint8_t *buffer = malloc(capacity + 1);
    v->buffers[v->n_buffers++] = buffer;
    wsp_end_accept(v->end, rx, buffer, capacity, buffer, 2 * WSP_NS_PER_S);
}

static void send_one(struct victim *v)
{
    static const uint8_t data[2000];
    struct wsp_envelope envelope = {.length = draw(sizeof data)};
    struct wsp_tx *tx = NULL;
    wsp_err err = wsp_end_send(v->end, &envelope, data, draw(2) ? WSP_SEND_SYNC : 0, NULL,
                               2 * WSP_NS_PER_S, &tx);
    (void)err;
}

static void pull_one(struct victim *v, unsigned index)
{
    struct wsp_out out;
    if (v->is_writing[index]) {
        v->is_writing[index] = false;
        wsp_end_written(v->end, index, 2 * WSP_NS_PER_S);
    } else {
        v->is_writing[index] = wsp_end_pull(v->end, index, 2 * WSP_NS_PER_S, &out);
    }
}

static void attack_end(void)
{
    struct victim v;
    open_victim(&v);
    for (unsigned step = 0; step < 300 && !v.is_lost && v.n_held < N_HELD - 1; step++) {
        unsigned index = (unsigned)draw(N_STREAMS);
        switch (draw(8)) {
        case 0:
            accept_one(&v);
            break;
        case 1:
            send_one(&v);
            break;
        case 2:
        case 3:
            pull_one(&v, index);
            break;
        default:
            feed(&v, index);
        }
    }
    close_victim(&v);
}

static void attack_decoder(void)
{
    uint8_t bytes[WSP_HEADER_MAX], again[WSP_HEADER_MAX];
    struct victim v = {.item = draw(100), .segment = draw(0)};
    struct wsp_frame frame = make_frame(&v, 0), got;
    size_t length = wsp_frame_encode(&frame, bytes);
    if (draw(2)) {
        /* Damage it and make the checksum right again: re-hopping does just that. */
        bytes[draw(length - 8)] = (uint8_t)draw(256);
        wsp_frame_rehop(bytes, length, bytes[6], 1, 2, 3);
    }
    if (draw(4) == 0)
        bytes[draw(length)] ^= (uint8_t)draw(256);
    if (wsp_frame_decode(bytes, length, &got))
        return;
    size_t n = wsp_frame_encode(&got, again);
    check(n <= WSP_HEADER_MAX && wsp_frame_decode(again, n, &frame) == WSP_OK,
          "what was decoded can be encoded and decoded again");
}

int main(int argc, char **argv)
{
    uint64_t seed = 1, count = 5000;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 0);
        else if (strcmp(argv[i], "--count") == 0)
            count = strtoull(argv[i + 1], NULL, 0);
    }
    for (uint64_t i = 0; i < count; i++) {
        state = (seed + i) * UINT64_C(0x2545f4914f6cdd1d);
        for (int k = 0; k < 20; k++)
            attack_decoder();
        attack_end();
    }
    printf("%llu ends and %llu headers attacked\n", (unsigned long long)count,
           (unsigned long long)count * 20);
    return 0;
}
