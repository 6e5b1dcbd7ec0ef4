/* SPDX-License-Identifier: BSD-3-Clause */
/* `widespan exec` stands in the program's place on a launcher's command line: it gives the program,
 * and it alone, its place in the job and the shim that fits it, and then becomes the program. */
#include "tools/program.h"
#include "tools/tools.h"

#include "base/opts.h"
#include "job/jobfile.h"
#include "job/key.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOOL "exec"

enum { OPT_MPI = 1000, OPT_SET };

/* Command line options that become a variable of the same meaning. */
static const struct option options[] = {
    {"job", required_argument, NULL, WSP_OPT_JOB},
    {"site", required_argument, NULL, WSP_OPT_SITE},
    {"coordinator", required_argument, NULL, WSP_OPT_COORDINATOR},
    {"key-file", required_argument, NULL, WSP_OPT_KEY_FILE},
    {"address", required_argument, NULL, WSP_OPT_ADDRESS},
    {"ports", required_argument, NULL, WSP_OPT_PORTS},
    {"mpi", required_argument, NULL, OPT_MPI},
    {"set", required_argument, NULL, OPT_SET},
    {NULL, 0, NULL, 0},
};

/* Sets a variable from NAME=VALUE; only options of Widespan are taken. */
static bool set_option(const char *assignment)
{
    const char *equals = strchr(assignment, '=');
    for (int id = 0; equals && id < WSP_OPT_COUNT_; id++) {
        const char *variable = wsp_opt_row((enum wsp_opt_id)id)->variable;
        if (strlen(variable) == (size_t)(equals - assignment) &&
            strncmp(variable, assignment, strlen(variable)) == 0)
            return setenv(variable, equals + 1, 1) == 0;
    }
    return false;
}

/* Reads the options into the environment; 0, or the exit status. */
static int read_options(int argc, char **argv, const char **mpi)
{
    for (int opt; (opt = getopt_long(argc, argv, "+", options, NULL)) != -1;) {
        if (opt == '?')
            return wsp_tool_usage(TOOL, "the command line is wrong");
        if (opt == OPT_MPI)
            *mpi = optarg;
        else if (opt == OPT_SET && !set_option(optarg))
            return wsp_tool_usage(TOOL, "--set %s is no option of Widespan", optarg);
        else if (opt != OPT_SET)
            setenv(wsp_opt_row((enum wsp_opt_id)opt)->variable, optarg, 1);
    }
    if (optind >= argc)
        return wsp_tool_usage(TOOL, "no program is given");
    return 0;
}

/* Either all that places the program in a job is there, or nothing of it is. */
static int check_job(void)
{
    static const enum wsp_opt_id needed[] = {WSP_OPT_JOB, WSP_OPT_SITE, WSP_OPT_COORDINATOR,
                                             WSP_OPT_KEY_FILE};
    unsigned n_set = 0;
    enum wsp_opt_id missing = WSP_OPT_JOB;
    for (size_t i = sizeof needed / sizeof *needed; i-- > 0;) {
        if (wsp_opt_is_set(needed[i]))
            n_set++;
        else
            missing = needed[i];
    }
    if (n_set == 0)
        return 0;
    if (n_set < sizeof needed / sizeof *needed)
        return wsp_tool_fail(WSP_EXIT_USAGE, TOOL,
                             "a part of the job is described, but %s (or its option) is missing",
                             wsp_opt_row(missing)->variable);
    if (!wsp_site_name_is_valid(wsp_opt_text(WSP_OPT_SITE)))
        return wsp_tool_fail(WSP_EXIT_USAGE, TOOL, "'%s' cannot name a site",
                             wsp_opt_text(WSP_OPT_SITE));
    char why[512];
    uint8_t key[WSP_JOB_KEY_BYTES];
    if (wsp_key_read(wsp_opt_text(WSP_OPT_KEY_FILE), key, why, sizeof why))
        return wsp_tool_fail(WSP_EXIT_UNSUITABLE, TOOL,
                             "site %s: %s (its path at this site is key_file in the job file)",
                             wsp_opt_text(WSP_OPT_SITE), why);
    return 0;
}

/* Puts the shim behind what is preloaded already: a profiler of the user's must stand above it. 0,
 * or the exit status. */
static int preload(const char *shim_path)
{
    const char *before = getenv("LD_PRELOAD");
    char *joined;
    /* The loader would leave it out with a word, and each site run the program by itself. */
    if (strpbrk(shim_path, " :"))
        return wsp_tool_fail(WSP_EXIT_UNSUITABLE, TOOL,
                             "%s cannot be preloaded: LD_PRELOAD takes no path with a space or a "
                             "colon; install Widespan, or set WIDESPAN_SHIM_DIR, without them",
                             shim_path);
    bool is_alone = !before || !*before;
    if (asprintf(&joined, "%s%s%s", is_alone ? "" : before, is_alone ? "" : ":", shim_path) < 0)
        return wsp_tool_fail(WSP_EXIT_UNSUITABLE, TOOL, "out of memory");
    setenv("LD_PRELOAD", joined, 1);
    free(joined);
    return 0;
}

/* A program may be in another folder when it reads the key. */
static void fix_key_path(void)
{
    if (!wsp_opt_is_set(WSP_OPT_KEY_FILE))
        return;
    char *real = realpath(wsp_opt_text(WSP_OPT_KEY_FILE), NULL);
    if (real)
        setenv(wsp_opt_row(WSP_OPT_KEY_FILE)->variable, real, 1);
    free(real);
}

int wsp_tool_exec(int argc, char **argv)
{
    char why[1024], shim_path[WSP_PATH_MAX];
    const char *mpi = NULL;
    struct wsp_program program;
    int status = read_options(argc, argv, &mpi);
    if (status)
        return status;
    if (wsp_opts_load(why, sizeof why))
        return wsp_tool_fail(WSP_EXIT_USAGE, TOOL, "%s", why);
    status = check_job();
    if (status)
        return status;
    if (wsp_program_examine(argv[optind], &program, &status, why, sizeof why))
        return wsp_tool_fail(status, TOOL, "%s", why);
    if (wsp_program_choose_shim(&program, mpi, shim_path, why, sizeof why))
        return wsp_tool_fail(WSP_EXIT_UNSUITABLE, TOOL, "%s", why);
    if (*shim_path && (status = preload(shim_path)) != 0)
        return status;
    fix_key_path();
    execv(program.path, argv + optind);
    return wsp_tool_fail(WSP_EXIT_UNSUITABLE, TOOL, "%s cannot be started: %s", program.path,
                         strerror(errno));
}
