/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/home.h"

#include "host/host.h"
#include "request/progress.h"

#define LARGE_BYTES 65536

bool wsp_home_is_large(int count, MPI_Datatype datatype)
{
    MPI_Count size;
    return host.Type_size_x(datatype, &size) == MPI_SUCCESS && size * count >= LARGE_BYTES;
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
