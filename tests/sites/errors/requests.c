/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests that are null, idle, started twice, cancelled or freed. */
#include "probe.h"

#include <stdlib.h>

static void null_requests(void)
{
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Status status = odd_status();
    int flag = 0;
    PROBE_STATUS("null wait", MPI_Wait(&request, &status), &status);
    status = odd_status();
    PROBE_STATUS("null test", MPI_Test(&request, &flag, &status), &status);
    status = odd_status();
    PROBE_STATUS("null get_status", MPI_Request_get_status(request, &flag, &status), &status);
    PROBE("null free", MPI_Request_free(&request));
    PROBE("null cancel", MPI_Cancel(&request));
    PROBE("null start", MPI_Start(&request));
    PROBE("null startall", MPI_Startall(1, &request));
    PROBE("no request to wait", MPI_Wait(NULL, &status));
    PROBE("no request to test", MPI_Test(NULL, &flag, &status));
    PROBE("no request to free", MPI_Request_free(NULL));
    PROBE("no request to cancel", MPI_Cancel(NULL));
    PROBE("no request to start", MPI_Start(NULL));
    PROBE("no flag to test", MPI_Test(&request, NULL, &status));
}

/* An idle persistent request, then an active one. */
static void idle_request(const char *name, MPI_Request request)
{
    MPI_Status status = odd_status();
    int flag = 0;
    PROBE_STATUS(joined(name, "idle wait"), MPI_Wait(&request, &status), &status);
    status = odd_status();
    PROBE_STATUS(joined(name, "idle test"), MPI_Test(&request, &flag, &status), &status);
    status = odd_status();
    PROBE_STATUS(joined(name, "idle get_status"), MPI_Request_get_status(request, &flag, &status),
                 &status);
    PROBE(joined(name, "idle cancel"), MPI_Cancel(&request));
    PROBE(joined(name, "idle free"), MPI_Request_free(&request));
    say(joined(name, "leaves"), "%s", request == MPI_REQUEST_NULL ? "null" : "a request");
}

static void idle_requests(const struct stage *stage)
{
    int word = 0;
    MPI_Request request;
    MPI_Comm comm = stage->comm;
    MPI_Send_init(&word, 1, MPI_INT, stage->peer, TAG, comm, &request);
    idle_request("send_init", request);
    MPI_Bsend_init(&word, 1, MPI_INT, stage->peer, TAG, comm, &request);
    idle_request("bsend_init", request);
    MPI_Recv_init(&word, 1, MPI_INT, stage->peer, TAG, comm, &request);
    idle_request("recv_init", request);
    MPI_Recv_init(&word, 1, MPI_INT, MPI_ANY_SOURCE, TAG, comm, &request);
    idle_request("recv_init any", request);
}

/* A receive that nothing comes for is cancelled, by hand and by freeing it. */
static void cancelled(const struct stage *stage, const char *name, int source)
{
    int word = 0, flag = 0;
    MPI_Request request;
    MPI_Status status = odd_status();
    MPI_Irecv(&word, 1, MPI_INT, source, 30, stage->comm, &request);
    PROBE(joined(name, "cancel"), MPI_Cancel(&request));
    PROBE_STATUS(joined(name, "cancelled wait"), MPI_Wait(&request, &status), &status);
    MPI_Recv_init(&word, 1, MPI_INT, source, 30, stage->comm, &request);
    PROBE(joined(name, "start"), MPI_Start(&request));
    status = odd_status();
    PROBE_STATUS(joined(name, "early test"), MPI_Test(&request, &flag, &status), &status);
    PROBE(joined(name, "cancel active"), MPI_Cancel(&request));
    status = odd_status();
    PROBE_STATUS(joined(name, "active wait"), MPI_Wait(&request, &status), &status);
    PROBE(joined(name, "start once more"), MPI_Start(&request));
    PROBE(joined(name, "cancel"), MPI_Cancel(&request));
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    PROBE(joined(name, "free"), MPI_Request_free(&request));
}

/* Started while it is active, and a plain request started. */
static void started_twice(const struct stage *stage, const char *name, int source)
{
    int word = 0;
    MPI_Request request;
    MPI_Irecv(&word, 1, MPI_INT, source, 31, stage->comm, &request);
    PROBE(joined(name, "start plain"), MPI_Start(&request));
    PROBE(joined(name, "startall plain"), MPI_Startall(1, &request));
    MPI_Cancel(&request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    PROBE("startall count", MPI_Startall(-1, &request));
    PROBE("startall no array", MPI_Startall(1, NULL));
}

/* Sends that cannot fit the attached buffer, or have none. */
static void buffered(const struct stage *stage)
{
    static char memory[MPI_BSEND_OVERHEAD + 64];
    char data[200] = {0};
    void *detached = NULL;
    int size = 0;
    MPI_Request request = MPI_REQUEST_NULL;
    PROBE("bsend without buffer", MPI_Bsend(data, 1, MPI_BYTE, stage->peer, 32, stage->comm));
    PROBE("ibsend without buffer",
          MPI_Ibsend(data, 1, MPI_BYTE, stage->peer, 32, stage->comm, &request));
    if (request != MPI_REQUEST_NULL)
        MPI_Wait(&request, MPI_STATUS_IGNORE);
    PROBE("detach nothing", MPI_Buffer_detach(&detached, &size));
    PROBE("attach null", MPI_Buffer_attach(NULL, 100));
    PROBE("attach negative", MPI_Buffer_attach(memory, -1));
    PROBE("attach", MPI_Buffer_attach(memory, sizeof memory));
    PROBE("attach twice", MPI_Buffer_attach(memory, sizeof memory));
    PROBE("detach", MPI_Buffer_detach(&detached, &size));
    PROBE("detach nowhere", MPI_Buffer_detach(NULL, &size));
}

/* A duplicate is freed while a receive on it stands. It ends well: of an error Open MPI 4.1 dies,
 * its communicator being gone. */
static void orphan(const struct stage *stage)
{
    int word = 0;
    MPI_Comm twin;
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Status status = odd_status();
    MPI_Comm_dup(stage->comm, &twin);
    if (stage->is_actor)
        MPI_Irecv(&word, 1, MPI_INT, stage->peer, TAG, twin, &request);
    if (stage->is_peer)
        MPI_Isend(&word, 1, MPI_INT, stage->actor, TAG, twin, &request);
    MPI_Comm_free(&twin);
    if (stage->is_actor)
        PROBE_STATUS("orphan wait", MPI_Wait(&request, &status), &status);
    if (stage->is_peer)
        MPI_Wait(&request, MPI_STATUS_IGNORE);
}

void probe_requests(const struct stage *stage)
{
    orphan(stage);
    if (!stage->is_actor)
        return;
    null_requests();
    idle_requests(stage);
    cancelled(stage, "from peer", stage->peer);
    cancelled(stage, "from any", MPI_ANY_SOURCE);
    started_twice(stage, "from peer", stage->peer);
    started_twice(stage, "from any", MPI_ANY_SOURCE);
    buffered(stage);
}
