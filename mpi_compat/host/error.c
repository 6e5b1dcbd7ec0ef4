/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/error.h"
#include "base/log.h"
#include "base/map.h"
#include "comm/comm.h"
#include "host/host.h"
#include "host/route.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

int wsp_mpi_class(wsp_err err)
{
    switch (err) {
    case WSP_OK:
    case WSP_ERR_CANCELLED:
        return MPI_SUCCESS;
    case WSP_ERR_TRUNCATED:
        return MPI_ERR_TRUNCATE;
    case WSP_ERR_NO_MEMORY:
        return MPI_ERR_NO_MEM;
    case WSP_ERR_INVALID:
        return MPI_ERR_ARG;
    case WSP_ERR_UNSUPPORTED:
        return MPI_ERR_UNSUPPORTED_OPERATION;
    case WSP_ERR_INTERNAL:
        return MPI_ERR_INTERN;
    default:
        return MPI_ERR_OTHER;
    }
}

int wsp_raise(MPI_Comm comm, int code)
{
    int handled = host.Comm_call_errhandler(comm, code);
    (void)handled; /* what the handler says does not change what went wrong */
    return code;
}

/* One line for each function is enough; the names are constants. */
static bool is_first_time(const char *function)
{
    static struct wsp_map said;
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    uint64_t key = (uint64_t)(uintptr_t)function;
    pthread_mutex_lock(&mutex);
    bool is_new = !wsp_map_get(&said, key);
    if (is_new && wsp_map_put(&said, key, &said))
        wsp_debug("refused functions: out of memory, a line may come twice");
    pthread_mutex_unlock(&mutex);
    return is_new;
}

static void say_refused(const char *function, MPI_Comm handle)
{
    const struct wsp_comm *comm = wsp_comm_of(handle);
    char name[MPI_MAX_OBJECT_NAME] = "", sites[256] = "";
    int length = 0;
    host.Comm_get_name(handle, name, &length);
    for (int i = 0; comm && i < comm->n_parts; i++) {
        size_t used = strlen(sites);
        snprintf(sites + used, sizeof sites - used, "%s%s", i ? ", " : "",
                 wsp_job.roster->sites[comm->parts[i].site].card.name);
    }
    wsp_error("%s: not available on a communicator that spans sites (%s on %s); use it on a "
              "communicator inside one site, such as MPI_Comm_split_type gives",
              function, *name ? name : "unnamed", sites);
}

int wsp_refuse(const char *function, MPI_Comm handle)
{
    if (is_first_time(function))
        say_refused(function, handle);
    return wsp_raise(handle, MPI_ERR_UNSUPPORTED_OPERATION);
}

/* Open MPI does not call the handler of MPI_FILE_NULL on request: it is set on a file that stands
 * in for it. */
static void raise_on_no_file(int code)
{
    MPI_Errhandler handler;
    MPI_File stand_in;
    if (host.File_get_errhandler(MPI_FILE_NULL, &handler) != MPI_SUCCESS)
        return;
    wsp_nested++;
    bool is_open =
        handler != MPI_ERRORS_RETURN && host.File_open(wsp_job.self, "/dev/null", MPI_MODE_RDONLY,
                                                       MPI_INFO_NULL, &stand_in) == MPI_SUCCESS;
    wsp_nested--;
    if (is_open) {
        host.File_set_errhandler(stand_in, handler);
        host.File_call_errhandler(stand_in, code);
        wsp_nested++;
        host.File_close(&stand_in);
        wsp_nested--;
    }
    host.Errhandler_free(&handler);
}

int wsp_refuse_file(const char *function, MPI_Comm handle)
{
    if (is_first_time(function))
        say_refused(function, handle);
    raise_on_no_file(MPI_ERR_UNSUPPORTED_OPERATION);
    return MPI_ERR_UNSUPPORTED_OPERATION;
}

int wsp_refuse_group(const char *function, MPI_Win win)
{
    if (is_first_time(function))
        wsp_error("%s: the group spans sites, the window does not; name ranks of the window's own "
                  "site only",
                  function);
    host.Win_call_errhandler(win, MPI_ERR_UNSUPPORTED_OPERATION);
    return MPI_ERR_UNSUPPORTED_OPERATION;
}
