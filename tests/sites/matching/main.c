/* SPDX-License-Identifier: BSD-3-Clause */
/* Randomised matching: rounds of messages that every rank draws from one seed, each payload
 * checked.
 *
 *     matching [-s SEED] [-n MESSAGES] [-S RANKS,RANKS,...] [-T SECONDS] [-r ROUND]
 *
 * -S gives the ranks of each site (default: all at one); -T ends a round that takes longer and says
 * where it hung; -r runs that round alone. */
#include "run.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct run run;
static volatile sig_atomic_t current_round, current_slot = -1;

void fail(const struct run *r, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "matching: WRONG: rank %d, seed %llu, round %d, style %d: %s\n", r->rank,
            (unsigned long long)r->seed, r->plan.round, (int)r->plan.style[r->rank], text);
    fflush(NULL);
    MPI_Abort(MPI_COMM_WORLD, 1);
    abort();
}

static void hung(int signal_number)
{
    char text[240];
    int slot = current_slot, in_slots = slot >= 0 && slot < run.plan.n_messages;
    const struct message *m = &run.plan.messages[in_slots ? slot : 0];
    int length = snprintf(text, sizeof text,
                          "matching: HUNG: rank %d, seed %llu, round %d, style %d, slot %d (of %d):"
                          " %d to %d, comm %d, tag %d, %zu bytes\n",
                          run.rank, (unsigned long long)run.seed, (int)current_round,
                          (int)run.plan.style[run.rank], slot, run.plan.n_messages, m->source,
                          m->dest, m->comm, m->tag, m->size);
    if (write(STDERR_FILENO, text, (size_t)length) < 0 || signal_number)
        _exit(3);
}

/* This rank's next operation after a slot; NULL if there is none. */
static const struct message *next_of_mine(int slot)
{
    while (++slot < run.plan.n_messages) {
        const struct message *m = &run.plan.messages[slot];
        if (m->source == run.rank || m->dest == run.rank)
            return m;
    }
    return NULL;
}

/* Two operations in a row that make one Sendrecv: one out, one in, neither to itself. */
static bool makes_pair(const struct message *a, const struct message *b)
{
    return b && a->comm == b->comm && (a->source == run.rank) != (b->source == run.rank) &&
           a->source != a->dest && b->source != b->dest;
}

static void run_slots(void)
{
    bool in_turn = run.plan.style[run.rank] == IN_TURN;
    for (const struct message *m = next_of_mine(-1); m; m = next_of_mine(m->slot)) {
        const struct message *next = next_of_mine(m->slot);
        current_slot = m->slot;
        if (in_turn && makes_pair(m, next) && once_in(&run.state, 3)) {
            bool sends = m->source == run.rank;
            send_and_receive(&run, sends ? m : next, sends ? next : m);
            m = next;
            continue;
        }
        if (in_turn && m->dest == run.rank)
            receive_in_turn(&run, m);
        if (m->source == run.rank)
            send_message(&run, m);
        if (in_turn && once_in(&run.state, 6))
            complete_all(&run);
        else if (once_in(&run.state, 4))
            complete_by_test(&run);
    }
}

static void run_round(int round, int n_messages)
{
    plan_round(&run.plan, run.seed, round, run.n_ranks, n_messages);
    current_round = round;
    current_slot = -1;
    if (run.plan.style[run.rank] != IN_TURN)
        post_receives(&run);
    if (run.plan.ready)
        MPI_Barrier(MPI_COMM_WORLD);
    run_slots();
    current_slot = MAX_MESSAGES;
    if (run.plan.style[run.rank] == POLLING)
        take_messages(&run);
    complete_all(&run);
    current_slot++;
    MPI_Barrier(MPI_COMM_WORLD);
    verify_round(&run);
    while (run.n_freed_later > 0)
        box_discard(&run.freed_later[--run.n_freed_later]);
    if (run.bsend_bytes > (4u << 20)) {
        detach_buffer(&run);
        attach_buffer(&run);
    }
    current_slot++;
    if (round % 4 == 0) {
        cancel_round(&run);
        MPI_Barrier(MPI_COMM_WORLD);
    }
}

/* The same persistent requests started in every round, beside all else. */
struct ring {
    MPI_Comm comm;
    MPI_Request requests[2];
    int out[1000], in[1000];
};

static void ring_open(struct ring *ring)
{
    int next = (run.rank + 1) % run.n_ranks, before = (run.rank + run.n_ranks - 1) % run.n_ranks;
    MPI_Comm_dup(MPI_COMM_WORLD, &ring->comm);
    MPI_Recv_init(ring->in, 1000, MPI_INT, before, 5, ring->comm, &ring->requests[0]);
    MPI_Ssend_init(ring->out, 1000, MPI_INT, next, 5, ring->comm, &ring->requests[1]);
}

static void ring_check(struct ring *ring, int round)
{
    MPI_Waitall(2, ring->requests, MPI_STATUSES_IGNORE);
    int before = (run.rank + run.n_ranks - 1) % run.n_ranks;
    for (int i = 0; i < 1000; i++)
        if (ring->in[i] != before * 1000000 + round * 1000 + i)
            fail(&run, "persistent ring: int %d is %d", i, ring->in[i]);
}

static void ring_start(struct ring *ring, int round)
{
    for (int i = 0; i < 1000; i++) {
        ring->out[i] = run.rank * 1000000 + round * 1000 + i;
        ring->in[i] = -1;
    }
    MPI_Startall(2, ring->requests);
}

static void open_all(void)
{
    MPI_Comm_rank(MPI_COMM_WORLD, &run.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &run.n_ranks);
    if (run.n_ranks > MAX_RANKS)
        fail(&run, "at most %d ranks", MAX_RANKS);
    run.state = run.seed * 1000003 + (uint64_t)run.rank;
    run.comms[0] = MPI_COMM_WORLD;
    for (int i = 1; i < N_COMMS; i++)
        MPI_Comm_dup(run.comms[i / 2], &run.comms[i]);
    MPI_Type_create_resized(MPI_BYTE, 0, 2, &run.strided_byte);
    MPI_Type_create_resized(MPI_INT, 0, 2 * sizeof(int), &run.strided_int);
    MPI_Type_commit(&run.strided_byte);
    MPI_Type_commit(&run.strided_int);
    attach_buffer(&run);
}

static void close_all(void)
{
    detach_buffer(&run);
    for (int i = 1; i < N_COMMS; i++)
        MPI_Comm_free(&run.comms[i]);
    MPI_Type_free(&run.strided_byte);
    MPI_Type_free(&run.strided_int);
}

/* Adds up what all ranks counted; point to point, to rest on nothing that is not tested here. */
static void report(long n_messages, int n_rounds)
{
    enum { N = 5, TAG = 9 };
    long mine[N] = {run.n_received, run.n_wild, run.n_cancelled_receives, run.n_late_cancels,
                    run.n_cancelled_sends};
    if (run.rank != 0) {
        MPI_Send(mine, N, MPI_LONG, 0, TAG, MPI_COMM_WORLD);
        return;
    }
    for (int other = 1; other < run.n_ranks; other++) {
        long theirs[N];
        MPI_Recv(theirs, N, MPI_LONG, other, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        for (int i = 0; i < N; i++)
            mine[i] += theirs[i];
    }
    if (mine[0] != n_messages)
        fail(&run, "%ld messages were sent and %ld received", n_messages, mine[0]);
    printf("matching: seed %llu, %d ranks, %d rounds, %ld messages, %ld wildcard receives, "
           "cancelled: %ld receives (%ld too late), %ld sends: right\n",
           (unsigned long long)run.seed, run.n_ranks, n_rounds, mine[0], mine[1], mine[2], mine[3],
           mine[4]);
}

static void parse_sites(char *text)
{
    int rank = 0, site = 0;
    for (char *part = strtok(text, ","); part; part = strtok(NULL, ","), site++)
        for (int i = atoi(part); i > 0 && rank < MAX_RANKS; i--)
            run.site[rank++] = site;
}

int main(int argc, char **argv)
{
    long wanted = 10000, sent = 0;
    unsigned limit_s = 120;
    int option, only = -1, round;
    static struct ring ring;

    run.seed = 1;
    MPI_Init(&argc, &argv);
    while ((option = getopt(argc, argv, "s:n:S:T:r:")) != -1) {
        if (option == 's')
            run.seed = strtoull(optarg, NULL, 10);
        else if (option == 'n')
            wanted = atol(optarg);
        else if (option == 'S')
            parse_sites(optarg);
        else if (option == 'T')
            limit_s = (unsigned)atoi(optarg);
        else if (option == 'r')
            only = atoi(optarg);
        else
            return 2;
    }
    open_all();
    ring_open(&ring);
    signal(SIGALRM, hung);
    for (round = only >= 0 ? only : 0; only >= 0 ? round == only : sent < wanted; round++) {
        uint64_t shared = run.seed + (uint64_t)round;
        long left = only >= 0 ? MAX_MESSAGES : wanted - sent;
        int n = 1 + draw_below(&shared, MAX_MESSAGES);
        n = n < left ? n : (int)left;
        alarm(limit_s);
        ring_start(&ring, round);
        run_round(round, n);
        ring_check(&ring, round);
        sent += n;
    }
    alarm(limit_s);
    report(sent, round);
    MPI_Request_free(&ring.requests[0]);
    MPI_Request_free(&ring.requests[1]);
    MPI_Comm_free(&ring.comm);
    close_all();
    MPI_Finalize();
    return 0;
}
