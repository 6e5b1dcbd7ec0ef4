/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/shim.h"
#include "tools/elffile.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_PREFIX "libwidespan-"
#define FILE_SUFFIX ".so"

static const struct wsp_host_mpi hosts[] = {
    {"libmpi.so.40", "openmpi", "Open MPI"},
    {"libmpi.so.20", NULL, "an Open MPI older than 4"},
    {"libmpi.so.1", NULL, "an Open MPI older than 4"},
    {"libmpi.so.12", "mpich", "MPICH or one compatible with it"},
    {"libmpich.so.12", "mpich", "MPICH"},
    {"libmpi_abi.so.0", "abi", "the standard MPI ABI"},
};

const struct wsp_host_mpi *wsp_host_mpi_of(const char *soname)
{
    static const struct wsp_host_mpi other = {"libmpi.so", NULL, "an MPI library of unknown kind"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        if (strcmp(soname, hosts[i].soname) == 0)
            return &hosts[i];
    bool is_mpi = strncmp(soname, "libmpi.so", 9) == 0 || strncmp(soname, "libmpich.so", 11) == 0 ||
                  strncmp(soname, "libmpi_abi.so", 13) == 0;
    return is_mpi ? &other : NULL;
}

const char *wsp_shim_of_launcher(void)
{
    static const struct {
        const char *variable, *shim;
    } marks[] = {{"OMPI_COMM_WORLD_RANK", "openmpi"},
                 {"OMPI_MCA_orte_hnp_uri", "openmpi"},
                 {"MPIR_CVAR_CH3_INTERFACE_HOSTNAME", "mpich"},
                 {"PMI_RANK", "mpich"},
                 {"MPI_LOCALRANKID", "mpich"}};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (getenv(marks[i].variable))
            return marks[i].shim;
    return NULL;
}

bool wsp_shim_is_file_name(const char *name)
{
    return strncmp(name, FILE_PREFIX, strlen(FILE_PREFIX)) == 0;
}

/* A program may be in another folder when it is loaded: no relative path will do. */
static bool fill_real(const char *path, char folder[WSP_PATH_MAX])
{
    char *real = realpath(path, NULL);
    bool fits = real && snprintf(folder, WSP_PATH_MAX, "%s", real) < WSP_PATH_MAX;
    free(real);
    return fits;
}

/* The folder of shims: where the user says, installed beside this command, or in the build tree. In
 * this order: a prefix below a checkout has the folder of sources two steps above it. */
static bool find_folder(char folder[WSP_PATH_MAX])
{
    static const char *const places[] = {"../" WSP_LIBDIR "/widespan", "../../mpi_compat"};
    char self[PATH_MAX];
    const char *from_env = getenv("WIDESPAN_SHIM_DIR");
    if (from_env && *from_env)
        return fill_real(from_env, folder);
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0)
        return false;
    self[length] = '\0';
    *strrchr(self, '/') = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char joined[PATH_MAX + 64];
        snprintf(joined, sizeof joined, "%s/%s", self, places[i]);
        if (fill_real(joined, folder))
            return true;
    }
    return false;
}

bool wsp_shim_find(const char *shim, char path[WSP_PATH_MAX])
{
    char folder[WSP_PATH_MAX];
    if (strchr(shim, '/') || !find_folder(folder))
        return false;
    if (snprintf(path, WSP_PATH_MAX, "%s/" FILE_PREFIX "%s" FILE_SUFFIX, folder, shim) >=
        WSP_PATH_MAX)
        return false;
    return access(path, R_OK) == 0;
}

/* The shim's name in a file name such as libwidespan-openmpi.so. */
static bool name_of_file(const char *file, char *shim, size_t size)
{
    size_t length = strlen(file), head = strlen(FILE_PREFIX), tail = strlen(FILE_SUFFIX);
    if (length <= head + tail || !wsp_shim_is_file_name(file) ||
        strcmp(file + length - tail, FILE_SUFFIX) != 0)
        return false;
    int written = snprintf(shim, size, "%.*s", (int)(length - head - tail), file + head);
    return written > 0 && (size_t)written < size;
}

void wsp_shim_each(void (*visit)(const char *, const char *, const char *, void *), void *user)
{
    char folder[WSP_PATH_MAX], path[WSP_PATH_MAX], shim[64];
    DIR *dir = find_folder(folder) ? opendir(folder) : NULL;
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct wsp_elf elf = {0};
        if (!name_of_file(entry->d_name, shim, sizeof shim) || !wsp_shim_find(shim, path) ||
            !wsp_elf_open(&elf, path))
            continue;
        visit(shim, path, wsp_elf_text_symbol(&elf, "wsp_shim_description"), user);
        wsp_elf_close(&elf);
    }
    closedir(dir);
}

struct listing {
    char *text;
    size_t size, length;
};

static void list_one(const char *shim, const char *path, const char *description, void *user)
{
    struct listing *list = user;
    int written =
        snprintf(list->text + list->length, list->size - list->length,
                 description ? "%s%s (%s)" : "%s%s", list->length ? ", " : "", shim, description);
    if (written > 0 && (size_t)written < list->size - list->length)
        list->length += (size_t)written;
    else
        list->text[list->length] = '\0';
}

void wsp_shim_list(char *text, size_t size)
{
    struct listing list = {text, size, 0};
    *text = '\0';
    wsp_shim_each(list_one, &list);
    if (list.length == 0)
        snprintf(text, size, "none");
}
