/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds the host MPI's functions past the shim's own and checks that they fit. */
#include "host/host.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define TEXT_(x)       #x
#define TEXT(x)        TEXT_(x)
#define BUILT_FOR      TEXT(OMPI_MAJOR_VERSION) "." TEXT(OMPI_MINOR_VERSION)
#define VERSION_BEGINS "Open MPI v"

/* For `widespan info`, `widespan exec` and people with strings(1). */
__attribute__((visibility("default"), used)) const char wsp_shim_description[] =
    "Open MPI " BUILT_FOR " " WSP_HOST_SONAME;

struct wsp_host host;
static char problem[512] = "the shim's constructor did not run";
static char version[32];

const char *wsp_host_problem(void)
{
    return problem[0] ? problem : NULL;
}

const char *wsp_host_version(void)
{
    return version;
}

/* The host's library is loaded already, as the shim needs it. Its own handle is asked, not
 * RTLD_NEXT: that would find a profiler's functions, and nothing at all where a program loaded MPI
 * for itself alone (as Python does). */
static void *open_host(void)
{
    void *library = dlopen(WSP_HOST_SONAME, RTLD_LAZY | RTLD_NOLOAD);
    return library ? library : dlopen(WSP_HOST_SONAME, RTLD_LAZY);
}

void *wsp_host_symbol(const char *name)
{
    void *library = open_host();
    return library ? dlsym(library, name) : NULL;
}

static const char *fill(void *library)
{
    for (size_t i = 0; i < WSP_HOST_COUNT; i++) {
        void *function = dlsym(library, wsp_host_names[i]);
        if (!function)
            return wsp_host_names[i];
        memcpy((char *)&host + i * sizeof(function), &function, sizeof(function));
    }
    return NULL;
}

/* "Open MPI v4.1.4, package: ...": the first two numbers must be those of the build. */
static void check_version(void)
{
    char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int length;
    host.Get_library_version(text, &length);
    if (strncmp(text, VERSION_BEGINS, strlen(VERSION_BEGINS)) == 0)
        snprintf(version, sizeof(version), "%.*s",
                 (int)strspn(text + strlen(VERSION_BEGINS), "0123456789."),
                 text + strlen(VERSION_BEGINS));
    if (strncmp(version, BUILT_FOR ".", strlen(BUILT_FOR ".")) == 0)
        problem[0] = '\0';
    else
        snprintf(problem, sizeof(problem),
                 "this is the Widespan shim for Open MPI " BUILT_FOR
                 ", but the program's MPI says: %.200s",
                 text[0] ? text : "nothing");
}

__attribute__((constructor)) static void host_init(void)
{
    void *library = open_host();
    if (!library) {
        const char *why = dlerror();
        snprintf(problem, sizeof(problem), "cannot open " WSP_HOST_SONAME ": %.400s",
                 why ? why : "unknown reason");
        return;
    }
    const char *missing = fill(library);
    if (missing)
        snprintf(problem, sizeof(problem),
                 WSP_HOST_SONAME " has no %s: it is not the Open MPI " BUILT_FOR
                                 " that this Widespan shim was built for",
                 missing);
    else
        check_version();
}
