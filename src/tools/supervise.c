/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/supervise.h"

#include "base/clock.h"
#include "net/loop.h"
#include "tools/input.h"
#include "tools/keeper.h"
#include "tools/launch.h"
#include "tools/meeting.h"
#include "tools/output.h"
#include "tools/signals.h"
#include "tools/tools.h"
#include "tools/verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOOL "run"

/* From the end of a launch command to its judgement: the ranks' own word may still come. */
#define JUDGE_NS (WSP_NS_PER_S / 2)
/* For other sites to finish by themselves when one failed after its MPI_Finalize. */
#define FINISH_NS (5 * WSP_NS_PER_S)
/* For sites that were told of an abort to end. */
#define UNWIND_NS (3 * WSP_NS_PER_S)
/* From SIGTERM to SIGKILL: launchers need some seconds. */
#define KILL_NS (6 * WSP_NS_PER_S)
/* For output of processes that outlive their launcher. */
#define OUTPUT_NS (2 * WSP_NS_PER_S)

struct site {
    const struct wsp_jobfile_site *spec;
    char prefix[WSP_SITE_NAME_MAX + 8];
    pid_t pid;
    bool is_running, is_judged;
    int wait_status;
};

/* Owner and only user: wsp_supervise. */
struct run {
    const struct wsp_supervision *plan;
    struct wsp_loop *loop;
    struct wsp_output *out, *err;
    struct wsp_input *input;
    struct wsp_keeper keeper;
    struct wsp_meeting meeting;
    struct site *sites;
    unsigned n_running;
    struct wsp_signals signals;
    struct wsp_timer judge_timer, end_timer, output_timer;
    enum { RUNNING, UNWINDING, TERMINATING, KILLING } stage;
    bool has_failed;
    uint32_t guilty;     /* site whose launch status is the job's, or WSP_NO_SITE */
    int status;          /* exit status of the job, once it failed */
    bool is_output_over; /* nothing more is waited for */
};

static void set_timer(struct run *run, struct wsp_timer *timer, uint64_t in_ns)
{
    if (wsp_timer_set(run->loop, timer, wsp_clock_now_ns() + in_ns))
        wsp_tool_fail(0, TOOL, "out of memory: a time limit is not kept");
}

static void signal_sites(const struct run *run, int signal_number)
{
    for (unsigned i = 0; i < run->plan->job->n_sites; i++)
        if (run->sites[i].is_running)
            kill(-run->sites[i].pid, signal_number);
}

/* One step further in ending the sites: told (and left alone for a while), SIGTERM, SIGKILL. */
static void end_harder(struct run *run)
{
    if (run->stage == UNWINDING || run->stage == RUNNING) {
        run->stage = TERMINATING;
        signal_sites(run, SIGTERM);
        set_timer(run, &run->end_timer, KILL_NS);
    } else if (run->stage == TERMINATING) {
        run->stage = KILLING;
        signal_sites(run, SIGKILL);
    }
}

static void on_end_timer(void *user, uint64_t now_ns)
{
    (void)now_ns;
    end_harder(user);
}

/* The job has failed; only the first failure counts. The sites are left alone for a while. */
static void note_failure(struct run *run, uint32_t guilty, int status, const char *reason,
                         uint64_t unwind_ns)
{
    run->has_failed = true;
    run->guilty = guilty;
    run->status = status & 0xff ? status & 0xff : 1;
    run->stage = UNWINDING;
    wsp_tool_fail(0, TOOL, "%s", reason);
    set_timer(run, &run->end_timer, unwind_ns);
}

/* The same, and the sites are told. */
static void fail(struct run *run, uint32_t guilty, int status, const char *reason)
{
    if (run->has_failed)
        return;
    note_failure(run, guilty, status, reason, UNWIND_NS);
    wsp_coordinator_stop(run->meeting.coordinator, run->status, reason);
}

static void on_job_end(void *user, const struct wsp_job_end *end)
{
    struct run *run = user;
    if (run->plan->is_verbose && end->outcome == WSP_JOB_FINISHED)
        wsp_tool_fail(0, TOOL, "all sites have left the job in order");
    if (end->outcome == WSP_JOB_FINISHED)
        return;
    fail(run, end->outcome == WSP_JOB_RANK_LOST ? end->site : WSP_NO_SITE, end->code, end->reason);
}

static void on_together(void *user)
{
    struct run *run = user;
    if (run->plan->is_verbose)
        wsp_tool_fail(0, TOOL, "all %u sites are together", run->plan->job->n_sites);
}

static void on_output_broken(void *user)
{
    fail(user, WSP_NO_SITE, 128 + SIGPIPE, "nobody reads the output any more");
}

/* A site whose ranks had left in order gets the others some time to do so as well. */
static void judge(struct run *run, uint32_t index)
{
    struct site *site = &run->sites[index];
    char why[512];
    int status;
    struct wsp_site_end end = {
        .name = site->spec->name,
        .wait_status = site->wait_status,
        .has_joined = wsp_coordinator_has_joined(run->meeting.coordinator, index),
        .is_together = wsp_coordinator_is_together(run->meeting.coordinator),
        .has_left = wsp_coordinator_has_left(run->meeting.coordinator, index)};
    site->is_judged = true;
    if (run->has_failed || !wsp_site_end_is_failure(&end, &status, why, sizeof why))
        return;
    if (end.has_left)
        note_failure(run, WSP_NO_SITE, status, why, FINISH_NS);
    else
        fail(run, WSP_NO_SITE, status, why);
}

static void on_judge_timer(void *user, uint64_t now_ns)
{
    struct run *run = user;
    (void)now_ns;
    for (uint32_t i = 0; i < run->plan->job->n_sites; i++)
        if (!run->sites[i].is_running && !run->sites[i].is_judged && run->sites[i].pid > 0)
            judge(run, i);
}

static void on_output_timer(void *user, uint64_t now_ns)
{
    struct run *run = user;
    (void)now_ns;
    run->is_output_over = true;
}

static void note_end(struct run *run, pid_t pid, int wait_status)
{
    for (unsigned i = 0; i < run->plan->job->n_sites; i++) {
        struct site *site = &run->sites[i];
        if (!site->is_running || site->pid != pid)
            continue;
        site->is_running = false;
        site->wait_status = wait_status;
        wsp_keeper_drop_group(&run->keeper, pid);
        run->n_running--;
        if (run->plan->is_verbose)
            wsp_tool_fail(0, TOOL, "site %s: the launch command ended with status %d",
                          site->spec->name, wsp_exit_status(wait_status));
        set_timer(run, &run->judge_timer, JUDGE_NS);
    }
    if (run->n_running == 0)
        set_timer(run, &run->output_timer, OUTPUT_NS);
}

/* Takes note of every child that has ended; orphans of the sites have become children, too. */
static void reap(struct run *run)
{
    int wait_status;
    for (pid_t pid; (pid = waitpid(-1, &wait_status, WNOHANG)) > 0;)
        note_end(run, pid, wait_status);
}

static void on_signal(void *user, unsigned events)
{
    struct run *run = user;
    (void)events;
    for (int number; wsp_signals_take(&run->signals, &number);) {
        char reason[64];
        if (number == SIGCHLD) {
            reap(run);
            continue;
        }
        snprintf(reason, sizeof reason, "SIG%s was received", sigabbrev_np(number));
        fail(run, WSP_NO_SITE, 128 + number, reason);
        end_harder(run);
    }
}

/* From here on signals are read from a descriptor, and orphans become our children. */
static wsp_err watch_signals(struct run *run)
{
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    return wsp_signals_open(&run->signals, run->loop, true, on_signal, run);
}

/* Starts a site with its two pipes; in is its standard input. */
static wsp_err start_site(struct run *run, struct site *site, int in)
{
    int out[2] = {-1, -1}, err[2] = {-1, -1};
    char coordinator[512], folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s/%s", run->meeting.folder, site->spec->name);
    wsp_meeting_ways(&run->meeting, site->spec, coordinator, sizeof coordinator);
    struct wsp_launch launch = {.site = site->spec,
                                .job = run->plan->job->name,
                                .coordinator = coordinator,
                                .key_file = wsp_meeting_key_file(&run->meeting),
                                .widespan = run->plan->widespan,
                                .program = run->plan->program};
    char **command = wsp_launch_command(&launch);
    if (!command)
        return WSP_ERR_NO_MEMORY;
    wsp_err error = WSP_OK;
    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0 ||
        (site->pid = wsp_launch_start(command, run->plan->is_local ? folder : NULL, in, out[1],
                                      err[1])) < 0)
        error = wsp_err_of_errno(errno);
    if (run->plan->is_verbose && !error)
        wsp_tool_fail(0, TOOL, "site %s: %s", site->spec->name, command[2]);
    wsp_launch_free(command);
    close(out[1]);
    close(err[1]);
    if (error) {
        close(out[0]);
        close(err[0]);
        return error;
    }
    wsp_keeper_add_group(&run->keeper, site->pid);
    site->is_running = true;
    run->n_running++;
    error = wsp_output_add(run->out, out[0], site->prefix);
    wsp_err second = wsp_output_add(run->err, err[0], site->prefix);
    return error ? error : second;
}

static wsp_err start_sites(struct run *run)
{
    const struct wsp_jobfile *job = run->plan->job;
    for (unsigned i = 0; i < job->n_sites; i++) {
        struct site *site = &run->sites[i];
        int in = -1;
        site->spec = &job->sites[i];
        if (run->plan->tag_output)
            snprintf(site->prefix, sizeof site->prefix, "[%s] ", site->spec->name);
        wsp_err err = WSP_OK;
        if (i == 0)
            err = wsp_input_open(run->loop, &in, &run->input);
        else
            in = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (!err)
            err = start_site(run, site, in);
        if (in >= 0)
            close(in);
        if (err) {
            wsp_tool_fail(0, TOOL, "site %s cannot be started: %s", site->spec->name,
                          wsp_err_text(err));
            return err;
        }
    }
    return WSP_OK;
}

static wsp_err open_run(struct run *run)
{
    run->judge_timer = (struct wsp_timer){.fn = on_judge_timer, .user = run};
    run->end_timer = (struct wsp_timer){.fn = on_end_timer, .user = run};
    run->output_timer = (struct wsp_timer){.fn = on_output_timer, .user = run};
    run->sites = calloc(run->plan->job->n_sites, sizeof *run->sites);
    struct wsp_meeting_handler handler = {on_together, on_job_end, run};
    wsp_err err = run->sites ? wsp_keeper_open(&run->keeper) : WSP_ERR_NO_MEMORY;
    if (!err)
        err = wsp_loop_open(&run->loop);
    if (!err)
        err = watch_signals(run);
    if (!err)
        err = wsp_meeting_open(run->loop, run->plan->job, run->plan->is_local, &handler,
                               &run->meeting);
    if (*run->meeting.folder)
        wsp_keeper_add_folder(&run->keeper, run->meeting.folder);
    if (!err)
        err = wsp_output_open(run->loop, STDOUT_FILENO, on_output_broken, run, &run->out);
    if (!err)
        err = wsp_output_open(run->loop, STDERR_FILENO, on_output_broken, run, &run->err);
    return err;
}

static bool is_all_over(const struct run *run)
{
    if (run->n_running > 0)
        return false;
    bool is_judged = true;
    for (unsigned i = 0; i < run->plan->job->n_sites; i++)
        is_judged &= run->sites[i].is_judged || run->has_failed || run->sites[i].pid <= 0;
    return is_judged &&
           (run->is_output_over || (wsp_output_is_done(run->out) && wsp_output_is_done(run->err)));
}

/* Judges at once what needs no waiting: a site that left in order and ended well. */
static void judge_plain_ends(struct run *run)
{
    for (uint32_t i = 0; i < run->plan->job->n_sites; i++) {
        struct site *site = &run->sites[i];
        if (!site->is_running && !site->is_judged && site->pid > 0 && site->wait_status == 0 &&
            wsp_coordinator_has_left(run->meeting.coordinator, i))
            judge(run, i);
    }
}

static void drive(struct run *run)
{
    while (!is_all_over(run)) {
        uint64_t deadline = wsp_loop_deadline(run->loop), now = wsp_clock_now_ns();
        uint64_t wait_ns = deadline == WSP_TIME_NEVER ? WSP_TIME_NEVER
                           : deadline > now           ? deadline - now
                                                      : 0;
        wsp_loop_wait(run->loop, wait_ns);
        wsp_loop_dispatch(run->loop);
        judge_plain_ends(run);
    }
}

/* After a failure nothing of the job is left, whatever its launchers forgot. */
static void sweep(struct run *run)
{
    struct timespec step = {.tv_nsec = 20 * 1000 * 1000};
    uint64_t begin_ns = wsp_clock_now_ns(), passed_ns = 0;
    int number = SIGTERM;
    while (wsp_launch_signal_descendants(number, run->keeper.pid) > 0) {
        nanosleep(&step, NULL);
        reap(run);
        passed_ns = wsp_clock_now_ns() - begin_ns;
        number = passed_ns > KILL_NS ? SIGKILL : 0;
        if (passed_ns > 2 * KILL_NS)
            break; /* in an uninterruptible wait: the signal stays pending */
    }
}

static void close_run(struct run *run)
{
    wsp_input_close(&run->input);
    wsp_output_close(&run->out);
    wsp_output_close(&run->err);
    wsp_meeting_close(&run->meeting);
    wsp_signals_close(&run->signals);
    wsp_loop_close(&run->loop);
    wsp_keeper_close(&run->keeper);
    free(run->sites);
}

/* What is still to be said at the end, and the exit status. */
static int conclude(const struct run *run)
{
    if (!run->has_failed)
        return 0;
    if (run->guilty == WSP_NO_SITE)
        return run->status;
    const struct site *site = &run->sites[run->guilty];
    int status = wsp_exit_status(site->wait_status);
    if (status != 0)
        wsp_tool_fail(0, TOOL, "site %s: the launch command ended with status %d", site->spec->name,
                      status);
    return status ? status : run->status;
}

int wsp_supervise(const struct wsp_supervision *supervision)
{
    struct run run = {.plan = supervision, .signals = {.fd = -1}, .guilty = WSP_NO_SITE};
    wsp_err err = open_run(&run);
    if (err && err != WSP_ERR_CONFIG)
        wsp_tool_fail(0, TOOL, "the job cannot be prepared: %s", wsp_err_text(err));
    if (!err) {
        err = start_sites(&run);
        if (err)
            fail(&run, WSP_NO_SITE, 1, "not all sites were started");
        drive(&run);
        if (run.has_failed)
            sweep(&run);
    }
    int status = err ? 1 : conclude(&run);
    close_run(&run);
    return status;
}
