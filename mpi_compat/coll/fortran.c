/* SPDX-License-Identifier: BSD-3-Clause */
/* MPI_Alltoallw and its kin as Fortran calls them. The bindings of Open MPI 4.1 make C's arrays of
 * types out of Fortran's, as many as the communicator has ranks in the host: of one that spans
 * sites, only those at home. Here the arrays have all of them. */
#include "comm/comm.h"
#include "host/error.h"
#include "host/host.h"
#include "topo/topo.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(MPI_Fint) == sizeof(int), "counts are handed through");

/* Where Fortran's MPI_IN_PLACE and MPI_BOTTOM lie, as its compiler names them: a host has one name
 * of each, or none if it was built without Fortran. */
#define PLACES(X)                                                                                  \
    X(mpi_fortran_in_place, MPI_IN_PLACE)                                                          \
    X(mpi_fortran_in_place_, MPI_IN_PLACE)                                                         \
    X(mpi_fortran_in_place__, MPI_IN_PLACE)                                                        \
    X(MPI_FORTRAN_IN_PLACE, MPI_IN_PLACE)                                                          \
    X(mpi_fortran_bottom, MPI_BOTTOM)                                                              \
    X(mpi_fortran_bottom_, MPI_BOTTOM)                                                             \
    X(mpi_fortran_bottom__, MPI_BOTTOM)                                                            \
    X(MPI_FORTRAN_BOTTOM, MPI_BOTTOM)
#define WEAK(place, meaning) extern int place __attribute__((weak));
PLACES(WEAK)

static void *buffer_of(void *buffer)
{
#define LOOK(place, meaning)                                                                       \
    if (buffer && buffer == &place)                                                                \
        return meaning;
    PLACES(LOOK)
    return buffer;
}

/* What goes, and what comes; and how many types each is. */
struct lists {
    MPI_Datatype *out, *in;
};

static MPI_Datatype *types_of(const MPI_Fint *types, int n)
{
    MPI_Datatype *made = malloc(((size_t)n + 1) * sizeof *made);
    for (int i = 0; made && i < n; i++)
        made[i] = host.Type_f2c(types[i]);
    return made;
}

/* MPI code. The types of a buffer that is in place are not looked at. */
static int open_lists(struct lists *lists, const void *sendbuf, const MPI_Fint *sendtypes,
                      int n_out, const MPI_Fint *recvtypes, int n_in)
{
    lists->out = types_of(sendtypes, sendbuf == MPI_IN_PLACE ? 0 : n_out);
    lists->in = types_of(recvtypes, n_in);
    return lists->out && lists->in ? MPI_SUCCESS : MPI_ERR_NO_MEM;
}

static void close_lists(struct lists *lists)
{
    free(lists->out);
    free(lists->in);
}

/* One that has no topology gets what the C function says of that. */
static void count_neighbours(const struct wsp_comm *comm, int *n_out, int *n_in)
{
    struct wsp_neighbours who = {0};
    int code = wsp_topology_neighbours(comm, &who);
    *n_out = code ? 0 : who.n_out;
    *n_in = code ? 0 : who.n_in;
    free(who.memory);
}

/* The binding itself, for communicators at home. */
static void find_binding(const char *name, void *function)
{
    void *library = dlopen(WSP_HOST_FORTRAN_SONAME, RTLD_LAZY);
    void *symbol = library ? dlsym(library, name) : NULL;
    if (!symbol)
        wsp_job_abort(1, "the Fortran library of the host is not the one that was built for");
    memcpy(function, &symbol, sizeof symbol);
    dlclose(library); /* the program has it open */
}

#define BLOCKING(displacement)                                                                     \
    void *sendbuf, int *sendcounts, displacement *sdispls, MPI_Fint *sendtypes, void *recvbuf,     \
        int *recvcounts, displacement *rdispls, MPI_Fint *recvtypes, MPI_Fint *comm,               \
        MPI_Fint *ierr
#define NONBLOCKING(displacement)                                                                  \
    void *sendbuf, int *sendcounts, displacement *sdispls, MPI_Fint *sendtypes, void *recvbuf,     \
        int *recvcounts, displacement *rdispls, MPI_Fint *recvtypes, MPI_Fint *comm,               \
        MPI_Fint *request, MPI_Fint *ierr
#define ARGUMENTS                                                                                  \
    sendbuf, sendcounts, sdispls, sendtypes, recvbuf, recvcounts, rdispls, recvtypes, comm

#define NAME(lower, name)                                                                          \
    extern __typeof(ompi_##lower##_f) name                                                         \
        __attribute__((alias("ompi_" #lower "_f"), visibility("default")));
/* What compilers make of it, for programs and for profilers; and those of the module mpi_f08. */
#define NAMES(lower, upper, mixed)                                                                 \
    NAME(lower, mpi_##lower)                                                                       \
    NAME(lower, mpi_##lower##_)                                                                    \
    NAME(lower, mpi_##lower##__)                                                                   \
    NAME(lower, MPI_##upper)                                                                       \
    NAME(lower, MPI_##mixed##_f)                                                                   \
    NAME(lower, MPI_##mixed##_f08)                                                                 \
    NAME(lower, pmpi_##lower)                                                                      \
    NAME(lower, pmpi_##lower##_)                                                                   \
    NAME(lower, pmpi_##lower##__)                                                                  \
    NAME(lower, PMPI_##upper)                                                                      \
    NAME(lower, PMPI_##mixed##_f)                                                                  \
    NAME(lower, PMPI_##mixed##_f08)

/* counts: sets n_out and n_in of `spanning`. */
#define TYPED(lower, upper, mixed, parameters, arguments, counts, call)                            \
    void __attribute__((visibility("default"))) ompi_##lower##_f(parameters);                      \
    void ompi_##lower##_f(parameters)                                                              \
    {                                                                                              \
        MPI_Comm handle = host.Comm_f2c(*comm);                                                    \
        struct wsp_comm *spanning = wsp_comm_of(handle);                                           \
        if (!spanning) {                                                                           \
            void (*binding)(parameters);                                                           \
            find_binding("ompi_" #lower "_f", &binding);                                           \
            binding arguments;                                                                     \
            return;                                                                                \
        }                                                                                          \
        struct lists types;                                                                        \
        int n_out, n_in, code;                                                                     \
        counts;                                                                                    \
        sendbuf = buffer_of(sendbuf);                                                              \
        recvbuf = buffer_of(recvbuf);                                                              \
        code = open_lists(&types, sendbuf, sendtypes, n_out, recvtypes, n_in);                     \
        if (code)                                                                                  \
            wsp_raise(handle, code);                                                               \
        else                                                                                       \
            call;                                                                                  \
        close_lists(&types);                                                                       \
        if (ierr)                                                                                  \
            *ierr = code;                                                                          \
    }                                                                                              \
    NAMES(lower, upper, mixed)

#define TO_ALL        n_out = n_in = spanning->n_peers
#define TO_NEIGHBOURS count_neighbours(spanning, &n_out, &n_in)
#define CALL(mixed)                                                                                \
    code = PMPI_##mixed(sendbuf, sendcounts, sdispls, types.out, recvbuf, recvcounts, rdispls,     \
                        types.in, handle)
#define START(mixed)                                                                               \
    do {                                                                                           \
        MPI_Request started = MPI_REQUEST_NULL;                                                    \
        code = PMPI_##mixed(sendbuf, sendcounts, sdispls, types.out, recvbuf, recvcounts, rdispls, \
                            types.in, handle, &started);                                           \
        if (!code)                                                                                 \
            *request = host.Request_c2f(started);                                                  \
    } while (0)

TYPED(alltoallw, ALLTOALLW, Alltoallw, BLOCKING(int), (ARGUMENTS, ierr), TO_ALL, CALL(Alltoallw))
TYPED(ialltoallw, IALLTOALLW, Ialltoallw, NONBLOCKING(int), (ARGUMENTS, request, ierr), TO_ALL,
      START(Ialltoallw))
TYPED(neighbor_alltoallw, NEIGHBOR_ALLTOALLW, Neighbor_alltoallw, BLOCKING(MPI_Aint),
      (ARGUMENTS, ierr), TO_NEIGHBOURS, CALL(Neighbor_alltoallw))
TYPED(ineighbor_alltoallw, INEIGHBOR_ALLTOALLW, Ineighbor_alltoallw, NONBLOCKING(MPI_Aint),
      (ARGUMENTS, request, ierr), TO_NEIGHBOURS, START(Ineighbor_alltoallw))
