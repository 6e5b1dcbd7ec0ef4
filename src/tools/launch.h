/* SPDX-License-Identifier: BSD-3-Clause */
/* A site's launch command: how it is put together and started, and how nothing of it is left. */
#ifndef WSP_TOOLS_LAUNCH_H
#define WSP_TOOLS_LAUNCH_H

#include "base/err.h"
#include "job/jobfile.h"

#include <stdbool.h>
#include <sys/types.h>

/* What the ranks of a site are told. */
struct wsp_launch {
    const struct wsp_jobfile_site *site;
    const char *job, *coordinator, *key_file;
    const char *widespan; /* this command, for sites that name no other */
    char *const *program; /* the program and its arguments, NULL at the end */
};

/* The command as an argument list, NULL at the end; each string and the list are the caller's to
 * free (wsp_launch_free). NULL: out of memory. */
char **wsp_launch_command(const struct wsp_launch *launch);
void wsp_launch_free(char **command);

/* Starts a command in a process group of its own. An mpirun of Open MPI keeps its session's files
 * below session_folder (NULL: where it always does), unless the user says where. The descriptors
 * stay the caller's. Returns the command's process id, or -1 with errno set. */
pid_t wsp_launch_start(char *const *command, const char *session_folder, int in, int out, int err);

/* Sends a signal to every process that descends from this one but `spared` (0: none). Returns how
 * many there are. */
unsigned wsp_launch_signal_descendants(int signal_number, pid_t spared);

#endif
