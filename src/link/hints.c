/* SPDX-License-Identifier: BSD-3-Clause */
#include "link/hints.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINE_MOST    256
#define LOCK_MOST_NS (5 * WSP_NS_PER_S) /* to wait for others that write */

static bool read_number(char **at, uint64_t *number)
{
    char *word = strtok_r(NULL, " \t\n", at), *end;
    if (!word || *word < '0' || *word > '9')
        return false;
    errno = 0;
    *number = strtoull(word, &end, 10);
    return *end == '\0' && errno == 0;
}

/* Takes the line apart, in place. A last line without its end was cut. */
static bool read_row(char *line, struct wsp_hint *hint)
{
    uint64_t n_streams;
    char *at;
    if (!strchr(line, '\n'))
        return false;
    char *host = strtok_r(line, " \t\n", &at);
    if (!host || strlen(host) >= sizeof hint->host)
        return false;
    memset(hint, 0, sizeof *hint);
    memcpy(hint->host, host, strlen(host));
    if (!read_number(&at, &n_streams) || !read_number(&at, &hint->pace_bps) ||
        !read_number(&at, &hint->goodput_bps) || !read_number(&at, &hint->min_rtt_ns) ||
        !read_number(&at, &hint->credit_bytes) || strtok_r(NULL, " \t\n", &at))
        return false;
    hint->n_streams = (unsigned)n_streams;
    return n_streams >= 1 && n_streams <= WSP_STREAMS_MAX;
}

/* fgets, but of a line that is too long the rest is read away. */
static bool read_line(FILE *in, char line[LINE_MOST])
{
    if (!fgets(line, LINE_MOST, in))
        return false;
    if (strlen(line) == LINE_MOST - 1 && line[LINE_MOST - 2] != '\n')
        for (int c = 0; c != '\n' && c != EOF;)
            c = fgetc(in);
    return true;
}

wsp_err wsp_hints_parse(FILE *in, struct wsp_hints *hints, unsigned *first_bad)
{
    char line[LINE_MOST];
    struct wsp_hint hint;
    *first_bad = 0;
    if (!read_line(in, line))
        return WSP_OK;
    if (strcmp(line, WSP_HINTS_HEADER "\n") != 0)
        return WSP_ERR_VERSION;
    for (unsigned number = 2; number <= 2 * WSP_HINTS_MOST && read_line(in, line); number++) {
        if (read_row(line, &hint)) {
            wsp_err err = wsp_hints_put(hints, &hint);
            if (err)
                return err;
        } else if (*first_bad == 0) {
            *first_bad = number;
        }
    }
    return WSP_OK;
}

void wsp_hints_print(const struct wsp_hints *hints, FILE *out)
{
    fputs(WSP_HINTS_HEADER "\n", out);
    for (size_t i = 0; i < hints->n; i++) {
        const struct wsp_hint *row = &hints->rows[i];
        fprintf(out, "%s %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", row->host,
                row->n_streams, row->pace_bps, row->goodput_bps, row->min_rtt_ns,
                row->credit_bytes);
    }
}

static void drop(struct wsp_hints *hints, size_t index)
{
    hints->n--;
    memmove(&hints->rows[index], &hints->rows[index + 1], (hints->n - index) * sizeof *hints->rows);
}

wsp_err wsp_hints_put(struct wsp_hints *hints, const struct wsp_hint *hint)
{
    struct wsp_hint *rows = realloc(hints->rows, (hints->n + 1) * sizeof *rows);
    if (!rows)
        return WSP_ERR_NO_MEMORY;
    hints->rows = rows;
    for (size_t i = 0; i < hints->n; i++)
        if (strcmp(rows[i].host, hint->host) == 0) {
            drop(hints, i);
            break;
        }
    if (hints->n == WSP_HINTS_MOST)
        drop(hints, 0);
    rows[hints->n++] = *hint;
    return WSP_OK;
}

const struct wsp_hint *wsp_hints_find(const struct wsp_hints *hints, const char *host)
{
    for (size_t i = 0; i < hints->n; i++)
        if (strcmp(hints->rows[i].host, host) == 0)
            return &hints->rows[i];
    return NULL;
}

void wsp_hints_free(struct wsp_hints *hints)
{
    free(hints->rows);
    *hints = (struct wsp_hints){0};
}

static wsp_err read_file(const char *path, bool tells, struct wsp_hints *hints)
{
    unsigned first_bad = 0;
    FILE *in = fopen(path, "re");
    if (!in && errno == ENOENT)
        return WSP_OK;
    if (!in && tells)
        wsp_warn("hints: cannot read %s: %s", path, strerror(errno));
    if (!in)
        return WSP_ERR_IO;
    wsp_err err = wsp_hints_parse(in, hints, &first_bad);
    fclose(in);
    if (!tells)
        return err;
    if (err == WSP_ERR_VERSION)
        wsp_warn("hints: %s:1: does not begin with '" WSP_HINTS_HEADER
                 "'; the file is neither read nor written",
                 path);
    else if (first_bad)
        wsp_warn("hints: %s:%u: this line, and others like it, cannot be used", path, first_bad);
    return err;
}

void wsp_hints_load(const char *path, bool tells, struct wsp_hints *hints)
{
    if (read_file(path, tells, hints))
        wsp_hints_free(hints);
}

/* Writes beside the file, and renames; errno if that fails. */
static bool replace(const char *path, const struct wsp_hints *hints)
{
    char beside[PATH_MAX];
    if (snprintf(beside, sizeof beside, "%s.XXXXXX", path) >= (int)sizeof beside) {
        errno = ENAMETOOLONG;
        return false;
    }
    int fd = mkostemp(beside, O_CLOEXEC);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
    if (!out) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    struct stat before;
    if (stat(path, &before) == 0)
        (void)fchmod(fd, before.st_mode & 0777); /* who may read it stays as it was */
    wsp_hints_print(hints, out);
    bool is_bad = ferror(out);
    is_bad |= fclose(out) != 0;
    if (!is_bad && rename(beside, path) == 0)
        return true;
    int number = errno;
    unlink(beside);
    errno = number;
    return false;
}

/* The descriptor that holds the lock, or -1 and errno. */
static int acquire_lock(const char *path)
{
    char name[PATH_MAX];
    uint64_t until_ns = wsp_clock_now_ns() + LOCK_MOST_NS;
    if (snprintf(name, sizeof name, "%s.lock", path) >= (int)sizeof name) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int number = errno;
        if ((number == EWOULDBLOCK || number == EINTR) && wsp_clock_now_ns() < until_ns) {
            nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
            continue;
        }
        close(fd);
        errno = number;
        return -1;
    }
    return fd;
}

void wsp_hints_save(const char *path, const struct wsp_hints *hints)
{
    struct wsp_hints all = {0};
    int lock = acquire_lock(path);
    if (lock < 0) {
        wsp_warn("hints: cannot lock %s.lock: %s", path, strerror(errno));
        return;
    }
    wsp_err err = read_file(path, false, &all); /* what is wrong was told when it was loaded */
    for (size_t i = 0; i < hints->n && !err; i++)
        err = wsp_hints_put(&all, &hints->rows[i]);
    if (err == WSP_ERR_NO_MEMORY)
        wsp_warn("hints: no memory to write %s", path);
    if (!err && !replace(path, &all))
        wsp_warn("hints: cannot write %s: %s", path, strerror(errno));
    close(lock); /* the lock file stays: were it removed, two could hold one each */
    wsp_hints_free(&all);
}
