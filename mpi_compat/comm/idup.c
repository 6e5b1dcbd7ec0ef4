/* SPDX-License-Identifier: BSD-3-Clause */
/* MPI_Comm_idup. The host duplicates the handle at each site, in the call itself, with the
 * program's copy callbacks, and the private second communicator in its turn. Then the leaders tell
 * each other, and their sites, the context and what went wrong anywhere: the new communicator is
 * good on all ranks, or the request fails on all. */
#include "base/clock.h"
#include "coll/coll.h"
#include "coll/phase.h"
#include "comm/agree.h"
#include "comm/inter.h"
#include "host/error.h"
#include "host/host.h"
#include "request/progress.h"
#include "wide.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <stdlib.h>
#include <string.h>

#define OTHERS_NS WSP_NS_PER_S /* in a call, for an earlier one on the same communicator */

/* What a rank, a site and at last everyone says. */
struct word {
    int32_t code;
    uint64_t context; /* of the first rank, else 0 */
};

struct idup {
    struct wsp_schedule s;
    MPI_Comm *newcomm;       /* NULL: it was written in the call itself */
    MPI_Comm handle, phase2; /* as the host made them */
    MPI_Comm near[2];        /* likewise; of an intercommunicator */
    bool is_home, is_begun;  /* is_begun: the duplicate of phase2 */
    struct wsp_comm *made;
    struct word word;   /* this rank's, then its site's, then everyone's */
    struct word *heard; /* at a leader: of the other home ranks, then of the other sites */
};

static int duplicate(struct idup *d, MPI_Comm from, MPI_Comm *to)
{
    MPI_Request *slot = wsp_schedule_slot(&d->s);
    int err = host.Comm_idup(from, to, slot);
    if (err != MPI_SUCCESS) {
        *to = MPI_COMM_NULL;
        *slot = MPI_REQUEST_NULL;
    }
    return err;
}

static int duplicate_phase2(struct wsp_schedule *s)
{
    struct idup *d = (struct idup *)s;
    if (d->is_begun)
        return MPI_SUCCESS;
    d->is_begun = true;
    return duplicate(d, s->comm->phase2, &d->phase2);
}

/* Of an intercommunicator: both duplicates of the second near communicator, whose calls of the host
 * come in turn; one after the other. */
static int duplicate_near(struct wsp_schedule *s)
{
    struct idup *d = (struct idup *)s;
    const struct wsp_inter *inter = s->comm->inter;
    return inter ? duplicate(d, inter->near[1], &d->near[0]) : MPI_SUCCESS;
}

static int duplicate_near2(struct wsp_schedule *s)
{
    struct idup *d = (struct idup *)s;
    const struct wsp_inter *inter = s->comm->inter;
    return inter ? duplicate(d, inter->near[1], &d->near[1]) : MPI_SUCCESS;
}

/* The program has the handle from the call on, as from the host: the Fortran bindings turn it into
 * a number at once, and where they had it put is gone afterwards. What the host or a copy callback
 * finds wrong the host has raised. If nobody's turn is before, both duplicates start: then the host
 * alone can bring them to an end, even from within a call that blocks there. */
static int duplicate_handle(struct wsp_schedule *s)
{
    struct idup *d = (struct idup *)s;
    int err = duplicate(d, s->comm->handle, &d->handle);
    s->is_raised = err != MPI_SUCCESS;
    if (!atomic_load(&s->is_listed)) {
        *d->newcomm = d->handle;
        d->newcomm = NULL;
    }
    if (d->is_home || !wsp_schedule_has_turn(s))
        return err;
    int second = duplicate_phase2(s);
    return err == MPI_SUCCESS ? second : err;
}

/* All that may fail here comes before the agreement. */
static int prepare(struct idup *d)
{
    const struct wsp_comm *comm = d->s.comm;
    size_t n_bytes = (size_t)comm->size * sizeof *comm->world;
    uint32_t *world = malloc(n_bytes);
    if (!world)
        return MPI_ERR_NO_MEM;
    memcpy(world, comm->world, n_bytes);
    int err = wsp_comm_register_pair(d->handle, d->phase2, world, comm->size, 0, &d->made);
    if (err == MPI_SUCCESS)
        err = wsp_inherit(comm, d->made);
    if (err != MPI_SUCCESS || !comm->inter)
        return err;
    err = wsp_inter_copy_with(comm, d->made, d->near);
    d->near[0] = d->near[1] = MPI_COMM_NULL;
    return err;
}

static int report(struct wsp_schedule *s)
{
    struct idup *d = (struct idup *)s;
    int err = s->err == MPI_SUCCESS ? prepare(d) : s->err;
    s->has_passed = true;
    d->word.code = err;
    if (s->comm->rank == 0)
        d->word.context = wsp_comm_draw_context();
    if (!wsp_comm_is_leader(s->comm)) {
        int sent = wsp_phase_send_bytes(s, 0, &d->word, sizeof d->word);
        return err == MPI_SUCCESS ? sent : err;
    }
    for (int i = 1; i < wsp_comm_here(s->comm)->n_ranks; i++) {
        int asked = wsp_phase_receive_bytes(s, i, &d->heard[i], sizeof *d->heard);
        err = err == MPI_SUCCESS ? asked : err;
    }
    return err;
}

/* Adds n words that were heard to this rank's. */
static void take_in(struct idup *d, int n)
{
    for (int i = 0; i < n; i++) {
        if (d->word.code == MPI_SUCCESS)
            d->word.code = d->heard[i].code;
        d->word.context |= d->heard[i].context;
    }
    memset(d->heard, 0, (size_t)n * sizeof *d->heard);
}

static int tell_leaders(struct wsp_schedule *s)
{
    struct idup *d = (struct idup *)s;
    struct wsp_comm *comm = s->comm;
    if (!wsp_comm_is_leader(comm))
        return MPI_SUCCESS;
    take_in(d, wsp_comm_here(comm)->n_ranks);
    int err = wsp_schedule_open_exchange(s, 2 * comm->n_parts);
    for (int p = 0; err == MPI_SUCCESS && p < comm->n_parts; p++) {
        if (p == comm->part)
            continue;
        wsp_exchange_receive(&s->exchange, comm->parts[p].ranks[0], &d->heard[p], sizeof *d->heard);
        wsp_exchange_send(&s->exchange, comm->parts[p].ranks[0], &d->word, sizeof d->word);
    }
    return err;
}

static int tell_site(struct wsp_schedule *s)
{
    struct idup *d = (struct idup *)s;
    int err = MPI_SUCCESS;
    if (!wsp_comm_is_leader(s->comm))
        return wsp_phase_receive_bytes(s, 0, &d->word, sizeof d->word);
    take_in(d, s->comm->n_parts);
    if (d->word.code == MPI_SUCCESS)
        d->word.code = s->err; /* of the exchange */
    for (int i = 1; err == MPI_SUCCESS && i < wsp_comm_here(s->comm)->n_ranks; i++)
        err = wsp_phase_send_bytes(s, i, &d->word, sizeof d->word);
    return err;
}

static int drop(struct idup *d)
{
    for (int i = 0; i < 2; i++)
        if (d->near[i] != MPI_COMM_NULL)
            host.Comm_free(&d->near[i]);
    if (d->made) {
        (void)!wsp_comm_close(d->made);
        return d->word.code;
    }
    if (d->handle != MPI_COMM_NULL)
        host.Comm_free(&d->handle);
    if (d->phase2 != MPI_COMM_NULL)
        host.Comm_free(&d->phase2);
    return d->word.code;
}

static int conclude(struct wsp_schedule *s)
{
    struct idup *d = (struct idup *)s;
    if (d->word.code == MPI_SUCCESS)
        d->word.code = s->err;
    if (d->newcomm)
        *d->newcomm = d->word.code == MPI_SUCCESS ? d->handle : MPI_COMM_NULL;
    if (d->word.code != MPI_SUCCESS)
        return drop(d);
    d->made->context = d->word.context;
    return MPI_SUCCESS;
}

static const struct wsp_step steps[] = {
    {duplicate_handle, false}, {duplicate_phase2, true}, {duplicate_near, false},
    {duplicate_near2, false},  {report, false},          {tell_leaders, false},
    {tell_site, false},        {conclude, false},        {NULL, false}};

static int conclude_at_home(struct wsp_schedule *s)
{
    struct idup *d = (struct idup *)s;
    if (d->newcomm)
        *d->newcomm = s->err == MPI_SUCCESS ? d->handle : MPI_COMM_NULL;
    s->has_passed = true;
    return MPI_SUCCESS;
}

static const struct wsp_step home_steps[] = {
    {duplicate_handle, false}, {conclude_at_home, false}, {NULL, false}};

static void close_idup(struct wsp_schedule *s)
{
    free(((struct idup *)s)->heard);
}

static struct idup *make(struct wsp_comm *comm, bool is_home, MPI_Comm *newcomm)
{
    struct idup *d = wsp_schedule_new(sizeof *d, comm, is_home ? home_steps : steps, close_idup);
    if (!d)
        return NULL;
    d->s.is_exclusive = true;
    d->is_home = is_home;
    d->newcomm = newcomm;
    d->handle = d->phase2 = d->near[0] = d->near[1] = MPI_COMM_NULL;
    return d;
}

static int start_at_home(MPI_Comm handle, MPI_Comm *newcomm, MPI_Request *request)
{
    struct wsp_comm *comm = wsp_comm_stand_in(handle);
    struct idup *d = comm ? make(comm, true, newcomm) : NULL;
    if (comm)
        wsp_comm_release(comm); /* the schedule holds it */
    return d ? wsp_schedule_run(&d->s, request) : wsp_raise(handle, MPI_ERR_NO_MEM);
}

/* Open MPI's bindings are libraries of their own. */
static bool is_called_by_fortran(void)
{
    void *frames[8];
    int n = backtrace(frames, sizeof frames / sizeof *frames);
    for (int i = 0; i < n; i++) {
        Dl_info info;
        if (dladdr(frames[i], &info) && info.dli_fname &&
            (strstr(info.dli_fname, "/libmpi_mpifh") || strstr(info.dli_fname, "/libmpi_usempi")))
            return true;
    }
    return false;
}

/* Behind another the host is asked later, and newcomm written then. Mostly the other is over soon;
 * it must not be waited for without end, as those who are to join it may wait for us: but where
 * Fortran puts the handle is gone after the call. */
static void await_others(MPI_Comm handle)
{
    struct wsp_pause pause = {0};
    uint64_t until_ns = wsp_clock_now_ns() + OTHERS_NS;
    while (wsp_coll_is_held_up(handle) && wsp_clock_now_ns() < until_ns)
        wsp_progress(&pause);
    if (wsp_coll_is_held_up(handle) && is_called_by_fortran())
        wsp_coll_await_idup(handle);
}

int wide_Comm_idup(MPI_Comm handle, MPI_Comm *newcomm, MPI_Request *request)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    *newcomm = MPI_COMM_NULL;
    await_others(handle);
    if (!comm)
        return start_at_home(handle, newcomm, request);
    int n_home = wsp_comm_here(comm)->n_ranks;
    int n_words = comm->n_parts > n_home ? comm->n_parts : n_home;
    struct word *heard = calloc((size_t)n_words, sizeof *heard);
    struct idup *d = heard ? make(comm, false, newcomm) : NULL;
    if (!d) {
        free(heard);
        return wsp_raise(handle, MPI_ERR_NO_MEM);
    }
    d->heard = heard;
    return wsp_schedule_run(&d->s, request);
}
