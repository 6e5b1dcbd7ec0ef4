/* SPDX-License-Identifier: BSD-3-Clause */
/* Persistent collectives, which Open MPI 4.1 has as the extension pcollreq. On a communicator that
 * spans sites the host would start them among the ranks at home; they are refused there. */
#include "host/error.h"
#include "host/host.h"
#include "host/route.h"

#include <string.h>

#define EXTENSION(name, parameters, arguments)                                                     \
    int __attribute__((visibility("default"))) MPIX_##name parameters;                             \
    int MPIX_##name parameters                                                                     \
    {                                                                                              \
        int(*function) parameters;                                                                 \
        void *symbol = wsp_host_symbol("PMPIX_" #name);                                            \
        if (WSP_ROUTE_comm(comm) && symbol) {                                                      \
            memcpy(&function, &symbol, sizeof symbol);                                             \
            return function arguments;                                                             \
        }                                                                                          \
        if (request)                                                                               \
            *request = MPI_REQUEST_NULL;                                                           \
        return wsp_refuse("MPIX_" #name, comm);                                                    \
    }                                                                                              \
    extern __typeof(MPIX_##name) PMPIX_##name                                                      \
        __attribute__((alias("MPIX_" #name), visibility("default")));

#define END_       MPI_Comm comm, MPI_Info info, MPI_Request *request
#define END        comm, info, request
#define SEND_EVEN_ const void *sendbuf, int sendcount, MPI_Datatype sendtype
#define SEND_EVEN  sendbuf, sendcount, sendtype
#define SEND_VARYING_                                                                              \
    const void *sendbuf, const int sendcounts[], const int sdispls[], MPI_Datatype sendtype
#define SEND_VARYING sendbuf, sendcounts, sdispls, sendtype
#define SEND_TYPED_(displacement)                                                                  \
    const void *sendbuf, const int sendcounts[], const displacement sdispls[],                     \
        const MPI_Datatype sendtypes[]
#define SEND_TYPED sendbuf, sendcounts, sdispls, sendtypes
#define RECV_EVEN_ void *recvbuf, int recvcount, MPI_Datatype recvtype
#define RECV_EVEN  recvbuf, recvcount, recvtype
#define RECV_VARYING_                                                                              \
    void *recvbuf, const int recvcounts[], const int rdispls[], MPI_Datatype recvtype
#define RECV_VARYING recvbuf, recvcounts, rdispls, recvtype
#define RECV_TYPED_(displacement)                                                                  \
    void *recvbuf, const int recvcounts[], const displacement rdispls[],                           \
        const MPI_Datatype recvtypes[]
#define RECV_TYPED recvbuf, recvcounts, rdispls, recvtypes
#define REDUCED_   const void *sendbuf, void *recvbuf, int count, MPI_Datatype datatype, MPI_Op op
#define REDUCED    sendbuf, recvbuf, count, datatype, op

EXTENSION(Barrier_init, (END_), (END))
EXTENSION(Bcast_init, (void *buffer, int count, MPI_Datatype datatype, int root, END_),
          (buffer, count, datatype, root, END))
EXTENSION(Gather_init, (SEND_EVEN_, RECV_EVEN_, int root, END_), (SEND_EVEN, RECV_EVEN, root, END))
EXTENSION(Gatherv_init, (SEND_EVEN_, RECV_VARYING_, int root, END_),
          (SEND_EVEN, RECV_VARYING, root, END))
EXTENSION(Scatter_init, (SEND_EVEN_, RECV_EVEN_, int root, END_), (SEND_EVEN, RECV_EVEN, root, END))
EXTENSION(Scatterv_init, (SEND_VARYING_, RECV_EVEN_, int root, END_),
          (SEND_VARYING, RECV_EVEN, root, END))
EXTENSION(Allgather_init, (SEND_EVEN_, RECV_EVEN_, END_), (SEND_EVEN, RECV_EVEN, END))
EXTENSION(Allgatherv_init, (SEND_EVEN_, RECV_VARYING_, END_), (SEND_EVEN, RECV_VARYING, END))
EXTENSION(Alltoall_init, (SEND_EVEN_, RECV_EVEN_, END_), (SEND_EVEN, RECV_EVEN, END))
EXTENSION(Alltoallv_init, (SEND_VARYING_, RECV_VARYING_, END_), (SEND_VARYING, RECV_VARYING, END))
EXTENSION(Alltoallw_init, (SEND_TYPED_(int), RECV_TYPED_(int), END_), (SEND_TYPED, RECV_TYPED, END))
EXTENSION(Reduce_init, (REDUCED_, int root, END_), (REDUCED, root, END))
EXTENSION(Allreduce_init, (REDUCED_, END_), (REDUCED, END))
EXTENSION(Scan_init, (REDUCED_, END_), (REDUCED, END))
EXTENSION(Exscan_init, (REDUCED_, END_), (REDUCED, END))
EXTENSION(Reduce_scatter_init,
          (const void *sendbuf, void *recvbuf, const int recvcounts[], MPI_Datatype datatype,
           MPI_Op op, END_),
          (sendbuf, recvbuf, recvcounts, datatype, op, END))
EXTENSION(Reduce_scatter_block_init, (REDUCED_, END_), (REDUCED, END))
EXTENSION(Neighbor_allgather_init, (SEND_EVEN_, RECV_EVEN_, END_), (SEND_EVEN, RECV_EVEN, END))
EXTENSION(Neighbor_allgatherv_init, (SEND_EVEN_, RECV_VARYING_, END_),
          (SEND_EVEN, RECV_VARYING, END))
EXTENSION(Neighbor_alltoall_init, (SEND_EVEN_, RECV_EVEN_, END_), (SEND_EVEN, RECV_EVEN, END))
EXTENSION(Neighbor_alltoallv_init, (SEND_VARYING_, RECV_VARYING_, END_),
          (SEND_VARYING, RECV_VARYING, END))
EXTENSION(Neighbor_alltoallw_init, (SEND_TYPED_(MPI_Aint), RECV_TYPED_(MPI_Aint), END_),
          (SEND_TYPED, RECV_TYPED, END))
