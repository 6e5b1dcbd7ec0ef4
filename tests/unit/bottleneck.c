/* SPDX-License-Identifier: BSD-3-Clause */
#include "bottleneck.h"

struct wsp_tune tune;

double smaller(double a, double b)
{
    return a < b ? a : b;
}

double larger(double a, double b)
{
    return a > b ? a : b;
}

double bottleneck_pass(struct way *way)
{
    uint64_t span_ns = wsp_tune_interval_ns((uint64_t)way->base_ns);
    double span = (double)span_ns / (double)WSP_NS_PER_S;
    double could = smaller(tune.n * way->stream_bps, 2 * way->capacity_bps);
    bool is_held = tune.rate_bps > 0 && tune.rate_bps < could;
    double sent = is_held ? tune.rate_bps : could;
    double in = sent + way->foreign_bps, our_part = sent / in;
    double pause = way->now_ns / span_ns % 10 == 0 ? way->pause_part : 0;
    in *= 1 - pause;
    way->late_ns = way->late_ns / 2 + pause * (double)span_ns / 2;
    double room = way->capacity_bps * way->base_ns / (double)WSP_NS_PER_S;
    double ours = our_part * smaller(way->capacity_bps, in + way->queue_bytes / span);
    ours *= 1 - way->few_cost / tune.n;
    way->queue_bytes = larger(0, smaller(room, way->queue_bytes + (in - way->capacity_bps) * span));
    way->now_ns += span_ns;
    double burst_bytes = way->burst_bytes * (double)(way->now_ns / span_ns * 7919 % 100) / 100;
    double waits_ns = (way->queue_bytes + burst_bytes) / way->capacity_bps * (double)WSP_NS_PER_S;
    double spell_bps = (tune.is_even ? 1.25 : 2.5) * ours / tune.n;
    struct wsp_reading reading = {
        .span_ns = span_ns,
        .delivered_bytes = (uint64_t)(ours * span),
        .rtt_ns = (uint64_t)(way->base_ns + way->longer_ns + way->late_ns + waits_ns),
        .min_rtt_ns = (uint64_t)way->base_ns,
        .n_sent = 1000,
        .n_sent_again = way->touch_bps > 0 && spell_bps > way->touch_bps ? 20 : 0,
        .is_backlogged = true,
        .is_held = is_held || way->seems_held,
        .is_kernel_pacing = way->is_kernel_pacing,
        .burst_ns = way->pauses ? WSP_NS_PER_S : way->now_ns,
        .equal_bps = way->equal_bps};
    wsp_tune_step(&tune, &reading, way->now_ns);
    return ours;
}

double bottleneck_run(struct way *way, double seconds, double *queue)
{
    double sum = 0, queues = 0;
    unsigned n = 0;
    uint64_t half_ns = (uint64_t)(seconds / 2 * (double)WSP_NS_PER_S);
    uint64_t end_ns = way->now_ns + 2 * half_ns;
    while (way->now_ns < end_ns) {
        double bps = bottleneck_pass(way);
        if (way->now_ns + half_ns < end_ns)
            continue;
        sum += bps;
        queues += way->queue_bytes / way->capacity_bps * (double)WSP_NS_PER_S / way->base_ns;
        n++;
    }
    if (queue)
        *queue = queues / n;
    return sum / n;
}

struct way bottleneck_begin(double rtt_ms, double capacity, double stream)
{
    wsp_tune_init(&tune, 256);
    struct wsp_outlook outlook = {.rtt_ns = (uint64_t)(rtt_ms * (double)WSP_NS_PER_MS)};
    tune.n = wsp_tune_guess(&outlook, UINT64_C(1) << 30, 0);
    return (struct way){.capacity_bps = capacity,
                        .base_ns = rtt_ms * (double)WSP_NS_PER_MS,
                        .stream_bps = stream,
                        .now_ns = WSP_NS_PER_S};
}
