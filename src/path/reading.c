/* SPDX-License-Identifier: BSD-3-Clause */
/* What the kernels tell of the streams, summed up. */
#include "path/end_internal.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The middle one; sorts them. */
static uint64_t middle(uint64_t *values, unsigned n)
{
    qsort(values, n, sizeof *values, compare);
    return values[n / 2];
}

static uint64_t since(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

struct sums {
    struct wsp_reading *reading;
    uint64_t rtts[WSP_STREAMS_MAX];
    unsigned n;
    double least, most; /* delivered by a stream */
};

static void add_stream(struct wsp_end *end, unsigned index, struct sums *sums)
{
    struct wsp_slot *slot = end->slots[index];
    struct wsp_stream_sample before = slot->sample, now = {0};
    if (!end->config.handler->sample(end->config.user, index, &now))
        return;
    slot->sample = now;
    double delivered = (double)since(now.delivered_bytes, before.delivered_bytes);
    sums->reading->delivered_bytes += (uint64_t)delivered;
    if (!wsp_lane_is_for_bulk(end, index))
        return;
    sums->reading->n_sent += since(now.n_sent, before.n_sent);
    sums->reading->n_sent_again += since(now.n_sent_again, before.n_sent_again);
    sums->reading->dry_share += now.unsent_bytes == 0;
    sums->reading->pinched_share += now.is_pinched;
    uint64_t busy = since(now.busy_ns, before.busy_ns);
    uint64_t limited = since(now.receiver_limited_ns, before.receiver_limited_ns);
    sums->reading->receiver_share += busy ? (double)limited / (double)busy : 0;
    if (sums->n == 0 || delivered < sums->least)
        sums->least = delivered;
    if (delivered > sums->most)
        sums->most = delivered;
    sums->rtts[sums->n++] = now.rtt_ns;
}

unsigned wsp_reading_take(struct wsp_end *end, struct wsp_reading *reading)
{
    struct sums sums = {.reading = reading};
    for (unsigned i = 0; i < end->n_slots && end->config.handler->sample; i++)
        if (end->slots[i]->is_up)
            add_stream(end, i, &sums);
    if (sums.n == 0) {
        reading->delivered_bytes = end->bytes_acked - end->interval_acked;
        return 0;
    }
    reading->dry_share /= sums.n;
    reading->pinched_share /= sums.n;
    reading->receiver_share /= sums.n;
    reading->evenness = sums.most > 0 ? sums.least / sums.most : 0;
    end->rtt.ns = reading->rtt_ns = middle(sums.rtts, sums.n);
    return sums.n;
}

void wsp_reading_look(const struct wsp_end *end, struct wsp_look *look)
{
    uint64_t rtts[WSP_STREAMS_MAX];
    for (unsigned i = 0; i < end->n_slots; i++) {
        struct wsp_stream_sample now;
        if (!end->slots[i]->is_up || !wsp_lane_is_for_bulk(end, i) ||
            !end->config.handler->sample(end->config.user, i, &now))
            continue;
        look->delivered_bytes += now.delivered_bytes;
        rtts[look->n++] = now.rtt_ns;
    }
    if (look->n > 0)
        look->rtt_ns = middle(rtts, look->n);
}
