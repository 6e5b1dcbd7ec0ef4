/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/frame.h"

#include "wire/bytes.h"

#include <assert.h>
#include <string.h>
#include <xxhash.h>

/* Where the fields stand; docs/wire.md has the same table. */
enum {
    AT_VERSION = 0,
    AT_TYPE = 1,
    AT_HEADER_LENGTH = 2,
    AT_FLAGS = 4,
    AT_CLASS = 5,
    AT_HOP_LIMIT = 6,
    AT_HOP_EPOCH = 8,
    AT_HOP_SEQUENCE = 16,
    AT_HOP_ACK = 24,
    AT_SOURCE = 32,
    AT_DESTINATION = 36,
    AT_SEGMENT = 40,
    AT_ITEM = 48,
    AT_OFFSET = 56,
    AT_LENGTH = 64,
    AT_WIRE_LENGTH = 68,
    AT_CHECKSUM_KIND = 72,
    AT_CODEC = 73,
    AT_CREDIT_EPOCH = 76,
    AT_CREDIT_LIMIT = 80,
    AT_ACK = 88,
    AT_CHECKSUM = 96,
    AT_OWN = 104, /* the type's own part */

    CHECKSUM_BYTES = 8, /* the header's checksum, its last bytes */
    RANGE_BYTES = 16
};

static_assert(AT_OWN + CHECKSUM_BYTES == WSP_HEADER_MIN, "smallest header");

struct type_row {
    const char *name;
    bool is_sequenced;
    uint16_t own_bytes;
};

static const struct type_row type_rows[] = {
#define ROW(type_name, code, sequenced, own)                                                       \
    [code] = {.name = #type_name, .is_sequenced = (sequenced), .own_bytes = (own)},
    WSP_FRAME_TABLE(ROW)
#undef ROW
};

#define N_ROWS (sizeof type_rows / sizeof type_rows[0])

bool wsp_frame_is_known(uint8_t type)
{
    return type < N_ROWS && type_rows[type].name;
}

bool wsp_frame_is_sequenced(uint8_t type)
{
    return wsp_frame_is_known(type) && type_rows[type].is_sequenced;
}

const char *wsp_frame_name(uint8_t type)
{
    return wsp_frame_is_known(type) ? type_rows[type].name : "?";
}

wsp_err wsp_frame_header_length(const uint8_t *prefix, size_t *length)
{
    size_t n = wsp_get_u16(prefix + AT_HEADER_LENGTH);
    if (prefix[AT_VERSION] != WSP_FRAME_VERSION || n < WSP_HEADER_MIN || n > WSP_HEADER_MAX)
        return WSP_ERR_DAMAGED;
    *length = n;
    return WSP_OK;
}

static void put_hop(uint8_t *out, uint8_t limit, uint32_t epoch, uint64_t sequence, uint64_t ack)
{
    out[AT_HOP_LIMIT] = limit;
    wsp_put_u32(out + AT_HOP_EPOCH, epoch);
    wsp_put_u64(out + AT_HOP_SEQUENCE, sequence);
    wsp_put_u64(out + AT_HOP_ACK, ack);
}

/* What names a frame within its flow: from the source's rank to the codec. */
static void put_identity(uint8_t *out, const struct wsp_frame *frame)
{
    wsp_put_u32(out + AT_SOURCE, frame->source);
    wsp_put_u32(out + AT_DESTINATION, frame->destination);
    wsp_put_u64(out + AT_SEGMENT, frame->segment);
    wsp_put_u64(out + AT_ITEM, frame->item);
    wsp_put_u64(out + AT_OFFSET, frame->offset);
    wsp_put_u32(out + AT_LENGTH, frame->length);
    wsp_put_u32(out + AT_WIRE_LENGTH, frame->wire_length);
    out[AT_CHECKSUM_KIND] = frame->checksum_kind;
    out[AT_CODEC] = frame->codec;
}

static size_t put_ranges(uint8_t *out, const struct wsp_frame *frame)
{
    wsp_put_u16(out, (uint16_t)frame->n_ranges);
    memset(out + 2, 0, 6);
    for (unsigned i = 0; i < frame->n_ranges; i++) {
        wsp_put_u64(out + 8 + RANGE_BYTES * i, frame->ranges[i].first);
        wsp_put_u64(out + 16 + RANGE_BYTES * i, frame->ranges[i].end);
    }
    return 8 + (size_t)RANGE_BYTES * frame->n_ranges;
}

static size_t put_own(uint8_t *out, const struct wsp_frame *frame)
{
    switch (frame->type) {
    case WSP_FRAME_HEAD:
        wsp_put_u64(out, frame->envelope.context);
        wsp_put_u32(out + 8, (uint32_t)frame->envelope.source);
        wsp_put_u32(out + 12, (uint32_t)frame->envelope.tag);
        wsp_put_u64(out + 16, frame->envelope.length);
        wsp_put_u32(out + 24, frame->envelope.flags);
        wsp_put_u32(out + 28, 0);
        wsp_put_u64(out + 32, frame->prefix);
        return 40;
    case WSP_FRAME_DATA:
        return 0;
    case WSP_FRAME_ACK:
        return put_ranges(out, frame);
    default:
        wsp_put_u64(out, frame->target);
        wsp_put_u64(out + 8, frame->value);
        return 16;
    }
}

static void put_header_checksum(uint8_t *header, size_t length)
{
    size_t covered = length - CHECKSUM_BYTES;
    wsp_put_u64(header + covered, XXH3_64bits(header, covered));
}

size_t wsp_frame_encode(const struct wsp_frame *frame, uint8_t out[WSP_HEADER_MAX])
{
    memset(out, 0, AT_OWN);
    size_t length = AT_OWN + put_own(out + AT_OWN, frame) + CHECKSUM_BYTES;
    out[AT_VERSION] = WSP_FRAME_VERSION;
    out[AT_TYPE] = frame->type;
    wsp_put_u16(out + AT_HEADER_LENGTH, (uint16_t)length);
    out[AT_FLAGS] = frame->flags;
    out[AT_CLASS] = frame->traffic_class;
    put_hop(out, frame->hop_limit, frame->hop_epoch, frame->hop_sequence, frame->hop_ack);
    put_identity(out, frame);
    wsp_put_u32(out + AT_CREDIT_EPOCH, frame->credit_epoch);
    wsp_put_u64(out + AT_CREDIT_LIMIT, frame->credit_limit);
    wsp_put_u64(out + AT_ACK, frame->ack);
    wsp_put_u64(out + AT_CHECKSUM, frame->checksum);
    put_header_checksum(out, length);
    return length;
}

static wsp_err get_ranges(const uint8_t *in, size_t available, struct wsp_frame *frame)
{
    if (available < 8)
        return WSP_ERR_PROTOCOL;
    unsigned n = wsp_get_u16(in);
    if (n > WSP_FRAME_RANGE_MAX || available < 8 + (size_t)RANGE_BYTES * n)
        return WSP_ERR_PROTOCOL;
    frame->n_ranges = n;
    for (unsigned i = 0; i < n; i++) {
        frame->ranges[i].first = wsp_get_u64(in + 8 + RANGE_BYTES * i);
        frame->ranges[i].end = wsp_get_u64(in + 16 + RANGE_BYTES * i);
    }
    return WSP_OK;
}

/* A longer part than we know is fine: later writers may add to it. */
static wsp_err get_own(const uint8_t *in, size_t available, struct wsp_frame *frame)
{
    if (!wsp_frame_is_known(frame->type))
        return frame->flags & WSP_FRAME_IGNORE ? WSP_OK : WSP_ERR_PROTOCOL;
    if (frame->type == WSP_FRAME_ACK)
        return get_ranges(in, available, frame);
    if (available < type_rows[frame->type].own_bytes)
        return WSP_ERR_PROTOCOL;
    if (frame->type == WSP_FRAME_HEAD) {
        frame->envelope.context = wsp_get_u64(in);
        frame->envelope.source = (int32_t)wsp_get_u32(in + 8);
        frame->envelope.tag = (int32_t)wsp_get_u32(in + 12);
        frame->envelope.length = wsp_get_u64(in + 16);
        frame->envelope.flags = wsp_get_u32(in + 24);
        frame->prefix = wsp_get_u64(in + 32);
    } else if (frame->type != WSP_FRAME_DATA) {
        frame->target = wsp_get_u64(in);
        frame->value = wsp_get_u64(in + 8);
    }
    return WSP_OK;
}

static void get_common(const uint8_t *in, struct wsp_frame *frame)
{
    frame->type = in[AT_TYPE];
    frame->flags = in[AT_FLAGS];
    frame->traffic_class = in[AT_CLASS];
    frame->hop_limit = in[AT_HOP_LIMIT];
    frame->hop_epoch = wsp_get_u32(in + AT_HOP_EPOCH);
    frame->hop_sequence = wsp_get_u64(in + AT_HOP_SEQUENCE);
    frame->hop_ack = wsp_get_u64(in + AT_HOP_ACK);
    frame->source = wsp_get_u32(in + AT_SOURCE);
    frame->destination = wsp_get_u32(in + AT_DESTINATION);
    frame->segment = wsp_get_u64(in + AT_SEGMENT);
    frame->item = wsp_get_u64(in + AT_ITEM);
    frame->offset = wsp_get_u64(in + AT_OFFSET);
    frame->length = wsp_get_u32(in + AT_LENGTH);
    frame->wire_length = wsp_get_u32(in + AT_WIRE_LENGTH);
    frame->checksum_kind = in[AT_CHECKSUM_KIND];
    frame->codec = in[AT_CODEC];
    frame->credit_epoch = wsp_get_u32(in + AT_CREDIT_EPOCH);
    frame->credit_limit = wsp_get_u64(in + AT_CREDIT_LIMIT);
    frame->ack = wsp_get_u64(in + AT_ACK);
    frame->checksum = wsp_get_u64(in + AT_CHECKSUM);
}

/* What holds for every frame this version may get, whatever the state of its reader. */
static bool is_sensible(const struct wsp_frame *frame)
{
    if (frame->wire_length > WSP_PAYLOAD_MAX || frame->length > WSP_PAYLOAD_MAX)
        return false;
    if (!wsp_frame_is_known(frame->type))
        return true;
    if (frame->codec != WSP_CODEC_PLAIN || frame->length != frame->wire_length)
        return false;
    if (frame->checksum_kind > WSP_CHECKSUM_XXH3 || frame->offset > UINT64_MAX - frame->length)
        return false;
    if (frame->type != WSP_FRAME_HEAD && frame->type != WSP_FRAME_DATA)
        return frame->length == 0;
    return true;
}

wsp_err wsp_frame_decode(const uint8_t *bytes, size_t length, struct wsp_frame *frame)
{
    size_t said;
    if (length < WSP_HEADER_MIN || wsp_frame_header_length(bytes, &said) || said != length)
        return WSP_ERR_DAMAGED;
    size_t covered = length - CHECKSUM_BYTES;
    if (wsp_get_u64(bytes + covered) != XXH3_64bits(bytes, covered))
        return WSP_ERR_DAMAGED;

    struct wsp_frame got = {0};
    get_common(bytes, &got);
    wsp_err err = get_own(bytes + AT_OWN, covered - AT_OWN, &got);
    if (err)
        return err;
    if (!is_sensible(&got))
        return WSP_ERR_PROTOCOL;
    *frame = got;
    return WSP_OK;
}

uint64_t wsp_frame_checksum(const struct wsp_frame *frame, const void *payload)
{
    if (frame->checksum_kind == WSP_CHECKSUM_NONE || frame->wire_length == 0)
        return 0;
    uint8_t identity[AT_CREDIT_EPOCH] = {0};
    put_identity(identity, frame);
    uint64_t seed = XXH3_64bits(identity + AT_SOURCE, AT_CREDIT_EPOCH - AT_SOURCE);
    return XXH3_64bits_withSeed(payload, frame->wire_length, seed);
}

void wsp_frame_rehop(uint8_t *header, size_t length, uint8_t hop_limit, uint32_t hop_epoch,
                     uint64_t hop_sequence, uint64_t hop_ack)
{
    put_hop(header, hop_limit, hop_epoch, hop_sequence, hop_ack);
    put_header_checksum(header, length);
}
