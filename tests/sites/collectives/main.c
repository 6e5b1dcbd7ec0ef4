/* SPDX-License-Identifier: BSD-3-Clause */
/* Every collective against a reference.
 *
 *     reference -S RANKS,RANKS,... [-s SEED] [-n ROUNDS] [-r FIRST] [-k KIND] [-T SECONDS] [-bv]
 *
 * Every round, all ranks draw some calls from the seed: collectives of any kind, blocking or not,
 * of any type, operation, size and root, on communicators that split the sites in odd ways. The
 * reference is computed first, by point-to-point messages; then the calls are made, and those that
 * do not block are finished in any order. -r FIRST -n 1 repeats one round, -k does one kind alone
 * (its place in the list of call.h); -v names each call. With -b the bits of reductions are looked
 * at instead (bits.c). */
#include "bits.h"
#include "call.h"
#include "draw.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_CALLS = 4 };

static struct run {
    uint64_t seed;
    int round, n_rounds, first_round, only_kind;
    unsigned limit_s;
    bool looks_at_bits, is_verbose;
    long n_calls;
} run = {.seed = 1, .n_rounds = 200, .only_kind = -1, .limit_s = 60};

void call_tell_place(void)
{
    fprintf(stderr, "seed %llu, round %d, rank %d: ", (unsigned long long)run.seed, run.round,
            world.rank);
}

static void hung(int signal_number)
{
    char text[160];
    int length = snprintf(text, sizeof text, "HUNG: seed %llu, round %d, rank %d\n",
                          (unsigned long long)run.seed, run.round, world.rank);
    if (write(STDERR_FILENO, text, (size_t)length) < 0 || signal_number)
        _exit(3);
}

/* Draws the calls of a round; returns the number of those that this rank takes part in. */
static int plan_round(struct call *calls)
{
    uint64_t state = run.seed * UINT64_C(0x2545f4914f6cdd1d) + (uint64_t)run.round;
    int n = 1 + draw_below(&state, MAX_CALLS), n_mine = 0;
    for (int i = 0; i < n; i++) {
        const struct group *group = &world.groups[draw_below(&state, N_GROUPS)];
        uint64_t call_state = draw(&state) + (uint64_t)group->color;
        if (group->comm == MPI_COMM_NULL)
            continue;
        struct call *call = &calls[n_mine++];
        memset(call, 0, sizeof *call);
        call->index = i;
        call_plan(call, group, call_state, run.only_kind);
    }
    return n_mine;
}

/* Finishes those that are under way, in any order. */
static void finish(struct call *calls, int n, int *codes)
{
    uint64_t state = run.seed + (uint64_t)run.round * 64 + (uint64_t)world.rank;
    MPI_Request requests[MAX_CALLS];
    MPI_Status statuses[MAX_CALLS];
    for (int i = 0; i < n; i++)
        requests[i] = calls[i].request;
    if (once_in(&state, 2)) {
        int code = MPI_Waitall(n, requests, statuses);
        for (int i = 0; code == MPI_ERR_IN_STATUS && i < n; i++)
            if (calls[i].request != MPI_REQUEST_NULL)
                codes[i] = statuses[i].MPI_ERROR;
        return;
    }
    for (int i = 0, first = draw_below(&state, MAX_CALLS); i < MAX_CALLS; i++) {
        int k = (first + i) % MAX_CALLS;
        if (k < n && requests[k] != MPI_REQUEST_NULL)
            codes[k] = MPI_Wait(&requests[k], MPI_STATUS_IGNORE);
    }
}

static void run_round(void)
{
    static struct call calls[MAX_CALLS];
    int codes[MAX_CALLS], n = plan_round(calls);
    for (int i = 0; i < n; i++) {
        call_open(&calls[i]);
        if (run.is_verbose)
            call_tell(&calls[i]);
        call_refer(&calls[i]);
    }
    for (int i = 0; i < n; i++) {
        codes[i] = call_start(&calls[i]);
        if (calls[i].frees_early)
            call_forget(&calls[i]);
    }
    finish(calls, n, codes);
    for (int i = 0; i < n; i++) {
        call_verify(&calls[i], codes[i]);
        call_close(&calls[i]);
    }
    run.n_calls += n;
}

static void begin_round(int round)
{
    run.round = round;
    alarm(run.limit_s);
}

static void compare_all(void)
{
    for (int round = run.first_round; round < run.first_round + run.n_rounds; round++) {
        begin_round(round);
        run_round();
    }
    alarm(run.limit_s);
    MPI_Barrier(MPI_COMM_WORLD);
    if (world.rank == 0)
        printf("reference: seed %llu, %d ranks, %d rounds, %ld calls of the first rank: right\n",
               (unsigned long long)run.seed, world.size, run.n_rounds, run.n_calls);
}

static void parse_sites(char *text)
{
    int rank = 0;
    for (char *part = strtok(text, ","); part; part = strtok(NULL, ","), world.n_sites++)
        for (int i = atoi(part); i > 0 && rank < MAX_RANKS; i--)
            world.site[rank++] = world.n_sites;
}

static bool parse(int argc, char **argv)
{
    for (int option; (option = getopt(argc, argv, "S:s:n:r:k:T:bv")) != -1;)
        switch (option) {
        case 'S':
            parse_sites(optarg);
            break;
        case 's':
            run.seed = strtoull(optarg, NULL, 10);
            break;
        case 'n':
            run.n_rounds = atoi(optarg);
            break;
        case 'r':
            run.first_round = atoi(optarg);
            break;
        case 'k':
            run.only_kind = atoi(optarg);
            break;
        case 'T':
            run.limit_s = (unsigned)atoi(optarg);
            break;
        case 'v':
            run.is_verbose = true;
            break;
        case 'b':
            run.looks_at_bits = true;
            break;
        default:
            return false;
        }
    return world.size <= MAX_RANKS;
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &world.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &world.size);
    if (!parse(argc, argv)) {
        fprintf(stderr, "reference: bad arguments, or more than %d ranks\n", MAX_RANKS);
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    signal(SIGALRM, hung);
    alarm(run.limit_s);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    groups_open(run.seed);
    MPI_Comm_set_errhandler(world.reference, MPI_ERRORS_ARE_FATAL);
    if (run.looks_at_bits)
        bits_compare(run.seed, run.n_rounds, begin_round);
    else
        compare_all();
    groups_close();
    MPI_Finalize();
    return 0;
}
