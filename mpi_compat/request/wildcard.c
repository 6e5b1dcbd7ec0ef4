/* SPDX-License-Identifier: BSD-3-Clause */
#include "request/wildcard.h"
#include "host/host.h"

#include <pthread.h>

static struct wsp_list open_receives = {{&open_receives.head, &open_receives.head}};

/* Guards the list and who settles, under MPI_THREAD_MULTIPLE. Held across host calls, none of which
 * calls back into the program: Request_get_status raises no error. */
static pthread_mutex_t settle_mutex = PTHREAD_MUTEX_INITIALIZER;

_Thread_local bool wsp_wildcard_is_settling;

static void settle_lock(void)
{
    wsp_wildcard_is_settling = true;
    if (wsp_job.is_threaded)
        pthread_mutex_lock(&settle_mutex);
}

static void settle_unlock(void)
{
    if (wsp_job.is_threaded)
        pthread_mutex_unlock(&settle_mutex);
    wsp_wildcard_is_settling = false;
}

void wsp_wildcard_open(struct wsp_request *request)
{
    settle_lock();
    wsp_list_push_back(&open_receives, &request->open_node);
    settle_unlock();
}

static bool has_candidate(struct wsp_request *request)
{
    wsp_link_lock(wsp_job.link);
    bool yes = request->posted.candidate != NULL;
    wsp_link_unlock(wsp_job.link);
    return yes;
}

/* The host took the half back: the wide half has the receive, or nobody if the program cancelled.
 * Either way another thread may complete it at once, and the object is gone. */
static void half_is_cancelled(struct wsp_request *request)
{
    bool is_cancelled = request->is_cancelled;
    host.Wait(&request->half, MPI_STATUS_IGNORE);
    wsp_link_lock(wsp_job.link);
    wsp_node_remove(&request->open_node);
    if (!is_cancelled)
        wsp_match_settle_wide(&request->posted);
    wsp_link_unlock(wsp_job.link);
    if (is_cancelled)
        atomic_store_explicit(&request->posted.op.done, true, memory_order_release);
}

/* The host's half has a message; its outcome is taken when the program completes the request. */
static void half_is_complete(struct wsp_request *request)
{
    wsp_link_lock(wsp_job.link);
    wsp_node_remove(&request->open_node);
    bool was_unmatched = wsp_match_withdraw(&request->posted);
    wsp_link_unlock(wsp_job.link);
    (void)was_unmatched; /* a receive with a home half is never matched by itself */
    request->is_cancelled = false;
    request->is_home_done = true;
    atomic_store_explicit(&request->posted.op.done, true, memory_order_release);
}

static void settle_one(struct wsp_request *request)
{
    if (!request->is_half_cancelled && has_candidate(request)) {
        host.Cancel(&request->half);
        request->is_half_cancelled = true;
    }
    MPI_Status status;
    int is_over = 0, is_cancelled = 0;
    host.Request_get_status(request->half, &is_over, &status);
    if (!is_over)
        return;
    host.Test_cancelled(&status, &is_cancelled);
    if (is_cancelled)
        half_is_cancelled(request);
    else
        half_is_complete(request);
}

/* Not from within: progress of the host may call functions of ours, as ROMIO's polling does. */
void wsp_wildcard_settle(void)
{
    if (wsp_wildcard_is_settling ||
        atomic_load_explicit(&wsp_match_n_candidates, memory_order_relaxed) == 0)
        return;
    settle_lock();
    WSP_LIST_EACH_SAFE(node, &open_receives)
    {
        struct wsp_request *request = WSP_CONTAINER(node, struct wsp_request, open_node);
        if (request->is_half_cancelled || has_candidate(request))
            settle_one(request);
    }
    settle_unlock();
}

void wsp_wildcard_look(struct wsp_request *request)
{
    if (wsp_wildcard_is_settling)
        return;
    settle_lock();
    if (wsp_node_is_linked(&request->open_node))
        settle_one(request);
    settle_unlock();
}

void wsp_wildcard_cancel(struct wsp_request *request)
{
    settle_lock();
    if (wsp_node_is_linked(&request->open_node)) {
        wsp_link_lock(wsp_job.link);
        /* A message that is already its candidate goes on to the next receive that fits. */
        request->is_cancelled = wsp_match_withdraw(&request->posted);
        wsp_link_unlock(wsp_job.link);
        if (!request->is_half_cancelled)
            host.Cancel(&request->half);
        request->is_half_cancelled = true;
    }
    settle_unlock();
}
