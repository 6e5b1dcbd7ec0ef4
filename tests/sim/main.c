/* SPDX-License-Identifier: BSD-3-Clause */
/* sim [--seed N] [--count M] [--catch TEXT]: runs M schedules, from seed N up. Ends with 1 at the
 * first in which something does not hold; its seed is printed and replays it. With --catch it is
 * the other way round: a bug is planted, and some schedule must fail with a message that has TEXT
 * in it. */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* By then every schedule has come to its end: faults stop long before. */
#define DEADLINE_NS (600 * WSP_NS_PER_S)

static void draw_weather(struct world *world)
{
    struct weather *weather = &world->weather;
    weather->n_streams = 1 + (unsigned)chance(world, SIM_MAX_STREAMS);
    weather->bandwidth_bps = UINT64_C(10000) << chance(world, 10);
    weather->latency_ns = (UINT64_C(50) * WSP_NS_PER_US) << chance(world, 12);
    weather->room_bytes = UINT64_C(256) << chance(world, 10);
    weather->faults_end_ns = (1 + chance(world, 20)) * WSP_NS_PER_S;
    weather->accept_late_ns = weather->latency_ns << chance(world, 8);
    if (one_in(world, 2))
        weather->mean_loss_ns = (WSP_NS_PER_MS * 30) << chance(world, 7);
    if (one_in(world, 3))
        weather->mean_stall_ns = (WSP_NS_PER_MS * 100) << chance(world, 6);
    if (one_in(world, 5))
        weather->mean_pause_ns = (WSP_NS_PER_MS * 500) << chance(world, 4);
    if (one_in(world, 2))
        weather->mean_choice_ns = (WSP_NS_PER_MS * 100) << chance(world, 7);
    if (one_in(world, 3))
        weather->flip_per_million = 1000u << chance(world, 8);
    weather->flips_left = 200; /* the end gives up on more than that in a short time */
    weather->has_end_of_world = one_in(world, 30);
    weather->is_tuned = one_in(world, 2);
    weather->is_paced = one_in(world, 4);
    weather->is_sampled = !one_in(world, 3);
    weather->again_per_mille = 64u << chance(world, 4);
}

static struct conn *some_conn(struct world *world)
{
    unsigned n = 0;
    for (struct conn *conn = world->conns; conn; conn = conn->next)
        n += !conn->is_dead;
    uint64_t which = chance(world, n);
    for (struct conn *conn = world->conns; conn; conn = conn->next)
        if (!conn->is_dead && which-- == 0)
            return conn;
    return NULL;
}

static bool is_fair_now(const struct world *world)
{
    return world->now_ns >= world->weather.faults_end_ns;
}

static void lose(struct world *world, void *what, uint64_t number)
{
    if (is_fair_now(world))
        return;
    bool is_all = one_in(world, 6);
    for (struct conn *conn = world->conns; is_all && conn; conn = conn->next)
        net_reset(world, conn);
    struct conn *conn = some_conn(world);
    if (conn)
        net_reset(world, conn);
    later(world, about(world, world->weather.mean_loss_ns), -1, lose, NULL, 0);
}

static void stall(struct world *world, void *what, uint64_t number)
{
    if (is_fair_now(world))
        return;
    struct conn *conn = some_conn(world);
    if (conn) {
        uint64_t until = world->now_ns + about(world, WSP_NS_PER_S << chance(world, 4));
        conn->pipes[0].stalled_until_ns = until;
        if (one_in(world, 2))
            conn->pipes[1].stalled_until_ns = until;
    }
    later(world, about(world, world->weather.mean_stall_ns), -1, stall, NULL, 0);
}

static void pause_side(struct world *world, void *what, uint64_t number)
{
    if (is_fair_now(world))
        return;
    struct side *side = &world->sides[chance(world, 2)];
    if (side->paused_until_ns <= world->now_ns) {
        side->paused_until_ns = world->now_ns + about(world, 2 * WSP_NS_PER_S);
        side->was_paused = true;
    }
    later(world, about(world, world->weather.mean_pause_ns), -1, pause_side, NULL, 0);
}

/* One side finds another number of streams better. */
static void choose_streams(struct world *world, void *what, uint64_t number)
{
    if (is_fair_now(world))
        return;
    unsigned n = 1 + (unsigned)chance(world, world->weather.n_streams);
    wsp_end_use_streams(world->sides[number].end, n, world->now_ns);
    later(world, about(world, world->weather.mean_choice_ns), (int)number, choose_streams, NULL,
          number);
}

/* Other pairs of this process take all of the budget that is free, and give it back. */
static void squeeze(struct world *world, void *what, uint64_t number)
{
    struct side *side = &world->sides[number];
    wsp_budget_give(&side->unexpected, side->squeezed_bytes);
    uint64_t left = side->unexpected.limit_bytes - side->unexpected.used_bytes;
    bool is_over = is_fair_now(world) || side->squeezed_bytes > 0;
    side->squeezed_bytes = is_over ? 0 : left;
    if (!wsp_budget_take(&side->unexpected, side->squeezed_bytes))
        wrong(world, "more is used of a budget than there is");
    if (!is_over || !is_fair_now(world))
        later(world, about(world, 3 * WSP_NS_PER_S), -1, squeeze, NULL, number);
}

static void end_world(struct world *world, void *what, uint64_t number)
{
    world->has_ended = true;
    for (struct conn *conn = world->conns; conn; conn = conn->next)
        net_reset(world, conn);
}

static void plan_faults(struct world *world)
{
    const struct weather *weather = &world->weather;
    if (weather->mean_loss_ns)
        later(world, about(world, weather->mean_loss_ns), -1, lose, NULL, 0);
    if (weather->mean_stall_ns)
        later(world, about(world, weather->mean_stall_ns), -1, stall, NULL, 0);
    for (uint64_t side = 0; side < 2 && weather->mean_choice_ns; side++)
        later(world, about(world, weather->mean_choice_ns), (int)side, choose_streams, NULL, side);
    if (weather->mean_pause_ns)
        later(world, about(world, weather->mean_pause_ns), -1, pause_side, NULL, 0);
    for (uint64_t id = 0; id < 2; id++)
        if (one_in(world, 4))
            later(world, about(world, WSP_NS_PER_S), -1, squeeze, NULL, id);
    if (weather->has_end_of_world)
        later(world, weather->faults_end_ns, -1, end_world, NULL, 0);
}

static void resume_if_paused(struct world *world, struct side *side)
{
    if (!side->was_paused || side->paused_until_ns > world->now_ns)
        return;
    side->was_paused = false;
    if (one_in(world, 2))
        wsp_end_resume(side->end, world->now_ns);
}

static void run_event(struct world *world, struct event event)
{
    if (event.at_ns > world->now_ns)
        world->now_ns = event.at_ns;
    if (event.side >= 0 && world->sides[event.side].paused_until_ns > world->now_ns) {
        event.at_ns = world->sides[event.side].paused_until_ns;
        put_event(world, event);
        return;
    }
    if (event.side >= 0)
        resume_if_paused(world, &world->sides[event.side]);
    event.fn(world, event.what, event.number);
    for (int id = 0; id < 2; id++) {
        if (world->sides[id].paused_until_ns > world->now_ns)
            continue;
        side_flush(&world->sides[id]);
        traffic_check(&world->sides[id]);
    }
}

static void check_budgets(struct world *world)
{
    for (int id = 0; id < 2; id++) {
        side_close(&world->sides[id]);
        wsp_budget_give(&world->sides[id].unexpected, world->sides[id].squeezed_bytes);
        if (world->sides[id].unexpected.used_bytes || world->sides[id].replay.used_bytes)
            wrong(world, "side %d did not give its memory back", id);
    }
}

static void add_up(const struct world *world, struct wsp_end_stats *sum)
{
    for (int id = 0; id < 2; id++) {
        struct wsp_end_stats stats;
        wsp_end_get_stats(world->sides[id].end, &stats);
        sum->messages_received += stats.messages_received;
        sum->segments_replayed += stats.segments_replayed;
        sum->segments_duplicate += stats.segments_duplicate;
        sum->segments_damaged += stats.segments_damaged;
        sum->headers_damaged += stats.headers_damaged;
        sum->segments_taken_over += stats.segments_taken_over;
        sum->segments_hedged += stats.segments_hedged;
        sum->streams_lost += stats.streams_lost;
        sum->stalls += stats.stalls;
        sum->rendezvous += stats.rendezvous;
    }
}

static bool run(struct world *world, uint64_t seed, struct event *heap, struct wsp_end_stats *sum)
{
    memset(world, 0, sizeof *world);
    world->seed = seed;
    world->random = seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
    world->heap = heap;
    world->now_ns = WSP_NS_PER_S;
    draw_weather(world);
    for (int id = 0; id < 2; id++)
        if (side_open(&world->sides[id], world, id))
            wrong(world, "cannot open an end");
    traffic_make(world);
    plan_faults(world);
    wsp_end_start(world->sides[0].end, world->now_ns);
    if (one_in(world, 2))
        wsp_end_start(world->sides[1].end, world->now_ns);

    struct event event;
    while (!world->has_failed && !traffic_is_done(world) && next_event(world, &event)) {
        if (event.at_ns > DEADLINE_NS) {
            wrong(world, "not over by the deadline: closed %d %d", world->sides[0].is_closed,
                  world->sides[1].is_closed);
            break;
        }
        run_event(world, event);
    }
    if (!world->has_failed)
        traffic_check_end(world);
    add_up(world, sum);
    check_budgets(world);
    net_free_all(world);
    traffic_free(world);
    return !world->has_failed;
}

static void print_sum(uint64_t count, const struct wsp_end_stats *sum)
{
    printf("%llu schedules: %llu messages, %llu by rendezvous, %llu streams lost, %llu stalls, "
           "%llu segments replayed, %llu taken over, %llu hedged, %llu duplicate, %llu damaged, "
           "%llu headers damaged\n",
           (unsigned long long)count, (unsigned long long)sum->messages_received,
           (unsigned long long)sum->rendezvous, (unsigned long long)sum->streams_lost,
           (unsigned long long)sum->stalls, (unsigned long long)sum->segments_replayed,
           (unsigned long long)sum->segments_taken_over, (unsigned long long)sum->segments_hedged,
           (unsigned long long)sum->segments_duplicate, (unsigned long long)sum->segments_damaged,
           (unsigned long long)sum->headers_damaged);
}

int main(int argc, char **argv)
{
    uint64_t seed = 1, count = 1000;
    const char *expected = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 0);
        else if (strcmp(argv[i], "--count") == 0)
            count = strtoull(argv[i + 1], NULL, 0);
        else if (strcmp(argv[i], "--catch") == 0)
            expected = argv[i + 1];
        else
            return 2;
    }
    struct world *world = malloc(sizeof *world);
    struct event *heap = malloc(sizeof *heap * SIM_MAX_EVENTS);
    struct wsp_end_stats sum = {0};
    bool is_good = world && heap;
    for (uint64_t i = 0; i < count && is_good; i++)
        is_good = run(world, seed + i, heap, &sum);
    if (is_good)
        print_sum(count, &sum);
    if (expected)
        is_good = !is_good && strstr(world->failure, expected);
    free(heap);
    free(world);
    return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
