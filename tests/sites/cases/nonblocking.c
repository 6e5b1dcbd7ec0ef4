/* SPDX-License-Identifier: BSD-3-Clause */
/* Nonblocking collectives: many under way at once on several communicators, finished in another
 * order on every rank, with point-to-point and wildcards between them. Each rank knows by itself
 * what must come out. */
#include "cases.h"

#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { N_COMMS = 4, N_SLOTS = 8, TAG = 5 };

/* The same on all ranks. */
static uint64_t shared_state;
/* Each rank's own. */
static uint64_t own_state;

static int draw_from(uint64_t *state, int n)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)((*state >> 33) % (uint64_t)n);
}

static int value_of(int rank, int i, int salt)
{
    return rank * 1000 + i * 7 + salt * 31;
}

enum kind { BARRIER, BCAST, REDUCE, ALLREDUCE, GATHER, ALLGATHER, N_KINDS };

struct operation {
    MPI_Request request;
    enum kind kind;
    MPI_Comm comm;
    int rank, size, root, count, salt;
    int *in, *out;
};

static void start(struct operation *o)
{
    const void *in = o->in;
    switch (o->kind) {
    case BARRIER:
        MPI_Ibarrier(o->comm, &o->request);
        break;
    case BCAST:
        memcpy(o->out, o->in, (size_t)o->count * sizeof(int));
        MPI_Ibcast(o->out, o->count, MPI_INT, o->root, o->comm, &o->request);
        break;
    case REDUCE:
        MPI_Ireduce(in, o->out, o->count, MPI_INT, MPI_SUM, o->root, o->comm, &o->request);
        break;
    case ALLREDUCE:
        MPI_Iallreduce(in, o->out, o->count, MPI_INT, MPI_SUM, o->comm, &o->request);
        break;
    case GATHER:
        MPI_Igather(in, o->count, MPI_INT, o->out, o->count, MPI_INT, o->root, o->comm,
                    &o->request);
        break;
    default:
        MPI_Iallgather(in, o->count, MPI_INT, o->out, o->count, MPI_INT, o->comm, &o->request);
    }
}

static void draw_operation(struct operation *o, const MPI_Comm *comms, int salt)
{
    o->comm = comms[draw_from(&shared_state, N_COMMS)];
    o->kind = (enum kind)draw_from(&shared_state, N_KINDS);
    MPI_Comm_rank(o->comm, &o->rank);
    MPI_Comm_size(o->comm, &o->size);
    o->root = draw_from(&shared_state, 1 << 20) % o->size;
    o->count = 1 + draw_from(&shared_state, draw_from(&shared_state, 8) ? 40 : 30000);
    o->salt = salt;
    o->in = malloc((size_t)o->count * sizeof(int));
    o->out = malloc((size_t)o->count * (size_t)o->size * sizeof(int));
    for (int i = 0; i < o->count; i++)
        o->in[i] = value_of(o->rank, i, salt);
    start(o);
}

static void hold(const struct operation *o)
{
    bool is_root = o->rank == o->root;
    for (int i = 0; i < o->count; i++) {
        CHECK(o->in[i] == value_of(o->rank, i, o->salt));
        if (o->kind == BCAST)
            CHECK(o->out[i] == value_of(o->root, i, o->salt));
        if (o->kind == ALLREDUCE || (o->kind == REDUCE && is_root))
            CHECK(o->out[i] ==
                  o->size * value_of(0, i, o->salt) + 1000 * (o->size * (o->size - 1) / 2));
        for (int r = 0; (o->kind == ALLGATHER || (o->kind == GATHER && is_root)) && r < o->size;
             r++)
            CHECK(o->out[r * o->count + i] == value_of(r, i, o->salt));
    }
}

/* Waits for one of them, whichever way, and leaves its slot empty. */
static void finish_one(struct operation *operations, int n)
{
    MPI_Request requests[N_SLOTS];
    int which = draw_from(&own_state, n), flag = 0;
    struct operation *o = &operations[which];
    switch (draw_from(&own_state, 4)) {
    case 0:
        MPI_Wait(&o->request, MPI_STATUS_IGNORE);
        break;
    case 1:
        while (!flag)
            MPI_Test(&o->request, &flag, MPI_STATUS_IGNORE);
        break;
    case 2:
        while (!flag)
            MPI_Request_get_status(o->request, &flag, MPI_STATUS_IGNORE);
        MPI_Wait(&o->request, MPI_STATUS_IGNORE);
        break;
    default:
        for (int i = 0; i < n; i++)
            requests[i] = operations[i].request;
        MPI_Waitany(n, requests, &which, MPI_STATUS_IGNORE);
        CHECK(which >= 0 && which < n && requests[which] == MPI_REQUEST_NULL);
        o = &operations[which];
        o->request = MPI_REQUEST_NULL;
    }
    CHECK(o->request == MPI_REQUEST_NULL);
    hold(o);
    free(o->in), free(o->out);
    *o = operations[n - 1];
}

static void open_comms(MPI_Comm *comms)
{
    comms[0] = MPI_COMM_WORLD;
    MPI_Comm_dup(MPI_COMM_WORLD, &comms[1]);
    MPI_Comm_split(MPI_COMM_WORLD, 0, -world.rank, &comms[2]);
    MPI_Comm_split(MPI_COMM_WORLD, 0, world.rank * 3 % 5, &comms[3]);
}

static void close_comms(MPI_Comm *comms)
{
    for (int c = 1; c < N_COMMS; c++)
        MPI_Comm_free(&comms[c]);
}

static void many_at_once(void)
{
    MPI_Comm comms[N_COMMS];
    struct operation operations[N_SLOTS];
    int n = 0;
    open_comms(comms);
    shared_state = 42;
    own_state = 1000 + (uint64_t)world.rank;
    for (int i = 0; i < 600; i++) {
        draw_operation(&operations[n++], comms, i);
        while (n == N_SLOTS || (n > 0 && draw_from(&own_state, 3) == 0))
            finish_one(operations, n--);
    }
    while (n > 0)
        finish_one(operations, n--);
    close_comms(comms);
}

/* Wildcards stay open over collectives, and blocking calls at home go on driving them. */
static void between_messages(void)
{
    MPI_Comm comms[N_COMMS];
    struct operation operations[2];
    int next = (world.rank + 1) % world.size, before = (world.rank + world.size - 1) % world.size;
    int partner = home_partner(world.rank);
    open_comms(comms);
    shared_state = 7;
    own_state = 77 + (uint64_t)world.rank;
    for (int i = 0; i < 150; i++) {
        int in = -1, out = i * 64 + world.rank;
        MPI_Status status;
        MPI_Request requests[2];
        MPI_Irecv(&in, 1, MPI_INT, MPI_ANY_SOURCE, i, MPI_COMM_WORLD, &requests[0]);
        draw_operation(&operations[0], comms, i);
        draw_operation(&operations[1], comms, i + 1000);
        MPI_Isend(&out, 1, MPI_INT, next, i, MPI_COMM_WORLD, &requests[1]);
        if (partner >= 0) { /* the ranks of a site are in a ring of their own */
            int word = 0;
            MPI_Request sent;
            MPI_Isend(&i, 1, MPI_INT, partner, 100000 + i, MPI_COMM_WORLD, &sent);
            MPI_Recv(&word, 1, MPI_INT, MPI_ANY_SOURCE, 100000 + i, MPI_COMM_WORLD,
                     MPI_STATUS_IGNORE);
            MPI_Wait(&sent, MPI_STATUS_IGNORE);
            CHECK(word == i);
        }
        int n = 2;
        while (n > 0)
            finish_one(operations, n--);
        MPI_Wait(&requests[0], &status);
        MPI_Wait(&requests[1], MPI_STATUS_IGNORE);
        CHECK(in == i * 64 + before && status.MPI_SOURCE == before);
    }
    close_comms(comms);
}

/* The second is waited for first on every other rank. */
static void opposite_orders(void)
{
    for (int i = 0; i < 200; i++) {
        double in[2] = {world.rank + i, world.rank * 2.0}, out[2] = {0, 0};
        MPI_Request requests[2];
        for (int k = 0; k < 2; k++)
            MPI_Iallreduce(&in[k], &out[k], 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD, &requests[k]);
        MPI_Wait(&requests[world.rank % 2], MPI_STATUS_IGNORE);
        MPI_Wait(&requests[1 - world.rank % 2], MPI_STATUS_IGNORE);
        double ranks = world.size * (world.size - 1) / 2;
        CHECK(out[0] == ranks + i * world.size && out[1] == 2 * ranks);
    }
}

static void add(void *in, void *inout, int *length, MPI_Datatype *type)
{
    for (int i = 0; i < *length; i++)
        ((int *)inout)[2 * i] += ((int *)in)[2 * i];
}

/* Types and operations may be freed as soon as the call that uses them has returned. */
static void freed_while_in_use(void)
{
    for (int i = 0; i < 50; i++) {
        enum { N = 500 };
        int in[2 * N], out[2 * N], word[2] = {world.rank == 0 ? i : -1, 9};
        MPI_Datatype type;
        MPI_Op op;
        MPI_Request requests[2];
        for (int k = 0; k < 2 * N; k++)
            in[k] = k + world.rank;
        MPI_Type_create_resized(MPI_INT, 0, 2 * sizeof(int), &type);
        MPI_Type_commit(&type);
        MPI_Op_create(add, 1, &op);
        MPI_Iallreduce(in, out, N, type, op, MPI_COMM_WORLD, &requests[0]);
        MPI_Ibcast(word, 1, type, 0, MPI_COMM_WORLD, &requests[1]);
        MPI_Type_free(&type);
        MPI_Op_free(&op);
        CHECK(op == MPI_OP_NULL);
        MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
        CHECK(word[0] == i && word[1] == 9);
        for (int k = 0; k < N; k++)
            CHECK(out[2 * k] == 2 * k * world.size + world.size * (world.size - 1) / 2);
    }
}

/* A rank that computes does not look; the others' barrier ends when it does. */
static void polled_between_work(void)
{
    for (int i = 0; i < 20; i++) {
        MPI_Request request;
        int flag = 0;
        MPI_Ibarrier(MPI_COMM_WORLD, &request);
        volatile double sum = 0;
        while (!flag) {
            for (int k = 0; k < 10000 * (1 + world.rank); k++)
                sum = sum + k;
            MPI_Test(&request, &flag, MPI_STATUS_IGNORE);
        }
        CHECK(request == MPI_REQUEST_NULL);
    }
}

enum poll { TEST, TESTALL, TESTANY, TESTSOME, GET_STATUS, IPROBE, IMPROBE, N_POLLS };

/* Looks once for the message that request would receive or a probe sees; takes it. */
static bool poll_once(enum poll how, MPI_Request *request, int partner, int *word)
{
    int flag = 0, index;
    MPI_Message message;
    switch (how) {
    case TEST:
        MPI_Test(request, &flag, MPI_STATUS_IGNORE);
        break;
    case TESTALL:
        MPI_Testall(1, request, &flag, MPI_STATUSES_IGNORE);
        break;
    case TESTANY:
        MPI_Testany(1, request, &index, &flag, MPI_STATUS_IGNORE);
        break;
    case TESTSOME:
        MPI_Testsome(1, request, &flag, &index, MPI_STATUSES_IGNORE);
        break;
    case GET_STATUS:
        MPI_Request_get_status(*request, &flag, MPI_STATUS_IGNORE);
        if (flag)
            MPI_Wait(request, MPI_STATUS_IGNORE);
        break;
    case IPROBE:
        MPI_Iprobe(partner, TAG, world.home, &flag, MPI_STATUS_IGNORE);
        if (flag)
            MPI_Recv(word, 1, MPI_INT, partner, TAG, world.home, MPI_STATUS_IGNORE);
        break;
    default:
        MPI_Improbe(partner, TAG, world.home, &flag, &message, MPI_STATUS_IGNORE);
        if (flag)
            MPI_Mrecv(word, 1, MPI_INT, &message, MPI_STATUS_IGNORE);
    }
    return flag != 0;
}

/* Whoever leads a site polls for a message of a rank there, which sends it after the collective. */
static void polling_at_home(void)
{
    int rank, size, zero = 0, sum = -1, word = -1;
    if (world.home == MPI_COMM_NULL) {
        skip("there is no home communicator");
        return;
    }
    MPI_Comm_rank(world.home, &rank);
    MPI_Comm_size(world.home, &size);
    for (int how = 0; how < N_POLLS; how++) {
        MPI_Request all, request = MPI_REQUEST_NULL;
        MPI_Iallreduce(&zero, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD, &all);
        if (rank == 0 && size > 1) {
            if (how < IPROBE)
                MPI_Irecv(&word, 1, MPI_INT, 1, TAG, world.home, &request);
            while (!poll_once((enum poll)how, &request, 1, &word))
                sched_yield();
            CHECK(word == how);
        }
        MPI_Wait(&all, MPI_STATUS_IGNORE);
        if (rank == 1)
            MPI_Send(&how, 1, MPI_INT, 0, TAG, world.home);
        MPI_Barrier(MPI_COMM_WORLD);
    }
}

/* Whoever leads a site makes a communicator of it first and waits for the collective then. */
static void group_created_at_home(void)
{
    int rank, zero = 0, sum = -1;
    if (world.home == MPI_COMM_NULL) {
        skip("there is no home communicator");
        return;
    }
    MPI_Group group;
    MPI_Comm_rank(world.home, &rank);
    MPI_Comm_group(world.home, &group);
    for (int i = 0; i < 20; i++) {
        MPI_Comm made;
        MPI_Request request;
        MPI_Iallreduce(&zero, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD, &request);
        if (rank > 0)
            MPI_Wait(&request, MPI_STATUS_IGNORE);
        MPI_Comm_create_group(world.home, group, TAG, &made);
        if (rank == 0)
            MPI_Wait(&request, MPI_STATUS_IGNORE);
        CHECK(made != MPI_COMM_NULL);
        MPI_Comm_free(&made);
    }
    MPI_Group_free(&group);
}

const struct mpi_case cases[] = {{"many_at_once", many_at_once, false},
                                 {"between_messages", between_messages, false},
                                 {"opposite_orders", opposite_orders, false},
                                 {"freed_while_in_use", freed_while_in_use, false},
                                 {"polled_between_work", polled_between_work, false},
                                 {"polling_at_home", polling_at_home, false},
                                 {"group_created_at_home", group_created_at_home, false},
                                 {NULL, NULL, false}};
