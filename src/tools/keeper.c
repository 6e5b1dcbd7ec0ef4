/* SPDX-License-Identifier: BSD-3-Clause */
/* Records of a letter, a text and a zero byte go through the pipe: 'g' a group, 'e' one that has
 * ended, 'f' a folder, 'd' done. The end of the pipe without 'd' is the death of `run`. */
#include "tools/keeper.h"

#include "tools/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define N_GROUPS_MAX 65536
#define TERM_MS      6000 /* from SIGTERM to SIGKILL: launchers need some seconds */
#define STEP_MS      50

struct memory {
    pid_t *groups;
    size_t n_groups;
    char folder[PATH_MAX];
    bool is_done;
};

static void forget_group(struct memory *memory, pid_t group)
{
    for (size_t i = 0; i < memory->n_groups; i++)
        if (memory->groups[i] == group)
            memory->groups[i] = memory->groups[--memory->n_groups];
}

static void note(struct memory *memory, char kind, const char *text)
{
    if (kind == 'd')
        memory->is_done = true;
    else if (kind == 'f' && strlen(text) < sizeof memory->folder)
        strcpy(memory->folder, text);
    else if (kind == 'e')
        forget_group(memory, (pid_t)atoi(text));
    else if (kind == 'g' && memory->n_groups < N_GROUPS_MAX) {
        pid_t *more = reallocarray(memory->groups, memory->n_groups + 1, sizeof *more);
        if (!more)
            return;
        memory->groups = more;
        memory->groups[memory->n_groups++] = (pid_t)atoi(text);
    }
}

/* Reads records until the pipe's end. */
static void listen_to(int pipe, struct memory *memory)
{
    char record[PATH_MAX + 2];
    size_t length = 0;
    for (char c;;) {
        ssize_t n = read(pipe, &c, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        if (length < sizeof record)
            record[length++] = c;
        if (c != '\0')
            continue;
        record[sizeof record - 1] = '\0';
        note(memory, record[0], record + 1);
        length = 0;
    }
}

/* Signals the groups that are still there; returns how many. */
static size_t signal_groups(const struct memory *memory, int signal_number)
{
    size_t n_left = 0;
    for (size_t i = 0; i < memory->n_groups; i++)
        if (kill(-memory->groups[i], signal_number) == 0)
            n_left++;
    return n_left;
}

static void clean_up(const struct memory *memory)
{
    struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
    signal_groups(memory, SIGTERM);
    if (*memory->folder)
        wsp_folder_remove(memory->folder);
    for (int ms = 0; ms < TERM_MS && signal_groups(memory, 0) > 0; ms += STEP_MS)
        nanosleep(&step, NULL);
    signal_groups(memory, SIGKILL);
    if (*memory->folder) /* what the launchers put there meanwhile */
        wsp_folder_remove(memory->folder);
}

/* In a session of its own, so that no terminal ends it, and holding nothing open. */
static void be_keeper(int pipe)
{
    struct memory memory = {0};
    setsid();
    if (pipe > 3)
        close_range(3, (unsigned)pipe - 1, 0); /* other people's pipes must not stay open */
    close_range((unsigned)pipe + 1, ~0u, 0);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3 && null >= 0; fd++)
        dup2(null, fd);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    listen_to(pipe, &memory);
    if (!memory.is_done)
        clean_up(&memory);
    _exit(0);
}

static void tell(const struct wsp_keeper *keeper, char kind, const char *text)
{
    char record[PATH_MAX + 2];
    int length = snprintf(record, sizeof record, "%c%s", kind, text);
    if (keeper->pid <= 0 || length < 0 || (size_t)length >= sizeof record)
        return;
    ssize_t ignored = write(keeper->pipe, record, (size_t)length + 1);
    (void)ignored; /* without a keeper the job runs as well */
}

wsp_err wsp_keeper_open(struct wsp_keeper *keeper)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return wsp_err_of_errno(errno);
    pid_t pid = fork();
    if (pid < 0) {
        wsp_err err = wsp_err_of_errno(errno);
        close(ends[0]);
        close(ends[1]);
        return err;
    }
    if (pid == 0) {
        close(ends[1]);
        be_keeper(ends[0]);
    }
    close(ends[0]);
    *keeper = (struct wsp_keeper){pid, ends[1]};
    return WSP_OK;
}

static void tell_group(const struct wsp_keeper *keeper, char kind, pid_t group)
{
    char text[16];
    snprintf(text, sizeof text, "%d", (int)group);
    tell(keeper, kind, text);
}

void wsp_keeper_add_group(const struct wsp_keeper *keeper, pid_t group)
{
    tell_group(keeper, 'g', group);
}

void wsp_keeper_drop_group(const struct wsp_keeper *keeper, pid_t group)
{
    tell_group(keeper, 'e', group);
}

void wsp_keeper_add_folder(const struct wsp_keeper *keeper, const char *path)
{
    tell(keeper, 'f', path);
}

void wsp_keeper_close(struct wsp_keeper *keeper)
{
    if (keeper->pid <= 0)
        return;
    tell(keeper, 'd', "");
    close(keeper->pipe);
    while (waitpid(keeper->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    *keeper = (struct wsp_keeper){0};
}
