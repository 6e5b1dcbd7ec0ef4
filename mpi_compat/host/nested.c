/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/nested.h"

#include "base/map.h"
#include "host/asleep.h"
#include "host/host.h"

#include <pthread.h>
#include <stdlib.h>

/* A file with calls under way, by one thread or several. */
struct set_aside {
    MPI_Errhandler handler; /* the user's; a reference */
    int n_calls;
    bool is_back; /* after an error of one call, for those that still run */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct wsp_map files; /* from MPI_File to struct set_aside; guarded by lock */

static uint64_t key_of(MPI_File file)
{
    return (uint64_t)(uintptr_t)file;
}

/* Without memory the handler stays where it is. */
static void set_aside(MPI_File file)
{
    struct set_aside *aside = wsp_map_get(&files, key_of(file));
    if (aside) {
        aside->n_calls++;
        return;
    }
    aside = calloc(1, sizeof(*aside));
    if (!aside || host.File_get_errhandler(file, &aside->handler) != MPI_SUCCESS) {
        free(aside);
        return;
    }
    aside->n_calls = 1;
    if (wsp_map_put(&files, key_of(file), aside) == WSP_OK) {
        host.File_set_errhandler(file, MPI_ERRORS_RETURN);
    } else {
        host.Errhandler_free(&aside->handler);
        free(aside);
    }
}

/* True if the handler is to be called now: the host could not do it. */
static bool put_back(MPI_File file, int err)
{
    struct set_aside *aside = wsp_map_get(&files, key_of(file));
    if (!aside)
        return false;
    bool was_aside = !aside->is_back;
    aside->n_calls--;
    if (was_aside && (aside->n_calls == 0 || err != MPI_SUCCESS)) {
        host.File_set_errhandler(file, aside->handler);
        host.Errhandler_free(&aside->handler);
        aside->is_back = true;
    }
    if (aside->n_calls == 0)
        free(wsp_map_take(&files, key_of(file)));
    return was_aside && err != MPI_SUCCESS;
}

void wsp_nested_enter_file(MPI_File file)
{
    if (!wsp_job.is_wide)
        return;
    if (wsp_nested++ > 0)
        return;
    wsp_asleep_enter();
    if (file != MPI_FILE_NULL) {
        pthread_mutex_lock(&lock);
        set_aside(file);
        pthread_mutex_unlock(&lock);
    }
}

int wsp_nested_leave_file(MPI_File file, int err)
{
    if (!wsp_job.is_wide)
        return err;
    if (--wsp_nested > 0)
        return err;
    wsp_asleep_leave();
    if (file != MPI_FILE_NULL) {
        pthread_mutex_lock(&lock);
        bool is_due = put_back(file, err);
        pthread_mutex_unlock(&lock);
        if (is_due)
            host.File_call_errhandler(file, err);
    }
    return err;
}
