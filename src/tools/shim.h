/* SPDX-License-Identifier: BSD-3-Clause */
/* The shims that are installed, and which of them fits which MPI library. */
#ifndef WSP_TOOLS_SHIM_H
#define WSP_TOOLS_SHIM_H

#include <stdbool.h>
#include <stddef.h>

#define WSP_PATH_MAX 4096

/* A host MPI by the file name of its library. */
struct wsp_host_mpi {
    const char *soname; /* as programs need it */
    const char *shim;   /* libwidespan-<shim>.so serves it; NULL: known, and no shim can */
    const char *title;
};

/* The host MPI that a needed library's name belongs to, or NULL if it is no MPI library. */
const struct wsp_host_mpi *wsp_host_mpi_of(const char *soname);

/* The shim of the MPI whose launcher started this process, or NULL. */
const char *wsp_shim_of_launcher(void);

/* Is this file name one of a shim's? (A program may be linked with it.) */
bool wsp_shim_is_file_name(const char *name);

/* The path of an installed shim; false if it is not installed. */
bool wsp_shim_find(const char *shim, char path[WSP_PATH_MAX]);

/* Calls visit for each shim installed; description may be NULL. */
void wsp_shim_each(void (*visit)(const char *shim, const char *path, const char *description,
                                 void *user),
                   void *user);

/* "openmpi (Open MPI 4.1.4), ..." or "none". */
void wsp_shim_list(char *text, size_t size);

#endif
