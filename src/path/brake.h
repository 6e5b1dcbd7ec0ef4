/* SPDX-License-Identifier: BSD-3-Clause */
/* Young streams double what they have under way with each round trip: they fill the bottleneck's
 * queue and run over before they hear of it, and more so the more they are. So while they are young
 * we look several times in a round trip, and at the first sign of a queue all of them are held to
 * what goes through, until they have settled. Pure arithmetic; young.c puts it to work. */
#ifndef WSP_PATH_BRAKE_H
#define WSP_PATH_BRAKE_H

#include <stdbool.h>
#include <stdint.h>

#define WSP_BRAKE_LOOKS 6 /* that are remembered: one and a half round trips */

struct wsp_brake {
    double held_bps;     /* what all streams together are held to, bytes a second; 0: nothing */
    unsigned looks_left; /* until they are not young any more */
    double best_bps;     /* that went through */
    bool has_filled;     /* there was a queue: it was all that could */
    uint64_t held_until_ns;
    uint64_t least_rtt_ns; /* since we look; 0: not known */
    uint64_t looked_ns[WSP_BRAKE_LOOKS], delivered_bytes[WSP_BRAKE_LOOKS];
    unsigned n_looks;
};

/* What the streams' kernels tell. */
struct wsp_look {
    uint64_t rtt_ns, min_rtt_ns; /* the middle of their round trips now, the least of late */
    uint64_t delivered_bytes;    /* since they came up, all in all */
    unsigned n;                  /* of them */
    bool is_flowing;             /* bulk was handed to them during the last round trip */
    uint64_t standing_ns;        /* the queue that our pace lets stand; 0: there is none */
};

/* The time between two looks. */
uint64_t wsp_brake_interval_ns(uint64_t min_rtt_ns);

/* A stream came up. */
void wsp_brake_renew(struct wsp_brake *brake);

/* Looks begin, for bulk flows. Streams that filled the way before a pause, and are young still, are
 * held from the start. */
void wsp_brake_begin(struct wsp_brake *brake);
void wsp_brake_end(struct wsp_brake *brake);

/* Is there reason to look again? */
bool wsp_brake_is_needed(const struct wsp_brake *brake, uint64_t now_ns);

/* Sets held_bps. */
void wsp_brake_look(struct wsp_brake *brake, const struct wsp_look *look, uint64_t now_ns);

#endif
