/* SPDX-License-Identifier: BSD-3-Clause */
/* Open MPI calls what is registered with opal_progress_register in every round of each of its
 * waits; its own nonblocking collectives live on that. The shim is there only during such calls. */
#include "host/asleep.h"

#include "base/log.h"
#include "host/host.h"
#include "host/route.h"
#include "request/progress.h"
#include "request/wildcard.h"

#include <pthread.h>
#include <string.h>

typedef int hook_fn(void);
typedef int register_fn(hook_fn *hook);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int n_asleep; /* calls under way for which the hook is there; guarded by lock */
static register_fn *add_hook, *remove_hook;

/* Whether this thread's call has asked for the hook, and how deep; and whether it runs now. */
static _Thread_local int depth;
static _Thread_local bool is_counted, is_driving;

/* Only in a thread that sleeps: others that wait in the host drive for themselves. What is driven
 * calls the host, whose progress comes here again; so does a callback of the program. */
static int drive(void)
{
    if (!is_counted || is_driving || wsp_wildcard_is_settling)
        return 0;
    int nested = wsp_nested;
    wsp_nested = 0; /* an error handler that this calls is the program's own code */
    is_driving = true;
    wsp_progress_glance();
    is_driving = false;
    wsp_nested = nested;
    return 0;
}

static void find_hooks(void)
{
    static bool is_missing;
    if (add_hook || is_missing)
        return;
    void *add = wsp_host_symbol("opal_progress_register");
    void *remove = wsp_host_symbol("opal_progress_unregister");
    memcpy(&add_hook, &add, sizeof add);
    memcpy(&remove_hook, &remove, sizeof remove);
    is_missing = !add_hook || !remove_hook;
    if (is_missing) {
        add_hook = NULL;
        wsp_warn("the host's progress cannot be joined: a program may hang that waits for a window "
                 "or a file while a receive from any source is open");
    }
}

void wsp_asleep_enter(void)
{
    if (depth++ > 0 || !wsp_must_drive())
        return;
    is_counted = true;
    pthread_mutex_lock(&lock);
    find_hooks();
    if (n_asleep++ == 0 && add_hook)
        add_hook(drive);
    pthread_mutex_unlock(&lock);
}

void wsp_asleep_leave(void)
{
    if (--depth > 0 || !is_counted)
        return;
    is_counted = false;
    pthread_mutex_lock(&lock);
    if (--n_asleep == 0 && add_hook)
        remove_hook(drive);
    pthread_mutex_unlock(&lock);
}
