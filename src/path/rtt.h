/* SPDX-License-Identifier: BSD-3-Clause */
/* The round trip of a path's streams, and the least of late: what stands above that is a queue.
 *
 * Of single packets, and of streams that have sent few, the least is the luckiest where round trips
 * differ by themselves: it counts only until an interval in which most streams were up. */
#ifndef WSP_PATH_RTT_H
#define WSP_PATH_RTT_H

#include <stdbool.h>
#include <stdint.h>

struct wsp_rtt {
    uint64_t ns; /* the middle of the streams, at the last look; 0: none seen */
    uint64_t
        min_ns; /* the least of one to two minutes, as a route may become longer; 0: none seen */
    uint64_t least_now_ns, least_before_ns; /* of this minute, and of the one before */
    uint64_t since_ns;                      /* when this minute began */
    bool is_known;                          /* by more than single packets */
};

/* A single packet took so long. */
void wsp_rtt_note_packet(struct wsp_rtt *rtt, uint64_t packet_ns, uint64_t now_ns);
/* An interval of bulk took rtt->ns; were most streams up in it? */
void wsp_rtt_note_interval(struct wsp_rtt *rtt, bool is_of_most, uint64_t now_ns);

#endif
