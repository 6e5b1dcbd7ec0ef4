/* SPDX-License-Identifier: BSD-3-Clause */
/* How long collectives take between sites that are far apart, by the clock that all local ranks
 * share. What is asserted is the best of a few tries: a try is spoilt by a busy machine, never
 * made too good. Run with WIDESPAN_EMULATE=rtt=..., which the program reads, too. */
#include "cases/cases.h"

#include "every.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 20, SMALL = 2, LARGE = 30000, HUGE_COUNT = 1 << 20 };

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double one_way_s(void)
{
    double ms = 0;
    const char *text = getenv("WIDESPAN_EMULATE");
    if (!text || sscanf(text, "rtt=%lfms", &ms) != 1)
        return 0;
    return ms / 2000;
}

static bool is_near(void)
{
    if (one_way_s() == 0)
        skip("no distance is emulated");
    return one_way_s() == 0;
}

/* Ranks come in at uneven times. */
static void come_late(int n)
{
    usleep((useconds_t)((world.rank * 7 + n * 3) % 5 * 2000));
}

/* From the last rank's entry to the last rank's exit; the same on all ranks. Also brings all ranks
 * together. */
static double span_s(double entry, double exit)
{
    double mine[2] = {entry, exit}, last[2];
    MPI_Allreduce(mine, last, 2, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    return last[1] - last[0];
}

static double measure(const struct collective *c, int n)
{
    come_late(n);
    double entry = now_s();
    c->run(n % world.size, NULL);
    return span_s(entry, now_s());
}

static bool is_one_of(const struct collective *c, const char *const *names)
{
    while (*names && strcmp(*names, c->name) != 0)
        names++;
    return *names != NULL;
}

/* Opens every path that a collective may use: from each root to each leader, and along the ring. */
static void warm_up(void)
{
    static const char *const names[] = {"Bcast", "Neighbor_alltoall", NULL};
    for (int root = 0; root < world.size; root++)
        for (const struct collective *c = every; c->name; c++)
            if (is_one_of(c, names))
                c->run(root, NULL);
    MPI_Barrier(MPI_COMM_WORLD);
}

static void delays_are_enough(const struct collective *c, double n_delays)
{
    double best = 1e9, one_way = one_way_s();
    for (int n = 0; n < TRIES && best > n_delays * one_way; n++) {
        double span = measure(c, n);
        CHECK(!c->waits_for_all || world.n_sites == 1 || span > 0.98 * one_way);
        best = span < best ? span : best;
    }
    if (best > n_delays * one_way && world.rank == 0)
        fprintf(stderr, "MPI_%s took %.1f ms, one way is %.1f ms\n", c->name, best * 1e3,
                one_way * 1e3);
    CHECK(best <= n_delays * one_way);
}

static void every_collective(int count)
{
    if (is_near())
        return;
    every_open(count);
    warm_up();
    for (const struct collective *c = every; c->name; c++)
        delays_are_enough(c, 1.5);
    every_close();
}

static void small_collectives_take_one_delay(void)
{
    every_collective(SMALL);
}

static void large_collectives_take_one_delay(void)
{
    every_collective(LARGE);
}

/* Beyond the credit of a pair the rest waits for the receiver's answer: a round trip more. */
static void beyond_the_credit_it_takes_three(void)
{
    static const char *const names[] = {"Bcast", "Allreduce", NULL};
    if (is_near())
        return;
    every_open(HUGE_COUNT);
    warm_up();
    for (const struct collective *c = every; c->name; c++)
        if (is_one_of(c, names))
            delays_are_enough(c, 3.9);
    every_close();
}

/* The home phases need calls of the program: it makes some for as long as they could take. */
static void test_for(MPI_Request *request, double span)
{
    for (double until = now_s() + span; now_s() < until;) {
        int is_done;
        MPI_Test(request, &is_done, MPI_STATUS_IGNORE);
        usleep(200);
    }
}

/* Start, look in for a short while, then no call for longer than the way takes (asleep: the test
 * shares its processors): it must be (nearly) there. */
static double wait_after_computing(const struct collective *c, int n)
{
    MPI_Request request;
    MPI_Barrier(MPI_COMM_WORLD);
    c->run(n % world.size, &request);
    test_for(&request, 0.2 * one_way_s());
    usleep((useconds_t)(1.5e6 * one_way_s()));
    double begin = now_s();
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    double mine = now_s() - begin, most;
    MPI_Allreduce(&mine, &most, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    return most;
}

static void the_wide_half_goes_on_while_the_program_computes(void)
{
    static const char *const names[] = {"Barrier", "Bcast", "Allgather", "Allreduce", NULL};
    if (is_near())
        return;
    every_open(LARGE);
    for (const struct collective *c = every; c->name; c++) {
        double best = is_one_of(c, names) ? 1e9 : 0;
        for (int n = 0; n < TRIES && best > 0.5 * one_way_s(); n++) {
            double waited = wait_after_computing(c, n);
            best = waited < best ? waited : best;
        }
        CHECK(best <= 0.5 * one_way_s());
    }
    every_close();
}

const struct mpi_case cases[] = {
    {"small_collectives_take_one_delay", small_collectives_take_one_delay, false},
    {"large_collectives_take_one_delay", large_collectives_take_one_delay, false},
    {"beyond_the_credit_it_takes_three", beyond_the_credit_it_takes_three, false},
    {"the_wide_half_goes_on_while_the_program_computes",
     the_wide_half_goes_on_while_the_program_computes, false},
    {NULL, NULL, false},
};
