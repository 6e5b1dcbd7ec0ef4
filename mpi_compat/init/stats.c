/* SPDX-License-Identifier: BSD-3-Clause */
#include "init/stats.h"
#include "base/log.h"
#include "base/opts.h"
#include "host/host.h"
#include "init/job.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void append_json(const char *path)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return;
    fprintf(out, "{\"rank\":%u,\"site\":\"%s\",\"link\":", wsp_job.world_rank,
            wsp_job_site_name(wsp_job.world_rank));
    wsp_link_print_stats(wsp_job.link, out);
    fputs("}\n", out);
    fclose(out);
    /* One write behind the end, so that the lines of several ranks do not mix. */
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, text, length) != (ssize_t)length)
        wsp_warn("stats: cannot write %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    free(text);
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
    if (*wsp_opt_text(WSP_OPT_EMULATE))
        fprintf(stderr, "widespan: site %s: emulated distance: %s\n",
                wsp_job_site_name(wsp_job.world_rank), wsp_opt_text(WSP_OPT_EMULATE));
}

void wsp_stats_report(void)
{
    const char *where = wsp_opt_text(WSP_OPT_STATS);
    if (strncmp(where, "json:", 5) == 0)
        append_json(where + 5);
    else if (strcmp(where, "1") == 0)
        print_site();
    else if (*where && strcmp(where, "0") != 0)
        wsp_warn("stats: WIDESPAN_STATS=%s is neither 1 nor json:FILE", where);
}
