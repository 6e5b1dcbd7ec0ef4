/* SPDX-License-Identifier: BSD-3-Clause */
/* The reference test of collectives: the calls themselves. */
#include "call.h"

/* Arguments as a call of any kind takes them. */
struct arguments {
    const void *from;
    int n_from;
    MPI_Datatype from_type;
    void *to;
    int n_to;
    MPI_Datatype to_type;
};

static void *address_of(const struct side *side)
{
    return side->is_absolute ? MPI_BOTTOM : box_at(&side->box, 0);
}

/* What is not significant is nonsense; with MPI_IN_PLACE, too. */
static struct arguments arguments_of(const struct call *call)
{
    const struct side *out = &call->out, *in = &call->in;
    struct arguments a = {NULL, -3, MPI_DATATYPE_NULL, NULL, -3, MPI_DATATYPE_NULL};
    if (out->is_used)
        a.from = address_of(out), a.n_from = out->counts[0], a.from_type = out->types[0];
    else if (call->in_place && in->is_used)
        a.from = MPI_IN_PLACE;
    if (in->is_used)
        a.to = address_of(in), a.n_to = in->counts[0], a.to_type = in->types[0];
    else if (call->in_place && out->is_used)
        a.to = MPI_IN_PLACE;
    return a;
}

#define EITHER(name, ...)                                                                          \
    (call->is_blocking ? MPI_##name(__VA_ARGS__, comm)                                             \
                       : MPI_I##name(__VA_ARGS__, comm, &call->request))

/* MPI names the second form with a small letter behind the I. */
#define MPI_IBcast                MPI_Ibcast
#define MPI_IGather               MPI_Igather
#define MPI_IGatherv              MPI_Igatherv
#define MPI_IScatter              MPI_Iscatter
#define MPI_IScatterv             MPI_Iscatterv
#define MPI_IAllgather            MPI_Iallgather
#define MPI_IAllgatherv           MPI_Iallgatherv
#define MPI_IAlltoall             MPI_Ialltoall
#define MPI_IAlltoallv            MPI_Ialltoallv
#define MPI_IAlltoallw            MPI_Ialltoallw
#define MPI_IReduce               MPI_Ireduce
#define MPI_IAllreduce            MPI_Iallreduce
#define MPI_IScan                 MPI_Iscan
#define MPI_IExscan               MPI_Iexscan
#define MPI_IReduce_scatter       MPI_Ireduce_scatter
#define MPI_IReduce_scatter_block MPI_Ireduce_scatter_block

static int start_moved(struct call *call, MPI_Comm comm)
{
    const struct arguments a = arguments_of(call);
    const struct side *out = &call->out, *in = &call->in;
    switch (call->kind) {
    case BCAST:
        return out->is_used ? EITHER(Bcast, (void *)a.from, a.n_from, a.from_type, call->root)
                            : EITHER(Bcast, a.to, a.n_to, a.to_type, call->root);
    case GATHER:
        return EITHER(Gather, a.from, a.n_from, a.from_type, a.to, a.n_to, a.to_type, call->root);
    case GATHERV:
        return EITHER(Gatherv, a.from, a.n_from, a.from_type, a.to, in->counts, in->displacements,
                      a.to_type, call->root);
    case SCATTER:
        return EITHER(Scatter, a.from, a.n_from, a.from_type, a.to, a.n_to, a.to_type, call->root);
    case SCATTERV:
        return EITHER(Scatterv, a.from, out->counts, out->displacements, a.from_type, a.to, a.n_to,
                      a.to_type, call->root);
    case ALLGATHER:
        return EITHER(Allgather, a.from, a.n_from, a.from_type, a.to, a.n_to, a.to_type);
    case ALLGATHERV:
        return EITHER(Allgatherv, a.from, a.n_from, a.from_type, a.to, in->counts,
                      in->displacements, a.to_type);
    case ALLTOALL:
        return EITHER(Alltoall, a.from, a.n_from, a.from_type, a.to, a.n_to, a.to_type);
    case ALLTOALLV:
        return EITHER(Alltoallv, a.from, out->counts, out->displacements, a.from_type, a.to,
                      in->counts, in->displacements, a.to_type);
    case ALLTOALLW:
        return EITHER(Alltoallw, a.from, out->counts, out->displacements, out->types, a.to,
                      in->counts, in->displacements, in->types);
    default:
        return call->is_blocking ? MPI_Barrier(comm) : MPI_Ibarrier(comm, &call->request);
    }
}

static int start_reduced(struct call *call, MPI_Comm comm)
{
    const struct arguments a = arguments_of(call);
    MPI_Datatype type = call->out.is_used ? a.from_type : a.to_type;
    int n = call->limit;
    switch (call->kind) {
    case REDUCE:
        return EITHER(Reduce, a.from, a.to, n, type, call->op, call->root);
    case ALLREDUCE:
        return EITHER(Allreduce, a.from, a.to, n, type, call->op);
    case SCAN:
        return EITHER(Scan, a.from, a.to, n, type, call->op);
    case EXSCAN:
        return EITHER(Exscan, a.from, a.to, n, type, call->op);
    case REDUCE_SCATTER_BLOCK:
        return EITHER(Reduce_scatter_block, a.from, a.to, n, type, call->op);
    case REDUCE_SCATTER:
        return EITHER(Reduce_scatter, a.from, a.to, call->reduced_units, type, call->op);
    default:
        return MPI_Reduce_local(a.from, a.to, n, type, call->op);
    }
}

int call_start(struct call *call)
{
    if (call->kind >= FIRST_REDUCTION)
        return start_reduced(call, call->group->comm);
    return start_moved(call, call->group->comm);
}
