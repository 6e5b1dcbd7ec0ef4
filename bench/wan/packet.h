/* SPDX-License-Identifier: BSD-3-Clause */
/* IP packets as a TUN device with virtio-net headers gives and takes them: the kernel hands over up
 * to 64 KiB of one TCP flow at once, which stand for several packets on the wire. */
#ifndef WAN_PACKET_H
#define WAN_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WAN_VNET_BYTES 10
#define WAN_PACKET_MAX (WAN_VNET_BYTES + 65536 + 64)

struct wan_shape {
    uint64_t flow;        /* never 0 */
    size_t ip_bytes;      /* of its IP header */
    size_t header_bytes;  /* of each wire packet: IP and TCP */
    size_t payload_bytes; /* of all */
    size_t segment_bytes; /* payload of each wire packet but the last */
    unsigned n_segments;  /* wire packets, 1 or more */
};

/* What a packet of length bytes, with its virtio-net header, stands for. False: not for us. */
bool wan_packet_describe(const unsigned char *packet, size_t length, struct wan_shape *shape);

/* Bytes on the wire of a segment, with its headers. */
size_t wan_packet_wire_bytes(const struct wan_shape *shape, unsigned segment);

/* Headers of what the device is given: virtio-net's, IP's and TCP's; payload lies elsewhere. */
#define WAN_HEAD_MAX (WAN_VNET_BYTES + 60 + 60)

struct wan_slice {
    uint64_t flow;
    size_t head_bytes, payload_bytes;
    size_t payload_at; /* offset in the packet it was cut from */
    unsigned char head[WAN_HEAD_MAX];
};

/* The packet that stands for n segments from first on. */
void wan_packet_slice(const unsigned char *packet, const struct wan_shape *shape, unsigned first,
                      unsigned n, struct wan_slice *slice);

/* Makes first stand for next, too, as a receiving card does: where next goes on in the same flow
 * right behind it. False: it cannot, and nothing is changed. */
bool wan_packet_join(struct wan_slice *first, const struct wan_slice *next);

#endif
