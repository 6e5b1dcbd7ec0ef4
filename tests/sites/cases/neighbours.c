/* SPDX-License-Identifier: BSD-3-Clause */
/* Neighbourhood collectives on grids and on random graphs with edges to oneself and double ones,
 * against messages that the ranks send each other one by one. */
#include "cases.h"

#include "draw.h"

#include <stdlib.h>
#include <string.h>

enum { UNTOUCHED = -77, MAX_STEP = 3, MAX_EDGES = 40, TAG = 5 };

static uint64_t state; /* the same on all ranks of a communicator */

/* A compiler that sees the constant warns that nothing lies there. */
static int *volatile unweighted = MPI_UNWEIGHTED;

/* A communicator with its topology as this rank sees it. */
struct quarter {
    MPI_Comm comm;
    int rank, size, salt;
    bool is_grid, is_blocking;
    int n_in, n_out;
    int in[MAX_EDGES], out[MAX_EDGES];
    int sent_as[MAX_EDGES];           /* which block of its sender the block i is */
    MPI_Datatype types[MAX_STEP + 1]; /* an int every 1, 2, 3 */
    int step_in, step_out;
};

static int word(int from, int block, int i, int salt)
{
    return (int)(((uint32_t)from * 40503u + (uint32_t)block * 2654435761u + (uint32_t)i * 97u +
                  (uint32_t)salt) &
                 0xffffff);
}

/* How much a rank gives in a block; both ends know it. Some give nothing, some much. */
static int amount(int from, int block, int salt)
{
    int drawn = word(from, block, 1, salt) >> 4;
    return drawn % 3 == 0 ? 0 : drawn % 50 == 1 ? 20000 : drawn % 30;
}

/* The reference: every edge carries a message that says which one it is. The two directions of a
 * dimension have tags of their own: they may lead to the same rank. */
static void send_by_hand(struct quarter *q)
{
    MPI_Request requests[2 * MAX_EDGES];
    int numbers[MAX_EDGES], n = 0;
    for (int i = 0; i < q->n_in; i++)
        MPI_Irecv(&q->sent_as[i], 1, MPI_INT, q->in[i], q->is_grid ? TAG + i : TAG, q->comm,
                  &requests[n++]);
    for (int i = 0; i < q->n_out; i++) {
        numbers[i] = i;
        MPI_Isend(&numbers[i], 1, MPI_INT, q->out[i], q->is_grid ? TAG + (i ^ 1) : TAG, q->comm,
                  &requests[n++]);
    }
    MPI_Waitall(n, requests, MPI_STATUSES_IGNORE);
}

/* What a buffer must hold: blocks with gaps between them, the last one first. */
struct blocks {
    int n, step, counts[MAX_EDGES], places[MAX_EDGES], *ints;
    size_t n_ints;
};

static void open_blocks(struct blocks *b, int n, int step)
{
    int next = 1;
    b->n = n;
    b->step = step;
    for (int i = n - 1; i >= 0; i--) {
        b->places[i] = next;
        next += b->counts[i] + (i % 3 == 0);
    }
    b->n_ints = (size_t)(next + 1) * (size_t)step;
    b->ints = malloc(b->n_ints * sizeof *b->ints);
    for (size_t i = 0; i < b->n_ints; i++)
        b->ints[i] = UNTOUCHED;
}

static int *at(const struct blocks *b, int block, int i)
{
    return &b->ints[(b->places[block] + i) * b->step];
}

static void set(const struct blocks *b, int block, int from, int number, int salt)
{
    for (int i = 0; i < b->counts[block]; i++)
        *at(b, block, i) = word(from, number, i, salt);
}

/* Holds that a block is this, and takes it away. */
static void take(const struct blocks *b, int block, int from, int number, int salt)
{
    for (int i = 0; i < b->counts[block]; i++) {
        CHECK(*at(b, block, i) == word(from, number, i, salt));
        *at(b, block, i) = UNTOUCHED;
    }
}

static void close_blocks(struct blocks *b)
{
    for (size_t i = 0; i < b->n_ints; i++)
        CHECK(b->ints[i] == UNTOUCHED);
    free(b->ints);
}

static bool is_there(const struct quarter *q, int i)
{
    return q->in[i] != MPI_PROC_NULL;
}

/* Blocks of one size stand side by side. */
static void lay_even(struct blocks *b, int count)
{
    for (int i = 0; i < b->n; i++)
        b->places[i] = i * count;
}

static void finish(const struct quarter *q, MPI_Request *request)
{
    if (!q->is_blocking)
        MPI_Wait(request, MPI_STATUS_IGNORE);
}

/* In what follows every form is tried in both ways. */
#define CALL(q, request, name, ...)                                                                \
    ((q)->is_blocking ? MPI_Neighbor_##name(__VA_ARGS__, (q)->comm)                                \
                      : MPI_Ineighbor_##name(__VA_ARGS__, (q)->comm, request))

static void try_allgather(struct quarter *q, bool is_varying)
{
    struct blocks in = {0}, out = {0};
    MPI_Request request;
    MPI_Datatype give = q->types[q->step_out], get = q->types[q->step_in];
    int even = amount(0, 0, q->salt);
    out.counts[0] = is_varying ? amount(q->rank, 0, q->salt) : even;
    for (int i = 0; i < q->n_in; i++)
        in.counts[i] = is_varying && is_there(q, i) ? amount(q->in[i], 0, q->salt) : even;
    open_blocks(&out, 1, q->step_out);
    open_blocks(&in, q->n_in, q->step_in);
    set(&out, 0, q->rank, 0, q->salt);
    if (is_varying) {
        CALL(q, &request, allgatherv, at(&out, 0, 0), out.counts[0], give, in.ints, in.counts,
             in.places, get);
    } else {
        lay_even(&in, even);
        CALL(q, &request, allgather, at(&out, 0, 0), even, give, in.ints, even, get);
    }
    finish(q, &request);
    for (int i = 0; i < q->n_in; i++)
        if (is_there(q, i))
            take(&in, i, q->in[i], 0, q->salt);
    take(&out, 0, q->rank, 0, q->salt);
    close_blocks(&in);
    close_blocks(&out);
}

static void set_amounts(const struct quarter *q, struct blocks *in, struct blocks *out)
{
    for (int i = 0; i < q->n_out; i++)
        out->counts[i] = amount(q->rank, i, q->salt);
    for (int i = 0; i < q->n_in; i++)
        in->counts[i] = is_there(q, i) ? amount(q->in[i], q->sent_as[i], q->salt) : 7;
}

static void set_all(const struct quarter *q, const struct blocks *out)
{
    for (int i = 0; i < q->n_out; i++)
        set(out, i, q->rank, i, q->salt);
}

static void take_all(const struct quarter *q, struct blocks *in, struct blocks *out)
{
    for (int i = 0; i < q->n_in; i++)
        if (is_there(q, i))
            take(in, i, q->in[i], q->sent_as[i], q->salt);
    for (int i = 0; i < q->n_out; i++)
        take(out, i, q->rank, i, q->salt);
    close_blocks(in);
    close_blocks(out);
}

static void try_alltoall(struct quarter *q)
{
    struct blocks in = {0}, out = {0};
    MPI_Request request;
    int count = amount(0, 0, q->salt);
    for (int i = 0; i < q->n_in; i++)
        in.counts[i] = count;
    for (int i = 0; i < q->n_out; i++)
        out.counts[i] = count;
    open_blocks(&in, q->n_in, q->step_in);
    open_blocks(&out, q->n_out, q->step_out);
    lay_even(&in, count);
    lay_even(&out, count);
    set_all(q, &out);
    CALL(q, &request, alltoall, out.ints, count, q->types[q->step_out], in.ints, count,
         q->types[q->step_in]);
    finish(q, &request);
    take_all(q, &in, &out);
}

static void try_alltoallv(struct quarter *q)
{
    struct blocks in = {0}, out = {0};
    MPI_Request request;
    set_amounts(q, &in, &out);
    open_blocks(&in, q->n_in, q->step_in);
    open_blocks(&out, q->n_out, q->step_out);
    set_all(q, &out);
    CALL(q, &request, alltoallv, out.ints, out.counts, out.places, q->types[q->step_out], in.ints,
         in.counts, in.places, q->types[q->step_in]);
    finish(q, &request);
    take_all(q, &in, &out);
}

/* Every second block in the other type, though it is laid out alike: as a whole vector. The types
 * are freed while the call is under way. */
static void type_blocks(const struct quarter *q, struct blocks *b, int *counts, MPI_Aint *places,
                        MPI_Datatype *types)
{
    for (int i = 0; i < b->n; i++) {
        places[i] = (MPI_Aint)((size_t)(b->places[i] * b->step) * sizeof(int));
        counts[i] = i % 2 ? 1 : b->counts[i];
        if (i % 2)
            MPI_Type_vector(b->counts[i], 1, b->step, MPI_INT, &types[i]);
        else
            MPI_Type_dup(q->types[b->step], &types[i]);
        MPI_Type_commit(&types[i]);
    }
}

static void free_types(MPI_Datatype *types, int n)
{
    for (int i = 0; i < n; i++)
        MPI_Type_free(&types[i]);
}

static void try_alltoallw(struct quarter *q)
{
    struct blocks in = {0}, out = {0};
    MPI_Request request;
    int in_counts[MAX_EDGES], out_counts[MAX_EDGES];
    MPI_Aint in_places[MAX_EDGES], out_places[MAX_EDGES];
    MPI_Datatype in_types[MAX_EDGES], out_types[MAX_EDGES];
    set_amounts(q, &in, &out);
    open_blocks(&in, q->n_in, q->step_in);
    open_blocks(&out, q->n_out, q->step_out);
    set_all(q, &out);
    type_blocks(q, &in, in_counts, in_places, in_types);
    type_blocks(q, &out, out_counts, out_places, out_types);
    CALL(q, &request, alltoallw, out.ints, out_counts, out_places, out_types, in.ints, in_counts,
         in_places, in_types);
    free_types(in_types, q->n_in);
    free_types(out_types, q->n_out);
    finish(q, &request);
    take_all(q, &in, &out);
}

/* Three under way at once, finished in the opposite order. */
static void try_together(struct quarter *q)
{
    MPI_Request requests[3];
    int out[3][MAX_EDGES], in[3][MAX_EDGES];
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < q->n_out; i++)
            out[k][i] = word(q->rank, i, k, q->salt);
        MPI_Ineighbor_alltoall(out[k], 1, MPI_INT, in[k], 1, MPI_INT, q->comm, &requests[k]);
    }
    for (int k = 2; k >= 0; k--) {
        MPI_Wait(&requests[k], MPI_STATUS_IGNORE);
        for (int i = 0; i < q->n_in; i++)
            if (is_there(q, i))
                CHECK(in[k][i] == word(q->in[i], q->sent_as[i], k, q->salt));
    }
}

/* True if all members are at one site: then the host does it, whose nonblocking forms take one
 * direction of a grid for the other, and who does not keep types alive. */
static bool is_home_only(MPI_Comm comm)
{
    int ends[2] = {world.site[world.rank], -world.site[world.rank]};
    MPI_Allreduce(MPI_IN_PLACE, ends, 2, MPI_INT, MPI_MAX, comm);
    return ends[0] == -ends[1];
}

static void open_types(struct quarter *q)
{
    for (int step = 1; step <= MAX_STEP; step++) {
        MPI_Type_create_resized(MPI_INT, 0, (MPI_Aint)(step * (int)sizeof(int)), &q->types[step]);
        MPI_Type_commit(&q->types[step]);
    }
}

static void try_all(struct quarter *q)
{
    bool is_home = is_home_only(q->comm);
    send_by_hand(q);
    open_types(q);
    for (int i = 0; i < 14; i++) {
        q->salt = (int)(draw(&state) % 100000);
        q->is_blocking = draw_below(&state, 2) || is_home;
        q->step_in = 1 + draw_below(&state, MAX_STEP);
        q->step_out = 1 + draw_below(&state, MAX_STEP);
        if (i % 7 < 2)
            try_allgather(q, i % 7);
        else if (i % 7 == 2)
            try_alltoall(q);
        else if (i % 7 < 5)
            try_alltoallv(q);
        else if (i % 7 == 5)
            try_alltoallw(q);
        else if (!is_home)
            try_together(q);
    }
    free_types(&q->types[1], MAX_STEP);
}

static struct quarter *quarter_of(MPI_Comm comm)
{
    struct quarter *q = calloc(1, sizeof *q);
    q->comm = comm;
    MPI_Comm_rank(comm, &q->rank);
    MPI_Comm_size(comm, &q->size);
    return q;
}

static void on_grid(MPI_Comm grid, int n_dims)
{
    if (grid == MPI_COMM_NULL)
        return;
    struct quarter *q = quarter_of(grid);
    q->is_grid = true;
    q->n_in = q->n_out = 2 * n_dims;
    for (int i = 0; i < n_dims; i++)
        MPI_Cart_shift(grid, i, 1, &q->in[2 * i], &q->in[2 * i + 1]);
    memcpy(q->out, q->in, sizeof q->out);
    try_all(q);
    free(q);
    MPI_Comm_free(&grid);
}

static void on_grids(MPI_Comm comm)
{
    int size;
    MPI_Comm_size(comm, &size);
    for (int kind = 0; kind < 6; kind++) {
        int dims[3] = {0, 0, kind % 2}, periods[3] = {kind & 1, kind >> 1 & 1, 1};
        int n_dims = 1 + kind / 2;
        MPI_Comm grid;
        if (n_dims == 3 && size % 2 == 0 && kind % 2)
            dims[2] = 2;
        else if (n_dims == 3)
            dims[2] = 1;
        MPI_Dims_create(size, n_dims, dims);
        MPI_Cart_create(comm, n_dims, dims, periods, draw_below(&state, 2), &grid);
        on_grid(grid, n_dims);
    }
}

/* Random edges, at most four out of each rank; of MPI_Graph_create each in both directions. */
static int draw_edges(int size, bool is_both_ways, int (*edges)[2])
{
    int n = 0;
    for (int rank = 0; rank < size; rank++)
        for (int k = draw_below(&state, 3); k > 0; k--) {
            int other = draw_below(&state, size);
            edges[n][0] = rank;
            edges[n++][1] = other;
            if (is_both_ways) {
                edges[n][0] = other;
                edges[n++][1] = rank;
            }
        }
    return n;
}

static int list_from(int n_edges, int (*edges)[2], int end, int rank, int *list)
{
    int n = 0;
    for (int i = 0; i < n_edges; i++)
        if (edges[i][end] == rank)
            list[n++] = edges[i][1 - end];
    return n;
}

static void on_graph(MPI_Comm comm)
{
    int edges[4 * MAX_WORLD][2], index[MAX_WORLD], list[4 * MAX_WORLD + 1], size, n = 0;
    MPI_Comm graph;
    MPI_Comm_size(comm, &size);
    int n_edges = draw_edges(size, true, edges);
    for (int rank = 0; rank < size; rank++) {
        n += list_from(n_edges, edges, 0, rank, list + n);
        index[rank] = n;
    }
    MPI_Graph_create(comm, size, index, list, draw_below(&state, 2), &graph);
    struct quarter *q = quarter_of(graph);
    MPI_Graph_neighbors_count(graph, q->rank, &q->n_in);
    MPI_Graph_neighbors(graph, q->rank, MAX_EDGES, q->in);
    q->n_out = q->n_in;
    memcpy(q->out, q->in, sizeof q->out);
    try_all(q);
    free(q);
    MPI_Comm_free(&graph);
}

static void on_dist_graph(MPI_Comm comm, bool is_adjacent)
{
    int edges[4 * MAX_WORLD][2], in[4 * MAX_WORLD], out[4 * MAX_WORLD], rank, size, is_weighted;
    MPI_Comm graph;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
    int n_edges = draw_edges(size, false, edges);
    /* The host's own reordering can fail where ranks have no processors of their own. */
    int reorder = draw_below(&state, 2) && !is_home_only(comm);
    int n_in = list_from(n_edges, edges, 1, rank, in),
        n_out = list_from(n_edges, edges, 0, rank, out);
    if (is_adjacent)
        MPI_Dist_graph_create_adjacent(comm, n_in, in, unweighted, n_out, out, unweighted,
                                       MPI_INFO_NULL, reorder, &graph);
    else
        MPI_Dist_graph_create(comm, 1, &rank, &n_out, out, unweighted, MPI_INFO_NULL, reorder,
                              &graph);
    struct quarter *q = quarter_of(graph);
    MPI_Dist_graph_neighbors_count(graph, &q->n_in, &q->n_out, &is_weighted);
    MPI_Dist_graph_neighbors(graph, q->n_in, q->in, unweighted, q->n_out, q->out, unweighted);
    try_all(q);
    free(q);
    MPI_Comm_free(&graph);
}

static void on_graphs(MPI_Comm comm)
{
    for (int i = 0; i < 4; i++) {
        on_graph(comm);
        on_dist_graph(comm, true);
        /* Open MPI 4.1 hangs now and then in MPI_Dist_graph_create. */
        if (!is_home_only(comm))
            on_dist_graph(comm, false);
    }
}

/* On communicators whose ranks lie in odd orders, too. */
static void on_splits(void (*try)(MPI_Comm))
{
    const struct {
        int color, key;
    } splits[] = {{0, world.rank},
                  {0, -world.rank},
                  {0, world.rank * 7919 % 13},
                  {world.rank % 2, world.rank}};
    for (size_t i = 0; i < sizeof splits / sizeof *splits; i++) {
        MPI_Comm comm;
        state = 100 * i + (uint64_t)splits[i].color;
        MPI_Comm_split(MPI_COMM_WORLD, splits[i].color, splits[i].key, &comm);
        try(comm);
        MPI_Comm_free(&comm);
    }
}

static void grids(void)
{
    on_splits(on_grids);
}

static void graphs(void)
{
    on_splits(on_graphs);
}

static void wrong_arguments(void)
{
    int dims[1] = {world.size}, periods[1] = {1}, a[4] = {0}, b[4];
    int counts[2] = {1, -1}, places[2] = {0, 1};
    MPI_Comm grid;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Cart_create(MPI_COMM_WORLD, 1, dims, periods, 0, &grid);
    int code = MPI_Neighbor_allgather(a, 1, MPI_INT, b, 1, MPI_INT, MPI_COMM_WORLD);
    CHECK(class_of(code) == MPI_ERR_TOPOLOGY || class_of(code) == MPI_ERR_INTERN);
    code = MPI_Neighbor_allgather(MPI_IN_PLACE, 1, MPI_INT, b, 1, MPI_INT, grid);
    CHECK(class_of(code) == MPI_ERR_ARG);
    code = MPI_Neighbor_alltoall(a, -1, MPI_INT, b, 1, MPI_INT, grid);
    CHECK(class_of(code) == MPI_ERR_COUNT);
    code = MPI_Neighbor_alltoall(a, 1, MPI_INT, b, 1, MPI_DATATYPE_NULL, grid);
    CHECK(class_of(code) == MPI_ERR_TYPE);
    code = MPI_Neighbor_alltoallv(a, counts, places, MPI_INT, b, places, places, MPI_INT, grid);
    CHECK(class_of(code) == MPI_ERR_COUNT);
    code = MPI_Neighbor_alltoallv(a, NULL, places, MPI_INT, b, places, places, MPI_INT, grid);
    CHECK(class_of(code) == MPI_ERR_ARG);
    MPI_Comm_free(&grid);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
}

const struct mpi_case cases[] = {{"grids", grids, false},
                                 {"graphs", graphs, false},
                                 {"wrong_arguments", wrong_arguments, false},
                                 {NULL, NULL, false}};
