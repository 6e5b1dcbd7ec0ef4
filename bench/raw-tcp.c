/* SPDX-License-Identifier: BSD-3-Clause */
/* A bare TCP ping-pong between two processes, to compare a path with:
 *
 *     raw-tcp                          both ends here, over the loopback
 *     raw-tcp listen PORT              one end ...
 *     raw-tcp connect HOST PORT        ... and the other, which prints the table */
#include "tcp.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE_MAX_BYTES ((size_t)64 << 20)
#define TIME_S         0.2

struct plan {
    uint64_t size; /* 0: the end */
    int64_t n;
    int64_t one_way;
};

static int run(int fd, int first, char *buffer, const struct plan *plan, double *seconds)
{
    return (plan->one_way ? tcp_one_way : tcp_round_trips)(fd, first, buffer, plan->size, plan->n,
                                                           seconds);
}

/* The end that follows: does what the other one announces. */
static int serve(int fd, char *buffer)
{
    struct plan plan;
    double seconds;
    for (;;) {
        if (tcp_recv_all(fd, &plan, sizeof(plan)) != 0)
            return -1;
        if (plan.size == 0)
            return 0;
        if (plan.size > SIZE_MAX_BYTES || run(fd, 0, buffer, &plan, &seconds) != 0)
            return -1;
    }
}

static int announce_and_run(int fd, char *buffer, struct plan plan, double *seconds)
{
    if (tcp_send_all(fd, &plan, sizeof(plan)) != 0)
        return -1;
    return plan.size ? run(fd, 1, buffer, &plan, seconds) : 0;
}

/* Seconds of one message: a short run to find how many fit the time, then that many. */
static int measure(int fd, char *buffer, size_t size, bool one_way, double *each)
{
    struct plan plan = {.size = size, .n = 3, .one_way = one_way};
    double seconds = 0;
    if (announce_and_run(fd, buffer, plan, &seconds) != 0)
        return -1;
    double n = TIME_S / (seconds / 3);
    plan.n = n < 3 ? 3 : n > 1e6 ? 1000000 : (int64_t)n;
    if (announce_and_run(fd, buffer, plan, &seconds) != 0)
        return -1;
    *each = seconds / (double)plan.n / (one_way ? 1 : 2);
    return 0;
}

static int drive(int fd, char *buffer)
{
    printf("%12s %12s %12s\n", "bytes", "latency us", "MB/s");
    for (size_t size = 1; size <= SIZE_MAX_BYTES; size *= 4) {
        double latency, one_way;
        if (measure(fd, buffer, size, false, &latency) != 0 ||
            measure(fd, buffer, size, true, &one_way) != 0)
            return -1;
        printf("%12zu %12.2f %12.1f\n", size, latency * 1e6, (double)size / one_way / 1e6);
        fflush(stdout);
    }
    return announce_and_run(fd, buffer, (struct plan){0}, NULL);
}

static int both_ends(char *buffer)
{
    uint16_t port = 0;
    int status = 0, listener = tcp_listen(&port);
    if (listener < 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        int fd = tcp_accept(listener);
        _exit(fd < 0 || serve(fd, buffer) != 0);
    }
    close(listener);
    int fd = child < 0 ? -1 : tcp_connect("localhost", port);
    int err = fd < 0 ? -1 : drive(fd, buffer);
    if (fd >= 0)
        close(fd);
    if (child > 0 && waitpid(child, &status, 0) == child && status != 0)
        err = -1;
    return err;
}

int main(int argc, char **argv)
{
    char *buffer = malloc(SIZE_MAX_BYTES);
    int fd = -1, err = -1;
    if (!buffer)
        return 1;
    memset(buffer, 1, SIZE_MAX_BYTES);
    if (argc == 1) {
        err = both_ends(buffer);
    } else if (argc == 3 && strcmp(argv[1], "listen") == 0) {
        uint16_t port = (uint16_t)atoi(argv[2]);
        int listener = tcp_listen(&port);
        fd = listener < 0 ? -1 : tcp_accept(listener);
        err = fd < 0 ? -1 : serve(fd, buffer);
    } else if (argc == 4 && strcmp(argv[1], "connect") == 0) {
        fd = tcp_connect(argv[2], (uint16_t)atoi(argv[3]));
        err = fd < 0 ? -1 : drive(fd, buffer);
    } else {
        fprintf(stderr, "usage: raw-tcp [listen PORT | connect HOST PORT]\n");
        free(buffer);
        return 2;
    }
    if (err)
        fprintf(stderr, "raw-tcp: %s\n", errno ? strerror(errno) : "the other end went away");
    if (fd >= 0)
        close(fd);
    free(buffer);
    return err != 0;
}
