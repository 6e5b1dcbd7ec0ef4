/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/output.h"

#include "base/list.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WRITE_BYTES   4096           /* PIPE_BUF: what a writable pipe takes without blocking */
#define PENDING_BYTES WSP_LINE_BYTES /* with more to write, nothing more is read */

/* One source of lines. */
struct source {
    struct wsp_output *output;
    int fd; /* -1: at its end */
    const char *prefix;
    struct wsp_watch *watch; /* NULL while paused */
    char *text;              /* not handed on yet; WSP_LINE_BYTES of room */
    size_t length;
    bool is_inside_line; /* the beginning of its line has been handed on */
    struct wsp_node node;
};

struct wsp_output {
    struct wsp_loop *loop;
    int fd;
    void (*broken)(void *user);
    void *user;
    bool is_broken, is_paused;
    char *pending;
    size_t pending_length, pending_capacity, n_written;
    struct wsp_watch *watch; /* while it waits for its reader */
    struct source *owner;    /* whose line is open, or NULL */
    struct wsp_list sources;
    unsigned n_open;
};

static void on_readable(void *user, unsigned events);
static void on_writable(void *user, unsigned events);

static void pend(struct wsp_output *output, const char *text, size_t length)
{
    size_t needed = output->pending_length + length;
    if (output->is_broken || length == 0)
        return;
    if (needed > output->pending_capacity) {
        size_t capacity = needed + needed / 2 + WRITE_BYTES;
        char *more = realloc(output->pending, capacity);
        if (!more)
            return;
        output->pending = more;
        output->pending_capacity = capacity;
    }
    memcpy(output->pending + output->pending_length, text, length);
    output->pending_length = needed;
}

static void break_down(struct wsp_output *output)
{
    output->is_broken = true;
    output->pending_length = output->n_written = 0;
    output->broken(output->user);
}

/* Writes what the reader takes now; all of it if may_wait. */
static void flush(struct wsp_output *output, bool may_wait)
{
    while (output->n_written < output->pending_length) {
        size_t left = output->pending_length - output->n_written;
        struct pollfd ready = {.fd = output->fd, .events = POLLOUT};
        if (poll(&ready, 1, may_wait ? -1 : 0) == 0)
            break;
        ssize_t n = write(output->fd, output->pending + output->n_written,
                          left < WRITE_BYTES ? left : WRITE_BYTES);
        if (n > 0)
            output->n_written += (size_t)n;
        else if (errno != EAGAIN && errno != EINTR)
            break_down(output);
    }
    if (output->n_written == output->pending_length)
        output->n_written = output->pending_length = 0;
}

static void pause_sources(struct wsp_output *output, bool pause)
{
    if (output->is_paused == pause)
        return;
    output->is_paused = pause;
    WSP_LIST_EACH(node, &output->sources)
    {
        struct source *source = WSP_CONTAINER(node, struct source, node);
        if (pause)
            wsp_watch_remove(&source->watch);
        else if (source->fd >= 0 && wsp_loop_watch(output->loop, source->fd, WSP_READABLE,
                                                   on_readable, source, &source->watch))
            source->watch = NULL;
    }
}

/* Writes on, and arranges to be called when the reader takes more. A plain file cannot be watched,
 * and need not be: it always takes everything. */
static void write_on(struct wsp_output *output)
{
    flush(output, false);
    bool is_left = output->pending_length > 0;
    if (is_left && !output->watch &&
        wsp_loop_watch(output->loop, output->fd, WSP_WRITABLE, on_writable, output, &output->watch))
        flush(output, true);
    else if (!is_left)
        wsp_watch_remove(&output->watch);
    pause_sources(output, output->pending_length - output->n_written >= PENDING_BYTES);
}

static void on_writable(void *user, unsigned events)
{
    (void)events;
    write_on(user);
}

/* Hands on length bytes of a source's text, which hold no line end but at their own end. */
static void hand_on(struct source *source, size_t length)
{
    struct wsp_output *output = source->output;
    if (!source->is_inside_line)
        pend(output, source->prefix, strlen(source->prefix));
    pend(output, source->text, length);
    source->is_inside_line = length == 0 || source->text[length - 1] != '\n';
    output->owner = source->is_inside_line ? source : NULL;
    source->length -= length;
    memmove(source->text, source->text + length, source->length);
}

/* Hands on the whole lines of a source, unless another one's line is open. */
static void hand_on_lines(struct source *source)
{
    struct wsp_output *output = source->output;
    for (char *end; (!output->owner || output->owner == source) &&
                    (end = memchr(source->text, '\n', source->length));)
        hand_on(source, (size_t)(end - source->text) + 1);
}

/* Ends another one's open line, so that a full source can be emptied. */
static void break_line_of_owner(struct wsp_output *output)
{
    pend(output, "\n", 1);
    output->owner->is_inside_line = false;
    output->owner = NULL;
}

static void hand_on_all_lines(struct wsp_output *output)
{
    WSP_LIST_EACH(node, &output->sources)
    hand_on_lines(WSP_CONTAINER(node, struct source, node));
}

static void make_room(struct source *source)
{
    struct wsp_output *output = source->output;
    hand_on_lines(source);
    if (source->length < WSP_LINE_BYTES)
        return;
    if (output->owner && output->owner != source)
        break_line_of_owner(output);
    hand_on_lines(source);
    if (source->length == WSP_LINE_BYTES)
        hand_on(source, source->length);
}

/* At the end of a source its last line is ended for it, so that the next one stands alone. */
static void end_source(struct source *source)
{
    struct wsp_output *output = source->output;
    wsp_watch_remove(&source->watch);
    close(source->fd);
    source->fd = -1;
    output->n_open--;
    if (output->owner && output->owner != source && source->length > 0)
        break_line_of_owner(output);
    hand_on_lines(source);
    if (source->length > 0)
        hand_on(source, source->length);
    if (output->owner == source) {
        if (output->n_open > 0)
            pend(output, "\n", 1);
        source->is_inside_line = false;
        output->owner = NULL;
    }
}

static void on_readable(void *user, unsigned events)
{
    struct source *source = user;
    struct wsp_output *output = source->output;
    (void)events;
    ssize_t n = read(source->fd, source->text + source->length, WSP_LINE_BYTES - source->length);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0) {
        source->length += (size_t)n;
        make_room(source);
    } else {
        end_source(source);
    }
    hand_on_all_lines(output);
    write_on(output);
}

wsp_err wsp_output_open(struct wsp_loop *loop, int fd, void (*broken)(void *), void *user,
                        struct wsp_output **out)
{
    struct wsp_output *output = calloc(1, sizeof *output);
    if (!output)
        return WSP_ERR_NO_MEMORY;
    *output = (struct wsp_output){.loop = loop, .fd = fd, .broken = broken, .user = user};
    wsp_list_init(&output->sources);
    *out = output;
    return WSP_OK;
}

wsp_err wsp_output_add(struct wsp_output *output, int from, const char *prefix)
{
    struct source *source = calloc(1, sizeof *source);
    wsp_err err = source ? WSP_OK : WSP_ERR_NO_MEMORY;
    if (source) {
        *source = (struct source){.output = output, .fd = from, .prefix = prefix};
        source->text = malloc(WSP_LINE_BYTES);
        err = source->text ? wsp_loop_watch(output->loop, from, WSP_READABLE, on_readable, source,
                                            &source->watch)
                           : WSP_ERR_NO_MEMORY;
    }
    if (err) {
        close(from);
        if (source)
            free(source->text);
        free(source);
        return err;
    }
    fcntl(from, F_SETFL, O_NONBLOCK);
    wsp_list_push_back(&output->sources, &source->node);
    output->n_open++;
    return WSP_OK;
}

bool wsp_output_is_done(const struct wsp_output *output)
{
    return output->n_open == 0 && output->pending_length == 0;
}

/* Takes what is still in a source's pipe: it was not read while our own reader was slow. */
static void drain_source(struct source *source)
{
    int left = fcntl(source->fd, F_GETPIPE_SZ);
    while (left > 0) {
        ssize_t n =
            read(source->fd, source->text + source->length, WSP_LINE_BYTES - source->length);
        if (n <= 0)
            return;
        left -= (int)n;
        source->length += (size_t)n;
        make_room(source);
    }
}

void wsp_output_close(struct wsp_output **at)
{
    struct wsp_output *output = *at;
    *at = NULL;
    if (!output)
        return;
    WSP_LIST_EACH(node, &output->sources)
    {
        struct source *source = WSP_CONTAINER(node, struct source, node);
        if (source->fd < 0)
            continue;
        drain_source(source);
        end_source(source);
    }
    flush(output, true);
    for (struct wsp_node *node; (node = wsp_list_pop_front(&output->sources));) {
        struct source *source = WSP_CONTAINER(node, struct source, node);
        free(source->text);
        free(source);
    }
    wsp_watch_remove(&output->watch);
    free(output->pending);
    free(output);
}
