/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet.h"

#include <arpa/inet.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <string.h>

static struct virtio_net_hdr vnet_of(const unsigned char *packet)
{
    struct virtio_net_hdr vnet;
    memcpy(&vnet, packet, sizeof vnet);
    return vnet;
}

/* FNV-1a over addresses, protocol and ports. */
static uint64_t flow_of(const struct iphdr *ip, const unsigned char *ports, size_t n_ports)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    unsigned char key[13] = {0};
    memcpy(key, &ip->saddr, 8);
    key[8] = ip->protocol;
    memcpy(key + 9, ports, n_ports);
    for (size_t i = 0; i < sizeof key; i++)
        hash = (hash ^ key[i]) * UINT64_C(0x100000001b3);
    return hash ? hash : 1;
}

bool wan_packet_describe(const unsigned char *packet, size_t length, struct wan_shape *shape)
{
    if (length < WAN_VNET_BYTES + sizeof(struct iphdr))
        return false;
    struct virtio_net_hdr vnet = vnet_of(packet);
    struct iphdr ip;
    size_t bytes = length - WAN_VNET_BYTES;
    memcpy(&ip, packet + WAN_VNET_BYTES, sizeof ip);
    size_t ip_bytes = (size_t)ip.ihl * 4;
    if (ip.version != 4 || ip_bytes < sizeof ip || ip_bytes > bytes)
        return false;
    const unsigned char *next = packet + WAN_VNET_BYTES + ip_bytes;
    bool has_ports =
        (ip.protocol == IPPROTO_TCP || ip.protocol == IPPROTO_UDP) && bytes >= ip_bytes + 4;
    *shape = (struct wan_shape){.flow = flow_of(&ip, next, has_ports ? 4 : 0),
                                .ip_bytes = ip_bytes,
                                .header_bytes = ip_bytes,
                                .payload_bytes = bytes - ip_bytes,
                                .segment_bytes = bytes - ip_bytes,
                                .n_segments = 1};
    if ((vnet.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) != VIRTIO_NET_HDR_GSO_TCPV4 || !vnet.gso_size ||
        bytes < ip_bytes + sizeof(struct tcphdr))
        return true;
    struct tcphdr tcp;
    memcpy(&tcp, next, sizeof tcp);
    shape->header_bytes = ip_bytes + (size_t)tcp.doff * 4;
    if (tcp.doff < 5 || shape->header_bytes > bytes)
        return false;
    shape->payload_bytes = bytes - shape->header_bytes;
    shape->segment_bytes = vnet.gso_size;
    shape->n_segments = (unsigned)((shape->payload_bytes + vnet.gso_size - 1) / vnet.gso_size);
    shape->n_segments += shape->n_segments == 0;
    return true;
}

/* Payload before a segment. */
static size_t offset_of(const struct wan_shape *shape, unsigned segment)
{
    size_t offset = shape->segment_bytes * segment;
    return offset < shape->payload_bytes ? offset : shape->payload_bytes;
}

size_t wan_packet_wire_bytes(const struct wan_shape *shape, unsigned segment)
{
    return shape->header_bytes + offset_of(shape, segment + 1) - offset_of(shape, segment);
}

/* RFC 1071, over an even number of bytes. */
static uint16_t checksum(const unsigned char *bytes, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i += 2) {
        uint16_t word;
        memcpy(&word, bytes + i, 2);
        sum += word;
    }
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void mend_ip(unsigned char *at, size_t ip_bytes, size_t total, unsigned first)
{
    struct iphdr ip;
    memcpy(&ip, at, sizeof ip);
    ip.tot_len = htons((uint16_t)total);
    ip.id = htons((uint16_t)(ntohs(ip.id) + first));
    ip.check = 0;
    memcpy(at, &ip, sizeof ip);
    ip.check = checksum(at, ip_bytes);
    memcpy(at, &ip, sizeof ip);
}

/* The checksum stays for the receiving kernel, which trusts a partial one. */
static void mend_tcp(unsigned char *at, size_t offset, bool has_first, bool has_last)
{
    struct tcphdr tcp;
    memcpy(&tcp, at, sizeof tcp);
    tcp.seq = htonl(ntohl(tcp.seq) + (uint32_t)offset);
    if (!has_last)
        tcp.fin = tcp.psh = 0;
    if (!has_first)
        tcp.res2 &= ~2U; /* CWR */
    memcpy(at, &tcp, sizeof tcp);
}

void wan_packet_slice(const unsigned char *packet, const struct wan_shape *shape, unsigned first,
                      unsigned n, struct wan_slice *slice)
{
    size_t from = offset_of(shape, first), to = offset_of(shape, first + n);
    unsigned char *ip = slice->head + WAN_VNET_BYTES;
    slice->flow = shape->flow;
    slice->head_bytes = WAN_VNET_BYTES + shape->header_bytes;
    slice->payload_at = slice->head_bytes + from;
    slice->payload_bytes = to - from;
    memcpy(slice->head, packet, slice->head_bytes);
    if (first == 0 && n == shape->n_segments)
        return;
    mend_ip(ip, shape->ip_bytes, shape->header_bytes + to - from, first);
    mend_tcp(ip + shape->ip_bytes, from, first == 0, first + n == shape->n_segments);
    if (n == 1) {
        struct virtio_net_hdr vnet = vnet_of(packet);
        vnet.gso_type = VIRTIO_NET_HDR_GSO_NONE;
        vnet.gso_size = 0;
        memcpy(slice->head, &vnet, sizeof vnet);
    }
}

/* The parts of a head that joining looks at. */
struct headers {
    struct virtio_net_hdr vnet;
    struct iphdr ip;
    struct tcphdr tcp;
};

static bool headers_of(const struct wan_slice *slice, struct headers *out)
{
    const unsigned char *ip = slice->head + WAN_VNET_BYTES;
    size_t fixed = WAN_VNET_BYTES + sizeof out->ip + sizeof out->tcp;
    if (slice->head_bytes < fixed || slice->payload_bytes == 0)
        return false;
    memcpy(&out->vnet, slice->head, sizeof out->vnet);
    memcpy(&out->ip, ip, sizeof out->ip);
    memcpy(&out->tcp, ip + sizeof out->ip, sizeof out->tcp);
    return out->ip.ihl == 5 && out->ip.protocol == IPPROTO_TCP &&
           (out->vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
           slice->head_bytes == WAN_VNET_BYTES + sizeof out->ip + (size_t)out->tcp.doff * 4 &&
           !out->tcp.syn && !out->tcp.fin && !out->tcp.rst && !out->tcp.urg && !out->tcp.res2;
}

bool wan_packet_join(struct wan_slice *first, const struct wan_slice *next)
{
    struct headers a, b;
    const size_t fixed = WAN_VNET_BYTES + sizeof a.ip + sizeof a.tcp;
    if (first->flow != next->flow || first->head_bytes != next->head_bytes ||
        !headers_of(first, &a) || !headers_of(next, &b))
        return false;
    size_t segment = a.vnet.gso_size ? a.vnet.gso_size : first->payload_bytes;
    size_t longest = b.vnet.gso_size ? b.vnet.gso_size : next->payload_bytes;
    size_t ip_bytes = first->head_bytes - WAN_VNET_BYTES + first->payload_bytes;
    if (first->payload_bytes % segment || longest > segment ||
        (b.vnet.gso_size && longest != segment) || ip_bytes + next->payload_bytes > UINT16_MAX ||
        ntohl(a.tcp.seq) + (uint32_t)first->payload_bytes != ntohl(b.tcp.seq) ||
        a.tcp.ack_seq != b.tcp.ack_seq || a.tcp.window != b.tcp.window || a.ip.tos != b.ip.tos ||
        memcmp(first->head + fixed, next->head + fixed, first->head_bytes - fixed) != 0)
        return false;
    a.vnet.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
    a.vnet.gso_size = (uint16_t)segment;
    a.vnet.hdr_len = (uint16_t)(first->head_bytes - WAN_VNET_BYTES);
    a.tcp.psh |= b.tcp.psh;
    memcpy(first->head, &a.vnet, sizeof a.vnet);
    memcpy(first->head + WAN_VNET_BYTES + sizeof a.ip, &a.tcp, sizeof a.tcp);
    mend_ip(first->head + WAN_VNET_BYTES, sizeof a.ip, ip_bytes + next->payload_bytes, 0);
    first->payload_bytes += next->payload_bytes;
    return true;
}
