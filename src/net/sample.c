/* SPDX-License-Identifier: BSD-3-Clause */
/* Apart from tcp.c: the kernel's own header has the newer counters, and cannot stand beside the C
 * library's. */
#include "net/sample.h"

#include "base/clock.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

/* What a kernel says before it has paced a connection. */
#define UNLIMITED UINT64_MAX
/* Packets; what BBR closes its window to while it looks for the least round trip. */
#define PINCHED 4

#define HAS(length, field)                                                                         \
    ((length) >= offsetof(struct tcp_info, field) + sizeof(((struct tcp_info *)0)->field))

/* By its pace and by its window: BBR that probes for the least round trip keeps the one and closes
 * the other. */
static uint64_t pace_of(const struct tcp_info *info)
{
    if (info->tcpi_pacing_rate == UNLIMITED || info->tcpi_rtt == 0)
        return 0;
    uint64_t window = (uint64_t)info->tcpi_snd_cwnd * info->tcpi_snd_mss * 1000000 / info->tcpi_rtt;
    return window < info->tcpi_pacing_rate ? window : info->tcpi_pacing_rate;
}

bool wsp_tcp_sample(int fd, struct wsp_tcp_sample *sample)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 || !HAS(length, tcpi_delivered))
        return false;
    *sample = (struct wsp_tcp_sample){
        .rtt_ns = info.tcpi_rtt * WSP_NS_PER_US,
        .delivered_bytes = (uint64_t)info.tcpi_delivered * info.tcpi_snd_mss,
        .n_sent = info.tcpi_segs_out,
        .n_sent_again = info.tcpi_total_retrans,
        .busy_ns = info.tcpi_busy_time * WSP_NS_PER_US,
        .receiver_limited_ns = info.tcpi_rwnd_limited * WSP_NS_PER_US,
        .unsent_bytes = info.tcpi_notsent_bytes,
        .pace_bps = pace_of(&info),
        .is_pinched = info.tcpi_snd_cwnd <= PINCHED,
    };
    return true;
}
