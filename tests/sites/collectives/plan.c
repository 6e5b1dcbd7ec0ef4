/* SPDX-License-Identifier: BSD-3-Clause */
/* The reference test of collectives: what every member knows of a call before it is made. */
#include "call.h"

#include "draw.h"

static const char *const names[N_KINDS][2] = {
    [BARRIER] = {"Barrier", "Ibarrier"},
    [BCAST] = {"Bcast", "Ibcast"},
    [GATHER] = {"Gather", "Igather"},
    [GATHERV] = {"Gatherv", "Igatherv"},
    [SCATTER] = {"Scatter", "Iscatter"},
    [SCATTERV] = {"Scatterv", "Iscatterv"},
    [ALLGATHER] = {"Allgather", "Iallgather"},
    [ALLGATHERV] = {"Allgatherv", "Iallgatherv"},
    [ALLTOALL] = {"Alltoall", "Ialltoall"},
    [ALLTOALLV] = {"Alltoallv", "Ialltoallv"},
    [ALLTOALLW] = {"Alltoallw", "Ialltoallw"},
    [REDUCE] = {"Reduce", "Ireduce"},
    [ALLREDUCE] = {"Allreduce", "Iallreduce"},
    [SCAN] = {"Scan", "Iscan"},
    [EXSCAN] = {"Exscan", "Iexscan"},
    [REDUCE_SCATTER_BLOCK] = {"Reduce_scatter_block", "Ireduce_scatter_block"},
    [REDUCE_SCATTER] = {"Reduce_scatter", "Ireduce_scatter"},
    [REDUCE_LOCAL] = {"Reduce_local", "Reduce_local"},
};

const char *call_name(const struct call *call)
{
    return names[call->kind][!call->is_blocking];
}

static bool is_uneven(enum kind kind)
{
    return kind == GATHERV || kind == SCATTERV || kind == ALLGATHERV || kind == ALLTOALLV ||
           kind == ALLTOALLW || kind == REDUCE_SCATTER;
}

static bool is_alltoall(enum kind kind)
{
    return kind == ALLTOALL || kind == ALLTOALLV || kind == ALLTOALLW;
}

/* A number of its own for each pair of ranks. */
static uint64_t mix(uint64_t id, int a, int b)
{
    uint64_t state = id + (uint64_t)(a + 1) * UINT64_C(0x632be59bd9b4e019) +
                     (uint64_t)(b + 1) * UINT64_C(0xa0761d6478bd642f);
    return draw(&state);
}

int call_units(const struct call *call, int from, int to)
{
    int a = from, b = to;
    if (!is_uneven(call->kind))
        return call->limit;
    if (is_alltoall(call->kind) && call->in_place) /* both directions alike */
        a = from < to ? from : to, b = from < to ? to : from;
    else if (call->kind == GATHERV || call->kind == ALLGATHERV)
        b = 0;
    else if (call->kind == SCATTERV || call->kind == REDUCE_SCATTER)
        a = 0;
    uint64_t word = mix(call->id, a, b);
    return word % 4 == 0 ? 0 : (int)(word / 4 % ((uint64_t)call->limit + 1));
}

bool call_flows(const struct call *call, int from, int to)
{
    switch (call->kind) {
    case BCAST:
        return from == call->root && to != from;
    case GATHER:
    case GATHERV:
        return to == call->root && !(call->in_place && from == to);
    case SCATTER:
    case SCATTERV:
        return from == call->root && !(call->in_place && from == to);
    case BARRIER:
        return false;
    default:
        return !(call->in_place && from == to);
    }
}

/* Nothing, one, a few, some thousands, now and then some megabytes in all. */
static int draw_limit(uint64_t *state, const struct call *call)
{
    size_t unit = 1;
    for (int k = 0; k < call->signature.n_fields; k++)
        unit += call->signature.fields[k]->size;
    int n = call->group->size, kind = draw_below(state, 100);
    bool multiplies = call->kind != BCAST && (call->kind < REDUCE || call->kind > EXSCAN);
    size_t most = (4u << 20) / unit / (multiplies ? (unsigned)n : 1u);
    if (kind < 12)
        return 0;
    if (kind < 30)
        return 1;
    if (kind < 78)
        return 2 + draw_below(state, 40);
    if (kind < 98)
        return 1 + draw_below(state, (int)(most < 6000 ? most : 6000));
    return 1 + draw_below(state, (int)most);
}

/* Open MPI overruns a place of 16 bytes when it unpacks one from the middle of a derived type. */
bool call_must_be_plain(const struct element *element)
{
    return element->type == MPI_C_LONG_DOUBLE_COMPLEX;
}

static void draw_moved(struct call *call, uint64_t *state)
{
    const struct element *const *list;
    int n = elements_list(&list);
    struct signature *s = &call->signature;
    bool is_mixed = once_in(state, 2);
    s->n_fields = once_in(state, 2) ? 1 : draw_below(state, MAX_FIELDS + 1);
    for (int k = 0; k < s->n_fields; k++)
        s->fields[k] = k > 0 && !is_mixed ? s->fields[0] : list[draw_below(state, n)];
    for (int k = 0; k < s->n_fields; k++)
        if (call_must_be_plain(s->fields[k])) {
            s->fields[0] = s->fields[k];
            s->n_fields = 1;
        }
}

static void draw_reduced(struct call *call, uint64_t *state)
{
    const struct element *const *list;
    int n = elements_list(&list), op;
    if (once_in(state, 3)) {
        call->signature = signature_of_words();
        call->operation = once_in(state, 3) ? ADD : MULTIPLY;
        return;
    }
    const struct element *element;
    do
        element = list[draw_below(state, n)];
    while (element->operations == 0);
    do
        op = draw_below(state, N_PREDEFINED);
    while (!(element->operations >> op & 1));
    call->signature = (struct signature){1, {element}};
    call->operation = (enum operation)op;
}

/* Open MPI's Ialltoallw can crash, and Ialltoallv in place mixes up its messages where counts are
 * zero; the blocking forms must work at home all the same. */
static bool fails_nonblocking(const struct call *call)
{
    return call->group->is_home &&
           (call->kind == ALLTOALLW || (call->kind == ALLTOALLV && call->in_place));
}

/* Open MPI's Alltoallw takes the displacements of a rank that is alone for elements. */
static bool is_broken(enum kind kind, const struct group *group)
{
    return kind == ALLTOALLW && group->is_home && group->size == 1;
}

void call_plan(struct call *call, const struct group *group, uint64_t state, int only_kind)
{
    call->kind = only_kind >= 0 ? (enum kind)only_kind : (enum kind)draw_below(&state, N_KINDS);
    if (is_broken(call->kind, group))
        call->kind = ALLTOALLV;
    call->group = group;
    call->id = draw(&state);
    call->root = draw_below(&state, group->size);
    call->in_place = once_in(&state, 3) && call->kind != BCAST && call->kind != BARRIER &&
                     call->kind != REDUCE_LOCAL;
    call->is_blocking = once_in(&state, 2) || call->kind == REDUCE_LOCAL;
    if (fails_nonblocking(call))
        call->is_blocking = true;
    call->frees_early = once_in(&state, 2);
    call->op = MPI_OP_NULL;
    call->request = MPI_REQUEST_NULL;
    if (call->kind >= FIRST_REDUCTION)
        draw_reduced(call, &state);
    else
        draw_moved(call, &state);
    call->limit = draw_limit(&state, call);
}
