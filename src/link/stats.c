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
    X(segments_hedged)                                                                             \
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

void wsp_peer_get_tuning(const struct wsp_peer *peer, struct wsp_end_tuning *tuning)
{
    if (peer->end)
        wsp_end_get_tuning(peer->end, tuning);
    else
        *tuning = peer->last_tuning;
}

void wsp_peer_get_stats(const struct wsp_peer *peer, struct wsp_end_stats *stats)
{
    if (peer->end)
        wsp_end_get_stats(peer->end, stats);
    else
        *stats = peer->last_stats;
}

bool wsp_link_get_path(const struct wsp_link *link, uint32_t rank, struct wsp_link_path *path)
{
    const struct wsp_peer *peer = link->peers && rank < link->n_ranks ? link->peers[rank] : NULL;
    if (!peer || !peer->was_talked_to)
        return false;
    struct wsp_end_stats stats;
    wsp_peer_get_stats(peer, &stats);
    path->bytes_sent = stats.bytes_sent;
    wsp_peer_get_tuning(peer, &path->tuning);
    return true;
}

static void print_by_hand(const struct wsp_link *link, FILE *out)
{
    static const struct {
        enum wsp_hand hand;
        const char *name;
    } hands[] = {{WSP_HAND_STREAMS, "streams"},
                 {WSP_HAND_SEGMENT, "segment"},
                 {WSP_HAND_WINDOW, "window"},
                 {WSP_HAND_PACING, "pacing"}};
    const char *between = "";
    fputs(", \"by_hand\": [", out);
    for (size_t i = 0; i < sizeof hands / sizeof *hands; i++)
        if (link->by_hand & hands[i].hand) {
            fprintf(out, "%s\"%s\"", between, hands[i].name);
            between = ", ";
        }
    fputc(']', out);
}

static void print_path(const struct wsp_link *link, uint32_t rank, FILE *out)
{
    struct wsp_link_path path;
    if (!wsp_link_get_path(link, rank, &path))
        return;
    const struct wsp_end_tuning *t = &path.tuning;
    fprintf(out, "{\"peer\": %u, \"streams\": %u, \"streams_up\": %u, \"segment_bytes\": %u", rank,
            t->n_streams_bulk, t->n_up_bulk, t->segment_bytes);
    print(out, "bytes_sent", path.bytes_sent);
    print(out, "pace_bps", (uint64_t)(8 * t->pace_bps));
    print(out, "goodput_bps", (uint64_t)(8 * t->goodput_bps));
    print(out, "rtt_ns", t->rtt_ns);
    print(out, "min_rtt_ns", t->min_rtt_ns);
    fprintf(out, ", \"limit\": \"%s\", \"why\": \"%s\"", t->limit, t->limit_text);
    print_by_hand(link, out);
    fputc('}', out);
}

static uint64_t stream_bytes(const struct wsp_peer *peer, unsigned index)
{
    return peer->end ? wsp_end_stream_bytes(peer->end, index) : peer->streams[index]->bytes_sent;
}

static void print_paths(const struct wsp_link *link, FILE *out)
{
    const char *between = "";
    fputs(", \"paths\": [", out);
    for (uint32_t i = 0; link->peers && i < link->n_ranks; i++)
        if (link->peers[i] && link->peers[i]->was_talked_to) {
            fputs(between, out);
            print_path(link, i, out);
            between = ", ";
        }
    fputc(']', out);
}

static void print_streams(const struct wsp_link *link, FILE *out)
{
    const char *between = "";
    fputs(", \"streams\": [", out);
    for (uint32_t i = 0; link->peers && i < link->n_ranks; i++)
        for (unsigned s = 0; link->peers[i] && s < link->peers[i]->n_streams; s++) {
            uint64_t bytes = stream_bytes(link->peers[i], s);
            if (bytes == 0)
                continue;
            fprintf(out, "%s{\"peer\": %u, \"index\": %u, \"bytes_sent\": %llu}", between, i, s,
                    (unsigned long long)bytes);
            between = ", ";
        }
    fputc(']', out);
}

static void print_counts(const struct wsp_link *link, const struct wsp_link_stats *stats, FILE *out)
{
    fprintf(out, "{\"rank\": %u", link->rank);
#define PRINT(name) print(out, #name, stats->sum.name);
    SUM_TABLE(PRINT)
#undef PRINT
    print(out, "unexpected_bytes_peak", stats->sum.unexpected_bytes_peak);
    print(out, "replay_bytes_peak", stats->sum.replay_bytes_peak);
    print(out, "rtt_ns", stats->sum.rtt_ns);
    print(out, "paths_opened", stats->paths_opened);
    print(out, "paths_lost", stats->paths_lost);
    print(out, "strangers_silent", stats->strangers_silent);
    print(out, "strangers_garbage", stats->strangers_garbage);
    print(out, "strangers_wrong_key", stats->strangers_wrong_key);
    print(out, "strangers_evicted", stats->strangers_evicted);
    print(out, "handshakes_done", stats->handshakes_done);
    print(out, "descriptors_peak", stats->descriptors_peak);
}

void wsp_link_print_stats(struct wsp_link *link, FILE *out)
{
    struct wsp_link_stats stats;
    wsp_link_lock(link);
    wsp_link_get_stats(link, &stats);
    print_counts(link, &stats, out);
    print_paths(link, out); /* a stream of memory: nothing waits under the lock */
    print_streams(link, out);
    wsp_link_unlock(link);
    if (link->emulator)
        fprintf(out, ", \"emulate\": \"%s\"", wsp_opt_text(WSP_OPT_EMULATE));
    fputc('}', out);
}
