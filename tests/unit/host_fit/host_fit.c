/* SPDX-License-Identifier: BSD-3-Clause */
/* What the shim says of the host it finds: host_fit WANTED, where WANTED is a part of the line, or
 * "fits". */
#include "host/host.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    const char *problem = wsp_host_problem();
    const char *said = problem ? problem : "fits";
    printf("host \"%s\": %s\n", wsp_host_version(), said);
    return argc != 2 || !strstr(said, argv[1]);
}
