/* SPDX-License-Identifier: BSD-3-Clause */
/* `widespan info`: what Widespan sees of the machine, and every option. */
#include "tools/shim.h"
#include "tools/tools.h"

#include "base/opts.h"

#include <stdio.h>

static void show_shim(const char *shim, const char *path, const char *description, void *user)
{
    unsigned *n_shims = user;
    (*n_shims)++;
    printf("  %-10s for %s\n             %s\n", shim, description ? description : "a host unknown",
           path);
}

int wsp_tool_info(int argc, char **argv)
{
    unsigned n_shims = 0;
    (void)argc;
    (void)argv;
    puts("widespan " WSP_VERSION "\n\nShims installed:");
    wsp_shim_each(show_shim, &n_shims);
    if (n_shims == 0)
        puts("  none");
    return 0;
}
