/* SPDX-License-Identifier: BSD-3-Clause */
#include "init/stats.h"
#include "base/log.h"
#include "base/opts.h"
#include "comm/comm.h"
#include "comm/talk.h"
#include "count/count.h"
#include "host/host.h"
#include "init/job.h"
#include "path/tune.h"
#include "request/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TAG 1 /* of the sites' sums, on the world's communicator */

/* This rank's counts; at a leader, after wsp_stats_gather, those of its site. */
static uint64_t rank_counts[WSP_COUNT_NUMBERS], site_counts[WSP_COUNT_NUMBERS];

static const char *json_path(void)
{
    const char *where = wsp_opt_text(WSP_OPT_STATS);
    return strncmp(where, "json:", 5) == 0 ? where + 5 : NULL;
}

static bool is_table_asked(void)
{
    return strcmp(wsp_opt_text(WSP_OPT_STATS), "1") == 0;
}

/* One write behind the end, so that the lines of several ranks do not mix. */
static void append(const char *path, const char *text, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, text, length) != (ssize_t)length)
        wsp_warn("stats: cannot write %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
}

/* Appends what print makes. */
static void append_json(const char *path, void (*print)(FILE *out))
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return;
    print(out);
    fclose(out);
    append(path, text, length);
    free(text);
}

static void print_rank_json(FILE *out)
{
    fprintf(out, "{\"rank\":%u,\"site\":\"%s\",\"link\":", wsp_job.world_rank,
            wsp_job_site_name(wsp_job.world_rank));
    wsp_link_print_stats(wsp_job.link, out);
    fputs(",\"functions\":", out);
    wsp_count_print_json(rank_counts, out);
    fputs("}\n", out);
}

static void print_job_json(FILE *out)
{
    fprintf(out, "{\"job\":{\"n_ranks\":%u,\"sites\":[", wsp_job.n_ranks);
    for (uint32_t i = 0; i < wsp_job.roster->n_sites; i++)
        fprintf(out, "%s\"%s\"", i ? "," : "", wsp_job.roster->sites[i].card.name);
    fprintf(out, "],\"emulate\":\"%s\"},\"functions\":", wsp_opt_text(WSP_OPT_EMULATE));
    wsp_count_print_json(site_counts, out);
    fputs("}\n", out);
}

/* What this rank's paths to a remote site chose for large messages. */
struct choice {
    uint64_t least, most;  /* streams; UINT64_MAX and 0: no path there had large messages */
    uint64_t goodput_bits; /* a second, together */
    uint64_t busiest;      /* bytes sent by the path that sent most; the last digit is its limit */
};
_Static_assert(WSP_LIMIT_COUNT_ <= 16, "a limit is a hexadecimal digit");

static void add_path(struct choice *choice, const struct wsp_link_path *path)
{
    const struct wsp_end_tuning *tuning = &path->tuning;
    uint64_t busiest = path->bytes_sent << 4 | tuning->limit_id;
    if (tuning->bulk_bytes == 0)
        return;
    if (tuning->n_streams_bulk < choice->least)
        choice->least = tuning->n_streams_bulk;
    if (tuning->n_streams_bulk > choice->most)
        choice->most = tuning->n_streams_bulk;
    if (busiest > choice->busiest)
        choice->busiest = busiest;
    choice->goodput_bits += (uint64_t)(8 * tuning->goodput_bps);
}

/* Of one remote site, over the ranks of this one; collective over them. */
static struct choice site_choice(uint32_t site)
{
    struct choice mine = {.least = UINT64_MAX}, sum = mine;
    struct wsp_link_path path;
    uint32_t first = wsp_job.roster->sites[site].first_rank;
    uint32_t end = first + wsp_job.roster->sites[site].card.n_ranks;
    wsp_link_lock(wsp_job.link);
    for (uint32_t rank = first; rank < end; rank++)
        if (wsp_link_get_path(wsp_job.link, rank, &path))
            add_path(&mine, &path);
    wsp_link_unlock(wsp_job.link);
    host.Reduce(&mine.least, &sum.least, 1, MPI_UINT64_T, MPI_MIN, 0, wsp_job.home_world);
    host.Reduce(&mine.most, &sum.most, 1, MPI_UINT64_T, MPI_MAX, 0, wsp_job.home_world);
    host.Reduce(&mine.goodput_bits, &sum.goodput_bits, 1, MPI_UINT64_T, MPI_SUM, 0,
                wsp_job.home_world);
    host.Reduce(&mine.busiest, &sum.busiest, 1, MPI_UINT64_T, MPI_MAX, 0, wsp_job.home_world);
    return sum;
}

static void print_choice(uint32_t site, const struct choice *choice)
{
    char goodput[48] = "goodput not measured";
    enum wsp_limit limit = (enum wsp_limit)(choice->busiest & 15);
    if (choice->goodput_bits)
        snprintf(goodput, sizeof goodput, "goodput %.1f Mbit/s",
                 (double)choice->goodput_bits / 1e6);
    fprintf(stderr,
            "widespan: site %s to %s: %" PRIu64 "..%" PRIu64 " streams, %s, limit %s (%s)\n",
            wsp_job_site_name(wsp_job.world_rank), wsp_job.roster->sites[site].card.name,
            choice->least, choice->most, goodput, wsp_limit_name(limit), wsp_limit_text(limit));
}

static void print_choices(void)
{
    for (uint32_t site = 0; site < wsp_job.roster->n_sites; site++) {
        if (site == wsp_job.site)
            continue;
        struct choice choice = site_choice(site);
        if (wsp_job.home_rank == 0 && choice.most > 0)
            print_choice(site, &choice);
    }
}

static void print_site(void)
{
    struct wsp_link_stats stats;
    wsp_link_lock(wsp_job.link);
    wsp_link_get_stats(wsp_job.link, &stats);
    wsp_link_unlock(wsp_job.link);
    const struct wsp_end_stats *s = &stats.sum;
    uint64_t mine[] = {s->messages_sent,     s->bytes_sent,      s->messages_received,
                       s->bytes_received,    stats.paths_opened, s->streams_opened,
                       s->segments_replayed, s->streams_lost};
    enum { N = sizeof mine / sizeof *mine };
    uint64_t sum[N];
    host.Reduce(mine, sum, N, MPI_UINT64_T, MPI_SUM, 0, wsp_job.home_world);
    if (wsp_job.home_rank != 0)
        return;
    fprintf(stderr,
            "widespan: site %s (%d ranks): sent %" PRIu64 " messages, %.3f MB to other sites; "
            "received %" PRIu64 ", %.3f MB; %" PRIu64 " paths, %" PRIu64 " streams, %" PRIu64
            " segments sent again, %" PRIu64 " streams lost\n",
            wsp_job_site_name(wsp_job.world_rank), wsp_job.home_size, sum[0], (double)sum[1] / 1e6,
            sum[2], (double)sum[3] / 1e6, sum[4], sum[5], sum[6], sum[7]);
}

void wsp_stats_gather(void)
{
    MPI_Request request;
    wsp_count_take(rank_counts);
    host.Ireduce(rank_counts, site_counts, WSP_COUNT_NUMBERS, MPI_UINT64_T, MPI_SUM, 0,
                 wsp_job.home_world, &request);
    wsp_drive_host(&request, MPI_STATUS_IGNORE);
    bool is_asked = is_table_asked() || json_path();
    if (wsp_job.home_rank == 0 && wsp_job.world_rank != 0)
        wsp_talk_send(wsp_comm_world, 0, TAG, site_counts, is_asked ? sizeof site_counts : 0);
}

/* Nothing is waited for that has not come: every site sent before it entered the barrier. */
static void add_sites(void)
{
    for (uint32_t i = 1; i < wsp_job.roster->n_sites; i++) {
        uint64_t theirs[WSP_COUNT_NUMBERS] = {0};
        int leader = (int)wsp_job.roster->sites[i].first_rank;
        if (wsp_talk_receive(wsp_comm_world, leader, TAG, theirs, sizeof theirs))
            wsp_warn("stats: site %s did not tell its part", wsp_job.roster->sites[i].card.name);
        for (int n = 0; n < WSP_COUNT_NUMBERS; n++)
            site_counts[n] += theirs[n];
    }
}

void wsp_stats_report_job(void)
{
    if (wsp_job.world_rank != 0)
        return;
    add_sites();
    if (json_path())
        append_json(json_path(), print_job_json);
    if (!is_table_asked())
        return;
    if (*wsp_opt_text(WSP_OPT_EMULATE))
        fprintf(stderr, "widespan: emulated distance: %s\n", wsp_opt_text(WSP_OPT_EMULATE));
    wsp_count_print(site_counts, stderr);
}

void wsp_stats_report(void)
{
    const char *where = wsp_opt_text(WSP_OPT_STATS);
    if (json_path()) {
        append_json(json_path(), print_rank_json);
    } else if (is_table_asked()) {
        print_site();
        print_choices();
    } else if (*where && strcmp(where, "0") != 0) {
        wsp_warn("stats: WIDESPAN_STATS=%s is neither 1 nor json:FILE", where);
    }
}
