/* SPDX-License-Identifier: BSD-3-Clause */
/* For the build under a leak checker alone: libraries that the host MPI and hwloc load stay loaded,
 * so that a report can name them and the suppressions meet them. */
#include <dlfcn.h>

__attribute__((visibility("default"))) int dlclose(void *handle)
{
    return 0;
}
