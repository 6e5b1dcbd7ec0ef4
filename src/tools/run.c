/* SPDX-License-Identifier: BSD-3-Clause */
/* `widespan run`: reads the command line and the job file, and has the job supervised. */
#include "tools/program.h"
#include "tools/supervise.h"
#include "tools/tools.h"

#include "base/emulation.h"
#include "base/opts.h"
#include "job/jobfile.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOOL        "run"
#define N_RANKS_MAX 1000000

struct command_line {
    unsigned n_ranks, n_sites; /* 0: not given */
    const char *job_file, *mpirun, *mpi;
    bool tag_output, is_verbose;
};

static const struct option options[] = {
    {"sites", required_argument, NULL, 's'},
    {"ranks", required_argument, NULL, 'n'},
    {"tag-output", no_argument, NULL, 'p'},
    {"verbose", no_argument, NULL, 'v'},
    {"job", required_argument, NULL, 'j'},
    {"mpirun", required_argument, NULL, 'm'},
    {"mpi", required_argument, NULL, 'M'},
    {"emulate", required_argument, NULL, 'e'},
    {NULL, 0, NULL, 0},
};

/* Reads a number of ranks or sites; 0, or the exit status. */
static int read_count(const char *name, const char *text, unsigned *count)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || value < 1 || value > N_RANKS_MAX)
        return wsp_tool_usage(TOOL, "%s %s is not a number from 1 to %d", name, text, N_RANKS_MAX);
    *count = (unsigned)value;
    return 0;
}

static int read_options(int argc, char **argv, struct command_line *line)
{
    int status = 0;
    for (int opt; !status && (opt = getopt_long(argc, argv, "+n:pv", options, NULL)) != -1;) {
        if (opt == 's')
            status = read_count("--sites", optarg, &line->n_sites);
        else if (opt == 'n')
            status = read_count("-n", optarg, &line->n_ranks);
        else if (opt == 'p')
            line->tag_output = true;
        else if (opt == 'v')
            line->is_verbose = true;
        else if (opt == 'j')
            line->job_file = optarg;
        else if (opt == 'm')
            line->mpirun = optarg;
        else if (opt == 'M')
            line->mpi = optarg;
        else if (opt == 'e')
            setenv(wsp_opt_row(WSP_OPT_EMULATE)->variable, optarg, 1);
        else
            status = wsp_tool_usage(TOOL, "the command line is wrong");
    }
    if (!status && optind >= argc)
        status = wsp_tool_usage(TOOL, "no program is given");
    return status;
}

/* The command that starts a local site: Open MPI's mpirun, told that it shares the machine. */
static char *local_launch(const struct command_line *line)
{
    char *launch;
    long n_processors = sysconf(_SC_NPROCESSORS_ONLN);
    int written;
    if (line->mpirun)
        written = asprintf(&launch, strstr(line->mpirun, "{ranks}") ? "%s" : "%s -n {ranks}",
                           line->mpirun);
    else
        written =
            asprintf(&launch, "mpirun%s --oversubscribe --bind-to none%s -n {ranks}",
                     geteuid() == 0 ? " --allow-run-as-root" : "",
                     (long)line->n_ranks > n_processors ? " --mca mpi_yield_when_idle 1" : "");
    return written < 0 ? NULL : launch;
}

static bool fill_local_site(struct wsp_jobfile_site *site, unsigned index,
                            const struct command_line *line)
{
    site->n_ranks = line->n_ranks / line->n_sites + (index < line->n_ranks % line->n_sites);
    site->launch = local_launch(line);
    site->address = strdup("127.0.0.1");
    site->mpi = line->mpi ? strdup(line->mpi) : NULL;
    if (asprintf(&site->name, "site%u", index) < 0)
        site->name = NULL;
    return site->launch && site->address && site->name && (site->mpi || !line->mpi);
}

/* A job of local sites, with its ranks spread as evenly as can be. */
static int plan_local(struct command_line *line, struct wsp_jobfile **job)
{
    if (line->n_ranks == 0)
        return wsp_tool_usage(TOOL, "-n is missing: how many ranks?");
    if (line->n_sites == 0)
        line->n_sites = line->n_ranks < 2 ? 1 : 2;
    if (line->n_sites > line->n_ranks)
        return wsp_tool_usage(TOOL, "%u sites need at least as many ranks, not %u", line->n_sites,
                              line->n_ranks);
    *job = calloc(1, sizeof **job);
    bool is_good = *job && ((*job)->sites = calloc(line->n_sites, sizeof *(*job)->sites));
    for (unsigned i = 0; is_good && i < line->n_sites; i++) {
        (*job)->n_sites++;
        is_good = fill_local_site(&(*job)->sites[i], i, line);
    }
    return is_good ? 0 : wsp_tool_fail(1, TOOL, "out of memory");
}

static int plan_from_file(const struct command_line *line, struct wsp_jobfile **job)
{
    char why[1024];
    uint64_t n_ranks = 0;
    if (line->n_sites || line->mpirun || line->mpi)
        return wsp_tool_usage(TOOL, "--sites, --mpirun and --mpi are the job file's to say");
    if (wsp_jobfile_read(line->job_file, job, why, sizeof why))
        return wsp_tool_fail(WSP_EXIT_USAGE, TOOL, "%s", why);
    for (unsigned i = 0; i < (*job)->n_sites; i++)
        n_ranks += (*job)->sites[i].n_ranks;
    if (line->n_ranks && line->n_ranks != n_ranks)
        return wsp_tool_fail(WSP_EXIT_USAGE, TOOL, "-n %u contradicts %s, which has %lu ranks",
                             line->n_ranks, line->job_file, (unsigned long)n_ranks);
    return 0;
}

static int name_job(struct wsp_jobfile *job)
{
    if (!job->name && asprintf(&job->name, "job-%d", (int)getpid()) < 0) {
        job->name = NULL;
        return wsp_tool_fail(1, TOOL, "out of memory");
    }
    return 0;
}

/* Says once what every rank would find: local sites see the program that we see. */
static int check_program(const struct command_line *line, const char *name)
{
    char why[1024], shim_path[WSP_PATH_MAX];
    struct wsp_program program;
    int status;
    if (wsp_program_examine(name, &program, &status, why, sizeof why))
        return wsp_tool_fail(status, TOOL, "%s", why);
    if ((program.mpi || line->mpi) &&
        wsp_program_choose_shim(&program, line->mpi, shim_path, why, sizeof why))
        return wsp_tool_fail(WSP_EXIT_UNSUITABLE, TOOL, "%s", why);
    return 0;
}

/* Nobody shall take the figures of such a run for those of a real one. */
static void say_emulation(void)
{
    struct wsp_emulation emulation;
    char rate[64] = "";
    if (wsp_emulation_parse(wsp_opt_text(WSP_OPT_EMULATE), &emulation))
        return;
    if (emulation.rate_bps)
        snprintf(rate, sizeof rate, ", at %.4g Mbit/s between two sites",
                 (double)emulation.rate_bps / 1e6);
    wsp_tool_fail(0, TOOL, "emulating a distance (%s): a round trip between sites takes %.6g ms%s",
                  wsp_opt_text(WSP_OPT_EMULATE), (double)emulation.rtt_ns / 1e6, rate);
}

int wsp_tool_run(int argc, char **argv)
{
    char why[1024], self[PATH_MAX];
    struct command_line line = {0};
    struct wsp_jobfile *job = NULL;
    int status = read_options(argc, argv, &line);
    if (!status && wsp_opts_load(why, sizeof why))
        status = wsp_tool_fail(WSP_EXIT_USAGE, TOOL, "%s", why);
    if (!status)
        status = line.job_file ? plan_from_file(&line, &job) : plan_local(&line, &job);
    if (!status)
        status = name_job(job);
    if (!status && !line.job_file)
        status = check_program(&line, argv[optind]);
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (!status && length < 0)
        status = wsp_tool_fail(1, TOOL, "/proc/self/exe cannot be read");
    if (!status) {
        self[length] = '\0';
        say_emulation();
        struct wsp_supervision supervision = {.job = job,
                                              .widespan = self,
                                              .program = argv + optind,
                                              .is_local = !line.job_file,
                                              .tag_output = line.tag_output,
                                              .is_verbose = line.is_verbose};
        status = wsp_supervise(&supervision);
    }
    wsp_jobfile_free(&job);
    return status;
}
