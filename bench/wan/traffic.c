/* SPDX-License-Identifier: BSD-3-Clause */
/* Traffic between two processes over a channel, timed; one JSON object on standard output.
 *
 *     wan-PEER WHERE stream SIZE DISCARD TIME   goodput of messages one way: the first DISCARD
 *                                               seconds do not count, the next TIME do
 *     wan-PEER WHERE pingpong SIZE TIME         round trips
 *     wan-PEER WHERE first SIZE                 a fresh pair's first message and a short answer
 *
 * The driving side sends first; the receiving side of a stream, or else the driving side, prints.
 * Every message carries its number, which is checked. */
#include "channel.h"
#include "median.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FLIGHT_BYTES ((size_t)128 << 20) /* of one side's messages under way */
#define SAMPLES_MAX  4000000

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void die(const char *what)
{
    fprintf(stderr, "traffic: %s\n", what);
    exit(1);
}

static char *room(size_t size)
{
    char *bytes = malloc(size);
    if (!bytes)
        die("out of memory");
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

static uint64_t slots_for(size_t size)
{
    size_t n = FLIGHT_BYTES / size;
    return n < 2 ? 2 : n > CHANNEL_SLOTS ? CHANNEL_SLOTS : n;
}

/* Sends for so long, then a last message for each receive that the other side has posted, and waits
 * for its word. */
static void stream_out(size_t size, double seconds)
{
    const uint64_t n_slots = slots_for(size);
    char *data = room(n_slots * size), word;
    double end = now() + seconds;
    uint64_t i = 0, n_last = 0;
    channel_receive(0, &word, 1);
    for (; n_last < n_slots; i++) {
        int slot = (int)(i % n_slots);
        char *message = data + (size_t)slot * size;
        if (i >= n_slots)
            channel_sent(slot);
        if (n_last || now() >= end)
            n_last++;
        stamp(message, n_last ? LAST : i);
        channel_send(slot, message, size);
    }
    for (uint64_t k = i < n_slots ? 0 : i - n_slots; k < i; k++)
        channel_sent((int)(k % n_slots));
    channel_received(0);
    free(data);
}

/* When each message was complete. */
struct record {
    double *at;
    size_t n;
};

static struct record stream_in(size_t size)
{
    const uint64_t n_slots = slots_for(size);
    char *data = room(n_slots * size), word = 1;
    struct record record = {.at = malloc(SAMPLES_MAX * sizeof(double))};
    if (!record.at)
        die("out of memory");
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
            die("a message came out of order");
        if (record.n < SAMPLES_MAX)
            record.at[record.n++] = now();
        channel_receive(slot, data + (size_t)slot * size, size);
    }
    channel_send(0, &word, 1);
    channel_sent(0);
    free(data);
    if (record.n == 0)
        die("not one message came");
    return record;
}

/* The last of the messages that were complete together with message i: several may be under way. */
static size_t end_of_cluster(const struct record *record, size_t i, double gap)
{
    while (i + 1 < record->n && record->at[i + 1] - record->at[i] < gap)
        i++;
    return i;
}

/* Goodput between the first completion after `discard` seconds and the last within `time` more,
 * and how it went, in tenths of a second. */
static void report_stream(const struct record *record, size_t size, double discard, double time)
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
    double mbps = span > 0 ? (double)(last - first) * (double)size * 8e-6 / span : 0;
    printf("{\"goodput_mbps\": %.3f, \"messages\": %zu, \"series_mbps\": [", mbps, last - first);
    size_t at = 0;
    for (double t = record->at[0]; t < record->at[record->n - 1]; t += 0.1) {
        size_t n = 0;
        for (; at < record->n && record->at[at] < t + 0.1; at++)
            n++;
        printf("%s%.1f", t > record->at[0] ? ", " : "", (double)n * (double)size * 8e-6 / 0.1);
    }
    printf("]}\n");
}

static void stream(bool drives, size_t size, double discard, double time)
{
    if (drives) {
        stream_out(size, discard + time);
        return;
    }
    struct record record = stream_in(size);
    report_stream(&record, size, discard, time);
    free(record.at);
}

static void report_trips(double *trips, size_t n)
{
    sort_values(trips, n);
    printf("{\"round_trip_ms\": %.6f, \"p10_ms\": %.6f, \"p90_ms\": %.6f, \"round_trips\": %zu}\n",
           trips[n / 2] * 1e3, trips[n / 10] * 1e3, trips[n * 9 / 10] * 1e3, n);
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

static void pingpong(bool drives, size_t size, double time)
{
    char *out = room(size), *in = room(size);
    double *trips = malloc(SAMPLES_MAX * sizeof(double));
    size_t n = 0;
    if (!trips)
        die("out of memory");
    for (uint64_t i = 0; i < 3; i++) /* opens streams, finds its pace */
        trip(drives, out, in, size, i);
    double end = now() + time;
    for (bool goes_on = true; goes_on;) {
        double start = now();
        bool is_last = drives && (start >= end || n + 1 == SAMPLES_MAX);
        goes_on = trip(drives, out, in, size, is_last ? LAST : n);
        if (n < SAMPLES_MAX)
            trips[n++] = now() - start;
    }
    if (drives)
        report_trips(trips, n);
    free(trips);
    free(out);
    free(in);
}

/* With the time to connect, wherever the peer does that. */
static void first_message(const char *where, size_t size)
{
    char *data = room(size), word = 0;
    double start = now();
    bool drives = channel_open(where);
    if (!channel_opens_at_once)
        start = now();
    if (drives) {
        channel_receive(0, &word, 1);
        channel_send(0, data, size);
        channel_sent(0);
        channel_received(0);
        double seconds = now() - start;
        printf("{\"first_ms\": %.3f, \"goodput_mbps\": %.3f}\n", seconds * 1e3,
               (double)size * 8e-6 / seconds);
    } else {
        channel_receive(0, data, size);
        channel_received(0);
        channel_send(0, &word, 1);
        channel_sent(0);
    }
    free(data);
}

static int usage(void)
{
    fprintf(stderr, "usage: wan-PEER WHERE stream SIZE DISCARD TIME | pingpong SIZE TIME | "
                    "first SIZE\n");
    return 2;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return usage();
    size_t size = strtoull(argv[3], NULL, 10);
    if (size < sizeof(uint64_t))
        return usage();
    if (strcmp(argv[2], "stream") == 0 && argc == 6) {
        stream(channel_open(argv[1]), size, atof(argv[4]), atof(argv[5]));
    } else if (strcmp(argv[2], "pingpong") == 0 && argc == 5) {
        pingpong(channel_open(argv[1]), size, atof(argv[4]));
    } else if (strcmp(argv[2], "first") == 0 && argc == 4) {
        first_message(argv[1], size);
    } else {
        return usage();
    }
    fflush(stdout);
    channel_close();
    return 0;
}
