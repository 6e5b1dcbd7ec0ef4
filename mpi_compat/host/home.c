/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/home.h"

#include "host/host.h"
#include "request/progress.h"
#include "type/type.h"

#define LARGE_BYTES 65536

bool wsp_home_is_large(MPI_Comm comm, int count, MPI_Datatype datatype)
{
    int is_inter = 0;
    struct wsp_layout layout;
    if (count <= 0 || wsp_type_describe(datatype, &layout) != MPI_SUCCESS)
        return false;
    if (layout.size * (uint64_t)count < LARGE_BYTES)
        return false;
    return host.Comm_test_inter(comm, &is_inter) == MPI_SUCCESS && !is_inter;
}

int wsp_home_enter(MPI_Comm comm)
{
    MPI_Request request;
    int err = host.Ibarrier(comm, &request);
    return err == MPI_SUCCESS ? wsp_home_complete(&request) : err;
}

int wsp_home_complete(MPI_Request *request)
{
    return wsp_drive_host(request, MPI_STATUS_IGNORE);
}
