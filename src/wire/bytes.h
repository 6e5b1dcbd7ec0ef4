/* SPDX-License-Identifier: BSD-3-Clause */
/* Little-endian numbers in byte buffers, whatever the machine's own order. */
#ifndef WSP_WIRE_BYTES_H
#define WSP_WIRE_BYTES_H

#include <stdint.h>

static inline void wsp_put_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static inline void wsp_put_u32(uint8_t *at, uint32_t value)
{
    wsp_put_u16(at, (uint16_t)value);
    wsp_put_u16(at + 2, (uint16_t)(value >> 16));
}

static inline void wsp_put_u64(uint8_t *at, uint64_t value)
{
    wsp_put_u32(at, (uint32_t)value);
    wsp_put_u32(at + 4, (uint32_t)(value >> 32));
}

static inline uint16_t wsp_get_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static inline uint32_t wsp_get_u32(const uint8_t *at)
{
    return (uint32_t)wsp_get_u16(at) | (uint32_t)wsp_get_u16(at + 2) << 16;
}

static inline uint64_t wsp_get_u64(const uint8_t *at)
{
    return (uint64_t)wsp_get_u32(at) | (uint64_t)wsp_get_u32(at + 4) << 32;
}

#endif
