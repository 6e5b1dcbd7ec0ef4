/* SPDX-License-Identifier: BSD-3-Clause */
/* The command `widespan`: finds the subcommand. */
#include "tools/tools.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: widespan COMMAND ...\n"
    "\n"
    "  run          runs an unmodified MPI program over several sites\n"
    "  exec         stands in the program's place on a launcher's command line\n"
    "  coordinator  introduces sites to each other that were started by hand\n"
    "  info         shows the topology, the shims installed and every option\n"
    "  version      shows the version\n"
    "\n"
    "Each has a manual page, such as `man widespan-run`.\n";

static int show_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("widespan " WSP_VERSION);
    return 0;
}

static int show_help(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    fputs(usage, stdout);
    return 0;
}

static const struct {
    const char *name;
    int (*main)(int argc, char **argv);
} commands[] = {
    {"run", wsp_tool_run},   {"exec", wsp_tool_exec},   {"coordinator", wsp_tool_coordinator},
    {"info", wsp_tool_info}, {"version", show_version}, {"--version", show_version},
    {"help", show_help},     {"--help", show_help},     {"-h", show_help},
};

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs(usage, stderr);
        return WSP_EXIT_USAGE;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].main(argc - 1, argv + 1);
    fprintf(stderr, "widespan: there is no command '%s'\n\n%s", argv[1], usage);
    return WSP_EXIT_USAGE;
}
