/* SPDX-License-Identifier: BSD-3-Clause */
/* Legal programs that deadlock a shim which sleeps in the host while wide work needs its thread.
 * In each, rank R has a wide operation open and blocks in something else, which only ends after the
 * wide operation has: because W, its partner at another site, waits for it before helping on. */
#include "cases.h"

#include <stdlib.h>

enum { GO = 1, WORD = 2, BIG = 1 << 20 };

/* Runs one scene for each R that has a partner at another site, also W and R the other way round.
 */
static void for_each_pair(void (*scene)(int r, int w, int source))
{
    for (int r = 0; r < world.size; r++) {
        int w = wide_partner(r);
        if (w < 0 && world.size > 1)
            w = (r + 1) % world.size;
        if (w >= 0) {
            scene(r, w, MPI_ANY_SOURCE);
            scene(r, w, w);
        }
    }
}

/* ... and for each that has a home partner too. */
static void for_each_trio(void (*scene)(int r, int w, int h, int source))
{
    int n = 0;
    for (int r = 0; r < world.size; r++) {
        int w = wide_partner(r), h = home_partner(r);
        if (w < 0 || h < 0 || w == h)
            continue;
        scene(r, w, h, MPI_ANY_SOURCE);
        scene(r, w, h, w);
        n++;
    }
    if (n == 0)
        skip("no rank has partners at its own and at another site");
}

/* W's part: its message to R must be matched before H hears of it. */
static void ssend_then_tell(int r, int h)
{
    send_int(r, r, WORD);
    send_int(h, h, GO);
}

static void finish_word(MPI_Request *request, const int *word, int r, int w)
{
    MPI_Status status;
    MPI_Wait(request, &status);
    CHECK(*word == r && status.MPI_SOURCE == w && status.MPI_TAG == WORD);
}

static void barrier_scene(int r, int w, int source)
{
    int word = -1;
    MPI_Request request = MPI_REQUEST_NULL;
    if (world.rank == r)
        MPI_Irecv(&word, 1, MPI_INT, source, WORD, MPI_COMM_WORLD, &request);
    if (world.rank == w)
        send_int(r, r, WORD);
    MPI_Barrier(MPI_COMM_WORLD);
    if (world.rank == r)
        finish_word(&request, &word, r, w);
}

static void receive_barrier_wait(void)
{
    for_each_pair(barrier_scene);
    for (int r = 0; r < world.size; r++) /* and with the sender at home */
        if (home_partner(r) >= 0)
            barrier_scene(r, home_partner(r), MPI_ANY_SOURCE);
}

static void send_barrier_scene(int r, int w, int source)
{
    unsigned char *data = malloc(BIG);
    MPI_Request request = MPI_REQUEST_NULL;
    fill(data, BIG, world.rank == w ? r : -1);
    if (world.rank == w)
        MPI_Issend(data, BIG, MPI_BYTE, r, WORD, MPI_COMM_WORLD, &request);
    if (world.rank == r)
        MPI_Irecv(data, BIG, MPI_BYTE, source, WORD, MPI_COMM_WORLD, &request);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    CHECK(world.rank != r || is_filled(data, BIG, r));
    free(data);
}

static void big_send_barrier_wait(void)
{
    for_each_pair(send_barrier_scene);
}

static void late_receive_scene(int r, int w, int source)
{
    int word = r;
    MPI_Request request = MPI_REQUEST_NULL;
    if (world.rank == w)
        MPI_Issend(&word, 1, MPI_INT, r, WORD, MPI_COMM_WORLD, &request);
    MPI_Barrier(MPI_COMM_WORLD);
    if (world.rank == r)
        CHECK(receive_int(source, WORD) == r);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
}

static void barrier_then_receive(void)
{
    for_each_pair(late_receive_scene);
}

/* What R blocks in at home, and what H does so that it ends. */
struct blocker {
    void (*at_r)(int h);
    void (*at_h)(int r);
};

static const struct blocker *blocker;

static void blocker_scene(int r, int w, int h, int source)
{
    int word = -1;
    MPI_Request request;
    if (world.rank == r) {
        MPI_Irecv(&word, 1, MPI_INT, source, WORD, MPI_COMM_WORLD, &request);
        blocker->at_r(h);
        finish_word(&request, &word, r, w);
    } else if (world.rank == w) {
        ssend_then_tell(r, h);
    } else if (world.rank == h) {
        receive_int(w, GO);
        blocker->at_h(r);
    }
    MPI_Barrier(MPI_COMM_WORLD);
}

static void block_in(void (*at_r)(int), void (*at_h)(int))
{
    struct blocker b = {at_r, at_h};
    blocker = &b;
    for_each_trio(blocker_scene);
}

static void recv_from(int other)
{
    CHECK(receive_int(other, 7) == 77);
}

static void send_to(int other)
{
    send_int(77, other, 7);
}

static void home_receive(void)
{
    block_in(recv_from, send_to);
}

static void home_ssend(void)
{
    block_in(send_to, recv_from);
}

static void wait_irecv_from(int other)
{
    int value = 0;
    MPI_Request request;
    MPI_Irecv(&value, 1, MPI_INT, other, 7, MPI_COMM_WORLD, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    CHECK(value == 77);
}

static void home_wait(void)
{
    block_in(wait_irecv_from, send_to);
}

static void waitany_irecv_from(int other)
{
    int value = 0, index;
    MPI_Request requests[2] = {MPI_REQUEST_NULL};
    MPI_Irecv(&value, 1, MPI_INT, other, 7, MPI_COMM_WORLD, &requests[1]);
    MPI_Waitany(2, requests, &index, MPI_STATUS_IGNORE);
    CHECK(value == 77 && index == 1);
}

static void home_waitany(void)
{
    block_in(waitany_irecv_from, send_to);
}

static void probe_from(int other)
{
    MPI_Probe(other, 7, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    recv_from(other);
}

static void home_probe(void)
{
    block_in(probe_from, send_to);
}

static void mprobe_from(int other)
{
    int value = 0;
    MPI_Message message;
    MPI_Mprobe(other, 7, MPI_COMM_WORLD, &message, MPI_STATUS_IGNORE);
    MPI_Mrecv(&value, 1, MPI_INT, &message, MPI_STATUS_IGNORE);
    CHECK(value == 77);
}

static void home_mprobe(void)
{
    block_in(mprobe_from, send_to);
}

static void sendrecv_with(int other)
{
    int value = 0, mine = 77;
    MPI_Sendrecv(&mine, 1, MPI_INT, other, 7, &value, 1, MPI_INT, other, 7, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE);
    CHECK(value == 77);
}

static void home_sendrecv(void)
{
    block_in(sendrecv_with, sendrecv_with);
}

/* A large buffered send: detaching waits until H has taken it. */
static void bsend_and_detach(int other)
{
    int size = BIG + MPI_BSEND_OVERHEAD;
    char *buffer = malloc((size_t)size), *data = calloc(1, BIG);
    MPI_Buffer_attach(buffer, size);
    MPI_Bsend(data, BIG, MPI_BYTE, other, 7, MPI_COMM_WORLD);
    MPI_Buffer_detach(&buffer, &size);
    free(buffer);
    free(data);
}

static void recv_big(int other)
{
    char *data = malloc(BIG);
    MPI_Recv(data, BIG, MPI_BYTE, other, 7, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    free(data);
}

static void home_buffer_detach(void)
{
    block_in(bsend_and_detach, recv_big);
}

/* Every blocking home collective in turn; all members of R's site take part. */
enum { N_COLLECTIVES = 17 };

static void home_collective(int which, int count)
{
    int n;
    MPI_Comm comm = world.home, made = MPI_COMM_NULL;
    MPI_Comm_size(comm, &n);
    size_t length = (size_t)n * (size_t)count;
    int *in = calloc(length, sizeof *in), *out = calloc(length, sizeof *out);
    int *counts = calloc((size_t)n, sizeof *counts), *places = calloc((size_t)n, sizeof *places);
    for (int i = 0; i < n; i++)
        counts[i] = count, places[i] = i * count;
    switch (which) {
    case 0:
        MPI_Barrier(comm);
        break;
    case 1:
        MPI_Bcast(in, count, MPI_INT, n - 1, comm);
        break;
    case 2:
        MPI_Reduce(in, out, count, MPI_INT, MPI_SUM, 0, comm);
        break;
    case 3:
        MPI_Allreduce(in, out, count, MPI_INT, MPI_SUM, comm);
        break;
    case 4:
        MPI_Gather(in, count, MPI_INT, out, count, MPI_INT, 0, comm);
        break;
    case 5:
        MPI_Allgather(in, count, MPI_INT, out, count, MPI_INT, comm);
        break;
    case 6:
        MPI_Scatter(in, count, MPI_INT, out, count, MPI_INT, 0, comm);
        break;
    case 7:
        MPI_Alltoall(in, count, MPI_INT, out, count, MPI_INT, comm);
        break;
    case 8:
        MPI_Scan(in, out, count, MPI_INT, MPI_SUM, comm);
        break;
    case 9:
        MPI_Exscan(in, out, count, MPI_INT, MPI_SUM, comm);
        break;
    case 10:
        MPI_Reduce_scatter_block(in, out, count, MPI_INT, MPI_SUM, comm);
        break;
    case 11:
        MPI_Gatherv(in, count, MPI_INT, out, counts, places, MPI_INT, 0, comm);
        break;
    case 12:
        MPI_Allgatherv(in, count, MPI_INT, out, counts, places, MPI_INT, comm);
        break;
    case 13:
        MPI_Alltoallv(in, counts, places, MPI_INT, out, counts, places, MPI_INT, comm);
        break;
    case 14:
        MPI_Scatterv(in, counts, places, MPI_INT, out, count, MPI_INT, 0, comm);
        break;
    case 15:
        MPI_Comm_dup(comm, &made);
        break;
    default:
        MPI_Comm_split(comm, 0, 0, &made);
    }
    if (made != MPI_COMM_NULL)
        MPI_Comm_free(&made);
    free(in), free(out), free(counts), free(places);
}

static void collective_scene(int r, int w, int h, int source)
{
    static const int counts[] = {1, 100000};
    for (int which = 0; which < N_COLLECTIVES; which++)
        for (int i = 0; i < 2; i++) {
            int word = -1;
            MPI_Request request;
            if (world.rank == r)
                MPI_Irecv(&word, 1, MPI_INT, source, WORD, MPI_COMM_WORLD, &request);
            if (world.rank == w)
                ssend_then_tell(r, h);
            if (world.rank == h)
                receive_int(w, GO);
            if (world.site[world.rank] == world.site[r])
                home_collective(which, counts[i]);
            if (world.rank == r)
                finish_word(&request, &word, r, w);
        }
    MPI_Barrier(MPI_COMM_WORLD);
}

static void home_collectives(void)
{
    if (world.home == MPI_COMM_NULL)
        skip("no communicator of one site can be made");
    else
        for_each_trio(collective_scene);
}

/* R's large wide send must move while R waits at home for H, who waits for W to have it all. */
static void big_send_home_scene(int r, int w, int h, int source)
{
    unsigned char *data = malloc(8 * BIG);
    MPI_Request request;
    fill(data, 8 * BIG, world.rank == r ? r : -1);
    if (world.rank == r) {
        MPI_Isend(data, 8 * BIG, MPI_BYTE, w, WORD, MPI_COMM_WORLD, &request);
        recv_from(h);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
    } else if (world.rank == w) {
        MPI_Recv(data, 8 * BIG, MPI_BYTE, source == w ? r : source, WORD, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE);
        CHECK(is_filled(data, 8 * BIG, r));
        send_int(0, h, GO);
    } else if (world.rank == h) {
        receive_int(w, GO);
        send_to(r);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    free(data);
}

static void big_send_home_receive(void)
{
    for_each_trio(big_send_home_scene);
}

/* The other way: a home send must move while its rank blocks in a wide receive. */
static void home_send_wide_scene(int r, int w, int h, int source)
{
    unsigned char *data = malloc(8 * BIG);
    MPI_Request request;
    fill(data, 8 * BIG, world.rank == r ? r : -1);
    if (world.rank == r) {
        MPI_Isend(data, 8 * BIG, MPI_BYTE, h, WORD, MPI_COMM_WORLD, &request);
        CHECK(receive_int(source, GO) == r);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
    } else if (world.rank == h) {
        MPI_Recv(data, 8 * BIG, MPI_BYTE, r, WORD, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        CHECK(is_filled(data, 8 * BIG, r));
        send_int(r, w, GO);
    } else if (world.rank == w) {
        send_int(receive_int(h, GO), r, GO);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    free(data);
}

static void home_send_wide_receive(void)
{
    for_each_trio(home_send_wide_scene);
}

/* All ranks exchange large messages with all others, everything posted before anything is done. */
static void everyone_with_everyone(void)
{
    enum { LENGTH = 300000 };
    size_t n = (size_t)world.size;
    unsigned char *in = malloc(n * LENGTH), *out = malloc(n * LENGTH);
    MPI_Request *requests = malloc(2 * n * sizeof *requests);
    for (int other = 0; other < world.size; other++) {
        unsigned char *mine = out + (size_t)other * LENGTH;
        fill(mine, LENGTH, world.rank * MAX_WORLD + other);
        MPI_Irecv(in + (size_t)other * LENGTH, LENGTH, MPI_BYTE, other, 1, MPI_COMM_WORLD,
                  &requests[2 * other]);
        MPI_Issend(mine, LENGTH, MPI_BYTE, other, 1, MPI_COMM_WORLD, &requests[2 * other + 1]);
    }
    MPI_Waitall(2 * world.size, requests, MPI_STATUSES_IGNORE);
    for (int other = 0; other < world.size; other++)
        CHECK(is_filled(in + (size_t)other * LENGTH, LENGTH, other * MAX_WORLD + world.rank));
    free(in), free(out), free(requests);
}

/* Far more unexpected data than any credit, received in the reverse order of tags. */
static void reverse_scene(int r, int w, int source)
{
    enum { N = 400, LENGTH = 60000 };
    unsigned char *data = malloc((size_t)N * LENGTH);
    MPI_Request requests[N];
    if (world.rank == w) {
        for (int i = 0; i < N; i++) {
            fill(data + (size_t)i * LENGTH, LENGTH, i);
            MPI_Isend(data + (size_t)i * LENGTH, LENGTH, MPI_BYTE, r, i, MPI_COMM_WORLD,
                      &requests[i]);
        }
        MPI_Waitall(N, requests, MPI_STATUSES_IGNORE);
    }
    for (int i = N - 1; world.rank == r && i >= 0; i--) {
        MPI_Recv(data, LENGTH, MPI_BYTE, source, i, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        CHECK(is_filled(data, LENGTH, i));
    }
    MPI_Barrier(MPI_COMM_WORLD);
    free(data);
}

static void reverse_order_beyond_credit(void)
{
    for_each_pair(reverse_scene);
}

const struct mpi_case cases[] = {
    {"receive_barrier_wait", receive_barrier_wait, false},
    {"big_send_barrier_wait", big_send_barrier_wait, false},
    {"barrier_then_receive", barrier_then_receive, false},
    {"home_receive", home_receive, false},
    {"home_ssend", home_ssend, false},
    {"home_wait", home_wait, false},
    {"home_waitany", home_waitany, false},
    {"home_probe", home_probe, false},
    {"home_mprobe", home_mprobe, false},
    {"home_sendrecv", home_sendrecv, false},
    {"home_buffer_detach", home_buffer_detach, false},
    {"home_collectives", home_collectives, false},
    {"big_send_home_receive", big_send_home_receive, false},
    {"home_send_wide_receive", home_send_wide_receive, false},
    {"everyone_with_everyone", everyone_with_everyone, false},
    {"reverse_order_beyond_credit", reverse_order_beyond_credit, false},
    {NULL, NULL, false},
};
