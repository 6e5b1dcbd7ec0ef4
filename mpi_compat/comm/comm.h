/* SPDX-License-Identifier: BSD-3-Clause */
/* Spanning communicators. The program's handle is a host communicator of the home members; what
 * Widespan knows of it hangs off a map from handle to struct wsp_comm. A communicator that is not
 * in the map is a home communicator and the host's business.
 *
 * Reference counted: the handle holds one reference, each request one; the last one frees the host
 * communicator. */
#ifndef WSP_MPI_COMM_COMM_H
#define WSP_MPI_COMM_COMM_H

#include "base/list.h"
#include "init/job.h"

#include <mpi.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* The members of a spanning communicator at one site, in rank order. */
struct wsp_part {
    uint32_t site; /* index in the roster */
    int n_ranks;
    int *ranks; /* communicator ranks; ranks[0] is the leader, ranks[i] is home rank i */
};

struct wsp_inter;

/* An intercommunicator has the members of both groups, one group after the other; what the program
 * sees of it is said by the fields after `inter`. */
struct wsp_comm {
    MPI_Comm handle;  /* host communicator of the home members, in rank order */
    MPI_Comm phase2;  /* private: home phases after the wide exchange run here; those before run on
                         the handle's own collective context, which the program never uses */
    uint64_t context; /* point-to-point; collectives use context | WSP_CONTEXT_COLL */
    int size, rank;
    int home_rank;     /* of this process in handle */
    uint32_t *world;   /* world rank of each rank */
    int32_t *home;     /* home rank in handle of each rank, -1 at another site */
    int n_parts, part; /* sites, in the order of their first member; part: this site's index */
    struct wsp_part *parts;
    uint32_t coll_sequence; /* collectives started, wraps; the tag of their wide messages */
    uint32_t n_contexts;    /* contexts drawn by this process as first member of a new group */
    struct wsp_topology *topology; /* owned; NULL: none */
    struct wsp_inter *inter;       /* owned; NULL: an intracommunicator */
    int peer_base, n_peers; /* whom point-to-point reaches: this many ranks from peer_base on */
    int own_rank;           /* this process's rank as its peers know it */
    atomic_int n_references;
    atomic_int n_handle_users; /* references that need the handle itself: see wsp_comm_close */
    bool is_handle_free;       /* the host has freed it; handle is phase2 then, for errors */
};

#define WSP_CONTEXT_COLL UINT64_C(1)

/* Tags on the collective context: those of collectives lie below this, those of wsp_talk above. */
#define WSP_TAG_TALK UINT32_C(0x40000000)
/* Likewise of home messages on phase2. MPI_TAG_UB is what the host makes it: 2^31 - 1 in Open MPI,
 * but 2^23 - 1 over UCX; 32767 is allowed (MPI-3.1 8.1.2). */
static inline int wsp_home_tags_talk(void)
{
    return wsp_job.tag_ub / 2;
}

/* NULL for a home communicator. wsp_comm_of_slow is for handles other than MPI_COMM_WORLD. */
struct wsp_comm *wsp_comm_of_slow(MPI_Comm handle);
extern struct wsp_comm *wsp_comm_world;

static inline struct wsp_comm *wsp_comm_of(MPI_Comm handle)
{
    if (!wsp_job.is_wide)
        return NULL;
    return handle == MPI_COMM_WORLD ? wsp_comm_world : wsp_comm_of_slow(handle);
}

/* This site's part: its home ranks as communicator ranks. */
static inline const struct wsp_part *wsp_comm_here(const struct wsp_comm *comm)
{
    return &comm->parts[comm->part];
}

/* Sorts the members first to first + n - 1 by site (malloc'ed, the caller's). WSP_ERR_NO_MEMORY. */
wsp_err wsp_parts_sort(const uint32_t *world, int first, int n, struct wsp_part **parts,
                       int *n_parts) WSP_MUST_USE;
void wsp_parts_free(struct wsp_part **parts, int n_parts);

/* The part a rank belongs to (index into parts). */
int wsp_comm_part_of(const struct wsp_comm *comm, int rank);

/* The rank, as this process addresses it, of the peer at a home rank. */
static inline int wsp_peer_at_home(const struct wsp_comm *comm, int home_rank)
{
    return wsp_comm_here(comm)->ranks[home_rank] - comm->peer_base;
}

static inline bool wsp_comm_is_leader(const struct wsp_comm *comm)
{
    return comm->home_rank == 0;
}

static inline struct wsp_comm *wsp_comm_hold(struct wsp_comm *comm)
{
    atomic_fetch_add_explicit(&comm->n_references, 1, memory_order_relaxed);
    return comm;
}
void wsp_comm_release(struct wsp_comm *comm);

/* Makes MPI_COMM_WORLD spanning, from wsp_job; and undoes it. MPI error codes. */
int wsp_comm_world_open(void);
void wsp_comm_world_close(void);

/* Registers a new spanning communicator: handle is a host communicator of the home members, world
 * (malloc'ed, taken over) the world rank of each of size ranks. Collective over the home members.
 */
int wsp_comm_register(MPI_Comm handle, uint32_t *world, int size, uint64_t context,
                      struct wsp_comm **comm);
/* The same with a second communicator of the home members that was made for it, taken over; local.
 * MPI_ERR_NO_MEM: world is freed, the two communicators are the caller's still. */
int wsp_comm_register_pair(MPI_Comm handle, MPI_Comm phase2, uint32_t *world, int size,
                           uint64_t context, struct wsp_comm **comm);

/* An object for a home communicator, with a handle and no more, for what the schedule engine does
 * on one; it is in no table. NULL when out of memory. */
struct wsp_comm *wsp_comm_stand_in(MPI_Comm handle);

/* The program frees its handle: gives up the handle's reference. The host's delete callbacks run
 * now, although requests may be under way; only collectives and persistent requests keep the handle
 * itself (n_handle_users), and then the callbacks run when the last of all is over. The code of one
 * that fails is returned, the host has raised it, and the communicator is as before. */
int wsp_comm_close(struct wsp_comm *comm);

/* A context of the new group's first member (this process), never used before. */
uint64_t wsp_comm_draw_context(void);

/* A tag for making the home part of a communicator with this context on a communicator that others
 * are made on, too: several threads may do so at a time, and the host tells them apart by it alone.
 * Ranks draw without knowing of each other; so it tells who drew, and when. */
int wsp_context_tag(uint64_t context);

#endif
