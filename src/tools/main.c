/* SPDX-License-Identifier: BSD-3-Clause */
/* The command `widespan`: finds the subcommand. */
#include "tools/tools.h"

#include <stdbool.h>
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
    const char *synopsis; /* NULL: the general help */
} commands[] = {
    {"run", wsp_tool_run,
     "usage: widespan run [--sites S] -n N [OPTION...] PROGRAM [ARGUMENT...]\n"
     "       widespan run --job FILE [OPTION...] PROGRAM [ARGUMENT...]\n"
     "\n"
     "  -n, --ranks N        ranks in all, spread over the sites\n"
     "  --sites S            sites on this machine (2 if not given)\n"
     "  --job FILE           takes the sites from a job file\n"
     "  -p, --tag-output     puts the site's name before every line\n"
     "  -v, --verbose        says what is started and what ends\n"
     "  --emulate rtt=TIME[,rate=BITS]\n"
     "                       as if the sites were so far apart\n"
     "  --mpirun COMMAND     what starts a site on this machine\n"
     "  --mpi NAME           the shim for programs that load MPI late\n"},
    {"exec", wsp_tool_exec, "usage: widespan exec [OPTION...] [--] PROGRAM [ARGUMENT...]\n"},
    {"coordinator", wsp_tool_coordinator,
     "usage: widespan coordinator --job NAME --sites NAME:RANKS[,...] --key-file FILE\n"
     "                            [--listen [HOST:]PORT]\n"},
    {"info", wsp_tool_info, "usage: widespan info [--options-man]\n"},
    {"version", show_version, NULL},
    {"--version", show_version, NULL},
    {"help", show_help, NULL},
    {"--help", show_help, NULL},
    {"-h", show_help, NULL},
};

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs(usage, stderr);
        return WSP_EXIT_USAGE;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        if (argc == 2 || !is_help(argv[2]) || !commands[i].synopsis)
            return commands[i].main(argc - 1, argv + 1);
        printf("%s\nMore in `man widespan-%s`.\n", commands[i].synopsis, commands[i].name);
        return 0;
    }
    fprintf(stderr, "widespan: there is no command '%s'\n\n%s", argv[1], usage);
    return WSP_EXIT_USAGE;
}
