/* SPDX-License-Identifier: BSD-3-Clause */
/* The least round trip of late: see rtt.h. */
#include "path/rtt.h"

#include "base/clock.h"

#define MINUTE_NS (60 * WSP_NS_PER_S)

static void note(struct wsp_rtt *rtt, uint64_t ns, uint64_t now_ns)
{
    if (now_ns - rtt->since_ns > MINUTE_NS) {
        rtt->least_before_ns = rtt->least_now_ns;
        rtt->least_now_ns = 0;
        rtt->since_ns = now_ns;
    }
    if (rtt->least_now_ns == 0 || ns < rtt->least_now_ns)
        rtt->least_now_ns = ns;
    bool is_before_less = rtt->least_before_ns && rtt->least_before_ns < rtt->least_now_ns;
    rtt->min_ns = is_before_less ? rtt->least_before_ns : rtt->least_now_ns;
}

void wsp_rtt_note_packet(struct wsp_rtt *rtt, uint64_t packet_ns, uint64_t now_ns)
{
    if (!rtt->is_known)
        note(rtt, packet_ns, now_ns);
}

void wsp_rtt_note_interval(struct wsp_rtt *rtt, bool is_of_most, uint64_t now_ns)
{
    if (!rtt->is_known && is_of_most) {
        rtt->least_now_ns = rtt->least_before_ns = 0;
        rtt->is_known = true;
    }
    note(rtt, rtt->ns, now_ns);
}
