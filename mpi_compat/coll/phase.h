/* SPDX-License-Identifier: BSD-3-Clause */
/* The phases of a collective inside this site. All start a call of the host that
 * the schedule then waits for, and give an MPI code. */
#ifndef WSP_MPI_COLL_PHASE_H
#define WSP_MPI_COLL_PHASE_H

#include "coll/operand.h"
#include "coll/schedule.h"
#include "type/type.h"

/* First phases, in a schedule's first step only. What the host finds wrong it has raised. */

/* Waits until every home rank has entered. */
int wsp_phase_enter(struct wsp_schedule *s);
/* To home rank root, in home rank order; only of types that the host can reduce without blocking
 * (wsp_home_can_reduce). */
int wsp_phase_reduce(struct wsp_schedule *s, const void *sendbuf, void *recvbuf, int count,
                     MPI_Datatype type, MPI_Op op, int root);
int wsp_phase_scan(struct wsp_schedule *s, const void *sendbuf, void *recvbuf, int count,
                   MPI_Datatype type, MPI_Op op, bool is_exclusive);
/* block bytes of each home rank to `all` at home rank root; mine NULL: they stand there already. */
int wsp_phase_gather(struct wsp_schedule *s, const void *mine, uint64_t block, void *all, int root);

/* Second phases, in a step at_turn: give the root's error to all home ranks, whose own it becomes,
 * together with n_bytes of payload as count elements (or as bytes). */
int wsp_phase_bcast(struct wsp_schedule *s, int root, void *buffer, int count, MPI_Datatype type,
                    uint64_t n_bytes);
int wsp_phase_bcast_bytes(struct wsp_schedule *s, int root, void *bytes, uint64_t n_bytes);

/* Messages to and from a home rank (this one too), in any step; of one pair in order. */
int wsp_phase_send(struct wsp_schedule *s, int home_rank, const void *buffer, int count,
                   MPI_Datatype type);
int wsp_phase_receive(struct wsp_schedule *s, int home_rank, void *buffer, int count,
                      MPI_Datatype type);
/* Lets a home rank go on that sends, and takes nothing of it. */
int wsp_phase_let_go(struct wsp_schedule *s, int home_rank);
int wsp_phase_send_bytes(struct wsp_schedule *s, int home_rank, const void *bytes,
                         uint64_t n_bytes);
int wsp_phase_receive_bytes(struct wsp_schedule *s, int home_rank, void *bytes, uint64_t n_bytes);

#endif
