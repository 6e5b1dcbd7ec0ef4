/* SPDX-License-Identifier: BSD-3-Clause */
/* A process that outlives `widespan run` if that is killed, to end the sites and to remove the key
 * in its place. */
#ifndef WSP_TOOLS_KEEPER_H
#define WSP_TOOLS_KEEPER_H

#include "base/err.h"

#include <sys/types.h>

/* All zero bytes: no keeper. */
struct wsp_keeper {
    pid_t pid;
    int pipe; /* what it should know goes in here; its end is our end */
};

/* Starts it; to be done before descriptors are opened that must not be held open by it. */
wsp_err wsp_keeper_open(struct wsp_keeper *keeper) WSP_MUST_USE;

/* Tells it of a process group to end, of one that has ended (its number may come to belong to
 * others), and of a folder to remove with the files in it. */
void wsp_keeper_add_group(const struct wsp_keeper *keeper, pid_t group);
void wsp_keeper_drop_group(const struct wsp_keeper *keeper, pid_t group);
void wsp_keeper_add_folder(const struct wsp_keeper *keeper, const char *path);

/* All is done in order: it ends without doing anything. */
void wsp_keeper_close(struct wsp_keeper *keeper);

#endif
