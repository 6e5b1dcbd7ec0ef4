/* SPDX-License-Identifier: BSD-3-Clause */
/* MPI_Probe and MPI_Iprobe. */
#include "host/error.h"
#include "host/host.h"
#include "host/route.h"
#include "p2p/p2p.h"
#include "request/progress.h"
#include "request/wildcard.h"
#include "wide.h"

/* MPI error code, raised: the peer is lost and nothing of it is left to receive. */
static int probe_wide(const struct wsp_comm *comm, int source, int tag, int *flag,
                      MPI_Status *status)
{
    int32_t want = source == MPI_ANY_SOURCE ? WSP_ANY : source;
    wsp_link_lock(wsp_job.link);
    struct wsp_arrival *arrival = wsp_match_find(comm->context, want, wsp_match_tag(tag));
    struct wsp_envelope envelope;
    if (arrival)
        envelope = *wsp_arrival_envelope(arrival);
    bool is_lost = !arrival && wsp_is_peer_lost(comm, source);
    wsp_link_unlock(wsp_job.link);
    *flag = arrival != NULL;
    if (arrival)
        wsp_status_fill(status, envelope.source, envelope.tag, envelope.length, false);
    return is_lost ? wsp_raise(comm->handle, wsp_mpi_class(WSP_ERR_PEER_LOST)) : MPI_SUCCESS;
}

/* One look at both sides. */
static int look(struct wsp_comm *comm, enum wsp_way way, int source, int home_rank, int tag,
                int *flag, MPI_Status *status)
{
    *flag = 0;
    wsp_wildcard_settle();
    int code = MPI_SUCCESS;
    if (way != WSP_WAY_HOME)
        code = probe_wide(comm, source, tag, flag, status);
    if (code || *flag || way == WSP_WAY_WIDE)
        return code;
    code = host.Iprobe(home_rank, tag, comm->handle, flag, status);
    if (*flag)
        wsp_status_translate(comm, status);
    return code;
}

int wide_Iprobe(int source, int tag, MPI_Comm handle, int *flag, MPI_Status *status)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    if (!comm) {
        wsp_progress_glance();
        return host.Iprobe(source, tag, handle, flag, status);
    }
    int home_rank;
    enum wsp_way way = wsp_way_to(comm, source, &home_rank);
    tag = wsp_tag_everywhere(tag);
    if (wsp_is_probe_wrong(way, tag))
        return host.Iprobe(way == WSP_WAY_WIDE ? MPI_PROC_NULL : home_rank, tag, handle, flag,
                           status);
    int code = look(comm, way, source, home_rank, tag, flag, status);
    if (code || *flag)
        return code;
    wsp_progress_once();
    return look(comm, way, source, home_rank, tag, flag, status);
}

/* A home probe while a wildcard may need this thread. */
static int drive_home_probe(int source, int tag, MPI_Comm handle, MPI_Status *status)
{
    struct wsp_pause pause = {.hears_host = true};
    for (;;) {
        int flag = 0;
        int code = host.Iprobe(source, tag, handle, &flag, status);
        if (code || flag)
            return code;
        wsp_progress(&pause);
    }
}

int wide_Probe(int source, int tag, MPI_Comm handle, MPI_Status *status)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    if (!comm)
        return drive_home_probe(source, tag, handle, status);
    int home_rank;
    enum wsp_way way = wsp_way_to(comm, source, &home_rank);
    tag = wsp_tag_everywhere(tag);
    if (wsp_is_probe_wrong(way, tag))
        return host.Probe(way == WSP_WAY_WIDE ? MPI_PROC_NULL : home_rank, tag, handle, status);
    struct wsp_pause pause = {0};
    for (;;) {
        int flag;
        int code = look(comm, way, source, home_rank, tag, &flag, status);
        if (code || flag)
            return code;
        wsp_progress(&pause);
    }
}
