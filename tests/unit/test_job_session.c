/* SPDX-License-Identifier: BSD-3-Clause */
/* Whole jobs of the liveness tree without MPI: the test is the coordinator, each rank a process. */
#include "unit.h"

#include "base/clock.h"
#include "base/opts.h"
#include "job/coordinator.h"
#include "job/session.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_SITES  2
#define N_HOME   3
#define N_RANKS  (N_SITES * N_HOME)
#define LIMIT_NS (20 * WSP_NS_PER_S)

static const char *const site_names[N_SITES] = {"amsterdam", "tokyo"};

/* What each rank does once it is in the job; its result is the process's exit status. */
typedef int (*rank_fn)(struct wsp_session **session, struct wsp_link *link, uint32_t rank);

static struct wsp_job_env env_of(unsigned site, uint16_t port)
{
    struct wsp_job_env env = {.job = "test", .address = "127.0.0.1"};
    snprintf(env.site, sizeof env.site, "%s", site_names[site]);
    snprintf(env.coordinator, sizeof env.coordinator, "unix:/nowhere/at/all,127.0.0.1:%u", port);
    memset(env.key, 7, sizeof env.key);
    return env;
}

static atomic_int aborted_code = -1, lost_rank = -1;

static void on_aborted(void *user, int code, const char *reason)
{
    (void)user, (void)reason;
    atomic_store(&aborted_code, code);
}

static void on_lost(void *user, uint32_t rank, const char *reason)
{
    (void)user, (void)reason;
    atomic_store(&lost_rank, (int)rank);
}

static bool wait_for(struct wsp_link *link, atomic_int *value, int wanted)
{
    uint64_t until_ns = wsp_clock_now_ns() + LIMIT_NS;
    while (atomic_load(value) != wanted && wsp_clock_now_ns() < until_ns)
        wsp_link_progress(link, 10 * WSP_NS_PER_MS);
    return atomic_load(value) == wanted;
}

static void wait_until(atomic_int *value, int wanted)
{
    uint64_t until_ns = wsp_clock_now_ns() + LIMIT_NS;
    while (atomic_load(value) != wanted && wsp_clock_now_ns() < until_ns)
        poll(NULL, 0, 10);
}

static void ignore_arrived(void *user, uint32_t source, struct wsp_rx *rx,
                           const struct wsp_envelope *envelope)
{
    (void)user, (void)source, (void)rx, (void)envelope;
}

static bool ignore_withdraw(void *user, uint32_t source, struct wsp_rx *rx)
{
    (void)user, (void)source, (void)rx;
    return false;
}

static void ignore_peer_lost(void *user, uint32_t rank, wsp_err err)
{
    (void)user, (void)rank, (void)err;
}

static struct wsp_link *open_link(const struct wsp_job_env *env)
{
    static const struct wsp_link_handler handler = {ignore_arrived, ignore_withdraw,
                                                    ignore_peer_lost};
    struct wsp_link_config config = {.ports = "0", .handler = &handler};
    struct wsp_link *link = NULL;
    memcpy(config.key, env->key, sizeof config.key);
    strcpy(config.job, env->job);
    return wsp_link_open(&config, &link) ? NULL : link;
}

/* The roster, as each rank of the site gets it from the leader: through a pipe for each. */
static struct wsp_roster *share_roster(struct wsp_session **session, const struct wsp_job_env *env,
                                       unsigned home, unsigned n_home, int pipes[N_HOME][2])
{
    uint8_t bytes[65536], *blob = bytes;
    size_t length = 0;
    struct wsp_roster *roster = NULL;
    char why[512];
    if (home == 0) {
        struct wsp_site_card card = {.n_ranks = n_home, .host_mpi = "none", .sizeof_long = 8};
        struct wsp_endpoint ranks[N_HOME] = {0};
        for (unsigned i = 0; i < n_home; i++)
            ranks[i] = (struct wsp_endpoint){"127.0.0.1", (uint16_t)(1000 + i), 77 + i};
        strcpy(card.name, env->site);
        if (wsp_session_introduce(env, &card, ranks, session, &blob, &length, why, sizeof why)) {
            fprintf(stderr, "%s\n", why);
            exit(40);
        }
        for (unsigned i = 1; i < n_home; i++)
            if (write(pipes[i][1], blob, length) != (ssize_t)length)
                exit(41);
    } else {
        for (unsigned i = 0; i < N_HOME; i++)
            close(pipes[i][1]); /* so that the leader's end is an end of file */
        ssize_t n = read(pipes[home][0], bytes, sizeof bytes);
        if (n <= 0)
            exit(42);
        length = (size_t)n;
    }
    wsp_err err = wsp_roster_decode(blob, length, &roster);
    if (home == 0)
        free(blob);
    if (err)
        exit(43);
    return roster;
}

/* How many ranks have attached, and have heard of a death; shared by all processes of a job. */
static atomic_int *n_attached, *n_heard;

static bool all_are_in(struct wsp_link *link)
{
    atomic_fetch_add(n_attached, 1);
    return wait_for(link, n_attached, N_RANKS);
}

static int be_rank(const struct wsp_job_env *env, unsigned site, unsigned home, unsigned n_home,
                   int pipes[N_HOME][2], rank_fn behave)
{
    static const struct wsp_session_handler handler = {on_aborted, on_lost};
    char why[512];
    struct wsp_session *session = NULL;
    struct wsp_link *link = open_link(env);
    if (!link)
        return 44;
    struct wsp_roster *roster = share_roster(&session, env, home, n_home, pipes);
    uint32_t rank = site * N_HOME + home;
    struct wsp_endpoint endpoints[N_RANKS];
    memcpy(endpoints, roster->ranks, sizeof endpoints);
    if (wsp_link_start(link, rank, N_RANKS, endpoints))
        return 45;
    if (wsp_session_attach(&session, env, link, roster, rank, &handler, NULL, why, sizeof why)) {
        fprintf(stderr, "%s\n", why);
        return 46;
    }
    wsp_roster_free(&roster);
    int status = all_are_in(link) ? behave(&session, link, rank) : 47;
    wsp_session_leave(&session);
    wsp_link_close(&link);
    return status;
}

static struct wsp_job_end seen;
static char seen_reason[512];

static void on_end(void *user, const struct wsp_job_end *end)
{
    (void)user;
    seen = *end;
    snprintf(seen_reason, sizeof seen_reason, "%s", end->reason);
}

static void start_ranks(pid_t pids[N_RANKS], const unsigned n_home[N_SITES], uint16_t port,
                        rank_fn behave)
{
    for (unsigned site = 0; site < N_SITES; site++) {
        int pipes[N_HOME][2];
        struct wsp_job_env env = env_of(site, port);
        for (unsigned home = 0; home < N_HOME; home++)
            ck_assert_int_eq(pipe(pipes[home]), 0);
        for (unsigned home = 0; home < n_home[site]; home++) {
            pid_t pid = fork();
            ck_assert_int_ge(pid, 0);
            if (pid == 0)
                exit(be_rank(&env, site, home, n_home[site], pipes, behave));
            pids[site * N_HOME + home] = pid;
        }
        for (unsigned home = 0; home < N_HOME; home++) {
            close(pipes[home][0]);
            close(pipes[home][1]);
        }
    }
}

/* Runs a job; the ranks' exit statuses (or 100 + signal) go to statuses. */
static void run_job(const unsigned n_home[N_SITES], uint64_t join_ns, rank_fn behave,
                    int statuses[N_RANKS])
{
    struct wsp_loop *loop;
    struct wsp_coordinator *coordinator;
    uint16_t port;
    pid_t pids[N_RANKS] = {0};
    struct wsp_coordinator_site sites[N_SITES] = {{site_names[0], N_HOME}, {site_names[1], N_HOME}};
    struct wsp_coordinator_config config = {
        .job = "test", .n_sites = N_SITES, .sites = sites, .join_ns = join_ns, .ended = on_end};
    memset(config.key, 7, sizeof config.key);
    memset(&seen, 0xff, sizeof seen);
    n_attached = mmap(NULL, 2 * sizeof *n_attached, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne((void *)n_attached, MAP_FAILED);
    n_heard = n_attached + 1;
    ck_assert_int_eq(wsp_loop_open(&loop), WSP_OK);
    ck_assert_int_eq(wsp_coordinator_open(loop, &config, &coordinator), WSP_OK);
    ck_assert_int_eq(wsp_coordinator_listen(coordinator, "0", &port), WSP_OK);
    start_ranks(pids, n_home, port, behave);
    unsigned n_running = n_home[0] + n_home[1];
    uint64_t until_ns = wsp_clock_now_ns() + LIMIT_NS;
    while (n_running > 0) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        ck_assert_msg(wsp_clock_now_ns() < until_ns, "the ranks do not end");
        for (unsigned i = 0; pid > 0 && i < N_RANKS; i++)
            if (pids[i] == pid) {
                statuses[i] = WIFSIGNALED(status) ? 100 + WTERMSIG(status) : WEXITSTATUS(status);
                n_running--;
            }
        wsp_loop_wait(loop, 10 * WSP_NS_PER_MS);
        wsp_loop_dispatch(loop);
    }
    wsp_coordinator_close(&coordinator);
    wsp_loop_close(&loop);
    munmap((void *)n_attached, 2 * sizeof *n_attached);
}

static const unsigned all_ranks[N_SITES] = {N_HOME, N_HOME};

static int just_leave(struct wsp_session **session, struct wsp_link *link, uint32_t rank)
{
    (void)session, (void)link;
    return (int)rank;
}

START_TEST(a_job_whose_ranks_leave_in_order_is_finished)
{
    int statuses[N_RANKS];
    run_job(all_ranks, LIMIT_NS, just_leave, statuses);
    ck_assert_int_eq(seen.outcome, WSP_JOB_FINISHED);
    for (int i = 0; i < N_RANKS; i++)
        ck_assert_int_eq(statuses[i], i);
}
END_TEST

static int rank_4_aborts(struct wsp_session **session, struct wsp_link *link, uint32_t rank)
{
    if (rank == 4)
        wsp_session_abort(*session, 33, "the program called MPI_Abort");
    else if (!wait_for(link, &aborted_code, 33))
        _exit(50);
    _exit(60);
}

START_TEST(an_abort_reaches_every_rank_and_names_its_origin)
{
    int statuses[N_RANKS];
    run_job(all_ranks, LIMIT_NS, rank_4_aborts, statuses);
    ck_assert_int_eq(seen.outcome, WSP_JOB_ABORTED);
    ck_assert_int_eq(seen.code, 33);
    ck_assert_uint_eq(seen.site, 1);
    ck_assert_str_eq(seen_reason, "site tokyo, rank 4 (home rank 1): the program called MPI_Abort");
    for (int i = 0; i < N_RANKS; i++)
        ck_assert_int_eq(statuses[i], 60);
}
END_TEST

static int doomed_rank;

static bool leaves_a_child;

static int one_rank_dies(struct wsp_session **session, struct wsp_link *link, uint32_t rank)
{
    (void)session;
    if ((int)rank == doomed_rank) {
        /* The child outlives its parent until all others have heard of that death. */
        if (leaves_a_child && fork() == 0) {
            wait_until(n_heard, N_RANKS - 1);
            _exit(0);
        }
        raise(SIGKILL);
    }
    if (!wait_for(link, &aborted_code, 1))
        _exit(50);
    atomic_fetch_add(n_heard, 1);
    _exit(atomic_load(&lost_rank) == doomed_rank ? 60 : 51);
}

static void check_death_of(int rank, unsigned site)
{
    int statuses[N_RANKS];
    doomed_rank = rank;
    run_job(all_ranks, LIMIT_NS, one_rank_dies, statuses);
    ck_assert_int_eq(seen.outcome, WSP_JOB_RANK_LOST);
    ck_assert_uint_eq(seen.site, site);
    for (int i = 0; i < N_RANKS; i++)
        ck_assert_int_eq(statuses[i], i == rank ? 100 + SIGKILL : 60);
}

START_TEST(the_death_of_a_rank_is_told_to_all)
{
    check_death_of(5, 1);
}
END_TEST

START_TEST(the_death_of_a_rank_with_a_forked_child_is_told_to_all)
{
    leaves_a_child = true;
    check_death_of(5, 1);
    check_death_of(3, 1);
}
END_TEST

START_TEST(the_death_of_a_leader_is_told_to_all)
{
    check_death_of(3, 1);
}
END_TEST

START_TEST(a_site_that_never_shows_up_is_named)
{
    static const unsigned one_site[N_SITES] = {N_HOME, 0};
    int statuses[N_RANKS];
    run_job(one_site, WSP_NS_PER_S, just_leave, statuses);
    ck_assert_int_eq(seen.outcome, WSP_JOB_NOT_TOGETHER);
    ck_assert_uint_eq(seen.site, 1);
    ck_assert_str_eq(seen_reason, "site tokyo did not show up within 1 s (WIDESPAN_JOIN_TIME)");
    ck_assert_int_eq(statuses[0], 40);
}
END_TEST

START_TEST(a_site_with_the_wrong_number_of_ranks_is_named)
{
    static const unsigned too_few[N_SITES] = {N_HOME, N_HOME - 1};
    int statuses[N_RANKS];
    run_job(too_few, LIMIT_NS, just_leave, statuses);
    ck_assert_int_eq(seen.outcome, WSP_JOB_NOT_TOGETHER);
    ck_assert_uint_eq(seen.site, 1);
    ck_assert_ptr_nonnull(strstr(seen_reason, "3 ranks there, but its launch command started 2"));
    ck_assert_int_eq(statuses[0], 40);
    ck_assert_int_eq(statuses[3], 40);
}
END_TEST

START_TEST(another_key_is_refused_at_once)
{
    struct wsp_loop *loop;
    struct wsp_coordinator *coordinator;
    uint16_t port;
    int status = -1;
    struct wsp_coordinator_site site = {site_names[0], 1};
    struct wsp_coordinator_config config = {
        .job = "test", .n_sites = 1, .sites = &site, .join_ns = LIMIT_NS, .ended = on_end};
    ck_assert_int_eq(wsp_loop_open(&loop), WSP_OK);
    ck_assert_int_eq(wsp_coordinator_open(loop, &config, &coordinator), WSP_OK);
    ck_assert_int_eq(wsp_coordinator_listen(coordinator, "0", &port), WSP_OK);
    pid_t pid = fork();
    if (pid == 0) {
        struct wsp_job_env env = env_of(0, port); /* with another key */
        struct wsp_site_card card = {.n_ranks = 1, .name = "amsterdam"};
        struct wsp_endpoint rank = {"127.0.0.1", 1000, 77};
        struct wsp_session *session;
        uint8_t *blob;
        size_t length;
        char why[512];
        wsp_err err =
            wsp_session_introduce(&env, &card, &rank, &session, &blob, &length, why, sizeof why);
        _exit(err == WSP_ERR_UNTRUSTED && strstr(why, "did not accept the proof") ? 0 : 1);
    }
    uint64_t until_ns = wsp_clock_now_ns() + LIMIT_NS;
    while (waitpid(pid, &status, WNOHANG) != pid && wsp_clock_now_ns() < until_ns) {
        wsp_loop_wait(loop, 10 * WSP_NS_PER_MS);
        wsp_loop_dispatch(loop);
    }
    ck_assert_int_eq(status, 0);
    ck_assert(!wsp_coordinator_has_joined(coordinator, 0));
    wsp_coordinator_close(&coordinator);
    wsp_loop_close(&loop);
}
END_TEST

/* The leader of the second site finds after its introduction that it cannot go on. */
static void be_doubtful_leader(unsigned site, uint16_t port)
{
    struct wsp_job_env env = env_of(site, port);
    struct wsp_site_card card = {.n_ranks = 1};
    struct wsp_endpoint rank = {"127.0.0.1", 1000, 77 + site};
    struct wsp_session *session;
    uint8_t *blob;
    size_t length;
    char why[512];
    strcpy(card.name, env.site);
    if (wsp_session_introduce(&env, &card, &rank, &session, &blob, &length, why, sizeof why))
        _exit(40);
    if (site == 1)
        wsp_session_abort(session, 9, "sites differ");
    for (;;)
        pause();
}

START_TEST(an_abort_before_anything_is_attached_names_its_origin)
{
    struct wsp_loop *loop;
    struct wsp_coordinator *coordinator;
    uint16_t port;
    pid_t pids[N_SITES];
    struct wsp_coordinator_site sites[N_SITES] = {{site_names[0], 1}, {site_names[1], 1}};
    struct wsp_coordinator_config config = {
        .job = "test", .n_sites = N_SITES, .sites = sites, .join_ns = LIMIT_NS, .ended = on_end};
    memset(config.key, 7, sizeof config.key);
    memset(&seen, 0xff, sizeof seen);
    ck_assert_int_eq(wsp_loop_open(&loop), WSP_OK);
    ck_assert_int_eq(wsp_coordinator_open(loop, &config, &coordinator), WSP_OK);
    ck_assert_int_eq(wsp_coordinator_listen(coordinator, "0", &port), WSP_OK);
    for (unsigned i = 0; i < N_SITES; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            be_doubtful_leader(i, port);
    }
    uint64_t until_ns = wsp_clock_now_ns() + LIMIT_NS;
    while (seen.code == -1 && wsp_clock_now_ns() < until_ns) {
        wsp_loop_wait(loop, 10 * WSP_NS_PER_MS);
        wsp_loop_dispatch(loop);
    }
    for (unsigned i = 0; i < N_SITES; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
    wsp_coordinator_close(&coordinator);
    wsp_loop_close(&loop);
    ck_assert_int_eq(seen.outcome, WSP_JOB_ABORTED);
    ck_assert_int_eq(seen.code, 9);
    ck_assert_str_eq(seen_reason, "site tokyo, rank 1 (home rank 0): sites differ");
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_test(cases, a_job_whose_ranks_leave_in_order_is_finished);
    tcase_add_test(cases, an_abort_reaches_every_rank_and_names_its_origin);
    tcase_add_test(cases, the_death_of_a_rank_is_told_to_all);
    tcase_add_test(cases, the_death_of_a_rank_with_a_forked_child_is_told_to_all);
    tcase_add_test(cases, the_death_of_a_leader_is_told_to_all);
    tcase_add_test(cases, a_site_that_never_shows_up_is_named);
    tcase_add_test(cases, a_site_with_the_wrong_number_of_ranks_is_named);
    tcase_add_test(cases, another_key_is_refused_at_once);
    tcase_add_test(cases, an_abort_before_anything_is_attached_names_its_origin);
}
