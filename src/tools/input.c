/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/input.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define AGAIN_NS (WSP_NS_PER_S / 5)

struct wsp_input {
    struct wsp_loop *loop;
    struct wsp_watch *reading; /* of the terminal; NULL at its end */
    struct wsp_watch *writing; /* of the pipe, while it is full */
    struct wsp_timer again;    /* runs while what is typed is for others */
    int to;                    /* the pipe; -1: closed */
    char text[4096];           /* read and not written yet */
    size_t length, n_written;
};

static void stop(struct wsp_input *input)
{
    wsp_timer_stop(input->loop, &input->again);
    wsp_watch_remove(&input->reading);
    wsp_watch_remove(&input->writing);
    if (input->to >= 0)
        close(input->to);
    input->to = -1;
}

static void on_writable(void *user, unsigned events);

static void write_on(struct wsp_input *input)
{
    while (input->n_written < input->length) {
        ssize_t n =
            write(input->to, input->text + input->n_written, input->length - input->n_written);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0) {
            stop(input);
            return;
        }
        input->n_written += (size_t)n;
    }
    bool is_full = input->n_written < input->length;
    wsp_watch_set(input->reading, is_full ? 0 : WSP_READABLE);
    if (!is_full)
        wsp_watch_remove(&input->writing);
    else if (!input->writing && wsp_loop_watch(input->loop, input->to, WSP_WRITABLE, on_writable,
                                               input, &input->writing))
        stop(input);
}

static void on_writable(void *user, unsigned events)
{
    (void)events;
    write_on(user);
}

static void on_again(void *user, uint64_t now_ns)
{
    struct wsp_input *input = user;
    (void)now_ns;
    wsp_watch_set(input->reading, WSP_READABLE);
}

static void on_typed(void *user, unsigned events)
{
    struct wsp_input *input = user;
    if (!events)
        return;
    if (tcgetpgrp(STDIN_FILENO) != getpgrp()) { /* we are in the background now */
        if (!wsp_timer_set(input->loop, &input->again, wsp_clock_now_ns() + AGAIN_NS))
            wsp_watch_set(input->reading, 0);
        return;
    }
    ssize_t n = read(STDIN_FILENO, input->text, sizeof input->text);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        stop(input);
        return;
    }
    input->length = (size_t)n;
    input->n_written = 0;
    write_on(input);
}

static wsp_err open_pump(struct wsp_loop *loop, int *fd, struct wsp_input **out)
{
    int ends[2];
    struct wsp_input *input = calloc(1, sizeof *input);
    if (!input)
        return WSP_ERR_NO_MEMORY;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        wsp_err err = wsp_err_of_errno(errno);
        free(input);
        return err;
    }
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    input->loop = loop;
    input->again = (struct wsp_timer){.fn = on_again, .user = input};
    input->to = ends[1];
    wsp_err err =
        wsp_loop_watch(loop, STDIN_FILENO, WSP_READABLE, on_typed, input, &input->reading);
    if (err) {
        close(ends[0]);
        wsp_input_close(&input);
        return err;
    }
    *fd = ends[0];
    *out = input;
    return WSP_OK;
}

wsp_err wsp_input_open(struct wsp_loop *loop, int *fd, struct wsp_input **input)
{
    *input = NULL;
    bool is_terminal = isatty(STDIN_FILENO);
    if (is_terminal && tcgetpgrp(STDIN_FILENO) == getpgrp())
        return open_pump(loop, fd, input);
    *fd = is_terminal ? -1 : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    if (*fd < 0) /* in the background of a terminal, or there is no standard input at all */
        *fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return *fd < 0 ? wsp_err_of_errno(errno) : WSP_OK;
}

void wsp_input_close(struct wsp_input **input)
{
    if (*input)
        stop(*input);
    free(*input);
    *input = NULL;
}
