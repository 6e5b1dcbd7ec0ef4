/* SPDX-License-Identifier: BSD-3-Clause */
/* A TCP proxy that hurts what it forwards: resets connections, stalls them and flips bits, by a
 * seeded schedule over the bytes that pass.
 *
 *     proxy -s SEED -f KINDS -e BYTES -n COUNT FROM=TO:LOW-HIGH ...
 *
 * Listens on address FROM, ports LOW to HIGH, and forwards to the same port of address TO. After
 * every BYTES (on average) a fault of one of the KINDS (letters: r one connection is reset, R all,
 * s one is stalled, S all, f a bit is flipped) happens, at most COUNT times. Ends at SIGTERM and
 * prints what it did. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_SIDES = 2048, BUFFER = 64 * 1024, MAX_DOORS = 256 };

/* One end of a connection; what is read here goes to the other side. */
struct side {
    int fd;
    struct side *other;
    bool is_connecting, has_ended;
    size_t at, end; /* of what waits to be written here */
    uint64_t stalled_until_ms;
    uint8_t buffer[BUFFER];
};

struct door {
    int fd;
    struct sockaddr_in to;
};

static struct side *sides[MAX_SIDES];
static struct door doors[MAX_DOORS];
static int n_sides, n_doors, poller;
static volatile sig_atomic_t is_over;

static const char *kinds = "";
static uint64_t seed = 1, every = 1 << 20, until_next;
static unsigned n_left = 10;
static unsigned n_resets, n_stalls, n_flips, n_connections;

static uint64_t draw(uint64_t below)
{
    seed += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = seed;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void die(const char *what)
{
    fprintf(stderr, "proxy: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static void watch(int fd, void *what, uint32_t events, int how)
{
    struct epoll_event event = {.events = events, .data.ptr = what};
    if (epoll_ctl(poller, how, fd, &event) != 0)
        die("epoll_ctl");
}

static bool is_stalled(const struct side *side)
{
    return side->stalled_until_ms > now_ms();
}

/* A side reads while the other's buffer is empty, and writes while its own is not. */
static void update(struct side *side)
{
    uint32_t events = 0;
    if (!is_stalled(side)) {
        if (side->is_connecting || side->end > side->at)
            events |= EPOLLOUT;
        if (!side->has_ended && side->other->end == side->other->at)
            events |= EPOLLIN;
    }
    watch(side->fd, side, events, EPOLL_CTL_MOD);
}

static void drop(struct side *side, bool by_reset)
{
    struct side *pair[2] = {side, side->other};
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    for (int k = 0; k < 2; k++) {
        if (by_reset)
            setsockopt(pair[k]->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
        close(pair[k]->fd);
        for (int i = 0; i < n_sides; i++)
            if (sides[i] == pair[k])
                sides[i--] = sides[--n_sides];
        free(pair[k]);
    }
}

static struct side *add_side(int fd)
{
    struct side *side = calloc(1, sizeof *side);
    if (!side)
        die("calloc");
    int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    side->fd = fd;
    sides[n_sides++] = side;
    return side;
}

static void take_in(const struct door *door)
{
    int in = accept4(door->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (in < 0)
        return;
    int out = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool is_on_its_way = out >= 0 && n_sides + 2 <= MAX_SIDES &&
                         (connect(out, (const struct sockaddr *)&door->to, sizeof door->to) == 0 ||
                          errno == EINPROGRESS);
    if (!is_on_its_way) {
        close(in);
        if (out >= 0)
            close(out);
        return;
    }
    struct side *a = add_side(in), *b = add_side(out);
    a->other = b;
    b->other = a;
    b->is_connecting = true;
    n_connections++;
    watch(in, a, EPOLLIN, EPOLL_CTL_ADD);
    watch(out, b, EPOLLOUT, EPOLL_CTL_ADD);
}

static void stall(struct side *side)
{
    uint64_t until = now_ms() + 1500 + draw(1000);
    side->stalled_until_ms = side->other->stalled_until_ms = until;
    update(side);
    update(side->other);
}

/* Does what is due to the connection of `side`; true if that connection is gone. */
static bool hurt(struct side *side)
{
    char kind = kinds[draw(strlen(kinds))];
    n_left--;
    if (kind == 'r') {
        drop(side, true);
        n_resets++;
        return true;
    }
    if (kind == 'R') {
        n_resets += (unsigned)n_sides / 2;
        while (n_sides > 0)
            drop(sides[0], true);
        return true;
    }
    if (kind == 's') {
        stall(side);
        n_stalls++;
        return false;
    }
    if (kind == 'S') {
        for (int i = 0; i < n_sides; i++)
            stall(sides[i]);
        n_stalls += (unsigned)n_sides / 2;
        return false;
    }
    struct side *to = side->other;
    to->buffer[to->at + draw(to->end - to->at)] ^= (uint8_t)(1u << draw(8));
    n_flips++;
    return false;
}

/* Reads what came for the other side; true if the connection is gone. */
static bool read_from(struct side *side)
{
    struct side *to = side->other;
    ssize_t n = read(side->fd, to->buffer, BUFFER);
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n < 0) {
        drop(side, true);
        return true;
    }
    if (n == 0) {
        side->has_ended = true;
        shutdown(to->fd, SHUT_WR);
        if (to->has_ended) {
            drop(side, false);
            return true;
        }
        return false;
    }
    to->at = 0;
    to->end = (size_t)n;
    if ((uint64_t)n < until_next) {
        until_next -= (uint64_t)n;
        return false;
    }
    until_next = 1 + draw(2 * every);
    return n_left > 0 && *kinds && hurt(side);
}

/* Writes what waits; true if the connection is gone. */
static bool write_to(struct side *side)
{
    side->is_connecting = false;
    if (side->at == side->end)
        return false;
    ssize_t n = send(side->fd, side->buffer + side->at, side->end - side->at, MSG_NOSIGNAL);
    if (n > 0)
        side->at += (size_t)n;
    if (n >= 0 || errno == EAGAIN)
        return false;
    drop(side, true);
    return true;
}

static bool is_alive(const struct side *side)
{
    for (int i = 0; i < n_sides; i++)
        if (sides[i] == side)
            return true;
    return false;
}

static void serve(struct side *side, uint32_t events)
{
    if (!is_alive(side) || is_stalled(side))
        return; /* gone with an event before this one */
    if (events & (EPOLLOUT | EPOLLERR) && write_to(side))
        return;
    if (events & (EPOLLIN | EPOLLHUP) && side->other->at == side->other->end && !side->has_ended &&
        read_from(side))
        return;
    update(side);
    update(side->other);
}

/* Stalls that are over: looks at those connections again. */
static void wake_up(void)
{
    for (int i = 0; i < n_sides; i++)
        if (sides[i]->stalled_until_ms && !is_stalled(sides[i])) {
            sides[i]->stalled_until_ms = 0;
            update(sides[i]);
        }
}

static void open_door(const char *from, const char *to, int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct door *door = &doors[n_doors++];
    int yes = 1;
    if (inet_pton(AF_INET, from, &at.sin_addr) != 1 ||
        inet_pton(AF_INET, to, &door->to.sin_addr) != 1) {
        fprintf(stderr, "proxy: %s or %s is no address\n", from, to);
        exit(EXIT_FAILURE);
    }
    door->to.sin_family = AF_INET;
    door->to.sin_port = at.sin_port;
    door->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(door->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(door->fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(door->fd, 64) != 0)
        die(from);
    watch(door->fd, door, EPOLLIN, EPOLL_CTL_ADD);
}

static void open_doors(const char *text)
{
    char from[64], to[64];
    int low, high;
    if (sscanf(text, "%63[^=]=%63[^:]:%d-%d", from, to, &low, &high) != 4) {
        fprintf(stderr, "proxy: %s is not FROM=TO:LOW-HIGH\n", text);
        exit(EXIT_FAILURE);
    }
    for (int port = low; port <= high && n_doors < MAX_DOORS; port++)
        open_door(from, to, port);
}

static void end(int signal_number)
{
    is_over = signal_number;
}

static bool is_door(const void *what)
{
    return (const struct door *)what >= doors && (const struct door *)what < doors + MAX_DOORS;
}

int main(int argc, char **argv)
{
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct sigaction action = {.sa_handler = end};
    sigaction(SIGTERM, &action, NULL);
    for (int option; (option = getopt(argc, argv, "s:f:e:n:")) != -1;) {
        if (option == 's')
            seed = strtoull(optarg, NULL, 10);
        else if (option == 'f')
            kinds = optarg;
        else if (option == 'e')
            every = strtoull(optarg, NULL, 10);
        else if (option == 'n')
            n_left = (unsigned)strtoul(optarg, NULL, 10);
        else
            return EXIT_FAILURE;
    }
    until_next = 1 + draw(2 * every);
    for (int i = optind; i < argc; i++)
        open_doors(argv[i]);
    printf("listening on %d ports\n", n_doors);
    fflush(stdout);
    while (!is_over) {
        struct epoll_event events[64];
        int n = epoll_wait(poller, events, 64, 100);
        for (int i = 0; i < n; i++) {
            if (is_door(events[i].data.ptr))
                take_in(events[i].data.ptr);
            else
                serve(events[i].data.ptr, events[i].events);
        }
        wake_up();
    }
    printf("connections %u resets %u stalls %u flips %u\n", n_connections, n_resets, n_stalls,
           n_flips);
    return EXIT_SUCCESS;
}
