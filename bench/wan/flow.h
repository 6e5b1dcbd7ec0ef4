/* SPDX-License-Identifier: BSD-3-Clause */
/* Streams and round trips over a channel, for traffic.c and pairs.c. Every message carries its
 * number, which is checked; a failure ends the process. */
#ifndef WAN_FLOW_H
#define WAN_FLOW_H

#include <stdbool.h>
#include <stddef.h>

#define FLOW_SAMPLES_MAX 4000000

/* When each message was complete, on the machine's monotonic clock; the caller frees `at`. */
struct flow_record {
    double *at;
    size_t n;
};

double flow_now(void); /* seconds */
void flow_die(const char *what);
char *flow_room(size_t size); /* touched; the caller frees it */

/* Sends for so long, then waits for the receiver's word. is_lone: one message at a time, as many
 * programs do. */
void flow_stream_out(size_t size, bool is_lone, double seconds);
struct flow_record flow_stream_in(size_t size, bool is_lone);

/* One JSON object: goodput between the first completion after `discard` seconds and the last within
 * `time` more; how it went, in tenths of a second; and when messages were complete, if not too
 * many.
 */
void flow_print_stream(const struct flow_record *record, size_t size, double discard, double time);

/* Round trips for so long, sorted; the answering side ends with the driving one. Returns how many;
 * trips has room for FLOW_SAMPLES_MAX. */
size_t flow_trips(bool drives, size_t size, double seconds, double *trips);
double *flow_trips_room(void); /* the caller frees it */

/* One message and a short answer; the driving side prints one JSON object with the time since
 * `start`, when nothing was connected yet. data: size bytes, of either side. */
void flow_first(bool drives, char *data, size_t size, double start);

#endif
