/* SPDX-License-Identifier: BSD-3-Clause */
/* The user's program, looked at before it is started: can it run under a shim, and under which? */
#ifndef WSP_TOOLS_PROGRAM_H
#define WSP_TOOLS_PROGRAM_H

#include "tools/shim.h"

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define WSP_EXIT_NOT_FOUND  127 /* as shells say it */
#define WSP_EXIT_UNSUITABLE 126

struct wsp_program {
    char path[WSP_PATH_MAX];        /* found as execvp would */
    const struct wsp_host_mpi *mpi; /* NULL: it has none yet; a script, or it loads MPI later */
    bool has_shim;                  /* it is linked with a shim already */
};

/* Finds and examines a program. On WSP_ERR_CONFIG why says what is wrong with it, and *status is
 * the exit status for it: WSP_EXIT_NOT_FOUND or WSP_EXIT_UNSUITABLE. */
wsp_err wsp_program_examine(const char *name, struct wsp_program *program, int *status, char *why,
                            size_t why_size) WSP_MUST_USE;

/* The shim to preload for it: shim_path is empty if none is needed. mpi: the user's --mpi, or NULL.
 * Errors as above. */
wsp_err wsp_program_choose_shim(const struct wsp_program *program, const char *mpi,
                                char shim_path[WSP_PATH_MAX], char *why,
                                size_t why_size) WSP_MUST_USE;

#endif
