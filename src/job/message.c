/* SPDX-License-Identifier: BSD-3-Clause */
#include "job/message.h"

#include "wire/bytes.h"

#include <stdlib.h>
#include <string.h>

void wsp_writer_fini(struct wsp_writer *writer)
{
    free(writer->bytes);
    *writer = (struct wsp_writer){0};
}

void wsp_write_bytes(struct wsp_writer *writer, const void *bytes, size_t length)
{
    if (writer->has_failed || length == 0)
        return;
    if (length > writer->capacity - writer->length) {
        size_t capacity = 2 * writer->capacity + length + 64;
        uint8_t *more = realloc(writer->bytes, capacity);
        if (!more) {
            writer->has_failed = true;
            return;
        }
        writer->bytes = more;
        writer->capacity = capacity;
    }
    memcpy(writer->bytes + writer->length, bytes, length);
    writer->length += length;
}

void wsp_write_u8(struct wsp_writer *writer, uint8_t value)
{
    wsp_write_bytes(writer, &value, 1);
}

void wsp_write_u16(struct wsp_writer *writer, uint16_t value)
{
    uint8_t bytes[2];
    wsp_put_u16(bytes, value);
    wsp_write_bytes(writer, bytes, sizeof bytes);
}

void wsp_write_u32(struct wsp_writer *writer, uint32_t value)
{
    uint8_t bytes[4];
    wsp_put_u32(bytes, value);
    wsp_write_bytes(writer, bytes, sizeof bytes);
}

void wsp_write_u64(struct wsp_writer *writer, uint64_t value)
{
    uint8_t bytes[8];
    wsp_put_u64(bytes, value);
    wsp_write_bytes(writer, bytes, sizeof bytes);
}

void wsp_write_text(struct wsp_writer *writer, const char *text)
{
    size_t length = strnlen(text, UINT16_MAX);
    wsp_write_u16(writer, (uint16_t)length);
    wsp_write_bytes(writer, text, length);
}

/* The next length bytes, or NULL. */
static const uint8_t *take(struct wsp_reader *reader, size_t length)
{
    if (reader->has_failed || length > reader->left) {
        reader->has_failed = true;
        return NULL;
    }
    const uint8_t *bytes = reader->at;
    reader->at += length;
    reader->left -= length;
    return bytes;
}

uint8_t wsp_read_u8(struct wsp_reader *reader)
{
    const uint8_t *bytes = take(reader, 1);
    return bytes ? *bytes : 0;
}

uint16_t wsp_read_u16(struct wsp_reader *reader)
{
    const uint8_t *bytes = take(reader, 2);
    return bytes ? wsp_get_u16(bytes) : 0;
}

uint32_t wsp_read_u32(struct wsp_reader *reader)
{
    const uint8_t *bytes = take(reader, 4);
    return bytes ? wsp_get_u32(bytes) : 0;
}

uint64_t wsp_read_u64(struct wsp_reader *reader)
{
    const uint8_t *bytes = take(reader, 8);
    return bytes ? wsp_get_u64(bytes) : 0;
}

void wsp_read_text(struct wsp_reader *reader, char *text, size_t size)
{
    size_t length = wsp_read_u16(reader);
    *text = '\0';
    const uint8_t *bytes = take(reader, length);
    if (!bytes)
        return;
    if (length >= size || memchr(bytes, '\0', length)) {
        reader->has_failed = true;
        return;
    }
    memcpy(text, bytes, length);
    text[length] = '\0';
}
