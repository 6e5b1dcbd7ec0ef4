/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages longer than their receive, in every way to receive. */
#include "probe.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 2, LONG = 4, LONGER = 60000 };

struct catch
{
    const struct stage *stage;
    int source, n;
    int *in;
    MPI_Datatype type;
};

static void by_recv(const struct catch *c, const char *name)
{
    MPI_Status status = odd_status();
    PROBE_STATUS(name, MPI_Recv(c->in, c->n, c->type, c->source, 20, c->stage->comm, &status),
                 &status);
}

static void by_recv_ignoring(const struct catch *c, const char *name)
{
    PROBE(name, MPI_Recv(c->in, c->n, c->type, c->source, 20, c->stage->comm, MPI_STATUS_IGNORE));
}

static void say_request(const char *name, MPI_Request request)
{
    say(joined(name, "leaves"), "%s", request == MPI_REQUEST_NULL ? "null" : "a request");
}

static void by_wait(const struct catch *c, const char *name)
{
    MPI_Request request;
    MPI_Status status = odd_status();
    MPI_Irecv(c->in, c->n, c->type, c->source, 20, c->stage->comm, &request);
    PROBE_STATUS(name, MPI_Wait(&request, &status), &status);
    say_request(name, request);
}

static void by_test(const struct catch *c, const char *name)
{
    MPI_Request request;
    MPI_Status status = odd_status();
    int flag = 0, code = MPI_SUCCESS;
    MPI_Irecv(c->in, c->n, c->type, c->source, 20, c->stage->comm, &request);
    probe_begin(name);
    while (!flag && code == MPI_SUCCESS) {
        code = MPI_Test(&request, &flag, &status);
        sched_yield();
    }
    probe_end(code, &status, flag ? " flag" : "");
    say_request(name, request);
}

static void by_sendrecv(const struct catch *c, const char *name)
{
    MPI_Status status = odd_status();
    PROBE_STATUS(name,
                 MPI_Sendrecv(NULL, 0, MPI_INT, c->stage->peer, 21, c->in, c->n, c->type, c->source,
                              20, c->stage->comm, &status),
                 &status);
}

static void by_mrecv(const struct catch *c, const char *name)
{
    MPI_Status status = odd_status();
    MPI_Message message;
    MPI_Mprobe(c->source, 20, c->stage->comm, &message, MPI_STATUS_IGNORE);
    PROBE_STATUS(name, MPI_Mrecv(c->in, c->n, c->type, &message, &status), &status);
    say(joined(name, "leaves"), "%s", message == MPI_MESSAGE_NULL ? "null" : "a message");
}

static void by_imrecv(const struct catch *c, const char *name)
{
    MPI_Status status = odd_status();
    MPI_Message message;
    MPI_Request request;
    MPI_Mprobe(c->source, 20, c->stage->comm, &message, MPI_STATUS_IGNORE);
    PROBE(name, MPI_Imrecv(c->in, c->n, c->type, &message, &request));
    PROBE_STATUS(joined(name, "wait"), MPI_Wait(&request, &status), &status);
    say_request(name, request);
}

/* Twice: a persistent request survives its error. */
static void by_persistent(const struct catch *c, const char *name)
{
    MPI_Status status = odd_status();
    MPI_Request request;
    MPI_Recv_init(c->in, c->n, c->type, c->source, 20, c->stage->comm, &request);
    PROBE(joined(name, "start"), MPI_Start(&request));
    PROBE_STATUS(joined(name, "wait"), MPI_Wait(&request, &status), &status);
    say_request(name, request);
    if (request != MPI_REQUEST_NULL)
        PROBE(joined(name, "free"), MPI_Request_free(&request));
}

static const struct {
    const char *name;
    void (*run)(const struct catch *c, const char *name);
} ways[] = {{"recv", by_recv},         {"recv, no status", by_recv_ignoring},
            {"wait", by_wait},         {"test", by_test},
            {"sendrecv", by_sendrecv}, {"mrecv", by_mrecv},
            {"imrecv", by_imrecv},     {"persistent", by_persistent}};

static void send_long(const struct stage *stage, int n, bool is_answered)
{
    int *out = calloc((size_t)n, sizeof *out);
    MPI_Request request;
    MPI_Isend(out, n, MPI_INT, stage->actor, 20, stage->comm, &request);
    if (is_answered)
        MPI_Recv(NULL, 0, MPI_INT, stage->actor, 21, stage->comm, MPI_STATUS_IGNORE);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    free(out);
}

/* At home a long one lands beyond its buffer in Open MPI 4.1: there is room, and nobody looks. */
static void all_ways(const struct stage *stage, const char *text, struct catch c, int n)
{
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (stage->is_peer)
            send_long(stage, n, ways[i].run == by_sendrecv);
        if (stage->is_actor)
            ways[i].run(&c, joined(ways[i].name, text));
    }
}

void probe_truncation(const struct stage *stage)
{
    int *in = calloc(LONGER, sizeof *in);
    MPI_Datatype pairs;
    MPI_Type_vector(ROOM, 1, 2, MPI_INT, &pairs);
    MPI_Type_commit(&pairs);
    struct catch c = {stage, stage->peer, ROOM, in, MPI_INT};
    all_ways(stage, "short", c, LONG);
    all_ways(stage, "long", c, LONGER);
    c.n = 1;
    c.type = pairs;
    all_ways(stage, "vector", c, LONG);
    c = (struct catch){stage, MPI_ANY_SOURCE, ROOM, in, MPI_INT};
    all_ways(stage, "short, any", c, LONG);
    all_ways(stage, "long, any", c, LONGER);
    c.n = 0;
    all_ways(stage, "none, any", c, LONG);
    MPI_Type_free(&pairs);
    free(in);
}
