/* SPDX-License-Identifier: BSD-3-Clause */
/* What the kernel knows of a connection (Linux TCP_INFO). Any thread. */
#ifndef WSP_NET_SAMPLE_H
#define WSP_NET_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

/* Counts since the connection was made. */
struct wsp_tcp_sample {
    uint64_t rtt_ns;               /* smoothed; its own minimum is wrong after retransmissions */
    uint64_t delivered_bytes;      /* that the other kernel has, also beyond a gap; nearly */
    uint64_t n_sent, n_sent_again; /* packets */
    uint64_t busy_ns, receiver_limited_ns;
    uint64_t unsent_bytes; /* in its buffer and never sent */
    uint64_t pace_bps;     /* bytes a second at which the kernel would send now; 0: not known */
    bool is_pinched;       /* its window is closed to a few packets */
};

/* One system call. False where the kernel tells less than that. */
bool wsp_tcp_sample(int fd, struct wsp_tcp_sample *sample);

#endif
