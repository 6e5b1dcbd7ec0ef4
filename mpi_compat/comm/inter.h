/* SPDX-License-Identifier: BSD-3-Clause */
/* Spanning intercommunicators. One is a spanning communicator over both groups, one group after the
 * other (the one whose first member has the lower world rank comes first), so that all that the
 * shim does inside it is as on any other; only what the program says and sees is translated. */
#ifndef WSP_MPI_COMM_INTER_H
#define WSP_MPI_COMM_INTER_H

#include "comm/agree.h"
#include "comm/comm.h"

/* One of the two groups. */
struct wsp_side {
    int base, size; /* its ranks of the communicator: from base on */
    int n_parts;
    struct wsp_part *parts; /* sites in the order of their first member here */
};

struct wsp_inter {
    struct wsp_side own, remote;
    int part;         /* this site's index in own.parts */
    MPI_Comm near[2]; /* the home members of the own group, in order: for first and for second home
                         phases, as handle and phase2 are */
    int near_rank;
};

/* This site's part of the own group. */
static inline const struct wsp_part *wsp_inter_here(const struct wsp_inter *inter)
{
    return &inter->own.parts[inter->part];
}

/* Both groups as lists of world ranks, which stay the caller's. */
struct wsp_sides {
    struct wsp_members own, remote;
};

/* Makes an intercommunicator out of `handle`, a host communicator of the home members of both
 * groups, in their order if they span sites; plain: the groups are all home, and the host makes its
 * own out of it, which replaces handle. Collective over the home members, who have all entered. MPI
 * error code, not raised; handle is freed and MPI_COMM_NULL then. */
int wsp_inter_make(MPI_Comm *handle, const struct wsp_sides *sides, uint64_t context);

/* Is the own group the first one? Neither is empty. */
static inline bool wsp_sides_is_own_first(const struct wsp_sides *sides)
{
    return sides->own.world[0] < sides->remote.world[0];
}

/* Both groups one after the other: as said, or in the order of an intercommunicator (malloc'ed, the
 * caller's). MPI_ERR_NO_MEM. */
int wsp_members_join(const struct wsp_members *first, const struct wsp_members *second,
                     struct wsp_members *all);
int wsp_sides_union(const struct wsp_sides *sides, struct wsp_members *all);

/* Frees a communicator of any kind, its entry in the table included; MPI_COMM_NULL: nothing. */
void wsp_comm_drop(MPI_Comm *handle);

/* Makes a duplicate what its original is. MPI error code, not raised. */
int wsp_inter_copy(const struct wsp_comm *from, struct wsp_comm *to);
/* The same for an intercommunicator, with duplicates of its near communicators, which it takes
 * over, also when it fails: calls nothing of the host that waits. */
int wsp_inter_copy_with(const struct wsp_comm *from, struct wsp_comm *to, const MPI_Comm near[2]);

/* Frees what makes it one; of an intracommunicator, too. */
void wsp_inter_close(struct wsp_comm *comm);

/* The ranks of a side as world ranks, inside the communicator's own table. */
struct wsp_members wsp_side_members(const struct wsp_comm *comm, const struct wsp_side *side);

/* MPI_Comm_split: each group's members of a colour, in the order of keys, against the other's. */
int wsp_inter_split(struct wsp_comm *comm, struct wsp_notice mine, MPI_Comm *newcomm);
/* By what the host made of the home members with this code: part, which is freed, or MPI_COMM_NULL.
 */
int wsp_inter_split_by(struct wsp_comm *comm, int code, MPI_Comm part, int key, MPI_Comm *newcomm);

#endif
