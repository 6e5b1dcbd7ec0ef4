/* SPDX-License-Identifier: BSD-3-Clause */
/* Several requests of which some fail, in every call that completes more than one. */
#include "probe.h"

#include <sched.h>
#include <stdlib.h>

enum { N = 4, ROOM = 1, LONG = 3 };

/* The receives of a scene: from whom, and whose message is too long. */
struct array {
    const struct stage *stage;
    const char *name;
    bool is_any[N], is_long[N];
    int in[N][ROOM + 2];
    MPI_Request requests[N];
    MPI_Status statuses[N];
};

static void open_array(struct array *a)
{
    for (int i = 0; i < N; i++) {
        a->statuses[i] = odd_status();
        MPI_Irecv(a->in[i], ROOM, MPI_INT, a->is_any[i] ? MPI_ANY_SOURCE : a->stage->peer, 40 + i,
                  a->stage->comm, &a->requests[i]);
    }
    MPI_Send(NULL, 0, MPI_INT, a->stage->peer, GO, a->stage->comm);
    /* The last message: the others are here already. */
    MPI_Recv(NULL, 0, MPI_INT, a->stage->peer, GO, a->stage->comm, MPI_STATUS_IGNORE);
}

static void close_array(struct array *a)
{
    for (int i = 0; i < N; i++)
        if (a->requests[i] != MPI_REQUEST_NULL)
            MPI_Wait(&a->requests[i], MPI_STATUS_IGNORE);
}

static void send_all(const struct array *a)
{
    int out[LONG] = {0};
    MPI_Recv(NULL, 0, MPI_INT, a->stage->actor, GO, a->stage->comm, MPI_STATUS_IGNORE);
    for (int i = 0; i < N; i++)
        MPI_Send(out, a->is_long[i] ? LONG : ROOM, MPI_INT, a->stage->actor, 40 + i,
                 a->stage->comm);
    MPI_Send(NULL, 0, MPI_INT, a->stage->actor, GO, a->stage->comm);
}

static void say_statuses(struct array *a, const char *what, int n)
{
    for (int i = 0; i < n; i++) {
        probe_begin(joined(a->name, what));
        probe_end(MPI_SUCCESS, &a->statuses[i], "");
    }
}

static void say_left(struct array *a, const char *what)
{
    char left[N + 1] = "";
    for (int i = 0; i < N; i++)
        left[i] = a->requests[i] == MPI_REQUEST_NULL ? '-' : 'r';
    say(joined(a->name, what), "left %s", left);
}

/* Tests whether all have arrived, which completes none. */
static void await_arrivals(struct array *a)
{
    for (int i = 0; i < N; i++)
        for (int flag = 0; !flag; sched_yield())
            MPI_Request_get_status(a->requests[i], &flag, MPI_STATUS_IGNORE);
}

static void by_waitall(struct array *a)
{
    PROBE(joined(a->name, "waitall"), MPI_Waitall(N, a->requests, a->statuses));
    say_statuses(a, "waitall status", N);
    say_left(a, "waitall");
}

static void by_waitall_ignoring(struct array *a)
{
    PROBE(joined(a->name, "waitall, no statuses"),
          MPI_Waitall(N, a->requests, MPI_STATUSES_IGNORE));
    say_left(a, "waitall, no statuses");
}

static void by_testall(struct array *a)
{
    int flag = 0, code = MPI_SUCCESS;
    probe_begin(joined(a->name, "testall"));
    while (!flag && code == MPI_SUCCESS)
        code = MPI_Testall(N, a->requests, &flag, a->statuses);
    probe_end(code, NULL, flag ? " flag" : "");
    say_statuses(a, "testall status", N);
    say_left(a, "testall");
}

static void by_waitany(struct array *a)
{
    for (int i = 0; i < N; i++) {
        int index = -5;
        probe_begin(joined(a->name, "waitany"));
        a->statuses[0] = odd_status();
        probe_end(MPI_Waitany(N, a->requests, &index, a->statuses), a->statuses, "");
        say(joined(a->name, "waitany index"), "%d", index);
    }
}

static void by_testany(struct array *a)
{
    for (int i = 0; i < N; i++) {
        int index = -5, flag = 0;
        probe_begin(joined(a->name, "testany"));
        a->statuses[0] = odd_status();
        int code = MPI_Testany(N, a->requests, &index, &flag, a->statuses);
        probe_end(code, a->statuses, flag ? " flag" : "");
        say(joined(a->name, "testany index"), "%d", index);
    }
}

static void by_waitsome(struct array *a)
{
    int n = -5, indices[N] = {-5, -5, -5, -5};
    PROBE(joined(a->name, "waitsome"), MPI_Waitsome(N, a->requests, &n, indices, a->statuses));
    say(joined(a->name, "waitsome"), "%d: %d %d %d %d", n, indices[0], indices[1], indices[2],
        indices[3]);
    say_statuses(a, "waitsome status", n);
    say_left(a, "waitsome");
}

static void by_testsome(struct array *a)
{
    int n = -5, indices[N] = {-5, -5, -5, -5};
    PROBE(joined(a->name, "testsome"), MPI_Testsome(N, a->requests, &n, indices, a->statuses));
    say(joined(a->name, "testsome"), "%d: %d %d %d %d", n, indices[0], indices[1], indices[2],
        indices[3]);
    say_statuses(a, "testsome status", n);
    say_left(a, "testsome");
}

static void by_waitsome_ignoring(struct array *a)
{
    int n = -5, indices[N];
    PROBE(joined(a->name, "waitsome, no statuses"),
          MPI_Waitsome(N, a->requests, &n, indices, MPI_STATUSES_IGNORE));
    say(joined(a->name, "waitsome, no statuses"), "%d", n);
}

static void (*const ways[])(struct array *) = {by_waitall,  by_waitall_ignoring, by_testall,
                                               by_waitany,  by_testany,          by_waitsome,
                                               by_testsome, by_waitsome_ignoring};

static const struct array plans[] = {
    {.name = "none"},
    {.name = "second", .is_long = {false, true}},
    {.name = "two", .is_long = {true, false, true}},
    {.name = "all", .is_long = {true, true, true, true}},
    {.name = "any, none", .is_any = {true, true, true, true}},
    {.name = "any, first", .is_any = {true, true, true, true}, .is_long = {true}},
    {.name = "mixed", .is_any = {true, false, true}, .is_long = {true, true}},
};

static void say_status(const char *name, MPI_Status *status)
{
    probe_begin(name);
    probe_end(MPI_SUCCESS, status, "");
}

/* What is wrong before anything completes. */
static void wrong_arguments(const struct stage *stage)
{
    int n = 0, index = 0, flag = 0, indices[2], word;
    MPI_Status statuses[2] = {odd_status(), odd_status()};
    MPI_Request requests[2] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL};
    PROBE("waitall count", MPI_Waitall(-1, requests, statuses));
    PROBE("testall count", MPI_Testall(-1, requests, &flag, statuses));
    PROBE("waitany count", MPI_Waitany(-1, requests, &index, statuses));
    PROBE("testany count", MPI_Testany(-1, requests, &index, &flag, statuses));
    PROBE("waitsome count", MPI_Waitsome(-1, requests, &n, indices, statuses));
    PROBE("testsome count", MPI_Testsome(-1, requests, &n, indices, statuses));
    MPI_Recv_init(&word, 1, MPI_INT, stage->peer, TAG, stage->comm, &requests[0]);
    PROBE("waitall idle", MPI_Waitall(2, requests, statuses));
    say_status("waitall idle status", &statuses[0]);
    say_status("waitall idle status", &statuses[1]);
    statuses[0] = odd_status();
    PROBE_STATUS("waitany idle", MPI_Waitany(2, requests, &index, statuses), statuses);
    statuses[0] = odd_status();
    PROBE_STATUS("waitsome idle", MPI_Waitsome(2, requests, &n, indices, statuses), statuses);
    PROBE("waitall no array", MPI_Waitall(1, NULL, statuses));
    PROBE("testall no array", MPI_Testall(1, NULL, &flag, statuses));
    PROBE("waitany no array", MPI_Waitany(1, NULL, &index, statuses));
    PROBE("testany no array", MPI_Testany(1, NULL, &index, &flag, statuses));
    PROBE("waitsome no array", MPI_Waitsome(1, NULL, &n, indices, statuses));
    PROBE("testsome no array", MPI_Testsome(1, NULL, &n, indices, statuses));
    PROBE("waitany no index", MPI_Waitany(1, requests, NULL, statuses));
    PROBE("waitsome no count", MPI_Waitsome(1, requests, NULL, indices, statuses));
    PROBE("testall no flag", MPI_Testall(1, requests, NULL, statuses));
    MPI_Request_free(&requests[0]);
}

/* One has failed, the other's message is sent when the first call has returned: it is pending. */
static void pending(const struct stage *stage)
{
    int in[2][LONG], out[LONG] = {0};
    MPI_Request requests[2];
    MPI_Status statuses[2] = {odd_status(), odd_status()};
    if (stage->is_peer) {
        MPI_Send(out, LONG, MPI_INT, stage->actor, 40, stage->comm);
        MPI_Recv(NULL, 0, MPI_INT, stage->actor, GO, stage->comm, MPI_STATUS_IGNORE);
        MPI_Send(out, ROOM, MPI_INT, stage->actor, 41, stage->comm);
    }
    if (!stage->is_actor)
        return;
    for (int i = 0; i < 2; i++)
        MPI_Irecv(in[i], ROOM, MPI_INT, stage->peer, 40 + i, stage->comm, &requests[i]);
    PROBE("pending waitall", MPI_Waitall(2, requests, statuses));
    for (int i = 0; i < 2; i++) {
        probe_begin("pending waitall status");
        probe_end(MPI_SUCCESS, &statuses[i], requests[i] == MPI_REQUEST_NULL ? "" : " request");
    }
    MPI_Send(NULL, 0, MPI_INT, stage->peer, GO, stage->comm);
    statuses[1] = odd_status();
    PROBE_STATUS("pending wait", MPI_Wait(&requests[1], &statuses[1]), &statuses[1]);
}

void probe_arrays(const struct stage *stage)
{
    if (stage->is_actor)
        wrong_arguments(stage);
    for (size_t p = 0; p < sizeof plans / sizeof *plans; p++)
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
            struct array a = plans[p];
            a.stage = stage;
            if (stage->is_peer)
                send_all(&a);
            if (!stage->is_actor)
                continue;
            open_array(&a);
            await_arrivals(&a);
            ways[i](&a);
            close_array(&a);
        }
    pending(stage);
}
