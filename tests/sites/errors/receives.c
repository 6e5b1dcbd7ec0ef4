/* SPDX-License-Identifier: BSD-3-Clause */
/* Wrong arguments of receives, probes and of Sendrecv. */
#include "probe.h"

#include <stdlib.h>

struct arguments {
    const char *name;
    void *buffer;
    int count;
    MPI_Datatype type;
    int source, tag;
    MPI_Comm comm;
};

static void end_starting(int code, MPI_Request *request)
{
    probe_end(code, NULL, *request == MPI_REQUEST_NULL ? "" : " request");
    if (*request == MPI_REQUEST_NULL)
        return;
    MPI_Cancel(request);
    MPI_Request_free(request);
}

static void one(const struct arguments *a)
{
    MPI_Status status = odd_status();
    MPI_Request request = MPI_REQUEST_NULL;
    PROBE_STATUS(joined("recv", a->name),
                 MPI_Recv(a->buffer, a->count, a->type, a->source, a->tag, a->comm, &status),
                 &status);
    probe_begin(joined("irecv", a->name));
    end_starting(MPI_Irecv(a->buffer, a->count, a->type, a->source, a->tag, a->comm, &request),
                 &request);
    request = MPI_REQUEST_NULL;
    probe_begin(joined("recv_init", a->name));
    int code = MPI_Recv_init(a->buffer, a->count, a->type, a->source, a->tag, a->comm, &request);
    probe_end(code, NULL, request == MPI_REQUEST_NULL ? "" : " request");
    if (request != MPI_REQUEST_NULL)
        MPI_Request_free(&request);
}

static void wrong_receives(const struct stage *stage, MPI_Datatype raw)
{
    int words[N_WORDS] = {0}, peer = stage->peer, size = stage->size;
    MPI_Comm comm = stage->comm;
    const struct arguments wrong[] = {
        {"rank beyond", words, 1, MPI_INT, size, TAG, comm},
        {"rank negative", words, 1, MPI_INT, -5, TAG, comm},
        {"tag negative", words, 1, MPI_INT, peer, -7, comm},
        {"count", words, -1, MPI_INT, peer, TAG, comm},
        {"null type", words, 1, MPI_DATATYPE_NULL, peer, TAG, comm},
        {"raw type", words, 1, raw, peer, TAG, comm},
        {"null buffer", NULL, 1, MPI_INT, peer, TAG, comm},
        {"null comm", words, 1, MPI_INT, peer, TAG, MPI_COMM_NULL},
        {"any, tag", words, 1, MPI_INT, MPI_ANY_SOURCE, -7, comm},
        {"any, count", words, -1, MPI_INT, MPI_ANY_SOURCE, TAG, comm},
        {"any, type", words, 1, MPI_DATATYPE_NULL, MPI_ANY_SOURCE, TAG, comm},
        {"any, raw type", words, 1, raw, MPI_ANY_SOURCE, TAG, comm},
        {"any, buffer", NULL, 1, MPI_INT, MPI_ANY_SOURCE, TAG, comm},
        {"count and rank", words, -1, MPI_INT, size, TAG, comm},
        {"type and rank", words, 1, MPI_DATATYPE_NULL, size, TAG, comm},
        {"tag and rank", words, 1, MPI_INT, size, -7, comm},
        {"tag and count", words, -1, MPI_INT, peer, -7, comm},
        {"nobody, count", words, -1, MPI_INT, MPI_PROC_NULL, TAG, comm},
        {"nobody, tag", words, 1, MPI_INT, MPI_PROC_NULL, -7, comm},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        one(&wrong[i]);
    PROBE("irecv null request", MPI_Irecv(words, 1, MPI_INT, peer, TAG, comm, NULL));
    PROBE("recv_init null request", MPI_Recv_init(words, 1, MPI_INT, peer, TAG, comm, NULL));
}

/* Not with MPI_COMM_NULL: for a probe Open MPI 4.1 calls that one's handler, which is fatal. */
static void wrong_probes(const struct stage *stage)
{
    int flag = 0;
    MPI_Comm comm = stage->comm;
    const struct {
        const char *name;
        int source, tag;
        MPI_Comm comm;
    } wrong[] = {
        {"rank beyond", stage->size, TAG, comm}, {"rank negative", -5, TAG, comm},
        {"tag negative", stage->peer, -7, comm}, {"any, tag", MPI_ANY_SOURCE, -7, comm},
        {"tag and rank", stage->size, -7, comm}, {"nobody, tag", MPI_PROC_NULL, -7, comm},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        MPI_Status status = odd_status();
        MPI_Message message = MPI_MESSAGE_NULL;
        PROBE_STATUS(joined("probe", wrong[i].name),
                     MPI_Probe(wrong[i].source, wrong[i].tag, wrong[i].comm, &status), &status);
        PROBE_STATUS(joined("iprobe", wrong[i].name),
                     MPI_Iprobe(wrong[i].source, wrong[i].tag, wrong[i].comm, &flag, &status),
                     &status);
        PROBE_STATUS(joined("mprobe", wrong[i].name),
                     MPI_Mprobe(wrong[i].source, wrong[i].tag, wrong[i].comm, &message, &status),
                     &status);
        PROBE_STATUS(
            joined("improbe", wrong[i].name),
            MPI_Improbe(wrong[i].source, wrong[i].tag, wrong[i].comm, &flag, &message, &status),
            &status);
    }
}

/* A message is probed, its receives are wrong, then it is received. (A null message is fatal in
 * Open MPI 4.1, as above.) */
static void wrong_message_receives(const struct stage *stage, MPI_Datatype raw)
{
    int words[N_WORDS] = {0};
    MPI_Message message = MPI_MESSAGE_NULL;
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Status status = odd_status();
    if (stage->is_peer)
        MPI_Send(words, 1, MPI_INT, stage->actor, TAG, stage->comm);
    if (!stage->is_actor)
        return;
    MPI_Mprobe(MPI_ANY_SOURCE, TAG, stage->comm, &message, MPI_STATUS_IGNORE);
    PROBE("mrecv count", MPI_Mrecv(words, -1, MPI_INT, &message, &status));
    PROBE("mrecv null type", MPI_Mrecv(words, 1, MPI_DATATYPE_NULL, &message, &status));
    PROBE("mrecv raw type", MPI_Mrecv(words, 1, raw, &message, &status));
    PROBE("mrecv null buffer", MPI_Mrecv(NULL, 1, MPI_INT, &message, &status));
    PROBE("imrecv count", MPI_Imrecv(words, -1, MPI_INT, &message, &request));
    PROBE("imrecv null type", MPI_Imrecv(words, 1, MPI_DATATYPE_NULL, &message, &request));
    PROBE_STATUS("mrecv right", MPI_Mrecv(words, 1, MPI_INT, &message, &status), &status);
    say("mrecv leaves", "%s", message == MPI_MESSAGE_NULL ? "null" : "a message");
}

static void wrong_sendrecvs(const struct stage *stage)
{
    int in[2] = {0}, out[2] = {0}, peer = stage->peer, size = stage->size;
    MPI_Comm comm = stage->comm;
    const struct {
        const char *name;
        int n_out;
        MPI_Datatype out_type;
        int dest, out_tag, n_in;
        MPI_Datatype in_type;
        int source, in_tag;
    } wrong[] = {
        {"dest", 1, MPI_INT, size, TAG, 1, MPI_INT, peer, TAG},
        {"source", 1, MPI_INT, peer, TAG, 1, MPI_INT, size, TAG},
        {"send tag", 1, MPI_INT, peer, -7, 1, MPI_INT, peer, TAG},
        {"receive tag", 1, MPI_INT, peer, TAG, 1, MPI_INT, peer, -7},
        {"send count", -1, MPI_INT, peer, TAG, 1, MPI_INT, peer, TAG},
        {"receive count", 1, MPI_INT, peer, TAG, -1, MPI_INT, peer, TAG},
        {"send type", 1, MPI_DATATYPE_NULL, peer, TAG, 1, MPI_INT, peer, TAG},
        {"receive type", 1, MPI_INT, peer, TAG, 1, MPI_DATATYPE_NULL, peer, TAG},
        {"both ranks", 1, MPI_INT, size, TAG, 1, MPI_INT, size + 1, TAG},
        {"dest and receive tag", 1, MPI_INT, size, TAG, 1, MPI_INT, peer, -7},
        {"source and send count", -1, MPI_INT, peer, TAG, 1, MPI_INT, size, TAG},
        {"nobody, send tag", 1, MPI_INT, MPI_PROC_NULL, -7, 1, MPI_INT, MPI_PROC_NULL, TAG},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        MPI_Status status = odd_status();
        PROBE_STATUS(joined("sendrecv", wrong[i].name),
                     MPI_Sendrecv(out, wrong[i].n_out, wrong[i].out_type, wrong[i].dest,
                                  wrong[i].out_tag, in, wrong[i].n_in, wrong[i].in_type,
                                  wrong[i].source, wrong[i].in_tag, comm, &status),
                     &status);
        if (wrong[i].n_in < 0 || wrong[i].in_type == MPI_DATATYPE_NULL)
            continue; /* the other call has no such argument */
        PROBE_STATUS(joined("sendrecv_replace", wrong[i].name),
                     MPI_Sendrecv_replace(in, wrong[i].n_out, wrong[i].out_type, wrong[i].dest,
                                          wrong[i].out_tag, wrong[i].source, wrong[i].in_tag, comm,
                                          &status),
                     &status);
    }
}

void probe_receives(const struct stage *stage)
{
    MPI_Datatype raw;
    MPI_Type_vector(2, 1, 2, MPI_INT, &raw);
    if (stage->is_actor) {
        wrong_receives(stage, raw);
        wrong_probes(stage);
        wrong_sendrecvs(stage);
    }
    wrong_message_receives(stage, raw);
    MPI_Type_free(&raw);
}
