/* SPDX-License-Identifier: BSD-3-Clause */
/* A fluid model of a bottleneck for the tests of tuning: what enters beyond its rate queues, what a
 * queue of one product of bandwidth and round trip cannot hold is lost. */
#ifndef WSP_TESTS_BOTTLENECK_H
#define WSP_TESTS_BOTTLENECK_H

#include "base/clock.h"
#include "path/tune.h"

#define MB 1e6

struct way {
    double capacity_bps; /* bytes a second */
    double base_ns;
    double stream_bps;  /* what one stream can carry at most */
    double foreign_bps; /* what others put in whatever happens */
    double longer_ns;   /* than the least round trip, without any queue */
    double few_cost;    /* what a single stream wastes of the capacity, two half of it, and so on */
    double burst_bytes; /* up to so much leaves at once */
    double pause_part;  /* of every tenth interval, nothing comes in; for a while round trips */
    double late_ns;     /* ... are the longer */
    double queue_bytes;
    double equal_bps; /* told by the pair */
    double touch_bps; /* a stream that sends more, also for a moment, loses a fiftieth; 0: none */
    bool is_kernel_pacing;
    bool seems_held; /* for moments, although the streams are slower than the pace */
    bool pauses;     /* again and again, so that no burst is long */
    uint64_t now_ns;
};

/* What is tested; the model asks it for the pace and tells it what an interval showed. */
extern struct wsp_tune tune;

double smaller(double a, double b);
double larger(double a, double b);

/* A way with these and nothing special, and a tuner that begins on it. */
struct way bottleneck_begin(double rtt_ms, double capacity, double stream);

/* One interval; returns what was delivered a second. */
double bottleneck_pass(struct way *way);

/* The mean over the second half of so many seconds; the queue's mean as well, in round trips, where
 * it is asked for. */
double bottleneck_run(struct way *way, double seconds, double *queue);

#endif
