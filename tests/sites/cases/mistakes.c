/* SPDX-License-Identifier: BSD-3-Clause */
/* A mistake that one rank makes stays with it: the others are right, and so is all that follows. */
#include "cases.h"

#include <string.h>

enum { N = 10, MOST = 64 };

/* All of it computes as if nothing had been. */
static void check_what_follows(void)
{
    int sum = 0, word = world.rank == 1 ? 77 : -1;
    MPI_Request request;
    MPI_Comm dup;
    MPI_Allreduce(&world.rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    CHECK(sum == world.size * (world.size - 1) / 2);
    MPI_Bcast(&word, 1, MPI_INT, 1 % world.size, MPI_COMM_WORLD);
    CHECK(word == 77 || world.size == 1);
    MPI_Ibarrier(MPI_COMM_WORLD, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    MPI_Comm_dup(MPI_COMM_WORLD, &dup);
    MPI_Allreduce(&world.rank, &sum, 1, MPI_INT, MPI_MAX, dup);
    CHECK(sum == world.size - 1);
    MPI_Comm_free(&dup);
}

/* What counts at the root alone is wrong there: the small blocks of the others are on their way. */
static void root_of_a_gather(void)
{
    int all[MOST];
    return_errors(true);
    for (int root = 0; root < world.size; root++) {
        int code = MPI_Gather(&world.rank, 1, MPI_INT, all, -1, MPI_INT, root, MPI_COMM_WORLD);
        CHECK(class_of(code) == (world.rank == root ? MPI_ERR_COUNT : MPI_SUCCESS));
        check_what_follows();
    }
    return_errors(false);
}

static void root_of_a_reduction(void)
{
    int in = world.rank, out = -1;
    return_errors(true);
    for (int root = 0; root < world.size; root++) {
        bool is_root = world.rank == root;
        int code = MPI_Reduce(&in, is_root ? &in : &out, 1, MPI_INT, MPI_SUM, root, MPI_COMM_WORLD);
        CHECK(class_of(code) == (is_root ? MPI_ERR_ARG : MPI_SUCCESS));
        in = world.rank;
        check_what_follows();
    }
    return_errors(false);
}

/* Everyone gives everyone N ints, but for one giver, who gives another one of them so many. */
static int trade(int giver, int taker, int n, int *in)
{
    int counts_in[MOST], counts_out[MOST], places_in[MOST], places_out[MOST];
    int out[MOST * 2 * N];
    for (int i = 0; i < world.size; i++) {
        counts_in[i] = N;
        counts_out[i] = world.rank == giver && i == taker ? n : N;
        places_in[i] = places_out[i] = i * 2 * N;
        for (int k = 0; k < 2 * N; k++) {
            out[i * 2 * N + k] = world.rank * 100 + k;
            in[i * 2 * N + k] = -1;
        }
    }
    return MPI_Alltoallv(out, counts_out, places_out, MPI_INT, in, counts_in, places_in, MPI_INT,
                         MPI_COMM_WORLD);
}

/* What stands where a block belongs is that block, or still nothing if it may lack. */
static void check_blocks(const int *in, bool may_lack)
{
    for (int i = 0; i < world.size; i++)
        for (int k = 0; k < 2 * N; k++) {
            int wanted = k < N ? i * 100 + k : -1, is = in[i * 2 * N + k];
            CHECK(is == wanted || (may_lack && is == -1));
        }
}

static void amounts_from_another_site(void)
{
    int in[MOST * 2 * N];
    return_errors(true);
    for (int taker = 0; taker < world.size; taker++)
        for (int n = 0; n < 2 * N; n += 3) {
            int giver = wide_partner(taker);
            if (giver < 0) {
                skip("one site");
                continue;
            }
            int code = class_of(trade(giver, taker, n, in));
            if (world.rank == taker)
                CHECK(code == (n > N ? MPI_ERR_TRUNCATE : MPI_ERR_COUNT));
            else
                CHECK(code == MPI_SUCCESS);
            check_blocks(in, world.rank == taker);
            CHECK(trade(-1, -1, N, in) == MPI_SUCCESS);
            check_blocks(in, false);
        }
    return_errors(false);
}

/* Two of one site whose amounts are wrong, but together right. */
static void amounts_that_make_up_for_each_other(void)
{
    int in[MOST * 2 * N];
    int taker = world.size - 1, first = wide_partner(taker), second = -1;
    for (int i = 0; first >= 0 && i < world.size; i++)
        if (i != first && world.site[i] == world.site[first])
            second = i;
    if (second < 0) {
        skip("no site of two beside another");
        return;
    }
    int counts_in[MOST], counts_out[MOST], places[MOST], out[MOST * 2 * N] = {0};
    for (int i = 0; i < world.size; i++) {
        counts_in[i] = counts_out[i] = N;
        places[i] = i * 2 * N;
    }
    if (world.rank == first)
        counts_out[taker] = N + 4;
    if (world.rank == second)
        counts_out[taker] = N - 4;
    return_errors(true);
    int code = MPI_Alltoallv(out, counts_out, places, MPI_INT, in, counts_in, places, MPI_INT,
                             MPI_COMM_WORLD);
    CHECK((code == MPI_SUCCESS) == (world.rank != taker));
    check_what_follows();
    return_errors(false);
}

/* One that is cut by its neighbour still does for others what is its to do. */
static void amounts_from_home(void)
{
    int in[MOST * 2 * N];
    return_errors(true);
    for (int taker = 0; taker < world.size; taker++) {
        int giver = home_partner(taker);
        if (giver < 0)
            continue;
        int code = class_of(trade(giver, taker, 2 * N, in));
        CHECK(code == (world.rank == taker ? MPI_ERR_TRUNCATE : MPI_SUCCESS));
        if (world.rank != taker)
            check_blocks(in, false);
        check_what_follows();
    }
    return_errors(false);
}

/* A status that no call has written is the program's. */
static void status_of_a_wrong_receive(void)
{
    int value, partner = home_partner(world.rank);
    int sources[] = {1 << 30, 0, 5, -77};
    return_errors(true);
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
        for (int from = 0; from < 2; from++) {
            int source = from == 0 ? MPI_PROC_NULL : partner;
            MPI_Status status;
            memset(&status, 0, sizeof status);
            status.MPI_SOURCE = sources[i];
            if (source < 0 && source != MPI_PROC_NULL)
                continue;
            int code = MPI_Recv(&value, -1, MPI_INT, source, 3, MPI_COMM_WORLD, &status);
            CHECK(class_of(code) == MPI_ERR_COUNT && status.MPI_SOURCE == sources[i]);
        }
    return_errors(false);
}

const struct mpi_case cases[] = {
    {"root_of_a_gather", root_of_a_gather, false},
    {"root_of_a_reduction", root_of_a_reduction, false},
    {"amounts_from_another_site", amounts_from_another_site, false},
    {"amounts_that_make_up_for_each_other", amounts_that_make_up_for_each_other, false},
    {"amounts_from_home", amounts_from_home, false},
    {"status_of_a_wrong_receive", status_of_a_wrong_receive, false},
    {NULL, NULL, false},
};
