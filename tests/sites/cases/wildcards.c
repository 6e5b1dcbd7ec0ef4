/* SPDX-License-Identifier: BSD-3-Clause */
/* Wildcards whose message may come from home or from another site: order around them while it is
 * not settled which, races, and what probes, cancels and frees see meanwhile. */
#include "cases.h"

#include <sched.h>
#include <stdlib.h>

enum { WORD = 1, GO = 2, DONE = 3, REPEATS = 100 };

/* R receives, W sends from another site, H from home; -1 where there is none. */
static int r_rank, w_rank, h_rank;

static bool find_trio(void)
{
    for (r_rank = 0; r_rank < world.size; r_rank++) {
        w_rank = wide_partner(r_rank);
        h_rank = home_partner(r_rank);
        if (w_rank >= 0 && h_rank >= 0)
            return true;
    }
    skip("no rank has partners at its own and at another site");
    return false;
}

static bool is_r(void)
{
    return world.rank == r_rank;
}

static void post(int *value, int source, int tag, MPI_Request *request)
{
    *value = -1;
    MPI_Irecv(value, 1, MPI_INT, source, tag, MPI_COMM_WORLD, request);
}

static void send_value(int value, int tag)
{
    MPI_Send(&value, 1, MPI_INT, r_rank, tag, MPI_COMM_WORLD);
}

static void tell(int rank)
{
    MPI_Ssend(NULL, 0, MPI_BYTE, rank, GO, MPI_COMM_WORLD);
}

static void hear(int rank)
{
    MPI_Recv(NULL, 0, MPI_BYTE, rank, GO, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

/* W sends n values 0..n-1 of one tag to R, who has posted n receives as `sources` says; they must
 * end in this order whatever way they are waited for. */
static void in_order(const int *sources, int n)
{
    int values[8];
    MPI_Request requests[8];
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        for (int i = 0; is_r() && i < n; i++)
            post(&values[i], sources[i], WORD, &requests[i]);
        if (repeat % 2 == 0)
            MPI_Barrier(MPI_COMM_WORLD);
        for (int i = 0; world.rank == w_rank && i < n; i++)
            send_value(i, WORD);
        for (int i = n - 1; is_r() && i >= 0; i--) {
            MPI_Status status;
            MPI_Wait(&requests[i], &status);
            CHECK(values[i] == i && status.MPI_SOURCE == w_rank);
        }
        MPI_Barrier(MPI_COMM_WORLD);
    }
}

static void specific_after_wildcard(void)
{
    if (!find_trio())
        return;
    in_order((int[]){MPI_ANY_SOURCE, w_rank}, 2);
    in_order((int[]){MPI_ANY_SOURCE, w_rank, MPI_ANY_SOURCE, w_rank, w_rank}, 5);
}

static void wildcard_after_specific(void)
{
    if (!find_trio())
        return;
    in_order((int[]){w_rank, MPI_ANY_SOURCE}, 2);
    in_order((int[]){w_rank, w_rank, MPI_ANY_SOURCE, w_rank, MPI_ANY_SOURCE}, 5);
}

static void only_wildcards(void)
{
    if (find_trio())
        in_order((int[]){MPI_ANY_SOURCE, MPI_ANY_SOURCE, MPI_ANY_SOURCE, MPI_ANY_SOURCE}, 4);
}

/* Home and wide senders race for two, then eight wildcards: each message once, each sender's in
 * order, and a receive that names W stands between. */
static void race(int n_each, bool with_specific)
{
    enum { MAX = 20 };
    int values[MAX], n = 2 * n_each + with_specific;
    MPI_Request requests[MAX];
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        for (int i = 0; is_r() && i < n; i++)
            post(&values[i], with_specific && i == 1 ? w_rank : MPI_ANY_SOURCE, WORD, &requests[i]);
        if (repeat % 2 == 0)
            MPI_Barrier(MPI_COMM_WORLD);
        int n_mine = world.rank == w_rank   ? n_each + with_specific
                     : world.rank == h_rank ? n_each
                                            : 0;
        for (int i = 0; i < n_mine; i++)
            send_value(i, WORD);
        int next_w = 0, next_h = 0;
        MPI_Status statuses[MAX];
        if (is_r())
            MPI_Waitall(n, requests, statuses);
        for (int i = 0; is_r() && i < n; i++) {
            int source = statuses[i].MPI_SOURCE;
            CHECK(source == w_rank || source == h_rank);
            CHECK(values[i] == (source == w_rank ? next_w++ : next_h++));
            CHECK(!(with_specific && i == 1) || source == w_rank);
        }
        CHECK(!is_r() || (next_w == n_each + with_specific && next_h == n_each));
        MPI_Barrier(MPI_COMM_WORLD);
    }
}

static void home_and_wide_race(void)
{
    if (!find_trio())
        return;
    race(1, false);
    race(4, false);
    race(1, true);
    race(4, true);
}

/* Blocking wildcard receives and probes of both kinds of message, as they come. */
static void blocking_race(void)
{
    enum { N = 400 };
    if (!find_trio())
        return;
    if (world.rank == w_rank || world.rank == h_rank)
        for (int i = 0; i < N; i++)
            send_value(i, WORD + i % 3 * 10);
    int next[MAX_WORLD] = {0};
    for (int i = 0; is_r() && i < 2 * N; i++) {
        int value = -1, count;
        MPI_Status probed, status;
        MPI_Message message;
        if (i % 3 == 0) {
            MPI_Recv(&value, 1, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
        } else if (i % 3 == 1) {
            MPI_Probe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &probed);
            MPI_Get_count(&probed, MPI_INT, &count);
            CHECK(count == 1);
            MPI_Recv(&value, 1, MPI_INT, probed.MPI_SOURCE, probed.MPI_TAG, MPI_COMM_WORLD,
                     &status);
            CHECK(status.MPI_SOURCE == probed.MPI_SOURCE && status.MPI_TAG == probed.MPI_TAG);
        } else {
            MPI_Mprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &message, &probed);
            MPI_Mrecv(&value, 1, MPI_INT, &message, &status);
            CHECK(status.MPI_SOURCE == probed.MPI_SOURCE && status.MPI_TAG == probed.MPI_TAG);
            CHECK(message == MPI_MESSAGE_NULL);
        }
        CHECK(value == next[status.MPI_SOURCE]++);
        CHECK(status.MPI_TAG == WORD + value % 3 * 10);
    }
    MPI_Barrier(MPI_COMM_WORLD);
}

/* Wildcards by tag stand between others. */
static void any_tag_order(void)
{
    int values[3];
    MPI_Request requests[3];
    if (!find_trio())
        return;
    if (is_r()) {
        post(&values[0], MPI_ANY_SOURCE, 11, &requests[0]);
        post(&values[1], MPI_ANY_SOURCE, MPI_ANY_TAG, &requests[1]);
        post(&values[2], w_rank, 12, &requests[2]);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    if (world.rank == w_rank) {
        send_value(1, 12); /* to the second, as the third was posted later */
        send_value(2, 12);
        send_value(0, 11);
    }
    if (is_r()) {
        MPI_Waitall(3, requests, MPI_STATUSES_IGNORE);
        CHECK(values[0] == 0 && values[1] == 1 && values[2] == 2);
    }
}

/* After W's synchronous send has ended the posted wildcard has its message: no probe sees it and no
 * cancel takes it back. */
static void settled_before_probe_and_cancel(void)
{
    int value, flag, is_cancelled;
    MPI_Request request;
    MPI_Status status;
    if (!find_trio())
        return;
    for (int cancels = 0; cancels < 2; cancels++) {
        if (is_r()) {
            post(&value, MPI_ANY_SOURCE, WORD, &request);
            hear(h_rank);
            MPI_Iprobe(MPI_ANY_SOURCE, WORD, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE);
            CHECK(!flag);
            if (cancels)
                MPI_Cancel(&request);
            MPI_Wait(&request, &status);
            MPI_Test_cancelled(&status, &is_cancelled);
            CHECK(!is_cancelled && value == 5 && status.MPI_SOURCE == w_rank);
        } else if (world.rank == w_rank) {
            int five = 5;
            MPI_Ssend(&five, 1, MPI_INT, r_rank, WORD, MPI_COMM_WORLD);
            tell(h_rank);
        } else if (world.rank == h_rank) {
            hear(w_rank);
            tell(r_rank);
        }
        MPI_Barrier(MPI_COMM_WORLD);
    }
}

/* A cancelled wildcard leaves later messages to the next one. */
static void cancel_passes_on(void)
{
    int values[2], is_cancelled;
    MPI_Request requests[2];
    MPI_Status status;
    if (!find_trio())
        return;
    for (int sender = 0; sender < 2; sender++) {
        int from = sender ? h_rank : w_rank;
        if (is_r()) {
            post(&values[0], MPI_ANY_SOURCE, WORD, &requests[0]);
            post(&values[1], MPI_ANY_SOURCE, WORD, &requests[1]);
            MPI_Cancel(&requests[0]);
            MPI_Wait(&requests[0], &status);
            MPI_Test_cancelled(&status, &is_cancelled);
            CHECK(is_cancelled);
        }
        MPI_Barrier(MPI_COMM_WORLD);
        if (world.rank == from)
            send_value(9, WORD);
        if (is_r()) {
            MPI_Wait(&requests[1], &status);
            CHECK(values[1] == 9 && values[0] == -1 && status.MPI_SOURCE == from);
        }
        MPI_Barrier(MPI_COMM_WORLD);
    }
}

/* A freed request still receives. */
static void free_active_receive(void)
{
    volatile int value = -1;
    int flag;
    MPI_Request request;
    if (!find_trio())
        return;
    for (int sender = 0; sender < 2; sender++) {
        if (is_r()) {
            post((int *)&value, MPI_ANY_SOURCE, WORD, &request);
            MPI_Request_free(&request);
            CHECK(request == MPI_REQUEST_NULL);
        }
        MPI_Barrier(MPI_COMM_WORLD);
        if (world.rank == (sender ? h_rank : w_rank))
            send_value(3 + sender, WORD);
        while (is_r() && value != 3 + sender) { /* the case's deadline ends this */
            MPI_Iprobe(MPI_ANY_SOURCE, DONE, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE);
            sched_yield();
        }
        MPI_Barrier(MPI_COMM_WORLD);
    }
}

/* Started together, persistent wildcards match in array order. */
static void startall_in_array_order(void)
{
    enum { N = 4 };
    int values[N];
    MPI_Request requests[N];
    if (!find_trio())
        return;
    for (int i = 0; is_r() && i < N; i++)
        MPI_Recv_init(&values[i], 1, MPI_INT, i % 2 ? w_rank : MPI_ANY_SOURCE, WORD, MPI_COMM_WORLD,
                      &requests[i]);
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        if (is_r())
            MPI_Startall(N, requests);
        for (int i = 0; world.rank == w_rank && i < N; i++)
            send_value(i + repeat, WORD);
        if (is_r())
            MPI_Waitall(N, requests, MPI_STATUSES_IGNORE);
        for (int i = 0; is_r() && i < N; i++)
            CHECK(values[i] == i + repeat);
        MPI_Barrier(MPI_COMM_WORLD);
    }
    for (int i = 0; is_r() && i < N; i++)
        MPI_Request_free(&requests[i]);
}

/* Large wildcard receives from both sides, data checked. */
static void large_wildcards(void)
{
    enum { LENGTH = 1 << 20, N = 6 };
    if (!find_trio())
        return;
    unsigned char *data = malloc((size_t)N * LENGTH);
    for (int repeat = 0; repeat < 5; repeat++) {
        MPI_Request requests[N];
        MPI_Status statuses[N];
        for (int i = 0; is_r() && i < N; i++)
            MPI_Irecv(data + (size_t)i * LENGTH, LENGTH, MPI_BYTE, MPI_ANY_SOURCE, WORD,
                      MPI_COMM_WORLD, &requests[i]);
        if (world.rank == w_rank || world.rank == h_rank)
            for (int i = 0; i < N / 2; i++) {
                fill(data, LENGTH, world.rank * 10 + i);
                MPI_Send(data, LENGTH, MPI_BYTE, r_rank, WORD, MPI_COMM_WORLD);
            }
        int next[MAX_WORLD] = {0};
        if (is_r())
            MPI_Waitall(N, requests, statuses);
        for (int i = 0; is_r() && i < N; i++) {
            int source = statuses[i].MPI_SOURCE;
            CHECK(is_filled(data + (size_t)i * LENGTH, LENGTH, source * 10 + next[source]++));
        }
        MPI_Barrier(MPI_COMM_WORLD);
    }
    free(data);
}

const struct mpi_case cases[] = {
    {"specific_after_wildcard", specific_after_wildcard, false},
    {"wildcard_after_specific", wildcard_after_specific, false},
    {"only_wildcards", only_wildcards, false},
    {"home_and_wide_race", home_and_wide_race, false},
    {"blocking_race", blocking_race, false},
    {"any_tag_order", any_tag_order, false},
    {"settled_before_probe_and_cancel", settled_before_probe_and_cancel, false},
    {"cancel_passes_on", cancel_passes_on, false},
    {"free_active_receive", free_active_receive, false},
    {"startall_in_array_order", startall_in_array_order, false},
    {"large_wildcards", large_wildcards, false},
    {NULL, NULL, false},
};
