/* SPDX-License-Identifier: BSD-3-Clause */
/* What MPI gives back is the program's own: buffers unmapped and overwritten right after
 * completion. And data that are not one piece of memory: every odd datatype. */
#include "cases.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { TAG = 4, N_FLIGHT = 8 };

/* For a rank with itself, too. */
static void for_pairs_and_self(void (*scene)(int from, int to))
{
    for_pairs(scene);
    scene(0, 0);
}

static const size_t sizes[] = {0, 1, 1000, 65535, 65536, 65537, 300000, 5 << 20};
enum { N_SIZES = sizeof sizes / sizeof *sizes };

/* Memory whose use after its end is a fault. */
static unsigned char *map(size_t size)
{
    void *memory =
        mmap(NULL, size ? size : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    return memory;
}

static void unmap(unsigned char *memory, size_t size)
{
    CHECK(munmap(memory, size ? size : 1) == 0);
}

static void send_unmap(int to, size_t size, int salt, bool waits)
{
    unsigned char *memory = map(size);
    MPI_Request request;
    fill(memory, size, salt);
    if (waits) {
        MPI_Isend(memory, (int)size, MPI_BYTE, to, TAG, MPI_COMM_WORLD, &request);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
    } else {
        MPI_Send(memory, (int)size, MPI_BYTE, to, TAG, MPI_COMM_WORLD);
    }
    unmap(memory, size);
}

static void unmap_scene(int from, int to)
{
    for (int s = 0; s < N_SIZES && from != to; s++)
        for (int i = 0; i < N_FLIGHT; i++) {
            if (world.rank == from)
                send_unmap(to, sizes[s], i + s, i % 2);
            if (world.rank == to) {
                unsigned char *memory = map(sizes[s]);
                MPI_Recv(memory, (int)sizes[s], MPI_BYTE, from, TAG, MPI_COMM_WORLD,
                         MPI_STATUS_IGNORE);
                CHECK(is_filled(memory, sizes[s], i + s));
                unmap(memory, sizes[s]);
            }
        }
    MPI_Barrier(MPI_COMM_WORLD);
}

static void unmapped_after_completion(void)
{
    for_pairs_and_self(unmap_scene);
}

/* Received buffers become the program's own data, and stay what it made of them. */
static void poison_scene(int from, int to)
{
    enum { LENGTH = 200000, N = 40 };
    unsigned char *data = malloc((size_t)N * LENGTH);
    MPI_Request requests[N];
    for (int i = 0; i < N; i++) {
        unsigned char *at = data + (size_t)i * LENGTH;
        if (from == to)
            break;
        if (world.rank == from) {
            fill(at, LENGTH, i);
            MPI_Isend(at, LENGTH, MPI_BYTE, to, TAG, MPI_COMM_WORLD, &requests[i]);
        } else if (world.rank == to) {
            MPI_Irecv(at, LENGTH, MPI_BYTE, from, TAG, MPI_COMM_WORLD, &requests[i]);
        }
    }
    for (int i = 0; i < N && from != to; i++) {
        unsigned char *at = data + (size_t)i * LENGTH;
        if (world.rank != from && world.rank != to)
            break;
        MPI_Wait(&requests[i], MPI_STATUS_IGNORE);
        CHECK(is_filled(at, LENGTH, i));
        fill(at, LENGTH, -1 - i);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    for (int i = 0; i < N && from != to && (world.rank == from || world.rank == to); i++)
        CHECK(is_filled(data + (size_t)i * LENGTH, LENGTH, -1 - i));
    free(data);
}

static void overwritten_after_completion(void)
{
    for_pairs_and_self(poison_scene);
}

/* Sends count of out_type at out and receives in_count of in_type at in, nonblocking, so that a
 * rank may be both. */
static void pass(int from, int to, const void *out, int count, MPI_Datatype out_type, void *in,
                 int in_count, MPI_Datatype in_type)
{
    MPI_Request requests[2] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL};
    if (world.rank == to)
        MPI_Irecv(in, in_count, in_type, from, TAG, MPI_COMM_WORLD, &requests[0]);
    if (world.rank == from)
        MPI_Isend(out, count, out_type, to, TAG, MPI_COMM_WORLD, &requests[1]);
    MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
}

static void bottom_scene(int from, int to)
{
    int a[3] = {1, 2, 3}, got[3] = {0}, *ints = world.rank == to && from != to ? got : a;
    double b = 4.5, got_b = 0, *real = world.rank == to && from != to ? &got_b : &b;
    MPI_Aint places[2];
    MPI_Datatype type, parts[2] = {MPI_INT, MPI_DOUBLE};
    MPI_Get_address(ints, &places[0]);
    MPI_Get_address(real, &places[1]);
    MPI_Type_create_struct(2, (int[]){3, 1}, places, parts, &type);
    MPI_Type_commit(&type);
    if (from != to)
        pass(from, to, MPI_BOTTOM, 1, type, MPI_BOTTOM, 1, type);
    if (world.rank == to)
        CHECK(ints[0] == 1 && ints[1] == 2 && ints[2] == 3 && *real == 4.5);
    MPI_Type_free(&type);
}

static void bottom(void)
{
    for_pairs_and_self(bottom_scene);
}

/* Displacements before the buffer's address, and an extent that runs backwards. */
static void negative_scene(int from, int to)
{
    enum { N = 1000 };
    int *out = malloc(4 * N * sizeof(int)), *in = calloc(4 * N, sizeof(int));
    MPI_Datatype type, before;
    for (int i = 0; i < 4 * N; i++)
        out[i] = i;
    MPI_Type_create_hindexed(2, (int[]){1, 1}, (MPI_Aint[]){-8, 4}, MPI_INT, &before);
    MPI_Type_create_resized(before, -8, -16, &type);
    MPI_Type_commit(&type);
    pass(from, to, out + 4 * N - 2, N - 1, type, in + 4 * N - 2, N - 1, type);
    for (int i = 0; world.rank == to && i < N - 1; i++) {
        int at = 4 * N - 2 - 4 * i;
        CHECK(in[at - 2] == at - 2 && in[at + 1] == at + 1 && in[at] == 0 && in[at - 1] == 0);
    }
    MPI_Type_free(&before);
    MPI_Type_free(&type);
    free(out), free(in);
}

static void negative_lower_bound(void)
{
    for_pairs_and_self(negative_scene);
}

/* Types whose data leave in another order than they stand in memory. */
static void reordered_scene(int from, int to)
{
    enum { N = 20000 };
    int *out = malloc(2 * N * sizeof(int)), *in = calloc(2 * N, sizeof(int));
    MPI_Datatype swapped, backwards;
    for (int i = 0; i < 2 * N; i++)
        out[i] = i;
    MPI_Type_indexed(2, (int[]){1, 1}, (int[]){1, 0}, MPI_INT, &swapped);
    MPI_Type_create_struct(2, (int[]){1, 1}, (MPI_Aint[]){4, 0}, (MPI_Datatype[]){MPI_INT, MPI_INT},
                           &backwards);
    MPI_Type_commit(&swapped);
    MPI_Type_commit(&backwards);
    const int counts[] = {1, 7, N};
    for (int c = 0; c < 3; c++) {
        int n = counts[c];
        pass(from, to, out, n, swapped, in, 2 * n, MPI_INT);
        for (int i = 0; world.rank == to && i < 2 * n; i++)
            CHECK(in[i] == (i ^ 1));
        pass(from, to, out, 2 * n, MPI_INT, in, n, backwards);
        for (int i = 0; world.rank == to && i < 2 * n; i++)
            CHECK(in[i] == (i ^ 1));
        pass(from, to, out, n, swapped, in, n, backwards);
        for (int i = 0; world.rank == to && i < 2 * n; i++)
            CHECK(in[i] == i);
    }
    MPI_Type_free(&swapped);
    MPI_Type_free(&backwards);
    free(out), free(in);
}

static void reordered_fields(void)
{
    for_pairs_and_self(reordered_scene);
}

/* A matrix column by column: a resized vector, interleaved with itself. */
static void columns_scene(int from, int to)
{
    enum { N = 300 };
    double *out = malloc(N * N * sizeof *out), *in = calloc(N * N, sizeof *in);
    MPI_Datatype vector, column;
    for (int i = 0; i < N * N; i++)
        out[i] = i;
    MPI_Type_vector(N, 1, N, MPI_DOUBLE, &vector);
    MPI_Type_create_resized(vector, 0, sizeof(double), &column);
    MPI_Type_commit(&column);
    pass(from, to, out, N, column, in, N * N, MPI_DOUBLE);
    for (int i = 0; world.rank == to && i < N * N; i++)
        CHECK(in[i] == (i % N) * N + i / N);
    pass(from, to, out, N * N, MPI_DOUBLE, in, N, column);
    for (int i = 0; world.rank == to && i < N * N; i++)
        CHECK(in[i] == (i % N) * N + i / N);
    MPI_Type_free(&vector);
    MPI_Type_free(&column);
    free(out), free(in);
}

static void matrix_columns(void)
{
    for_pairs_and_self(columns_scene);
}

/* A message shorter than the receive's type asks for, ending within an element. */
static void partial_scene(int from, int to)
{
    struct pair {
        int i;
        double d;
    } in[4], out[4] = {{1, 1.5}, {2, 2.5}, {3, 3.5}, {4, 4.5}};
    MPI_Datatype pair, sent;
    int count, elements;
    MPI_Status status;
    MPI_Request requests[2] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL};
    MPI_Type_create_struct(2, (int[]){1, 1}, (MPI_Aint[]){0, offsetof(struct pair, d)},
                           (MPI_Datatype[]){MPI_INT, MPI_DOUBLE}, &pair);
    MPI_Type_create_struct(3, (int[]){1, 1, 1},
                           (MPI_Aint[]){0, offsetof(struct pair, d), (MPI_Aint)sizeof(struct pair)},
                           (MPI_Datatype[]){MPI_INT, MPI_DOUBLE, MPI_INT}, &sent);
    MPI_Type_commit(&pair);
    MPI_Type_commit(&sent);
    memset(in, 0, sizeof in);
    if (world.rank == to)
        MPI_Irecv(in, 4, pair, from, TAG, MPI_COMM_WORLD, &requests[0]);
    if (world.rank == from)
        MPI_Isend(out, 1, sent, to, TAG, MPI_COMM_WORLD, &requests[1]);
    MPI_Wait(&requests[0], &status);
    MPI_Wait(&requests[1], MPI_STATUS_IGNORE);
    if (world.rank == to) {
        MPI_Get_count(&status, pair, &count);
        MPI_Get_elements(&status, pair, &elements);
        CHECK(count == MPI_UNDEFINED && elements == 3);
        CHECK(in[0].i == 1 && in[0].d == 1.5 && in[1].i == 2 && in[1].d == 0 && in[2].i == 0);
    }
    MPI_Type_free(&pair);
    MPI_Type_free(&sent);
}

static void partial_elements(void)
{
    for_pairs_and_self(partial_scene);
}

/* 3 GiB in one message: 3072 pieces of 1 MiB, 4 KiB apart, into one piece of memory; and back. */
enum { PIECE = 1 << 20, GAP = 4096, N_PIECES = 3072 };

static int n_copied, n_deleted;

static int count_copy(MPI_Datatype type, int keyval, void *extra, void *in, void *out, int *flag)
{
    n_copied++;
    *(void **)out = in;
    *flag = 1;
    return MPI_SUCCESS;
}

static int count_delete(MPI_Datatype type, int keyval, void *value, void *extra)
{
    n_deleted++;
    return MPI_SUCCESS;
}

static void attribute_scene(int from, int to)
{
    enum { ROWS = 100 };
    int keyval, column[ROWS], square[ROWS][2] = {{0}}, word = 0;
    MPI_Datatype rows;
    MPI_Request request;
    MPI_Type_create_keyval(count_copy, count_delete, &keyval, NULL);
    MPI_Type_vector(ROWS, 1, 2, MPI_INT, &rows);
    MPI_Type_commit(&rows);
    MPI_Type_set_attr(rows, keyval, &word);
    n_copied = n_deleted = 0;
    for (int i = 0; i < ROWS; i++)
        column[i] = i;
    if (world.rank == from)
        MPI_Send(column, ROWS, MPI_INT, to, TAG, MPI_COMM_WORLD);
    if (world.rank == to) {
        MPI_Irecv(square, 1, rows, from, TAG, MPI_COMM_WORLD, &request);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
        for (int i = 0; i < ROWS; i++)
            CHECK(square[i][0] == i && square[i][1] == 0);
        MPI_Recv_init(square, 1, rows, from, TAG, MPI_COMM_WORLD, &request);
        MPI_Request_free(&request);
    }
    MPI_Ibcast(square, 1, rows, from, MPI_COMM_WORLD, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    CHECK(n_copied == 0 && n_deleted == 0);
    MPI_Type_free(&rows);
    CHECK(n_copied == 0 && n_deleted == 1);
    MPI_Type_free_keyval(&keyval);
}

/* Attributes of a type are the program's: nothing is called for them but by its own calls. */
static void attributes_of_types(void)
{
    for_pairs(attribute_scene);
}

static void write_piece(unsigned char *at, int piece)
{
    uint64_t *words = (uint64_t *)(void *)at;
    for (size_t i = 0; i < PIECE / sizeof *words; i++)
        words[i] = i * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)piece;
}

static bool is_piece(const unsigned char *at, int piece)
{
    const uint64_t *words = (const uint64_t *)(const void *)at;
    for (size_t i = 0; i < PIECE / sizeof *words; i++)
        if (words[i] != i * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)piece)
            return false;
    return true;
}

static void huge_pass(int from, int to, MPI_Datatype out_type, size_t out_step,
                      MPI_Datatype in_type, size_t in_step)
{
    size_t size = (size_t)N_PIECES * (PIECE + GAP);
    MPI_Status status;
    MPI_Count elements;
    if (world.rank == from) {
        unsigned char *memory = map(size);
        for (int i = 0; i < N_PIECES; i++)
            write_piece(memory + (size_t)i * out_step, i);
        MPI_Send(memory, 1, out_type, to, TAG, MPI_COMM_WORLD);
        unmap(memory, size);
    }
    if (world.rank == to) {
        unsigned char *memory = map(size);
        MPI_Recv(memory, 1, in_type, from, TAG, MPI_COMM_WORLD, &status);
        MPI_Get_elements_x(&status, in_type, &elements);
        CHECK(elements == (MPI_Count)N_PIECES * PIECE);
        for (int i = 0; i < N_PIECES; i++) {
            unsigned char *at = memory + (size_t)i * in_step;
            CHECK(is_piece(at, i));
            CHECK(in_step == PIECE || (at[PIECE] == 0 && at[PIECE + GAP - 1] == 0));
        }
        unmap(memory, size);
    }
    MPI_Barrier(MPI_COMM_WORLD);
}

static void vector_of_3_gib(void)
{
    int w = wide_partner(0) >= 0 ? wide_partner(0) : home_partner(0);
    MPI_Datatype gapped, dense;
    if (w < 0) {
        skip("one rank alone");
        return;
    }
    MPI_Type_vector(N_PIECES, PIECE, PIECE + GAP, MPI_BYTE, &gapped);
    MPI_Type_vector(N_PIECES, PIECE, PIECE, MPI_BYTE, &dense);
    MPI_Type_commit(&gapped);
    MPI_Type_commit(&dense);
    huge_pass(0, w, gapped, PIECE + GAP, dense, PIECE);
    huge_pass(w, 0, dense, PIECE, gapped, PIECE + GAP);
    MPI_Type_free(&gapped);
    MPI_Type_free(&dense);
}

const struct mpi_case cases[] = {
    {"unmapped_after_completion", unmapped_after_completion, false},
    {"overwritten_after_completion", overwritten_after_completion, false},
    {"bottom", bottom, false},
    {"negative_lower_bound", negative_lower_bound, false},
    {"reordered_fields", reordered_fields, false},
    {"matrix_columns", matrix_columns, false},
    {"partial_elements", partial_elements, false},
    {"attributes_of_types", attributes_of_types, false},
    {"vector_of_3_gib", vector_of_3_gib, true},
    {NULL, NULL, false},
};
