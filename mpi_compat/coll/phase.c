/* SPDX-License-Identifier: BSD-3-Clause */
#include "coll/phase.h"

#include "host/home.h"
#include "host/host.h"

#define LARGE_BYTES 65536

static bool is_alone(const struct wsp_comm *comm)
{
    return wsp_comm_here(comm)->n_ranks == 1;
}

int wsp_phase_enter(struct wsp_comm *comm)
{
    return is_alone(comm) ? MPI_SUCCESS : wsp_home_enter(comm->handle);
}

/* Also for a rank that is alone: the host checks operation and type, and raises what is wrong. */
int wsp_phase_reduce(struct wsp_comm *comm, const void *sendbuf, void *recvbuf, int count,
                     MPI_Datatype type, uint64_t n_bytes, MPI_Op op, int root)
{
    MPI_Request request;
    int err;
    if (n_bytes >= LARGE_BYTES) {
        err = wsp_phase_enter(comm);
        return err == MPI_SUCCESS
                   ? host.Reduce(sendbuf, recvbuf, count, type, op, root, comm->handle)
                   : err;
    }
    err = host.Ireduce(sendbuf, recvbuf, count, type, op, root, comm->handle, &request);
    return err == MPI_SUCCESS ? wsp_home_complete(&request) : err;
}

static int gather_blocks(struct wsp_comm *comm, const void *mine, uint64_t block, int count,
                         MPI_Datatype type, void *all, int root)
{
    MPI_Request request;
    const void *from = mine ? mine : MPI_IN_PLACE;
    int err;
    if (block >= LARGE_BYTES) {
        err = wsp_home_enter(comm->handle);
        return err == MPI_SUCCESS
                   ? host.Gather(from, count, type, all, count, type, root, comm->handle)
                   : err;
    }
    err = host.Igather(from, count, type, all, count, type, root, comm->handle, &request);
    return err == MPI_SUCCESS ? wsp_home_complete(&request) : err;
}

int wsp_phase_gather(struct wsp_comm *comm, const void *mine, uint64_t block, void *all, int root)
{
    MPI_Datatype type;
    int count;
    bool is_derived;
    int err = wsp_type_of_bytes(block, &type, &count, &is_derived);
    if (err != MPI_SUCCESS)
        return err;
    err = gather_blocks(comm, mine, block, count, type, all, root);
    if (is_derived)
        host.Type_free(&type);
    return err;
}

/* The code must arrive before the blocking form, so that all know whether there will be one. */
static int bcast_large(MPI_Comm home, int root, int code, void *buffer, int count,
                       MPI_Datatype type)
{
    MPI_Request request;
    int err = host.Ibcast(&code, 1, MPI_INT, root, home, &request);
    if (err == MPI_SUCCESS)
        err = wsp_home_complete(&request);
    if (err != MPI_SUCCESS || code != MPI_SUCCESS)
        return err != MPI_SUCCESS ? err : code;
    err = wsp_home_enter(home);
    return err == MPI_SUCCESS ? host.Bcast(buffer, count, type, root, home) : err;
}

int wsp_phase_bcast(struct wsp_comm *comm, int root, int code, void *buffer, int count,
                    MPI_Datatype type, uint64_t n_bytes)
{
    if (is_alone(comm))
        return code;
    if (n_bytes >= LARGE_BYTES)
        return bcast_large(comm->phase2, root, code, buffer, count, type);
    MPI_Request requests[2] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL};
    int err = host.Ibcast(&code, 1, MPI_INT, root, comm->phase2, &requests[0]);
    if (err == MPI_SUCCESS && n_bytes > 0)
        err = host.Ibcast(buffer, count, type, root, comm->phase2, &requests[1]);
    for (int i = 0; i < 2; i++) {
        int ended = requests[i] == MPI_REQUEST_NULL ? MPI_SUCCESS : wsp_home_complete(&requests[i]);
        if (err == MPI_SUCCESS)
            err = ended;
    }
    return err != MPI_SUCCESS ? err : code;
}

int wsp_phase_bcast_bytes(struct wsp_comm *comm, int root, int code, void *bytes, uint64_t n_bytes)
{
    MPI_Datatype type;
    int count;
    bool is_derived;
    int err = wsp_type_of_bytes(n_bytes, &type, &count, &is_derived);
    if (err != MPI_SUCCESS)
        return err;
    err = wsp_phase_bcast(comm, root, code, bytes, count, type, n_bytes);
    if (is_derived)
        host.Type_free(&type);
    return err;
}
