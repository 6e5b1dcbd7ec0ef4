/* SPDX-License-Identifier: BSD-3-Clause */
/* `widespan coordinator`: introduces sites to each other that a batch system or a person starts,
 * and stays with them as the root of their liveness tree. */
#include "tools/tools.h"

#include "base/clock.h"
#include "base/opts.h"
#include "job/coordinator.h"
#include "job/jobfile.h"
#include "job/key.h"
#include "net/loop.h"
#include "tools/signals.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOOL      "coordinator"
#define LINGER_NS (WSP_NS_PER_S / 5) /* for the last messages to leave */
#define TELL_NS   (3 * WSP_NS_PER_S) /* for the site that lost a rank to be told, later than all */

struct command_line {
    const char *job, *key_file, *listen;
    char *sites; /* "a:2,b:2" */
};

static const struct option options[] = {
    {"job", required_argument, NULL, 'j'},
    {"sites", required_argument, NULL, 's'},
    {"listen", required_argument, NULL, 'l'},
    {"key-file", required_argument, NULL, 'k'},
    {NULL, 0, NULL, 0},
};

struct state {
    struct wsp_loop *loop;
    struct wsp_coordinator *coordinator;
    struct wsp_signals signals;
    bool is_over;
    uint64_t linger_ns; /* once it is over */
    int status;
};

static int read_options(int argc, char **argv, struct command_line *line)
{
    for (int opt; (opt = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (opt == 'j')
            line->job = optarg;
        else if (opt == 's')
            line->sites = optarg;
        else if (opt == 'l')
            line->listen = optarg;
        else if (opt == 'k')
            line->key_file = optarg;
        else
            return wsp_tool_usage(TOOL, "the command line is wrong");
    }
    if (optind < argc)
        return wsp_tool_usage(TOOL, "'%s' is not expected", argv[optind]);
    if (!line->job || !line->sites || !line->key_file)
        return wsp_tool_usage(TOOL, "--job, --sites and --key-file are needed");
    if (!wsp_site_name_is_valid(line->job))
        return wsp_tool_usage(TOOL, "'%s' cannot name a job", line->job);
    return 0;
}

/* Reads one "NAME:RANKS"; 0, or the exit status. */
static int read_site(char *text, const struct wsp_coordinator_site *before, uint32_t n_before,
                     struct wsp_coordinator_site *site)
{
    char *colon = strrchr(text, ':'), *end;
    if (!colon)
        return wsp_tool_usage(TOOL, "site '%s' is not NAME:RANKS", text);
    *colon = '\0';
    errno = 0;
    unsigned long n_ranks = strtoul(colon + 1, &end, 10);
    if (!wsp_site_name_is_valid(text))
        return wsp_tool_usage(TOOL, "'%s' cannot name a site", text);
    if (colon[1] < '0' || colon[1] > '9' || *end || errno || n_ranks < 1 || n_ranks > 1000000)
        return wsp_tool_usage(TOOL, "site %s: '%s' is no number of ranks", text, colon + 1);
    for (uint32_t i = 0; i < n_before; i++)
        if (strcmp(before[i].name, text) == 0)
            return wsp_tool_usage(TOOL, "two sites are named %s", text);
    *site = (struct wsp_coordinator_site){text, (uint32_t)n_ranks};
    return 0;
}

static int read_sites(char *text, struct wsp_coordinator_site **sites, uint32_t *n_sites)
{
    char *rest;
    for (char *one = strtok_r(text, ",", &rest); one; one = strtok_r(NULL, ",", &rest)) {
        struct wsp_coordinator_site *more = reallocarray(*sites, *n_sites + 1, sizeof *more);
        if (!more)
            return wsp_tool_fail(1, TOOL, "out of memory");
        *sites = more;
        int status = read_site(one, *sites, *n_sites, &(*sites)[*n_sites]);
        if (status)
            return status;
        (*n_sites)++;
    }
    return *n_sites > 0 ? 0 : wsp_tool_usage(TOOL, "--sites names no site");
}

static void on_together(void *user)
{
    (void)user;
    wsp_tool_fail(0, TOOL, "all sites are together");
}

static void on_ended(void *user, const struct wsp_job_end *end)
{
    struct state *state = user;
    state->is_over = true;
    if (end->outcome == WSP_JOB_RANK_LOST)
        state->linger_ns = TELL_NS;
    state->status = end->outcome == WSP_JOB_FINISHED ? 0 : end->code & 0xff ? end->code & 0xff : 1;
    wsp_tool_fail(0, TOOL, "%s",
                  end->outcome == WSP_JOB_FINISHED ? "the job has finished" : end->reason);
}

static void on_signal(void *user, unsigned events)
{
    struct state *state = user;
    char reason[64];
    int number;
    (void)events;
    if (!wsp_signals_take(&state->signals, &number))
        return;
    state->linger_ns = LINGER_NS; /* whoever is impatient does not wait for more */
    if (state->is_over)
        return;
    snprintf(reason, sizeof reason, "the coordinator received SIG%s", sigabbrev_np(number));
    wsp_coordinator_stop(state->coordinator, 128 + number, reason);
    state->is_over = true;
    state->status = 128 + number;
    wsp_tool_fail(0, TOOL, "%s", reason);
}

/* "HOST:PORT", "PORT" or nothing: the host is for people, all addresses are listened on. */
static int listen_on(struct state *state, const char *text)
{
    const char *colon = text ? strrchr(text, ':') : NULL;
    const char *ports = colon ? colon + 1 : text ? text : "0";
    uint16_t port;
    wsp_err err = wsp_coordinator_listen(state->coordinator, ports, &port);
    if (err == WSP_ERR_CONFIG)
        return wsp_tool_usage(TOOL, "--listen %s is not [HOST:]PORT", text);
    if (err == WSP_ERR_BUSY)
        return wsp_tool_fail(1, TOOL, "port %s is taken: choose another with --listen", ports);
    if (err)
        return wsp_tool_fail(1, TOOL, "port %s cannot be listened on: %s", ports,
                             wsp_err_text(err));
    printf("port %u\n", port);
    fflush(stdout);
    return 0;
}

static void drive(struct state *state)
{
    uint64_t over_ns = 0; /* when it was */
    for (;;) {
        uint64_t now = wsp_clock_now_ns(), next = wsp_loop_deadline(state->loop);
        if (state->is_over && over_ns == 0)
            over_ns = now;
        uint64_t until_ns = over_ns ? over_ns + state->linger_ns : WSP_TIME_NEVER;
        if (now >= until_ns)
            return;
        next = next < until_ns ? next : until_ns;
        wsp_loop_wait(state->loop, next == WSP_TIME_NEVER ? next : next > now ? next - now : 0);
        wsp_loop_dispatch(state->loop);
    }
}

static int coordinate(const struct command_line *line, struct wsp_coordinator_config *config)
{
    struct state state = {.signals = {.fd = -1}, .linger_ns = LINGER_NS};
    config->ended = on_ended;
    config->together = on_together;
    config->user = &state;
    wsp_err err = wsp_loop_open(&state.loop);
    if (!err)
        err = wsp_signals_open(&state.signals, state.loop, false, on_signal, &state);
    if (!err)
        err = wsp_coordinator_open(state.loop, config, &state.coordinator);
    if (err)
        state.status = wsp_tool_fail(1, TOOL, "%s", wsp_err_text(err));
    else
        state.status = listen_on(&state, line->listen);
    if (!state.status)
        drive(&state);
    wsp_coordinator_close(&state.coordinator);
    wsp_signals_close(&state.signals);
    wsp_loop_close(&state.loop);
    return state.status;
}

int wsp_tool_coordinator(int argc, char **argv)
{
    char why[512];
    struct command_line line = {0};
    struct wsp_coordinator_site *sites = NULL;
    struct wsp_coordinator_config config = {0};
    int status = read_options(argc, argv, &line);
    if (!status && wsp_opts_load(why, sizeof why))
        status = wsp_tool_fail(WSP_EXIT_USAGE, TOOL, "%s", why);
    if (!status)
        status = read_sites(line.sites, &sites, &config.n_sites);
    if (!status && wsp_key_read(line.key_file, config.key, why, sizeof why))
        status = wsp_tool_fail(1, TOOL, "%s", why);
    if (!status) {
        config.job = line.job;
        config.sites = sites;
        config.join_ns = wsp_opt_number(WSP_OPT_JOIN_TIME);
        status = coordinate(&line, &config);
    }
    free(sites);
    return status;
}
