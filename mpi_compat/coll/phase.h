/* SPDX-License-Identifier: BSD-3-Clause */
/* The phases of a collective inside this site, and what its ranks hold in them; private to coll/.
 * Phases before the wide exchange run on the communicator's handle, those after it on its second
 * home communicator, each rank in call order. None sleeps in the host: large payloads take the
 * blocking form behind a driven barrier, which is a constant of the size. */
#ifndef WSP_MPI_COLL_PHASE_H
#define WSP_MPI_COLL_PHASE_H

#include "comm/comm.h"
#include "type/type.h"

#include <stdbool.h>
#include <stdint.h>

/* The tag of the next collective; every rank draws once for each collective. */
static inline uint32_t wsp_coll_draw_tag(struct wsp_comm *comm)
{
    return comm->coll_sequence++ & (WSP_TAG_TALK - 1);
}

/* Waits until every home rank has entered. MPI code. */
int wsp_phase_enter(struct wsp_comm *comm);

/* To home rank root, in home rank order. An error is raised already. */
int wsp_phase_reduce(struct wsp_comm *comm, const void *sendbuf, void *recvbuf, int count,
                     MPI_Datatype type, uint64_t n_bytes, MPI_Op op, int root);

/* block bytes of each home rank to `all` at home rank root; mine NULL: they stand there already. */
int wsp_phase_gather(struct wsp_comm *comm, const void *mine, uint64_t block, void *all, int root);

/* After the exchange: gives the root's code to all home ranks, and if it is MPI_SUCCESS n_bytes of
 * payload as count elements. Returns that code. */
int wsp_phase_bcast(struct wsp_comm *comm, int root, int code, void *buffer, int count,
                    MPI_Datatype type, uint64_t n_bytes);
int wsp_phase_bcast_bytes(struct wsp_comm *comm, int root, int code, void *bytes, uint64_t n_bytes);

/* True if each site's ranks follow each other without others between: then the order of sites,
 * and of ranks within each, is the order of ranks. */
bool wsp_coll_parts_are_runs(const struct wsp_comm *comm);

/* Elements in memory, and as the bytes that travel: the same place if the type is contiguous. */
struct wsp_operand {
    void *base; /* as MPI takes it */
    char *wire;
    void *memory;  /* ours, behind base; or NULL */
    bool is_split; /* wire is a place of its own */
};

/* Of elements that stand at base (which may be MPI_BOTTOM), or with room made for them. MPI code;
 * close it in any case. */
int wsp_operand_open(struct wsp_operand *operand, const void *base, int count, MPI_Datatype type);
int wsp_operand_make(struct wsp_operand *operand, int count, MPI_Datatype type);
/* Bring wire, or the elements, up to date with the other. */
int wsp_operand_pack(struct wsp_operand *operand, int count, MPI_Datatype type);
int wsp_operand_unpack(struct wsp_operand *operand, int count, MPI_Datatype type);
void wsp_operand_close(struct wsp_operand *operand);

/* Checks arguments as the host does; all give an MPI code that is not raised. */
int wsp_coll_check_buffer(const void *buffer, int count, MPI_Datatype type,
                          struct wsp_layout *layout);
int wsp_coll_check_root(const struct wsp_comm *comm, int root);

/* An address that may be relative to MPI_BOTTOM. */
static inline void *wsp_coll_at(const void *base, int64_t displacement)
{
    return (void *)((uintptr_t)base + (uintptr_t)displacement);
}

#endif
