/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/launch.h"

#include "base/opts.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A growing argument list; once has_failed, it is not to be used. */
struct arguments {
    char **at;
    size_t n;
    bool has_failed, quote;
};

/* 'text' as one word for another shell. */
static char *quoted(const char *text)
{
    char *copy = malloc(4 * strlen(text) + 3), *to = copy;
    if (!copy)
        return NULL;
    *to++ = '\'';
    for (; *text; text++) {
        if (*text != '\'') {
            *to++ = *text;
            continue;
        }
        memcpy(to, "'\\''", 4);
        to += 4;
    }
    memcpy(to, "'", 2);
    return copy;
}

static void add(struct arguments *arguments, const char *text, bool quote)
{
    char **more = reallocarray(arguments->at, arguments->n + 2, sizeof *more);
    char *copy = quote ? quoted(text) : strdup(text);
    if (more)
        arguments->at = more;
    if (!more || !copy) {
        arguments->has_failed = true;
        free(copy);
        return;
    }
    arguments->at[arguments->n++] = copy;
    arguments->at[arguments->n] = NULL;
}

static void add_option(struct arguments *arguments, const char *name, const char *value)
{
    if (!value)
        return;
    add(arguments, name, arguments->quote);
    add(arguments, value, arguments->quote);
}

/* The launch command with its {ranks} filled in, and what the shell gives it behind that. */
static char *shell_text(const struct wsp_jobfile_site *site)
{
    static const char mark[] = "{ranks}", tail[] = " \"$@\"";
    char number[16], *text = malloc(strlen(site->launch) * 2 + sizeof tail + sizeof number),
                     *to = text;
    if (!text)
        return NULL;
    snprintf(number, sizeof number, "%u", site->n_ranks);
    for (const char *from = site->launch; *from;) {
        if (strncmp(from, mark, strlen(mark)) == 0) {
            to = stpcpy(to, number);
            from += strlen(mark);
        } else {
            *to++ = *from++;
        }
    }
    strcpy(to, tail);
    return text;
}

/* Options that the user set here hold for every site, whatever a launcher does with variables. */
static void add_settings(struct arguments *arguments)
{
    static const enum wsp_opt_id own[] = {WSP_OPT_JOB, WSP_OPT_SITE, WSP_OPT_COORDINATOR,
                                          WSP_OPT_KEY_FILE, WSP_OPT_ADDRESS};
    for (int id = 0; id < WSP_OPT_COUNT_; id++) {
        bool is_own = false;
        char *setting;
        for (size_t i = 0; i < sizeof own / sizeof *own; i++)
            is_own |= own[i] == (enum wsp_opt_id)id;
        if (is_own || !wsp_opt_is_set((enum wsp_opt_id)id))
            continue;
        if (asprintf(&setting, "%s=%s", wsp_opt_row((enum wsp_opt_id)id)->variable,
                     wsp_opt_text((enum wsp_opt_id)id)) < 0) {
            arguments->has_failed = true;
            continue;
        }
        add_option(arguments, "--set", setting);
        free(setting);
    }
}

char **wsp_launch_command(const struct wsp_launch *launch)
{
    const struct wsp_jobfile_site *site = launch->site;
    struct arguments arguments = {0};
    char *text = shell_text(site);
    if (!text)
        return NULL;
    add(&arguments, "/bin/sh", false);
    add(&arguments, "-c", false);
    add(&arguments, text, false);
    add(&arguments, site->name, false); /* the shell's own name, in its messages */
    free(text);
    arguments.quote = site->quote;
    add(&arguments, site->widespan ? site->widespan : launch->widespan, site->quote);
    add(&arguments, "exec", site->quote);
    add_settings(&arguments);
    add_option(&arguments, "--job", launch->job);
    add_option(&arguments, "--site", site->name);
    add_option(&arguments, "--coordinator", launch->coordinator);
    add_option(&arguments, "--key-file", site->key_file ? site->key_file : launch->key_file);
    add_option(&arguments, "--address", site->address);
    add_option(&arguments, "--ports", site->ports);
    add_option(&arguments, "--mpi", site->mpi);
    add(&arguments, "--", site->quote);
    for (char *const *word = launch->program; *word; word++)
        add(&arguments, *word, site->quote);
    if (arguments.has_failed) {
        wsp_launch_free(arguments.at);
        return NULL;
    }
    return arguments.at;
}

void wsp_launch_free(char **command)
{
    for (char **word = command; word && *word; word++)
        free(*word);
    free(command);
}

/* All mpiruns of a user on a machine share one folder, which each makes if it is not there and
 * removes if it is empty: two that start or end at the same time fail over each other. */
static void set_session_folder(const char *folder)
{
    if (!folder)
        return;
    setenv("OMPI_MCA_orte_tmpdir_base", folder, 1);
    if (getenv("OMPI_MCA_orte_local_tmpdir_base")) /* it would go before */
        setenv("OMPI_MCA_orte_local_tmpdir_base", folder, 1);
}

static void become(char *const *command, const char *session_folder, int in, int out, int err)
{
    sigset_t none;
    sigemptyset(&none);
    setpgid(0, 0);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
        _exit(127);
    set_session_folder(session_folder);
    execv(command[0], command);
    _exit(127);
}

pid_t wsp_launch_start(char *const *command, const char *session_folder, int in, int out, int err)
{
    pid_t pid = fork();
    if (pid == 0)
        become(command, session_folder, in, out, err);
    if (pid > 0)
        setpgid(pid, pid); /* here too, so that it holds before we signal the group */
    return pid;
}

/* The parent of a process, or 0 if the process is gone. */
static pid_t parent_of(pid_t pid)
{
    char path[64], line[512];
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    char state = 'Z';
    const char *name_end = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    if (name_end && sscanf(name_end + 1, " %c %d", &state, &parent) != 2)
        parent = 0;
    fclose(file);
    return state == 'Z' ? 0 : parent;
}

static bool descends_from(pid_t pid, pid_t ancestor)
{
    for (pid_t at = parent_of(pid); at > 1; at = parent_of(at))
        if (at == ancestor)
            return true;
    return false;
}

unsigned wsp_launch_signal_descendants(int signal_number, pid_t spared)
{
    unsigned n = 0;
    DIR *dir = opendir("/proc");
    if (!dir)
        return 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid <= 1 || pid == spared || !descends_from(pid, getpid()))
            continue;
        n++;
        kill(pid, signal_number);
    }
    closedir(dir);
    return n;
}
