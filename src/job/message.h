/* SPDX-License-Identifier: BSD-3-Clause */
/* The messages of the control channels (docs/wire.md, "Control messages"), and the writing and
 * reading of their fields: little-endian numbers, texts as a 16-bit length and bytes. */
#ifndef WSP_JOB_MESSAGE_H
#define WSP_JOB_MESSAGE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wsp_message_type {
    WSP_MSG_INTRODUCE = 1, /* leader to coordinator: the site's card and endpoints */
    WSP_MSG_ROSTER,        /* coordinator to leader: the roster of all */
    WSP_MSG_REFUSED,       /* coordinator to leader: text; there will be no job for this site */
    WSP_MSG_ABORT,         /* both ways: code, world rank it came from, text */
    WSP_MSG_LOST,          /* both ways: world rank, text */
    WSP_MSG_LEAVE,         /* up: this side leaves in order */
    WSP_MSG_LEFT           /* down: that was taken, or the upper side itself leaves in order */
};

#define WSP_MSG_MAX_BYTES (64u << 20) /* payload of one message */

/* A growing buffer. All zero bytes: empty. */
struct wsp_writer {
    uint8_t *bytes;
    size_t length, capacity;
    bool has_failed; /* out of memory; what was written is not to be used */
};

void wsp_writer_fini(struct wsp_writer *writer);
void wsp_write_bytes(struct wsp_writer *writer, const void *bytes, size_t length);
void wsp_write_u8(struct wsp_writer *writer, uint8_t value);
void wsp_write_u16(struct wsp_writer *writer, uint16_t value);
void wsp_write_u32(struct wsp_writer *writer, uint32_t value);
void wsp_write_u64(struct wsp_writer *writer, uint64_t value);
void wsp_write_text(struct wsp_writer *writer, const char *text);

/* A walk over bytes that anyone may have sent. Once anything is missing, has_failed stays set and
 * everything reads as 0 or "". */
struct wsp_reader {
    const uint8_t *at;
    size_t left;
    bool has_failed;
};

uint8_t wsp_read_u8(struct wsp_reader *reader);
uint16_t wsp_read_u16(struct wsp_reader *reader);
uint32_t wsp_read_u32(struct wsp_reader *reader);
uint64_t wsp_read_u64(struct wsp_reader *reader);
/* Fails, too, if the text does not fit into size bytes with its end, or has a zero byte in it. */
void wsp_read_text(struct wsp_reader *reader, char *text, size_t size);

#endif
