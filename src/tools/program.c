/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/program.h"
#include "tools/elffile.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

extern char **environ;

static bool is_executable_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

/* Finds name along PATH as execvp would; the last candidate that exists stays in path. */
static bool find_in_path(const char *name, char path[WSP_PATH_MAX])
{
    const char *folders = getenv("PATH");
    if (!folders)
        folders = "/bin:/usr/bin";
    for (const char *from = folders;; from++) {
        size_t length = strcspn(from, ":");
        const char *slash = length ? "/" : "./";
        if (snprintf(path, WSP_PATH_MAX, "%.*s%s%s", (int)length, from, slash, name) <
                WSP_PATH_MAX &&
            is_executable_file(path))
            return true;
        from += length;
        if (*from == '\0')
            return false;
    }
}

static wsp_err find(const char *name, char path[WSP_PATH_MAX], int *status, char *why,
                    size_t why_size)
{
    struct stat file;
    *status = WSP_EXIT_NOT_FOUND;
    if (!strchr(name, '/')) {
        if (*name && find_in_path(name, path))
            return WSP_OK;
        snprintf(why, why_size, "there is no program '%s' along PATH", name);
        return WSP_ERR_CONFIG;
    }
    if (snprintf(path, WSP_PATH_MAX, "%s", name) >= WSP_PATH_MAX || stat(path, &file) != 0) {
        snprintf(why, why_size, "there is no program %s: %s", name, strerror(errno));
        return WSP_ERR_CONFIG;
    }
    *status = WSP_EXIT_UNSUITABLE;
    if (is_executable_file(path))
        return WSP_OK;
    snprintf(why, why_size, "%s cannot be executed: %s", name,
             S_ISDIR(file.st_mode) ? "it is a folder" : "it is no file with execute permission");
    return WSP_ERR_CONFIG;
}

/* The dynamic loader ignores LD_PRELOAD for programs that raise privileges. */
static bool raises_privileges(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return false;
    if ((status.st_mode & S_ISUID && status.st_uid != getuid()) ||
        (status.st_mode & S_ISGID && status.st_gid != getgid()))
        return true;
    return getuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0;
}

/* Takes note of one library that the program needs, by its file name. */
static void note_library(struct wsp_program *program, const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *file = slash ? slash + 1 : name;
    if (wsp_shim_is_file_name(file))
        program->has_shim = true;
    const struct wsp_host_mpi *mpi = wsp_host_mpi_of(file);
    if (mpi && (!program->mpi || !program->mpi->shim))
        program->mpi = mpi;
}

/* Starts `loader --list program`: the loader resolves what the program would get, its run paths and
 * caches included, and runs none of it. */
static pid_t start_listing(const char *loader, const char *path, int out)
{
    pid_t pid;
    posix_spawn_file_actions_t actions;
    char *argv[] = {(char *)loader, "--list", (char *)path, NULL};
    if (posix_spawn_file_actions_init(&actions) != 0)
        return -1;
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (posix_spawn(&pid, loader, &actions, NULL, argv, environ) != 0)
        pid = -1;
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

/* Goes through what the loader lists. A loader that cannot list leaves the program without a known
 * MPI, which is then asked of the user. */
static wsp_err list_libraries(struct wsp_program *program, const char *loader)
{
    int ends[2];
    char *line = NULL;
    size_t capacity = 0;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return wsp_err_of_errno(errno);
    FILE *in = fdopen(ends[0], "r");
    pid_t pid = in ? start_listing(loader, program->path, ends[1]) : -1;
    close(ends[1]);
    while (pid > 0 && getline(&line, &capacity, in) >= 0) {
        char *name = line + strspn(line, " \t");
        name[strcspn(name, " \t\n")] = '\0';
        note_library(program, name);
    }
    free(line);
    if (in)
        fclose(in);
    else
        close(ends[0]);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return WSP_OK;
}

static wsp_err examine_elf(struct wsp_program *program, const char *name, char *why,
                           size_t why_size)
{
    struct wsp_elf elf;
    const char *trouble = NULL;
    wsp_err err = WSP_OK;
    if (!wsp_elf_open(&elf, program->path))
        return WSP_OK; /* executable but not readable: it may still run */
    switch (elf.kind) {
    case WSP_ELF_NOT:
        break;
    case WSP_ELF_DYNAMIC:
        err = list_libraries(program, elf.interpreter);
        break;
    case WSP_ELF_STATIC:
        trouble = "is statically linked, so nothing can be put under its MPI calls: link it with "
                  "the shared MPI library";
        break;
    case WSP_ELF_FOREIGN:
        trouble = "is built for another kind of processor than this machine's widespan";
        break;
    case WSP_ELF_DAMAGED:
        trouble = "is a damaged program file";
        break;
    case WSP_ELF_OTHER:
        trouble = "is a library or object file and no program";
        break;
    }
    wsp_elf_close(&elf);
    if (err)
        snprintf(why, why_size, "%s cannot be examined: %s", name, wsp_err_text(err));
    if (!trouble)
        return err;
    snprintf(why, why_size, "%s %s", name, trouble);
    return WSP_ERR_CONFIG;
}

wsp_err wsp_program_examine(const char *name, struct wsp_program *program, int *status, char *why,
                            size_t why_size)
{
    *program = (struct wsp_program){0};
    wsp_err err = find(name, program->path, status, why, why_size);
    if (err)
        return err;
    *status = WSP_EXIT_UNSUITABLE;
    if (raises_privileges(program->path)) {
        snprintf(why, why_size,
                 "%s changes its user, group or capabilities as it starts; the system preloads "
                 "nothing into such programs",
                 name);
        return WSP_ERR_CONFIG;
    }
    return examine_elf(program, name, why, why_size);
}

static wsp_err no_shim(const char *path, const char *what, char *why, size_t why_size)
{
    char installed[256];
    wsp_shim_list(installed, sizeof installed);
    snprintf(why, why_size, "%s: no shim is installed for %s; installed: %s", path, what,
             installed);
    return WSP_ERR_CONFIG;
}

wsp_err wsp_program_choose_shim(const struct wsp_program *program, const char *mpi,
                                char shim_path[WSP_PATH_MAX], char *why, size_t why_size)
{
    *shim_path = '\0';
    if (program->has_shim)
        return WSP_OK;
    if (program->mpi) {
        if (program->mpi->shim && wsp_shim_find(program->mpi->shim, shim_path))
            return WSP_OK;
        return no_shim(program->path, program->mpi->title, why, why_size);
    }
    const char *shim = mpi ? mpi : wsp_shim_of_launcher();
    if (!shim) {
        snprintf(why, why_size,
                 "%s is not linked with MPI, and what starts it is no MPI launcher known here: say "
                 "with --mpi which MPI it loads",
                 program->path);
        return WSP_ERR_CONFIG;
    }
    return wsp_shim_find(shim, shim_path) ? WSP_OK : no_shim(program->path, shim, why, why_size);
}
