/* SPDX-License-Identifier: BSD-3-Clause */
/* Traffic between two processes over a channel, timed; one JSON object on standard output.
 *
 *     wan-PEER WHERE stream SIZE DISCARD TIME   goodput of messages one way: the first DISCARD
 *                                               seconds do not count, the next TIME do
 *     wan-PEER WHERE lone SIZE DISCARD TIME     the same with one message at a time
 *     wan-PEER WHERE pingpong SIZE DISCARD TIME round trips, likewise
 *     wan-PEER WHERE first SIZE                 a fresh pair's first message and a short answer
 *
 * The driving side sends first; the receiving side of a stream, or else the driving side, prints.
 * Every message carries its number, which is checked. */
#include "channel.h"
#include "flow.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void stream(bool drives, size_t size, bool is_lone, double discard, double time)
{
    if (drives) {
        flow_stream_out(size, is_lone, discard + time);
        return;
    }
    struct flow_record record = flow_stream_in(size, is_lone);
    flow_print_stream(&record, size, discard, time);
    free(record.at);
}

static void pingpong(bool drives, size_t size, double discard, double time)
{
    double *trips = flow_trips_room();
    if (discard > 0)
        flow_trips(drives, size, discard, trips);
    size_t n = flow_trips(drives, size, time, trips);
    if (drives)
        printf("{\"round_trip_ms\": %.6f, \"p10_ms\": %.6f, \"p90_ms\": %.6f, "
               "\"round_trips\": %zu}\n",
               trips[n / 2] * 1e3, trips[n / 10] * 1e3, trips[n * 9 / 10] * 1e3, n);
    free(trips);
}

/* With the time to connect, wherever the peer does that. */
static void first_message(const char *where, size_t size)
{
    char *data = flow_room(size);
    double start = flow_now();
    bool drives = channel_open(where);
    flow_first(drives, data, size, channel_opens_at_once ? start : flow_now());
    free(data);
}

static int usage(void)
{
    fprintf(stderr, "usage: wan-PEER WHERE stream|lone SIZE DISCARD TIME | "
                    "pingpong SIZE DISCARD TIME | first SIZE\n");
    return 2;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return usage();
    size_t size = strtoull(argv[3], NULL, 10);
    if (size < sizeof(uint64_t))
        return usage();
    bool is_lone = strcmp(argv[2], "lone") == 0;
    if ((is_lone || strcmp(argv[2], "stream") == 0) && argc == 6) {
        stream(channel_open(argv[1]), size, is_lone, atof(argv[4]), atof(argv[5]));
    } else if (strcmp(argv[2], "pingpong") == 0 && argc == 6) {
        pingpong(channel_open(argv[1]), size, atof(argv[4]), atof(argv[5]));
    } else if (strcmp(argv[2], "first") == 0 && argc == 4) {
        first_message(argv[1], size);
    } else {
        return usage();
    }
    fflush(stdout);
    channel_close();
    return 0;
}
