/* SPDX-License-Identifier: BSD-3-Clause */
/* Wrong arguments of collectives. All members make the same mistake, unless it is one that only a
 * root can make and that the others need not hear of. */
#include "probe.h"

#include <stdlib.h>
#include <string.h>

enum { MANY = 64 };

/* What most of them take. */
struct arguments {
    const char *name;
    const void *in;
    int n_in;
    MPI_Datatype in_type;
    void *out;
    int n_out;
    MPI_Datatype out_type;
    int root;
    MPI_Op op;
    MPI_Comm comm;
};

static int counts[MANY], places[MANY];
static MPI_Datatype types[MANY];

static void end(const char *call, const struct arguments *a, int code, MPI_Request *request)
{
    probe_end(code, NULL, *request == MPI_REQUEST_NULL ? "" : " request");
    if (*request != MPI_REQUEST_NULL)
        PROBE(joined(call, joined(a->name, "wait")), MPI_Wait(request, MPI_STATUS_IGNORE));
}

/* Each collective as a function of the same arguments, blocking (request NULL) or not. */
typedef int call_fn(const struct arguments *a, MPI_Request *r);

static int call_bcast(const struct arguments *a, MPI_Request *r)
{
    return r ? MPI_Ibcast((void *)a->in, a->n_in, a->in_type, a->root, a->comm, r)
             : MPI_Bcast((void *)a->in, a->n_in, a->in_type, a->root, a->comm);
}

static int call_reduce(const struct arguments *a, MPI_Request *r)
{
    return r ? MPI_Ireduce(a->in, a->out, a->n_in, a->in_type, a->op, a->root, a->comm, r)
             : MPI_Reduce(a->in, a->out, a->n_in, a->in_type, a->op, a->root, a->comm);
}

static int call_allreduce(const struct arguments *a, MPI_Request *r)
{
    return r ? MPI_Iallreduce(a->in, a->out, a->n_in, a->in_type, a->op, a->comm, r)
             : MPI_Allreduce(a->in, a->out, a->n_in, a->in_type, a->op, a->comm);
}

static int call_scan(const struct arguments *a, MPI_Request *r)
{
    return r ? MPI_Iscan(a->in, a->out, a->n_in, a->in_type, a->op, a->comm, r)
             : MPI_Scan(a->in, a->out, a->n_in, a->in_type, a->op, a->comm);
}

static int call_exscan(const struct arguments *a, MPI_Request *r)
{
    return r ? MPI_Iexscan(a->in, a->out, a->n_in, a->in_type, a->op, a->comm, r)
             : MPI_Exscan(a->in, a->out, a->n_in, a->in_type, a->op, a->comm);
}

static int call_reduce_scatter_block(const struct arguments *a, MPI_Request *r)
{
    return r ? MPI_Ireduce_scatter_block(a->in, a->out, a->n_in, a->in_type, a->op, a->comm, r)
             : MPI_Reduce_scatter_block(a->in, a->out, a->n_in, a->in_type, a->op, a->comm);
}

static int call_reduce_scatter(const struct arguments *a, MPI_Request *r)
{
    return r ? MPI_Ireduce_scatter(a->in, a->out, counts, a->in_type, a->op, a->comm, r)
             : MPI_Reduce_scatter(a->in, a->out, counts, a->in_type, a->op, a->comm);
}

static int call_gather(const struct arguments *a, MPI_Request *r)
{
    return r ? MPI_Igather(a->in, a->n_in, a->in_type, a->out, a->n_out, a->out_type, a->root,
                           a->comm, r)
             : MPI_Gather(a->in, a->n_in, a->in_type, a->out, a->n_out, a->out_type, a->root,
                          a->comm);
}

static int call_gatherv(const struct arguments *a, MPI_Request *r)
{
    return r ? MPI_Igatherv(a->in, a->n_in, a->in_type, a->out, counts, places, a->out_type,
                            a->root, a->comm, r)
             : MPI_Gatherv(a->in, a->n_in, a->in_type, a->out, counts, places, a->out_type, a->root,
                           a->comm);
}

static int call_scatter(const struct arguments *a, MPI_Request *r)
{
    return r ? MPI_Iscatter(a->in, a->n_in, a->in_type, a->out, a->n_out, a->out_type, a->root,
                            a->comm, r)
             : MPI_Scatter(a->in, a->n_in, a->in_type, a->out, a->n_out, a->out_type, a->root,
                           a->comm);
}

static int call_scatterv(const struct arguments *a, MPI_Request *r)
{
    return r ? MPI_Iscatterv(a->in, counts, places, a->in_type, a->out, a->n_out, a->out_type,
                             a->root, a->comm, r)
             : MPI_Scatterv(a->in, counts, places, a->in_type, a->out, a->n_out, a->out_type,
                            a->root, a->comm);
}

static int call_allgather(const struct arguments *a, MPI_Request *r)
{
    return r ? MPI_Iallgather(a->in, a->n_in, a->in_type, a->out, a->n_out, a->out_type, a->comm, r)
             : MPI_Allgather(a->in, a->n_in, a->in_type, a->out, a->n_out, a->out_type, a->comm);
}

static int call_allgatherv(const struct arguments *a, MPI_Request *r)
{
    return r ? MPI_Iallgatherv(a->in, a->n_in, a->in_type, a->out, counts, places, a->out_type,
                               a->comm, r)
             : MPI_Allgatherv(a->in, a->n_in, a->in_type, a->out, counts, places, a->out_type,
                              a->comm);
}

static int call_alltoall(const struct arguments *a, MPI_Request *r)
{
    return r ? MPI_Ialltoall(a->in, a->n_in, a->in_type, a->out, a->n_out, a->out_type, a->comm, r)
             : MPI_Alltoall(a->in, a->n_in, a->in_type, a->out, a->n_out, a->out_type, a->comm);
}

static int call_alltoallv(const struct arguments *a, MPI_Request *r)
{
    return r ? MPI_Ialltoallv(a->in, counts, places, a->in_type, a->out, counts, places,
                              a->out_type, a->comm, r)
             : MPI_Alltoallv(a->in, counts, places, a->in_type, a->out, counts, places, a->out_type,
                             a->comm);
}

static int call_alltoallw(const struct arguments *a, MPI_Request *r)
{
    return r ? MPI_Ialltoallw(a->in, counts, places, types, a->out, counts, places, types, a->comm,
                              r)
             : MPI_Alltoallw(a->in, counts, places, types, a->out, counts, places, types, a->comm);
}

static int call_barrier(const struct arguments *a, MPI_Request *r)
{
    return r ? MPI_Ibarrier(a->comm, r) : MPI_Barrier(a->comm);
}

enum { ROOT = 1, OP = 2, IN = 4, OUT = 8, RAW = 16 }; /* RAW: the host looks for such types */

static const struct call {
    const char *name, *iname;
    call_fn *run;
    int takes;
} calls[] = {
    {"barrier", "ibarrier", call_barrier, 0},
    {"bcast", "ibcast", call_bcast, ROOT | IN | RAW},
    {"reduce", "ireduce", call_reduce, ROOT | OP | IN},
    {"allreduce", "iallreduce", call_allreduce, OP | IN},
    {"scan", "iscan", call_scan, OP | IN},
    {"exscan", "iexscan", call_exscan, OP | IN},
    {"reduce_scatter_block", "ireduce_scatter_block", call_reduce_scatter_block, OP | IN},
    {"reduce_scatter", "ireduce_scatter", call_reduce_scatter, OP | IN},
    {"gather", "igather", call_gather, ROOT | IN | OUT | RAW},
    {"gatherv", "igatherv", call_gatherv, ROOT | IN | OUT | RAW},
    {"scatter", "iscatter", call_scatter, ROOT | IN | OUT},
    {"scatterv", "iscatterv", call_scatterv, ROOT | IN | OUT},
    {"allgather", "iallgather", call_allgather, IN | OUT | RAW},
    {"allgatherv", "iallgatherv", call_allgatherv, IN | OUT | RAW},
    {"alltoall", "ialltoall", call_alltoall, IN | OUT | RAW},
    {"alltoallv", "ialltoallv", call_alltoallv, IN | OUT | RAW},
    {"alltoallw", "ialltoallw", call_alltoallw, 0},
};

static void one(const struct call *call, const struct arguments *a)
{
    MPI_Request request = MPI_REQUEST_NULL;
    PROBE(joined(call->name, a->name), call->run(a, NULL));
    probe_begin(joined(call->iname, a->name));
    end(call->iname, a, call->run(a, &request), &request);
}

static void all(const struct arguments *a, int needs)
{
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if ((calls[i].takes & needs) == needs)
            one(&calls[i], a);
}

static void set_arrays(int count, MPI_Datatype type)
{
    for (int i = 0; i < MANY; i++) {
        counts[i] = count;
        places[i] = 0;
        types[i] = type;
    }
}

static void wrong_for_all(const struct stage *stage, MPI_Datatype raw)
{
    static int in[MANY], out[MANY];
    const struct arguments right = {"", in,      1,           MPI_INT, out,
                                    1,  MPI_INT, stage->peer, MPI_SUM, stage->comm};
    struct arguments a = right;
    set_arrays(1, MPI_INT);
    a.name = "null comm", a.comm = MPI_COMM_NULL, all(&a, ROOT), a = right; /* others die */
    a.name = "root beyond", a.root = stage->size, all(&a, ROOT), a = right;
    a.name = "root negative", a.root = -7, all(&a, ROOT), a = right;
    a.name = "root inter", a.root = MPI_ROOT, all(&a, ROOT), a = right;
    a.name = "null op", a.op = MPI_OP_NULL, all(&a, OP), a = right;
    a.name = "band of doubles", a.op = MPI_BAND, a.in_type = MPI_DOUBLE, all(&a, OP), a = right;
    a.name = "maxloc of ints", a.op = MPI_MAXLOC, all(&a, OP), a = right;
    a.name = "replace", a.op = MPI_REPLACE, all(&a, OP), a = right;
    a.name = "sum of a vector", a.in_type = raw, all(&a, OP), a = right;
    a.name = "count", a.n_in = a.n_out = -1, set_arrays(-1, MPI_INT), all(&a, 0), a = right;
    set_arrays(1, MPI_DATATYPE_NULL);
    a.name = "null type", a.in_type = a.out_type = MPI_DATATYPE_NULL, all(&a, 0), a = right;
    set_arrays(1, raw);
    a.name = "raw type", a.in_type = a.out_type = raw, all(&a, RAW), a = right;
    set_arrays(1, MPI_INT);
    a.name = "null in type", a.in_type = MPI_DATATYPE_NULL, all(&a, RAW), all(&a, OP), a = right;
    a.name = "count and root", a.n_in = -1, a.root = stage->size, all(&a, ROOT), a = right;
    a.name = "type and count", a.n_in = a.n_out = -1, set_arrays(-1, MPI_INT);
    a.in_type = a.out_type = MPI_DATATYPE_NULL, all(&a, IN), a = right;
    set_arrays(1, MPI_INT);
    a.name = "op and type", a.op = MPI_OP_NULL, a.in_type = MPI_DATATYPE_NULL, all(&a, OP),
    a = right;
}

/* Arguments that a call cannot do without. */
static void wrong_pointers(const struct stage *stage)
{
    int in[MANY] = {0}, out[MANY] = {0};
    MPI_Comm comm = stage->comm;
    PROBE("allreduce to in place", MPI_Allreduce(in, MPI_IN_PLACE, 1, MPI_INT, MPI_SUM, comm));
    PROBE("scan to in place", MPI_Scan(in, MPI_IN_PLACE, 1, MPI_INT, MPI_SUM, comm));
    PROBE("alltoallv no counts",
          MPI_Alltoallv(in, NULL, places, MPI_INT, out, counts, places, MPI_INT, comm));
    PROBE("alltoallw no types",
          MPI_Alltoallw(in, counts, places, NULL, out, counts, places, types, comm));
    PROBE("reduce_scatter no counts", MPI_Reduce_scatter(in, out, NULL, MPI_INT, MPI_SUM, comm));
}

/* A collective under way can be neither cancelled nor freed. */
static void wrong_requests(const struct stage *stage)
{
    MPI_Request request;
    MPI_Status status = odd_status();
    int flag = 0;
    MPI_Ibarrier(stage->comm, &request);
    PROBE("cancel a barrier", MPI_Cancel(&request));
    PROBE("start a barrier", MPI_Start(&request));
    PROBE_STATUS("wait for a barrier", MPI_Wait(&request, &status), &status);
    MPI_Ibarrier(stage->comm, &request);
    status = odd_status();
    while (!flag)
        MPI_Test(&request, &flag, &status);
    probe_begin("test a barrier");
    probe_end(MPI_SUCCESS, &status, "");
}

void probe_collectives(const struct stage *stage)
{
    MPI_Datatype raw;
    MPI_Type_vector(2, 1, 2, MPI_INT, &raw);
    wrong_for_all(stage, raw);
    wrong_pointers(stage);
    wrong_requests(stage);
    MPI_Type_free(&raw);
}
