/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters of the whole process. */
#include "link/link_internal.h"

#include "base/opts.h"

/* X(counter that adds up over paths) */
#define SUM_TABLE(X)                                                                               \
    X(messages_sent)                                                                               \
    X(messages_received)                                                                           \
    X(bytes_sent)                                                                                  \
    X(bytes_received)                                                                              \
    X(segments_sent)                                                                               \
    X(segments_received)                                                                           \
    X(segments_replayed)                                                                           \
    X(segments_duplicate)                                                                          \
    X(segments_damaged)                                                                            \
    X(headers_damaged)                                                                             \
    X(segments_taken_over)                                                                         \
    X(streams_opened)                                                                              \
    X(streams_lost)                                                                                \
    X(stalls)                                                                                      \
    X(acks_sent)                                                                                   \
    X(acks_received)                                                                               \
    X(rendezvous)                                                                                  \
    X(unexpected_bytes)                                                                            \
    X(replay_bytes)

void wsp_stats_add(struct wsp_end_stats *sum, const struct wsp_end_stats *one)
{
#define ADD(name) sum->name += one->name;
    SUM_TABLE(ADD)
#undef ADD
    if (one->rtt_ns > sum->rtt_ns)
        sum->rtt_ns = one->rtt_ns;
}

void wsp_link_get_stats(struct wsp_link *link, struct wsp_link_stats *stats)
{
    *stats = link->stats;
    for (uint32_t i = 0; link->peers && i < link->n_ranks; i++) {
        if (!link->peers[i] || !link->peers[i]->end)
            continue;
        struct wsp_end_stats one;
        wsp_end_get_stats(link->peers[i]->end, &one);
        wsp_stats_add(&stats->sum, &one);
    }
    /* The budgets know the peak of all paths together; those of single paths do not add up. */
    stats->sum.unexpected_bytes_peak = link->unexpected.peak_bytes;
    stats->sum.replay_bytes_peak = link->replay.peak_bytes;
}

static void print(FILE *out, const char *name, uint64_t value)
{
    fprintf(out, ", \"%s\": %llu", name, (unsigned long long)value);
}

void wsp_link_print_stats(struct wsp_link *link, FILE *out)
{
    struct wsp_link_stats stats;
    wsp_link_lock(link);
    wsp_link_get_stats(link, &stats);
    uint32_t rank = link->rank;
    wsp_link_unlock(link);
    fprintf(out, "{\"rank\": %u", rank);
#define PRINT(name) print(out, #name, stats.sum.name);
    SUM_TABLE(PRINT)
#undef PRINT
    print(out, "unexpected_bytes_peak", stats.sum.unexpected_bytes_peak);
    print(out, "replay_bytes_peak", stats.sum.replay_bytes_peak);
    print(out, "rtt_ns", stats.sum.rtt_ns);
    print(out, "paths_opened", stats.paths_opened);
    print(out, "paths_lost", stats.paths_lost);
    print(out, "strangers_silent", stats.strangers_silent);
    print(out, "strangers_garbage", stats.strangers_garbage);
    print(out, "strangers_wrong_key", stats.strangers_wrong_key);
    print(out, "strangers_evicted", stats.strangers_evicted);
    print(out, "handshakes_done", stats.handshakes_done);
    print(out, "descriptors_peak", stats.descriptors_peak);
    if (link->emulator)
        fprintf(out, ", \"emulate\": \"%s\"", wsp_opt_text(WSP_OPT_EMULATE));
    fputc('}', out);
}
