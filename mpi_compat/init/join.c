/* SPDX-License-Identifier: BSD-3-Clause */
#include "init/join.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/opts.h"
#include "coll/coll.h"
#include "comm/comm.h"
#include "host/error.h"
#include "host/host.h"
#include "init/address.h"
#include "init/attributes.h"
#include "init/share.h"
#include "match/match.h"
#include "net/tcp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <wchar.h>

#define WHY_MAX       512
#define N_DESCRIPTORS 65536

static void die(const char *why)
{
    if (wsp_job.home_rank == 0)
        wsp_job_abort(EXIT_FAILURE, why);
    /* The leader speaks for its site and takes it down; the others wait for that. */
    for (;;)
        pause();
}

/* The leader tells its site's user, who may not see what the coordinator or other sites say. */
static void aborted(void *user, int code, const char *reason)
{
    if (wsp_job.home_rank == 0)
        wsp_error("job: ended by another process: %s", reason);
    _exit(code ? code : EXIT_FAILURE);
}

static void rank_lost(void *user, uint32_t world_rank, const char *reason)
{
    wsp_info("rank %u: lost: %s", world_rank, reason);
    wsp_link_declare_lost(wsp_job.link, world_rank);
}

static const struct wsp_session_handler session_handler = {.aborted = aborted,
                                                           .rank_lost = rank_lost};

/* One for each rank of the site at its leader, and for each peer and each stream of a busy path:
 * the usual soft limit of 1024 is soon used up. Programs that close all they may have are not to
 * take long over it, though. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    rlim_t wanted = limit.rlim_max < N_DESCRIPTORS ? limit.rlim_max : N_DESCRIPTORS;
    if (limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void open_private_comms(void)
{
    host.Comm_rank(MPI_COMM_WORLD, &wsp_job.home_rank);
    host.Comm_size(MPI_COMM_WORLD, &wsp_job.home_size);
    host.Comm_split(MPI_COMM_WORLD, 0, wsp_job.home_rank, &wsp_job.home_world);
    host.Comm_dup(MPI_COMM_SELF, &wsp_job.self);
    host.Comm_set_errhandler(wsp_job.home_world, MPI_ERRORS_RETURN);
    host.Comm_set_errhandler(wsp_job.self, MPI_ERRORS_RETURN);
}

static void open_link(const struct wsp_job_env *env)
{
    char why[WHY_MAX];
    struct wsp_link_config config = {.ports = wsp_opt_text(WSP_OPT_PORTS),
                                     .handler = &wsp_match_link_handler};
    memcpy(config.key, env->key, sizeof config.key);
    snprintf(config.job, sizeof config.job, "%s", env->job);
    wsp_err err = wsp_link_open(&config, &wsp_job.link);
    if (!err)
        return;
    snprintf(why, sizeof why, "cannot listen for other sites on WIDESPAN_PORTS=%s: %s",
             config.ports,
             err == WSP_ERR_BUSY ? "all of them are taken; each rank of a machine needs one"
                                 : wsp_err_text(err));
    wsp_job_abort(EXIT_FAILURE, why);
}

static void say_window(void)
{
    uint64_t wanted = wsp_opt_number(WSP_OPT_WINDOW);
    uint64_t granted = wanted ? wsp_tcp_granted_buffer((uint32_t)wanted) : 0;
    if (wsp_job.home_rank == 0 && granted < wanted)
        wsp_warn("WIDESPAN_WINDOW=%s: the kernel gives %llu bytes; net.core.wmem_max and rmem_max "
                 "are its limits (but not those of auto)",
                 wsp_opt_text(WSP_OPT_WINDOW), (unsigned long long)granted);
}

static void describe_site(const struct wsp_job_env *env, struct wsp_site_card *card)
{
    const uint16_t probe = 1;
    *card = (struct wsp_site_card){.is_big_endian = *(const uint8_t *)&probe == 0,
                                   .sizeof_long = sizeof(long),
                                   .sizeof_long_double = sizeof(long double),
                                   .sizeof_wchar = sizeof(wchar_t),
                                   .n_ranks = (uint32_t)wsp_job.home_size};
    snprintf(card->name, sizeof card->name, "%s", env->site);
    char library[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int length;
    host.Get_library_version(library, &length);
    snprintf(card->host_mpi, sizeof card->host_mpi, "%.*s", (int)strcspn(library, ",\n"), library);
    int *tag_ub, is_set = 0;
    host.Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &tag_ub, &is_set);
    card->tag_ub = is_set ? (uint32_t)*tag_ub : INT32_MAX;
}

/* On the leader: the site's introduction. Returns the encoded roster, or NULL and why. */
static uint8_t *introduce(const struct wsp_job_env *env, const struct wsp_endpoint *endpoints,
                          uint64_t *length, char *why)
{
    struct wsp_site_card card;
    describe_site(env, &card);
    uint8_t *blob = NULL;
    size_t blob_length = 0;
    if (wsp_session_introduce(env, &card, endpoints, &wsp_job.session, &blob, &blob_length, why,
                              WHY_MAX))
        return NULL;
    *length = blob_length;
    return blob;
}

/* Brings the roster to every rank of the site. */
static void agree_on_roster(const struct wsp_job_env *env)
{
    struct wsp_endpoint mine = {0}, *all = NULL;
    char why[WHY_MAX] = "out of memory";
    uint64_t length = 0;
    uint8_t *blob = NULL;
    wsp_link_endpoint(wsp_job.link, &mine);
    snprintf(mine.host, sizeof mine.host, "%s", env->address);
    if (wsp_job.home_rank == 0)
        all = calloc((size_t)wsp_job.home_size, sizeof *all);
    host.Gather(&mine, sizeof mine, MPI_BYTE, all, sizeof mine, MPI_BYTE, 0, wsp_job.home_world);
    if (all)
        blob = introduce(env, all, &length, why);
    free(all);
    host.Bcast(&length, sizeof length, MPI_BYTE, 0, wsp_job.home_world);
    if (length == 0)
        die(why);
    if (!blob)
        blob = malloc(length);
    if (!blob)
        wsp_job_abort(EXIT_FAILURE, "out of memory for the roster");
    host.Bcast(blob, (int)length, MPI_BYTE, 0, wsp_job.home_world);
    if (wsp_roster_decode(blob, length, &wsp_job.roster))
        wsp_job_abort(EXIT_FAILURE, "the coordinator's roster cannot be read");
    free(blob);
}

static void find_place(const struct wsp_job_env *env)
{
    const struct wsp_roster *roster = wsp_job.roster;
    wsp_job.n_ranks = roster->n_ranks;
    wsp_job.tag_ub = (int)wsp_roster_tag_ub(roster);
    wsp_job.site = wsp_roster_site_named(roster, env->site);
    wsp_job.world_rank = roster->sites[wsp_job.site].first_rank + (uint32_t)wsp_job.home_rank;
}

/* Sites must agree on what the wire does not translate yet. */
static void check_sites(void)
{
    const struct wsp_site_card *here = &wsp_job.roster->sites[wsp_job.site].card;
    for (uint32_t i = 0; i < wsp_job.roster->n_sites; i++) {
        const struct wsp_site_card *there = &wsp_job.roster->sites[i].card;
        if (there->is_big_endian == here->is_big_endian &&
            there->sizeof_long == here->sizeof_long &&
            there->sizeof_long_double == here->sizeof_long_double &&
            there->sizeof_wchar == here->sizeof_wchar)
            continue;
        char why[WHY_MAX];
        snprintf(why, sizeof why,
                 "sites %s and %s differ in byte order or the size of C types, which this "
                 "version cannot join; start the job on sites of one kind",
                 here->name, there->name);
        die(why);
    }
}

static void start_link(const struct wsp_job_env *env)
{
    char why[WHY_MAX];
    const struct wsp_site *here = &wsp_job.roster->sites[wsp_job.site];
    struct wsp_endpoint *endpoints = malloc(wsp_job.n_ranks * sizeof *endpoints);
    if (!endpoints)
        wsp_job_abort(EXIT_FAILURE, "out of memory for the roster");
    memcpy(endpoints, wsp_job.roster->ranks, wsp_job.n_ranks * sizeof *endpoints);
    for (uint32_t i = 0; i < here->card.n_ranks; i++)
        endpoints[here->first_rank + i].host[0] = '\0';
    if (wsp_job.roster->n_sites > 1)
        wsp_share_open();
    wsp_err err = wsp_link_start(wsp_job.link, wsp_job.world_rank, wsp_job.n_ranks, endpoints);
    free(endpoints);
    if (err)
        wsp_job_abort(EXIT_FAILURE, wsp_err_text(err));
    err = wsp_session_attach(&wsp_job.session, env, wsp_job.link, wsp_job.roster,
                             wsp_job.world_rank, &session_handler, NULL, why, sizeof why);
    if (err)
        wsp_job_abort(EXIT_FAILURE, why);
}

/* The last delete callback of MPI_COMM_SELF, since this attribute is its first. */
static int leave_with_self(MPI_Comm comm, int keyval, void *value, void *extra)
{
    wsp_job_leave();
    return MPI_SUCCESS;
}

static void arrange_leaving(void)
{
    int keyval;
    host.Comm_create_keyval(MPI_COMM_NULL_COPY_FN, leave_with_self, &keyval, NULL);
    host.Comm_set_attr(MPI_COMM_SELF, keyval, NULL);
    host.Comm_free_keyval(&keyval);
}

/* Sends that completed are not lost when the program ends without MPI_Finalize. */
static void leave_at_exit(void)
{
    if (!wsp_job.link)
        return;
    if (wsp_link_drain(wsp_job.link, 2 * WSP_NS_PER_S))
        wsp_warn("exit: not everything that was sent has been taken by the other sites");
}

/* Names the sites whose leaders could not be reached from here. */
static void say_unreachable(char *why)
{
    size_t used = 0;
    for (uint32_t i = 0; i < wsp_job.roster->n_sites && used < WHY_MAX; i++) {
        const struct wsp_site *site = &wsp_job.roster->sites[i];
        const struct wsp_endpoint *at = &wsp_job.roster->ranks[site->first_rank];
        wsp_link_lock(wsp_job.link);
        bool is_lost = i != wsp_job.site && wsp_link_is_lost(wsp_job.link, site->first_rank);
        wsp_link_unlock(wsp_job.link);
        if (is_lost)
            used += (size_t)snprintf(why + used, WHY_MAX - used,
                                     "site %s cannot be reached at %s port %u; ", site->card.name,
                                     at->host, at->port);
    }
    if (used < WHY_MAX)
        snprintf(why + used, WHY_MAX - used,
                 "check the address of each site in the job file and that its ports are open "
                 "(WIDESPAN_PORTS)");
}

/* All sites meet once, so that one that cannot be reached is named here and not in mid-run. */
static void meet(void)
{
    int code = wsp_comm_world_open();
    if (code)
        wsp_job_abort(EXIT_FAILURE, "the communicators of the job cannot be made");
    wsp_job.is_wide = true;
    wsp_attributes_set();
    if (wsp_coll_barrier(wsp_comm_world) == MPI_SUCCESS)
        return;
    char why[WHY_MAX];
    say_unreachable(why);
    die(why);
}

void wsp_job_join(int thread_level)
{
    struct wsp_job_env env;
    char why[WHY_MAX], prefix[96];
    bool is_job = false;
    if (wsp_opts_load(why, sizeof why) || wsp_job_env_load(&env, &is_job, why, sizeof why))
        wsp_job_abort(EXIT_FAILURE, why);
    if (!is_job)
        return;
    raise_descriptors();
    open_private_comms();
    open_link(&env);
    say_window();
    if (!wsp_address_settle(&env, why, sizeof why))
        die(why);
    agree_on_roster(&env);
    find_place(&env);
    snprintf(prefix, sizeof prefix, "%s:%u", env.site, wsp_job.world_rank);
    wsp_log_set_prefix(prefix);
    check_sites();
    wsp_job.is_threaded = thread_level == MPI_THREAD_MULTIPLE;
    start_link(&env);
    arrange_leaving();
    atexit(leave_at_exit);
    if (wsp_job.roster->n_sites > 1)
        meet();
}
