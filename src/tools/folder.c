/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/folder.h"

#include <ftw.h>
#include <stdio.h>

#define N_OPEN_MAX 16

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    remove(path); /* what cannot go stays, and so does the folder around it */
    return 0;
}

void wsp_folder_remove(const char *path)
{
    nftw(path, remove_one, N_OPEN_MAX, FTW_DEPTH | FTW_PHYS);
}
