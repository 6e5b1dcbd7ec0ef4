/* SPDX-License-Identifier: BSD-3-Clause */
/* A wide-area link in user space, between TUN devices of two network namespaces: for kernels
 * without netem. bench/wan/wan sets it up; run as root.
 *
 *     emulator --a NETNS --b NETNS --control PATH [--seed N] [--stay]
 *
 * NETNS are files such as /run/netns/NAME; each gets a device `wan0`. Says "ready" and forwards
 * until it is told to quit, or without --stay until its parent ends. */
#include "control.h"
#include "line.h"
#include "packet.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* As a network card moderates its interrupts: a few at once, so that a lone packet never waits, and
 * under load no more than one in so long. Waking for each packet costs more than moving it. */
#define WAKES_AT_ONCE 8
#define WAKE_NS       200000

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "emulator: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* Opens wan0 in a namespace; the descriptor works from everywhere. */
static int open_device(const char *netns)
{
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
    int namespace = open(netns, O_RDONLY | O_CLOEXEC);
    if (namespace < 0 || setns(namespace, CLONE_NEWNET))
        die(netns);
    close(namespace);
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    strcpy(request.ifr_name, "wan0");
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request))
        die("/dev/net/tun");
    if (ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4))
        die("TUNSETOFFLOAD");
    return fd;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t sleep_until(uint64_t when)
{
    struct timespec t = {.tv_sec = (time_t)(when / 1000000000),
                         .tv_nsec = (long)(when % 1000000000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
        ;
    return now();
}

static void wait_for_any(struct pollfd *fds, nfds_t n, uint64_t wait)
{
    struct timespec timeout = {.tv_sec = (time_t)(wait / 1000000000),
                               .tv_nsec = (long)(wait % 1000000000)};
    if (ppoll(fds, n, &timeout, NULL) < 0 && errno != EINTR)
        die("poll");
}

static void forward(int listener, struct wan_line lines[2])
{
    struct pollfd fds[] = {{.fd = lines[0].from, .events = POLLIN},
                           {.fd = lines[1].from, .events = POLLIN},
                           {.fd = listener, .events = POLLIN}};
    uint64_t paid_until = 0; /* each wake adds WAKE_NS; so far ahead of the clock */
    for (;;) {
        uint64_t t = now();
        uint64_t next = earlier(wan_line_deliver(&lines[0], t), wan_line_deliver(&lines[1], t));
        if (paid_until > t + WAKES_AT_ONCE * WAKE_NS)
            t = sleep_until(paid_until - WAKES_AT_ONCE * WAKE_NS);
        wait_for_any(fds, 3, next == UINT64_MAX ? 1000000000 : next > t ? next - t : 0);
        t = now();
        paid_until = (paid_until > t ? paid_until : t) + WAKE_NS;
        for (int i = 0; i < 2; i++)
            if (fds[i].revents & POLLIN)
                wan_line_take(&lines[i], t);
        if ((fds[2].revents & POLLIN) && wan_control_serve(listener, lines, t))
            return;
    }
}

struct options {
    const char *a, *b, *control;
    uint64_t seed;
    bool stays;
};

static bool parse(int argc, char **argv, struct options *options)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--stay") == 0) {
            options->stays = true;
            continue;
        }
        if (!value)
            return false;
        if (strcmp(argv[i], "--a") == 0)
            options->a = value;
        else if (strcmp(argv[i], "--b") == 0)
            options->b = value;
        else if (strcmp(argv[i], "--control") == 0)
            options->control = value;
        else if (strcmp(argv[i], "--seed") == 0)
            options->seed = strtoull(value, NULL, 10);
        else
            return false;
        i++;
    }
    return options->a && options->b && options->control;
}

int main(int argc, char **argv)
{
    struct options options = {.seed = 1};
    static struct wan_line lines[2];
    if (!parse(argc, argv, &options)) {
        fprintf(stderr, "usage: emulator --a NETNS --b NETNS --control PATH [--seed N] "
                        "[--stay]\n");
        return 2;
    }
    if (!options.stays)
        prctl(PR_SET_PDEATHSIG, SIGTERM);
    prctl(PR_SET_TIMERSLACK, 1);
    setpriority(PRIO_PROCESS, 0, -20); /* its own lateness would be measured as the link's */
    int listener = wan_control_listen(options.control);
    if (listener < 0)
        die(options.control);
    int a = open_device(options.a), b = open_device(options.b);
    if (!wan_line_init(&lines[0], a, b, 2 * options.seed) ||
        !wan_line_init(&lines[1], b, a, 2 * options.seed + 1))
        die("memory");
    puts("ready");
    fflush(stdout);
    forward(listener, lines);
    wan_line_close(&lines[0]);
    wan_line_close(&lines[1]);
    unlink(options.control);
    return 0;
}
