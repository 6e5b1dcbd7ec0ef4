/* SPDX-License-Identifier: BSD-3-Clause */
/* Collectives on communicators that splits make: of one site, of several with ranks that lie
 * between each other, reversed, shuffled, of a single rank. Seeded and random; each rank knows by
 * itself what must come out. */
#include "cases.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state; /* the same on all members of a communicator */

static int draw(int n)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)((state >> 33) % (uint64_t)n);
}

static uint32_t value_of(int rank, int i, uint32_t salt)
{
    return ((uint32_t)rank * 2654435761u + (uint32_t)i * 40503u + salt) * 2246822519u >> 3;
}

/* A communicator under test. */
struct team {
    MPI_Comm comm;
    int rank, size;
};

/* Elements of two words each, laid out in one of several ways; the packed words are the same. */
struct layout {
    MPI_Datatype type;
    int words[2]; /* where the two words of an element stand, in words from its start */
    int step;     /* words from one element to the next, perhaps backwards */
};

/* Open MPI 4.1 itself cannot reduce types of the last two kinds, nor gather the last. */
enum layout_kind { PLAIN, SPACED, SWAPPED, BELOW, BACKWARDS, N_LAYOUTS };

static struct layout make_layout(enum layout_kind kind)
{
    struct layout layout = {.words = {0, 1}, .step = 2};
    const MPI_Aint width = sizeof(uint32_t);
    MPI_Datatype inner;
    if (kind == SPACED) {
        layout.words[1] = 2;
        layout.step = 5;
    } else if (kind == SWAPPED) {
        layout.words[0] = 1;
        layout.words[1] = 0;
    } else if (kind == BELOW) {
        layout.words[0] = -3;
        layout.words[1] = -2;
        layout.step = 3;
    } else if (kind == BACKWARDS) {
        layout.step = -2;
    }
    const int lengths[] = {1, 1};
    const MPI_Aint places[] = {layout.words[0] * width, layout.words[1] * width};
    MPI_Type_create_hindexed(2, lengths, places, MPI_UINT32_T, &inner);
    MPI_Type_create_resized(inner, 0, layout.step * width, &layout.type);
    MPI_Type_free(&inner);
    MPI_Type_commit(&layout.type);
    return layout;
}

/* A buffer of count elements in the middle of room that must stay as it is. */
struct area {
    uint32_t *room, *base;
    size_t n_words;
    int count;
    struct layout layout;
};

enum { UNTOUCHED = 0x5a5a5a5a };

static struct area make_area(int count, struct layout layout)
{
    struct area area = {.count = count, .layout = layout};
    size_t reach = (size_t)(count + 1) * 5 + 8;
    area.n_words = 2 * reach;
    area.room = malloc(area.n_words * sizeof *area.room);
    area.base = area.room + reach;
    for (size_t i = 0; i < area.n_words; i++)
        area.room[i] = UNTOUCHED;
    return area;
}

static uint32_t *word_of(const struct area *area, int element, int word)
{
    return area->base + (ptrdiff_t)element * area->layout.step + area->layout.words[word];
}

static void set_elements(const struct area *area, int first, int count, int rank, uint32_t salt)
{
    for (int i = 0; i < count; i++) {
        *word_of(area, first + i, 0) = value_of(rank, 2 * i, salt) | 1;
        *word_of(area, first + i, 1) = value_of(rank, 2 * i + 1, salt);
    }
}

/* Takes the elements away and holds that they were `rank`'s. */
static void take_elements(const struct area *area, int first, int count, int rank, uint32_t salt)
{
    for (int i = 0; i < count; i++) {
        CHECK(*word_of(area, first + i, 0) == (value_of(rank, 2 * i, salt) | 1));
        CHECK(*word_of(area, first + i, 1) == value_of(rank, 2 * i + 1, salt));
        *word_of(area, first + i, 0) = *word_of(area, first + i, 1) = UNTOUCHED;
    }
}

static void close_area(struct area *area)
{
    for (size_t i = 0; i < area->n_words; i++)
        CHECK(area->room[i] == UNTOUCHED);
    free(area->room);
}

static struct layout layouts[N_LAYOUTS];
static MPI_Op compose, add;

/* An element (a, b) is the map x -> a x + b modulo 2^32; their composition does not commute. */
static void compose_maps(const uint32_t *left, uint32_t *right, const int *words)
{
    uint32_t a = left[words[0]] * right[words[0]];
    uint32_t b = left[words[0]] * right[words[1]] + left[words[1]];
    right[words[0]] = a;
    right[words[1]] = b;
}

static const struct layout *layout_of(MPI_Datatype type)
{
    for (int k = 0; k < N_LAYOUTS; k++)
        if (layouts[k].type == type)
            return &layouts[k];
    CHECK(!"an operation was called with a type that is not the program's");
    return NULL;
}

static void compose_elements(void *in, void *inout, int *length, MPI_Datatype *type)
{
    const struct layout *layout = layout_of(*type);
    for (ptrdiff_t i = 0; i < *length; i++)
        compose_maps((uint32_t *)in + i * layout->step, (uint32_t *)inout + i * layout->step,
                     layout->words);
}

static void add_elements(void *in, void *inout, int *length, MPI_Datatype *type)
{
    const struct layout *layout = layout_of(*type);
    for (ptrdiff_t i = 0; i < *length; i++)
        for (int w = 0; w < 2; w++)
            ((uint32_t *)inout + i * layout->step)[layout->words[w]] +=
                ((uint32_t *)in + i * layout->step)[layout->words[w]];
}

/* Holds that the elements are those of the first n ranks, reduced, and takes them away. */
static void take_reduced(int n, struct area *area, bool composes, uint32_t salt)
{
    const int words[] = {0, 1};
    for (int i = 0; i < area->count; i++) {
        uint32_t sum[2] = {value_of(n - 1, 2 * i, salt) | 1, value_of(n - 1, 2 * i + 1, salt)};
        for (int rank = n - 2; rank >= 0; rank--) {
            uint32_t left[2] = {value_of(rank, 2 * i, salt) | 1, value_of(rank, 2 * i + 1, salt)};
            if (composes) {
                compose_maps(left, sum, words);
            } else {
                sum[0] += left[0];
                sum[1] += left[1];
            }
        }
        for (int w = 0; w < 2; w++) {
            CHECK(*word_of(area, i, w) == sum[w]);
            *word_of(area, i, w) = UNTOUCHED;
        }
    }
}

static void try_reduce(const struct team *team, int count, uint32_t salt)
{
    const struct layout *layout = &layouts[draw(BELOW)];
    bool composes = draw(2), is_in_place = draw(2), is_all = draw(2);
    int root = draw(team->size);
    bool has_result = is_all || root == team->rank;
    struct area in = make_area(count, *layout), out = make_area(count, *layout);
    is_in_place = is_in_place && has_result;
    set_elements(is_in_place ? &out : &in, 0, count, team->rank, salt);
    const void *from = is_in_place ? MPI_IN_PLACE : (void *)in.base;
    MPI_Op op = composes ? compose : add;
    if (is_all)
        MPI_Allreduce(from, out.base, count, layout->type, op, team->comm);
    else
        MPI_Reduce(from, has_result ? out.base : NULL, count, layout->type, op, root, team->comm);
    if (has_result)
        take_reduced(team->size, &out, composes, salt);
    if (!is_in_place)
        take_elements(&in, 0, count, team->rank, salt);
    close_area(&in);
    close_area(&out);
}

static void try_scan(const struct team *team, int count, uint32_t salt)
{
    const struct layout *layout = &layouts[draw(BELOW)];
    bool composes = draw(2), is_in_place = draw(2), is_exclusive = draw(2), is_blocking = draw(2);
    struct area in = make_area(count, *layout), out = make_area(count, *layout);
    set_elements(is_in_place ? &out : &in, 0, count, team->rank, salt);
    const void *from = is_in_place ? MPI_IN_PLACE : (void *)in.base;
    MPI_Op op = composes ? compose : add;
    MPI_Request request = MPI_REQUEST_NULL;
    if (is_blocking && is_exclusive)
        MPI_Exscan(from, out.base, count, layout->type, op, team->comm);
    else if (is_blocking)
        MPI_Scan(from, out.base, count, layout->type, op, team->comm);
    else if (is_exclusive)
        MPI_Iexscan(from, out.base, count, layout->type, op, team->comm, &request);
    else
        MPI_Iscan(from, out.base, count, layout->type, op, team->comm, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    int n = team->rank + (is_exclusive ? 0 : 1);
    if (n > 0)
        take_reduced(n, &out, composes, salt);
    else if (is_in_place)
        take_elements(&out, 0, count, team->rank, salt);
    if (!is_in_place)
        take_elements(&in, 0, count, team->rank, salt);
    close_area(&in);
    close_area(&out);
}

static void try_bcast(const struct team *team, int count, uint32_t salt)
{
    int root = draw(team->size), shift = draw(N_LAYOUTS);
    struct area area = make_area(count, layouts[(team->rank + shift) % N_LAYOUTS]);
    if (team->rank == root)
        set_elements(&area, 0, count, root, salt);
    MPI_Bcast(area.base, count, area.layout.type, root, team->comm);
    take_elements(&area, 0, count, root, salt);
    close_area(&area);
}

static void try_gather(const struct team *team, int count, uint32_t salt)
{
    bool is_all = draw(2), in_place = draw(2);
    int root = draw(team->size), shift = draw(N_LAYOUTS);
    const struct layout *sent = &layouts[(team->rank + shift) % BACKWARDS];
    const struct layout *got = &layouts[(team->rank * 2 + shift + 1) % BACKWARDS];
    bool has_result = is_all || team->rank == root;
    struct area in = make_area(count, *sent), out = make_area(count * team->size, *got);
    in_place = in_place && has_result;
    if (in_place)
        set_elements(&out, team->rank * count, count, team->rank, salt);
    else
        set_elements(&in, 0, count, team->rank, salt);
    const void *from = in_place ? MPI_IN_PLACE : (void *)in.base;
    if (is_all)
        MPI_Allgather(from, count, sent->type, out.base, count, got->type, team->comm);
    else
        MPI_Gather(from, count, sent->type, has_result ? out.base : NULL, count, got->type, root,
                   team->comm);
    for (int rank = 0; has_result && rank < team->size; rank++)
        take_elements(&out, rank * count, count, rank, salt);
    if (!in_place)
        take_elements(&in, 0, count, team->rank, salt);
    close_area(&in);
    close_area(&out);
}

static int draw_count(void)
{
    const int bounds[] = {2, 20, 20, 200, 3000, 20000};
    return draw(bounds[draw(6)]);
}

static void try_many(MPI_Comm comm, int n, uint64_t seed)
{
    struct team team = {.comm = comm};
    MPI_Comm_rank(comm, &team.rank);
    MPI_Comm_size(comm, &team.size);
    state = seed;
    for (int i = 0; i < n; i++) {
        int what = draw(10), count = draw_count();
        if (what == 0)
            MPI_Barrier(comm);
        else if (what < 3)
            try_bcast(&team, count, (uint32_t)i);
        else if (what < 6)
            try_reduce(&team, count, (uint32_t)i);
        else if (what < 8)
            try_gather(&team, count / 4, (uint32_t)i);
        else
            try_scan(&team, count, (uint32_t)i);
    }
}

static void open_tools(void)
{
    for (int k = 0; k < N_LAYOUTS; k++)
        layouts[k] = make_layout((enum layout_kind)k);
    MPI_Op_create(compose_elements, 0, &compose);
    MPI_Op_create(add_elements, 1, &add);
}

static void close_tools(void)
{
    for (int k = 0; k < N_LAYOUTS; k++)
        MPI_Type_free(&layouts[k].type);
    MPI_Op_free(&compose);
    MPI_Op_free(&add);
}

static void on_split(int color, int key, int n, uint64_t seed)
{
    MPI_Comm comm;
    MPI_Comm_split(MPI_COMM_WORLD, color, key, &comm);
    if (comm == MPI_COMM_NULL)
        return;
    try_many(comm, n, seed * 31 + (uint64_t)color);
    MPI_Comm_free(&comm);
}

static void on_the_world(void)
{
    open_tools();
    try_many(MPI_COMM_WORLD, 150, 1);
    close_tools();
}

static void on_odd_and_even_ranks(void)
{
    open_tools();
    on_split(world.rank % 2, world.rank, 60, 2);
    close_tools();
}

static void in_reversed_order(void)
{
    open_tools();
    on_split(0, -world.rank, 60, 3);
    close_tools();
}

/* Ranks of different sites lie between each other. */
static void in_alternating_order(void)
{
    open_tools();
    on_split(0, world.rank * 3 % 5, 60, 4);
    on_split(world.rank % 3 == 2, world.rank * 3 % 5, 60, 5);
    close_tools();
}

static void on_random_splits(void)
{
    open_tools();
    for (uint64_t round = 0; round < 25; round++) {
        uint64_t mine = (round * 64 + (uint64_t)world.rank + 1) * UINT64_C(0x9e3779b97f4a7c15);
        int n_colors = 1 + (int)(round % 3), color = (int)(mine >> 40) % n_colors;
        on_split(mine >> 60 == 0 ? MPI_UNDEFINED : color, (int)(mine >> 50 & 255), 12, 100 + round);
    }
    close_tools();
}

/* Splits of splits, and duplicates of them, still in use when their parents are gone. */
static void on_splits_of_splits(void)
{
    MPI_Comm outer, inner, dup;
    open_tools();
    MPI_Comm_split(MPI_COMM_WORLD, 0, -world.rank, &outer);
    MPI_Comm_split(outer, world.rank % 2, world.rank, &inner);
    MPI_Comm_dup(inner, &dup);
    MPI_Comm_free(&outer);
    MPI_Comm_free(&inner);
    try_many(dup, 40, 6 + (uint64_t)(world.rank % 2));
    MPI_Comm_free(&dup);
    close_tools();
}

static void wrong_arguments(void)
{
    MPI_Errhandler handler;
    MPI_Comm comm;
    int data[64] = {0}, all[MAX_WORLD] = {0};
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm_create_errhandler(count_errors, &handler);
    MPI_Comm_set_errhandler(comm, handler);
    CHECK(is_refused(MPI_Bcast(data, 1, MPI_INT, world.size, comm), MPI_ERR_ROOT));
    CHECK(is_refused(MPI_Bcast(data, 1, MPI_INT, -1, comm), MPI_ERR_ROOT));
    CHECK(is_refused(MPI_Bcast(data, -1, MPI_INT, 0, comm), MPI_ERR_COUNT));
    CHECK(is_refused(MPI_Bcast(data, 1, MPI_DATATYPE_NULL, 0, comm), MPI_ERR_TYPE));
    CHECK(is_refused(MPI_Allreduce(data, all, 1, MPI_INT, MPI_OP_NULL, comm), MPI_ERR_OP));
    CHECK(is_refused(MPI_Allreduce(data, all, 1, MPI_INT, MPI_MAXLOC, comm), MPI_ERR_OP));
    CHECK(is_refused(MPI_Reduce(data, all, 1, MPI_FLOAT, MPI_BAND, 0, comm), MPI_ERR_OP));
    CHECK(is_refused(MPI_Reduce(data, all, 1, MPI_INT, MPI_SUM, 99, comm), MPI_ERR_ROOT));
    CHECK(is_refused(MPI_Gather(data, -3, MPI_INT, all, -3, MPI_INT, 0, comm), MPI_ERR_COUNT));
    CHECK(
        is_refused(MPI_Allgather(data, 1, MPI_INT, all, 1, MPI_DATATYPE_NULL, comm), MPI_ERR_TYPE));
    data[0] = 1;
    CHECK(MPI_Allreduce(data, all, 1, MPI_INT, MPI_SUM, comm) == MPI_SUCCESS);
    CHECK(all[0] == world.size && !is_refused(MPI_SUCCESS, MPI_SUCCESS));
    MPI_Errhandler_free(&handler);
    MPI_Comm_free(&comm);
}

/* Absolute addresses: every rank has its two fields elsewhere. */
static void from_bottom(void)
{
    for (int root = 0; root < world.size; root++) {
        uint32_t *fields = malloc(256 * sizeof *fields), *a = &fields[world.rank * 2 + 100],
                 *b = fields;
        const int lengths[] = {1, 1};
        MPI_Aint addresses[2];
        MPI_Datatype type;
        MPI_Get_address(a, &addresses[0]);
        MPI_Get_address(b, &addresses[1]);
        MPI_Type_create_hindexed(2, lengths, addresses, MPI_UINT32_T, &type);
        MPI_Type_commit(&type);
        *a = world.rank == root ? 11 + (uint32_t)root : 0;
        *b = world.rank == root ? 22 : 0;
        MPI_Bcast(MPI_BOTTOM, 1, type, root, MPI_COMM_WORLD);
        CHECK(*a == 11 + (uint32_t)root && *b == 22);
        uint32_t all[2 * MAX_WORLD] = {0};
        *a = (uint32_t)world.rank;
        MPI_Allgather(MPI_BOTTOM, 1, type, all, 2, MPI_UINT32_T, MPI_COMM_WORLD);
        for (int rank = 0; rank < world.size; rank++)
            CHECK(all[2 * rank] == (uint32_t)rank && all[2 * rank + 1] == 22);
        MPI_Type_free(&type);
        free(fields);
    }
}

const struct mpi_case cases[] = {{"on_the_world", on_the_world, false},
                                 {"on_odd_and_even_ranks", on_odd_and_even_ranks, false},
                                 {"in_reversed_order", in_reversed_order, false},
                                 {"in_alternating_order", in_alternating_order, false},
                                 {"on_random_splits", on_random_splits, false},
                                 {"on_splits_of_splits", on_splits_of_splits, false},
                                 {"wrong_arguments", wrong_arguments, false},
                                 {"from_bottom", from_bottom, false},
                                 {NULL, NULL, false}};
