/* SPDX-License-Identifier: BSD-3-Clause */
/* Ping-pong over a path, without MPI: messages of growing size go back and forth, every byte is
 * checked, and times are printed.
 *
 *   path_pingpong                           two processes on this machine
 *   path_pingpong listen PORT KEYFILE       one side (PORT 0: the system chooses and it is shown)
 *   path_pingpong open HOST:PORT KEYFILE    the other side
 *
 * KEYFILE holds at least 32 secret bytes, the same on both sides:
 *   head -c 32 /dev/urandom > key; chmod 600 key
 *
 * Build by hand: cc path_pingpong.c $(pkg-config --cflags --libs widespan) */
#include <widespan/path.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAME       "path_pingpong"
#define LARGEST    (16u << 20)
#define TIMEOUT_MS 30000

static uint8_t key[WSP_PATH_KEY_BYTES];

static void check(wsp_err err, const char *what)
{
    if (err == WSP_OK)
        return;
    fprintf(stderr, "path_pingpong: %s: %s\n", what, wsp_err_text(err));
    exit(EXIT_FAILURE);
}

static void fill(uint8_t *bytes, size_t length, unsigned seed)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(i * 7 + seed);
}

static void verify(const uint8_t *bytes, const uint8_t *wanted, size_t length)
{
    if (memcmp(bytes, wanted, length) == 0)
        return;
    fprintf(stderr, "path_pingpong: a message of %zu bytes is damaged\n", length);
    exit(EXIT_FAILURE);
}

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static unsigned rounds_of(size_t length)
{
    return length <= 65536 ? 50 : 5;
}

/* Sends each message and gets it back; the receive is posted first, so that it lands in place. */
static void play_first(struct wsp_path *path, uint8_t *out, uint8_t *in)
{
    printf("%10s %12s %10s\n", "bytes", "round trip", "MB/s");
    for (size_t length = 1; length <= LARGEST; length *= 4) {
        double start_us = 0;
        unsigned rounds = rounds_of(length);
        fill(out, length, (unsigned)length);
        for (unsigned i = 0; i <= rounds; i++) {
            struct wsp_request *request;
            struct wsp_path_status status;
            if (i == 1) /* the first warms up */
                start_us = now_us();
            memset(in, 0, length);
            check(wsp_path_irecv(path, length, in, length, &request), "irecv");
            check(wsp_path_send(path, length, out, length), "send");
            check(wsp_request_wait(&request, TIMEOUT_MS, &status), "wait");
            if (status.length != length)
                check(WSP_ERR_INTERNAL, "length");
            verify(in, out, length);
        }
        double us = (now_us() - start_us) / rounds;
        printf("%10zu %9.1f us %10.1f\n", length, us, 2.0 * (double)length / us);
    }
}

static void play_second(struct wsp_path *path, uint8_t *out, uint8_t *in)
{
    for (size_t length = 1; length <= LARGEST; length *= 4) {
        fill(out, length, (unsigned)length);
        for (unsigned i = 0; i <= rounds_of(length); i++) {
            check(wsp_path_recv(path, WSP_ANY_TAG, in, length, NULL), "recv");
            verify(in, out, length);
            check(wsp_path_send(path, length, in, length), "send");
        }
    }
}

static void play(struct wsp_path *path, bool is_first)
{
    uint8_t *out = malloc(LARGEST), *in = malloc(LARGEST);
    if (!out || !in)
        check(WSP_ERR_NO_MEMORY, "buffers");
    if (is_first)
        play_first(path, out, in);
    else
        play_second(path, out, in);
    struct wsp_path_stats stats = {.size = sizeof stats};
    check(wsp_path_get_stats(path, &stats), "statistics");
    check(wsp_path_close(&path, TIMEOUT_MS), "close");
    if (is_first)
        printf("data verified; %llu messages over %llu streams\n",
               (unsigned long long)(stats.messages_sent + stats.messages_received),
               (unsigned long long)stats.streams_opened);
    free(out);
    free(in);
}

static void listen_side(const char *ports, int tell_port)
{
    struct wsp_listener *listener;
    struct wsp_path *path;
    check(wsp_listener_open(ports, NAME, key, NULL, &listener), "listen");
    uint16_t port = wsp_listener_port(listener);
    if (tell_port < 0) {
        printf("listening on port %u\n", port);
        fflush(stdout);
    } else if (write(tell_port, &port, sizeof port) != sizeof port) {
        check(WSP_ERR_IO, "pipe");
    }
    check(wsp_listener_accept(listener, tell_port < 0 ? WSP_FOREVER : TIMEOUT_MS, &path), "accept");
    wsp_listener_close(&listener);
    play(path, true);
}

static void open_side(const char *address)
{
    struct wsp_path *path;
    check(wsp_path_open(address, NAME, key, NULL, &path), address);
    play(path, false);
}

/* The other process is made before the library is used: paths do not survive a fork. */
static int both_here(void)
{
    int ends[2], status;
    if (getrandom(key, sizeof key, 0) != sizeof key || pipe(ends) != 0)
        check(WSP_ERR_IO, "start");
    pid_t child = fork();
    if (child < 0)
        check(WSP_ERR_IO, "fork");
    if (child == 0) {
        uint16_t port;
        char address[32];
        close(ends[1]);
        if (read(ends[0], &port, sizeof port) != sizeof port)
            check(WSP_ERR_IO, "pipe");
        snprintf(address, sizeof address, "127.0.0.1:%u", port);
        open_side(address);
        exit(EXIT_SUCCESS);
    }
    close(ends[0]);
    listen_side("0", ends[1]);
    if (waitpid(child, &status, 0) != child || status != 0)
        check(WSP_ERR_PEER_LOST, "the other process");
    return EXIT_SUCCESS;
}

static void read_key(const char *file)
{
    FILE *in = fopen(file, "rb");
    if (!in || fread(key, 1, sizeof key, in) != sizeof key) {
        fprintf(stderr, "path_pingpong: %s does not hold %zu bytes\n", file, sizeof key);
        exit(EXIT_FAILURE);
    }
    fclose(in);
}

int main(int argc, char **argv)
{
    if (argc == 1)
        return both_here();
    bool is_listen = argc == 4 && strcmp(argv[1], "listen") == 0;
    if (!is_listen && (argc != 4 || strcmp(argv[1], "open") != 0)) {
        fprintf(stderr, "use: path_pingpong [listen PORT KEYFILE | open HOST:PORT KEYFILE]\n");
        return EXIT_FAILURE;
    }
    read_key(argv[3]);
    if (is_listen)
        listen_side(argv[2], -1);
    else
        open_side(argv[2]);
    return EXIT_SUCCESS;
}
