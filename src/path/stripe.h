/* SPDX-License-Identifier: BSD-3-Clause */
/* Striping by finishing time: may a stream take the next bulk segment, or would the others deliver
 * all that is left before it delivers this one? Pure arithmetic on what acknowledgements told. */
#ifndef WSP_PATH_STRIPE_H
#define WSP_PATH_STRIPE_H

#include <stdbool.h>
#include <stdint.h>

/* How fast one stream delivers, from our own acknowledgements. */
struct wsp_meter {
    double rate_bps;          /* bytes a second; 0: not known yet */
    uint64_t since_ns;        /* of the sample under way; 0: none */
    uint64_t sample_bytes;    /* acknowledged in it */
    uint64_t in_flight_bytes; /* sent and not acknowledged */
};

/* A segment was sent, or is not under way on this stream any more without having been delivered. */
void wsp_meter_sent(struct wsp_meter *meter, uint64_t bytes, uint64_t now_ns);
void wsp_meter_dropped(struct wsp_meter *meter, uint64_t bytes);
/* A segment was acknowledged. */
void wsp_meter_acked(struct wsp_meter *meter, uint64_t bytes, uint64_t now_ns);

/* When a stream would have delivered `bytes` more than what it has under way, ns from now;
 * 0 if its rate is not known. idle_ns: for how long it has made no progress. */
double wsp_meter_finish_ns(const struct wsp_meter *meter, uint64_t bytes, uint64_t idle_ns);

/* A tally of the streams other than the one that asks. */
struct wsp_stripe {
    double soonest_ns; /* the first of them to deliver one segment; 0: none known */
    double rate_bps;
    uint64_t in_flight_bytes;
    unsigned n_streams;
};
void wsp_stripe_add(struct wsp_stripe *others, const struct wsp_meter *meter,
                    uint64_t segment_bytes, uint64_t idle_ns);

/* True if the stream should take a segment of segment_bytes when left_bytes wait to be sent. The
 * stream that finishes soonest of all always may, so that never all decline. */
bool wsp_stripe_may_take(const struct wsp_stripe *others, const struct wsp_meter *own,
                         uint64_t segment_bytes, uint64_t left_bytes, uint64_t idle_ns);

#endif
