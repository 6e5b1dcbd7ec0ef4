/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow.h"

#include "channel.h"
#include "median.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FLIGHT_BYTES ((size_t)128 << 20) /* of one side's messages under way */
#define TOLD_MAX     10000

double flow_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void flow_die(const char *what)
{
    fprintf(stderr, "traffic: %s\n", what);
    exit(1);
}

char *flow_room(size_t size)
{
    char *bytes = malloc(size);
    if (!bytes)
        flow_die("out of memory");
    memset(bytes, 1, size); /* touched before time is taken */
    return bytes;
}

/* Number of a message, or the last one. */
#define LAST UINT64_MAX

static void stamp(char *message, uint64_t number)
{
    memcpy(message, &number, sizeof number);
}

static uint64_t stamp_of(const char *message)
{
    uint64_t number;
    memcpy(&number, message, sizeof number);
    return number;
}

static uint64_t slots_for(size_t size, bool is_lone)
{
    if (is_lone)
        return 1;
    size_t n = FLIGHT_BYTES / size;
    return n < 2 ? 2 : n > CHANNEL_SLOTS ? CHANNEL_SLOTS : n;
}

/* At the end a last message for each receive that the other side has posted. */
void flow_stream_out(size_t size, bool is_lone, double seconds)
{
    const uint64_t n_slots = slots_for(size, is_lone);
    char *data = flow_room(n_slots * size), word;
    double end = flow_now() + seconds;
    uint64_t i = 0, n_last = 0;
    channel_receive(0, &word, 1);
    for (; n_last < n_slots; i++) {
        int slot = (int)(i % n_slots);
        char *message = data + (size_t)slot * size;
        if (i >= n_slots)
            channel_sent(slot);
        if (n_last || flow_now() >= end)
            n_last++;
        stamp(message, n_last ? LAST : i);
        channel_send(slot, message, size);
    }
    for (uint64_t k = i < n_slots ? 0 : i - n_slots; k < i; k++)
        channel_sent((int)(k % n_slots));
    channel_received(0);
    free(data);
}

struct flow_record flow_stream_in(size_t size, bool is_lone)
{
    const uint64_t n_slots = slots_for(size, is_lone);
    char *data = flow_room(n_slots * size), word = 1;
    struct flow_record record = {.at = malloc(FLOW_SAMPLES_MAX * sizeof(double))};
    if (!record.at)
        flow_die("out of memory");
    for (uint64_t slot = 0; slot < n_slots; slot++)
        channel_receive((int)slot, data + slot * size, size);
    for (uint64_t i = 0, n_last = 0; n_last < n_slots; i++) {
        int slot = (int)(i % n_slots);
        channel_received(slot);
        uint64_t number = stamp_of(data + (size_t)slot * size);
        if (number == LAST) {
            n_last++;
            continue;
        }
        if (number != i)
            flow_die("a message came out of order");
        if (record.n < FLOW_SAMPLES_MAX)
            record.at[record.n++] = flow_now();
        channel_receive(slot, data + (size_t)slot * size, size);
    }
    channel_send(0, &word, 1);
    channel_sent(0);
    free(data);
    if (record.n == 0)
        flow_die("not one message came");
    return record;
}

/* The last of the messages that were complete together with message i: several may be under way. */
static size_t end_of_cluster(const struct flow_record *record, size_t i, double gap)
{
    while (i + 1 < record->n && record->at[i + 1] - record->at[i] < gap)
        i++;
    return i;
}

void flow_print_stream(const struct flow_record *record, size_t size, double discard, double time)
{
    double begin = record->at[0] + discard, end = begin + time;
    size_t first = 0, last;
    while (first + 1 < record->n && record->at[first] < begin)
        first++;
    for (last = first; last + 1 < record->n && record->at[last + 1] <= end; last++)
        ;
    double gap = (record->at[last] - record->at[first]) / (double)(last - first + 1) / 4;
    first = end_of_cluster(record, first, gap);
    last = end_of_cluster(record, last, gap);
    double span = record->at[last] - record->at[first];
    if (span < time / 2) /* few came, and perhaps together: the time without any counts */
        span = time;
    double mbps = span > 0 ? (double)(last - first) * (double)size * 8e-6 / span : 0;
    printf("{\"goodput_mbps\": %.3f, \"messages\": %zu, \"series_mbps\": [", mbps, last - first);
    size_t at = 0;
    for (double t = record->at[0]; t < record->at[record->n - 1]; t += 0.1) {
        size_t n = 0;
        for (; at < record->n && record->at[at] < t + 0.1; at++)
            n++;
        printf("%s%.1f", t > record->at[0] ? ", " : "", (double)n * (double)size * 8e-6 / 0.1);
    }
    printf("]");
    for (size_t i = 0; record->n <= TOLD_MAX && i < record->n; i++)
        printf("%s%.4f", i ? ", " : ", \"completed_s\": [", record->at[i]);
    printf("%s}\n", record->n <= TOLD_MAX ? "]" : "");
}

/* One round trip, which the driving side begins; false after the last. */
static bool trip(bool drives, char *out, char *in, size_t size, uint64_t number)
{
    channel_receive(0, in, size);
    if (drives) {
        stamp(out, number);
        channel_send(0, out, size);
    }
    channel_received(0);
    number = stamp_of(in);
    if (!drives) {
        stamp(out, number);
        channel_send(0, out, size);
    }
    channel_sent(0);
    return number != LAST;
}

size_t flow_trips(bool drives, size_t size, double seconds, double *trips)
{
    char *out = flow_room(size), *in = flow_room(size);
    size_t n = 0;
    for (uint64_t i = 0; i < 3; i++) /* opens streams, finds its pace */
        trip(drives, out, in, size, i);
    double end = flow_now() + seconds;
    for (bool goes_on = true; goes_on;) {
        double start = flow_now();
        bool is_last = drives && (start >= end || n + 1 == FLOW_SAMPLES_MAX);
        goes_on = trip(drives, out, in, size, is_last ? LAST : n);
        if (n < FLOW_SAMPLES_MAX)
            trips[n++] = flow_now() - start;
    }
    sort_values(trips, n);
    free(out);
    free(in);
    return n;
}

double *flow_trips_room(void)
{
    double *trips = malloc(FLOW_SAMPLES_MAX * sizeof(double));
    if (!trips)
        flow_die("out of memory");
    return trips;
}

void flow_first(bool drives, char *data, size_t size, double start)
{
    char word = 0;
    if (drives) {
        channel_receive(0, &word, 1);
        channel_send(0, data, size);
        channel_sent(0);
        channel_received(0);
        double seconds = flow_now() - start;
        printf("{\"first_ms\": %.3f, \"goodput_mbps\": %.3f}\n", seconds * 1e3,
               (double)size * 8e-6 / seconds);
    } else {
        channel_receive(0, data, size);
        channel_received(0);
        channel_send(0, &word, 1);
        channel_sent(0);
    }
}
