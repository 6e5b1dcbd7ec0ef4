/* SPDX-License-Identifier: BSD-3-Clause */
#include "path/stripe.h"

#include "base/clock.h"

/* Shorter samples measure how acknowledgements clump, not how fast the stream is. */
#define SAMPLE_NS (10 * WSP_NS_PER_MS)
/* Rates are estimates: a stream has to be this much later than the others before it is left out. */
#define MARGIN 1.25

void wsp_meter_sent(struct wsp_meter *meter, uint64_t bytes, uint64_t now_ns)
{
    if (meter->in_flight_bytes == 0) {
        meter->since_ns = now_ns;
        meter->sample_bytes = 0;
    }
    meter->in_flight_bytes += bytes;
}

void wsp_meter_dropped(struct wsp_meter *meter, uint64_t bytes)
{
    meter->in_flight_bytes -= bytes;
}

void wsp_meter_acked(struct wsp_meter *meter, uint64_t bytes, uint64_t now_ns)
{
    meter->in_flight_bytes -= bytes;
    meter->sample_bytes += bytes;
    uint64_t span_ns = now_ns - meter->since_ns;
    if (span_ns < SAMPLE_NS)
        return;
    double rate = (double)meter->sample_bytes * (double)WSP_NS_PER_S / (double)span_ns;
    /* Rises at once and falls slowly: a lower sample may only mean that we had little to send. */
    if (rate > meter->rate_bps)
        meter->rate_bps = rate;
    else
        meter->rate_bps += (rate - meter->rate_bps) / 8;
    meter->since_ns = now_ns;
    meter->sample_bytes = 0;
}

double wsp_meter_finish_ns(const struct wsp_meter *meter, uint64_t bytes, uint64_t idle_ns)
{
    if (meter->rate_bps <= 0)
        return 0;
    double ns = (double)(meter->in_flight_bytes + bytes) * (double)WSP_NS_PER_S / meter->rate_bps;
    return meter->in_flight_bytes ? ns + (double)idle_ns : ns;
}

void wsp_stripe_add(struct wsp_stripe *others, const struct wsp_meter *meter,
                    uint64_t segment_bytes, uint64_t idle_ns)
{
    double finish = wsp_meter_finish_ns(meter, segment_bytes, idle_ns);
    if (finish <= 0)
        return;
    if (others->n_streams == 0 || finish < others->soonest_ns)
        others->soonest_ns = finish;
    others->rate_bps += meter->rate_bps;
    others->in_flight_bytes += meter->in_flight_bytes;
    others->n_streams++;
}

bool wsp_stripe_may_take(const struct wsp_stripe *others, const struct wsp_meter *own,
                         uint64_t segment_bytes, uint64_t left_bytes, uint64_t idle_ns)
{
    double finish = wsp_meter_finish_ns(own, segment_bytes, idle_ns);
    if (finish <= 0 || others->n_streams == 0)
        return true;
    double all =
        (double)(others->in_flight_bytes + left_bytes) * (double)WSP_NS_PER_S / others->rate_bps;
    double theirs = all > others->soonest_ns ? all : others->soonest_ns;
    return finish <= MARGIN * theirs;
}
