/* SPDX-License-Identifier: BSD-3-Clause */
/* The emulated link of bench/wan: its model in virtual time, and its cutting of packets. */
#include "unit.h"

#include "model.h"
#include "packet.h"

#include <arpa/inet.h>
#include <linux/virtio_net.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <string.h>

#define MS UINT64_C(1000000)

static struct wan_model model;

static void set(struct wan_settings settings)
{
    wan_model_init(&model, 7);
    model.set = settings;
}

START_TEST(packets_leave_at_the_rate_and_arrive_after_the_delay)
{
    uint64_t due = 0;
    set((struct wan_settings){.rate_bps = 8000000, .delay_ns = 15 * MS});
    for (uint64_t i = 1; i <= 10; i++) {
        ck_assert_int_eq(wan_model_offer(&model, 0, 1000, 1, &due), WAN_PASSED);
        ck_assert_uint_eq(due, i * MS + 15 * MS); /* 1000 bytes take 1 ms */
    }
    wan_model_offer(&model, 100 * MS, 1000, 1, &due);
    ck_assert_uint_eq(due, 116 * MS);
}
END_TEST

START_TEST(a_full_queue_drops_the_tail)
{
    uint64_t due;
    set((struct wan_settings){.rate_bps = 8000000, .queue_bytes = 5000});
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(wan_model_offer(&model, 0, 1000, 1, &due), WAN_PASSED);
    ck_assert_int_eq(wan_model_offer(&model, 0, 1000, 1, &due), WAN_OVERFLOWED);
    ck_assert_int_eq(wan_model_offer(&model, MS, 1000, 1, &due), WAN_PASSED);
    ck_assert_int_eq(wan_model_offer(&model, MS, 1000, 1, &due), WAN_OVERFLOWED);
}
END_TEST

START_TEST(loss_is_as_likely_as_asked_and_repeats_with_the_seed)
{
    uint64_t due, lost[2];
    for (int run = 0; run < 2; run++) {
        set((struct wan_settings){.loss = 0.01});
        for (uint64_t i = 0; i < 1000000; i++)
            wan_model_offer(&model, i, 1500, 1, &due);
        lost[run] = model.n_packets[WAN_LOST];
    }
    ck_assert_uint_eq(lost[0], lost[1]);
    ck_assert_uint_gt(lost[0], 9600); /* four standard deviations */
    ck_assert_uint_lt(lost[0], 10400);
}
END_TEST

START_TEST(each_flow_has_a_cap_of_its_own)
{
    uint64_t due, passed[2] = {0};
    set((struct wan_settings){.flow_cap_bps = 80000000});
    for (uint64_t i = 0; i < 20000; i++) /* 1000 bytes every 50 us: twice the cap */
        for (uint64_t flow = 0; flow < 2; flow++)
            passed[flow] += wan_model_offer(&model, i * 50000, 1000, 5 + flow, &due) == WAN_PASSED;
    for (int flow = 0; flow < 2; flow++) { /* 10 MB and a burst of 200 kB in a second */
        ck_assert_uint_gt(passed[flow], 10100);
        ck_assert_uint_lt(passed[flow], 10300);
    }
}
END_TEST

/* Two flows of packets of 1000 bytes each every 100 us: 80 Mbit/s each, the second one and a half
 * times for the first second. Returns what passed of flow 5 and 6 in the second after that. */
static void one_of_two_slowed(uint64_t passed[2], uint64_t last_due[2])
{
    set((struct wan_settings){.rate_bps = 800000000, .delay_ns = MS, .queue_bytes = 1000000});
    for (uint64_t i = 0; i < 20000; i++) {
        if (i == 10000)
            ck_assert(wan_model_slow(&model, i * 100000, 0.1));
        for (uint64_t flow = 0; flow < 2; flow++) {
            uint64_t due, n = flow == 1 && i % 2 && i < 10000 ? 2 : 1;
            while (n--)
                if (wan_model_offer(&model, i * 100000, 1000, 5 + flow, &due) == WAN_PASSED &&
                    i >= 10000) {
                    passed[flow]++;
                    ck_assert_uint_ge(due, last_due[flow]);
                    last_due[flow] = due;
                }
        }
    }
}

START_TEST(the_busiest_flow_can_be_slowed_alone)
{
    uint64_t passed[2] = {0}, last_due[2] = {0};
    one_of_two_slowed(passed, last_due);
    ck_assert(!wan_model_is_slow(&model, 5) && wan_model_is_slow(&model, 6));
    ck_assert_uint_eq(passed[0], 10000);
    ck_assert_uint_lt(last_due[0], 2002 * MS);
    ck_assert_uint_ge(model.slow.rate_bps, 11900000); /* a tenth of 120 Mbit/s */
    ck_assert_uint_le(model.slow.rate_bps, 12100000);
    ck_assert_uint_ge(passed[1], 11900000 / 8000 + 60); /* and 64 KiB in its queue */
    ck_assert_uint_le(passed[1], 12100000 / 8000 + 70);
    ck_assert_uint_ge(last_due[1], 2040 * MS);
    ck_assert_uint_le(last_due[1], 2050 * MS);
    ck_assert(wan_model_slow(&model, 2000 * MS, 1));
    ck_assert(!wan_model_is_slow(&model, 6));
}
END_TEST

START_TEST(where_nothing_flows_nothing_is_slowed)
{
    uint64_t due;
    set((struct wan_settings){0});
    ck_assert(!wan_model_slow(&model, MS, 0.1));
    wan_model_offer(&model, MS, 1000, 5, &due);
    ck_assert(!wan_model_slow(&model, 60000 * MS, 0.1));
    ck_assert(!wan_model_is_slow(&model, 5));
}
END_TEST

START_TEST(jitter_keeps_the_order)
{
    uint64_t due, last = 0, late = 0;
    set((struct wan_settings){.delay_ns = MS, .jitter_ns = MS});
    for (uint64_t i = 0; i < 1000; i++) {
        wan_model_offer(&model, i * 1000, 100, 1, &due);
        ck_assert_uint_ge(due, last);
        late += due > i * 1000 + MS + MS / 2;
        last = due;
    }
    ck_assert_uint_gt(late, 0);
}
END_TEST

START_TEST(a_cut_link_takes_nothing)
{
    uint64_t due;
    set((struct wan_settings){.is_cut = true});
    ck_assert_int_eq(wan_model_offer(&model, 0, 100, 1, &due), WAN_CUT);
}
END_TEST

#define HEADERS (sizeof(struct iphdr) + sizeof(struct tcphdr))

/* A packet of the kernel's that stands for segments of 1000 bytes. */
static size_t make(unsigned char *packet, size_t payload)
{
    struct virtio_net_hdr vnet = {.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
                                  .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                  .gso_size = 1000,
                                  .hdr_len = HEADERS};
    struct iphdr ip = {.version = 4, .ihl = 5, .protocol = IPPROTO_TCP, .id = htons(100)};
    struct tcphdr tcp = {.doff = 5, .seq = htonl(5000), .fin = 1, .psh = 1, .ack = 1};
    ip.tot_len = htons((uint16_t)(HEADERS + payload));
    memcpy(packet, &vnet, sizeof vnet);
    memcpy(packet + WAN_VNET_BYTES, &ip, sizeof ip);
    memcpy(packet + WAN_VNET_BYTES + sizeof ip, &tcp, sizeof tcp);
    for (size_t i = 0; i < payload; i++)
        packet[WAN_VNET_BYTES + HEADERS + i] = (unsigned char)(i / 1000 + i);
    return WAN_VNET_BYTES + HEADERS + payload;
}

static uint32_t sum_of(const unsigned char *ip)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < sizeof(struct iphdr); i += 2)
        sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
    return (sum & 0xffff) + (sum >> 16);
}

START_TEST(slices_of_a_packet_are_what_the_wire_would_carry)
{
    static unsigned char packet[WAN_PACKET_MAX];
    struct wan_shape shape;
    struct wan_slice slice;
    size_t length = make(packet, 4500);
    ck_assert(wan_packet_describe(packet, length, &shape));
    ck_assert_uint_eq(shape.n_segments, 5);
    ck_assert_uint_eq(wan_packet_wire_bytes(&shape, 0), HEADERS + 1000);
    ck_assert_uint_eq(wan_packet_wire_bytes(&shape, 4), HEADERS + 500);
    for (unsigned first = 0; first < 5; first++) {
        for (unsigned n = 1; first + n <= 5; n++) {
            size_t expected = first + n == 5 ? 4500 - first * 1000 : n * 1000;
            wan_packet_slice(packet, &shape, first, n, &slice);
            struct virtio_net_hdr vnet;
            struct iphdr ip;
            struct tcphdr tcp;
            memcpy(&vnet, slice.head, sizeof vnet);
            memcpy(&ip, slice.head + WAN_VNET_BYTES, sizeof ip);
            memcpy(&tcp, slice.head + WAN_VNET_BYTES + sizeof ip, sizeof tcp);
            ck_assert_uint_eq(slice.head_bytes, WAN_VNET_BYTES + HEADERS);
            ck_assert_uint_eq(slice.payload_bytes, expected);
            ck_assert_uint_eq(ntohs(ip.tot_len), HEADERS + expected);
            ck_assert_uint_eq(ntohl(tcp.seq), 5000 + first * 1000);
            ck_assert_int_eq(tcp.fin, first + n == 5);
            ck_assert_int_eq(vnet.gso_type != 0, n > 1);
            ck_assert_uint_eq(slice.payload_at, WAN_VNET_BYTES + HEADERS + first * 1000);
            if (n < 5) {
                ck_assert_uint_eq(ntohs(ip.id), 100 + first);
                ck_assert_uint_eq(sum_of(slice.head + WAN_VNET_BYTES), 0xffff);
            }
        }
    }
}
END_TEST

START_TEST(slices_that_follow_each_other_join_again)
{
    static unsigned char packet[WAN_PACKET_MAX];
    struct wan_shape shape;
    struct wan_slice slices[5], whole;
    make(packet, 4500);
    packet[WAN_VNET_BYTES + sizeof(struct iphdr) + 13] &= (unsigned char)~1U; /* FIN */
    wan_packet_describe(packet, WAN_VNET_BYTES + HEADERS + 4500, &shape);
    for (unsigned i = 0; i < 5; i++)
        wan_packet_slice(packet, &shape, i, 1, &slices[i]);
    ck_assert(!wan_packet_join(&slices[0], &slices[2])); /* one is missing */
    ck_assert(!wan_packet_join(&slices[1], &slices[0]));
    for (unsigned i = 1; i < 5; i++)
        ck_assert(wan_packet_join(&slices[0], &slices[i]));
    ck_assert(!wan_packet_join(&slices[0], &slices[4])); /* behind a short one nothing goes */
    wan_packet_slice(packet, &shape, 0, 5, &whole);
    ck_assert_uint_eq(slices[0].payload_bytes, 4500);
    ck_assert_mem_eq(slices[0].head, whole.head, sizeof(struct virtio_net_hdr));
    ck_assert_mem_eq(slices[0].head + WAN_VNET_BYTES + sizeof(struct iphdr),
                     whole.head + WAN_VNET_BYTES + sizeof(struct iphdr), sizeof(struct tcphdr));
    ck_assert_uint_eq(sum_of(slices[0].head + WAN_VNET_BYTES), 0xffff);
}
END_TEST

START_TEST(what_differs_does_not_join)
{
    static unsigned char packet[WAN_PACKET_MAX];
    struct wan_shape shape;
    const size_t tcp_at = WAN_VNET_BYTES + sizeof(struct iphdr);
    for (int what = 0; what < 5; what++) {
        struct wan_slice first, next;
        make(packet, 3000);
        packet[tcp_at + 13] &= (unsigned char)~1U;
        wan_packet_describe(packet, WAN_VNET_BYTES + HEADERS + 3000, &shape);
        wan_packet_slice(packet, &shape, 0, 1, &first);
        wan_packet_slice(packet, &shape, 1, 2, &next);
        next.flow += what == 1;
        next.head[tcp_at + 11] += what == 2;        /* acknowledges more */
        next.head[tcp_at + 15] += what == 3;        /* another window */
        next.head[WAN_VNET_BYTES + 1] += what == 4; /* congestion experienced */
        ck_assert_int_eq(wan_packet_join(&first, &next), what == 0);
    }
}
END_TEST

START_TEST(short_and_broken_packets_are_left_alone)
{
    static unsigned char packet[WAN_PACKET_MAX];
    struct wan_shape shape;
    size_t length = make(packet, 4500);
    for (size_t n = 0; n < WAN_VNET_BYTES + HEADERS; n++)
        if (wan_packet_describe(packet, n, &shape))
            ck_assert_uint_eq(shape.n_segments, 1);
    packet[WAN_VNET_BYTES] = 0x65; /* IPv6 */
    ck_assert(!wan_packet_describe(packet, length, &shape));
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, packets_leave_at_the_rate_and_arrive_after_the_delay);
    tcase_add_test(cases, a_full_queue_drops_the_tail);
    tcase_add_test(cases, loss_is_as_likely_as_asked_and_repeats_with_the_seed);
    tcase_add_test(cases, each_flow_has_a_cap_of_its_own);
    tcase_add_test(cases, the_busiest_flow_can_be_slowed_alone);
    tcase_add_test(cases, where_nothing_flows_nothing_is_slowed);
    tcase_add_test(cases, jitter_keeps_the_order);
    tcase_add_test(cases, a_cut_link_takes_nothing);
    tcase_add_test(cases, slices_of_a_packet_are_what_the_wire_would_carry);
    tcase_add_test(cases, slices_that_follow_each_other_join_again);
    tcase_add_test(cases, what_differs_does_not_join);
    tcase_add_test(cases, short_and_broken_packets_are_left_alone);
}
