/* SPDX-License-Identifier: BSD-3-Clause */
#include "coll/inter.h"

#include <stdlib.h>

static const struct wsp_step nothing = {NULL, false};

int wsp_inter_role(const struct wsp_comm *comm, int root, struct wsp_role *role)
{
    *role = (struct wsp_role){
        .is_root = root == MPI_ROOT, .is_away = root == MPI_PROC_NULL, .root = -1};
    if (role->is_root || role->is_away)
        return MPI_SUCCESS;
    role->root = comm->inter->remote.base + root;
    return root >= 0 && root < comm->inter->remote.size ? MPI_SUCCESS : MPI_ERR_ROOT;
}

int wsp_cross_send(struct wsp_schedule *s, int rank, const void *bytes, uint64_t length)
{
    int home_rank = s->comm->home[rank];
    if (home_rank >= 0)
        return wsp_phase_send_bytes(s, home_rank, bytes, length);
    wsp_exchange_send(&s->exchange, rank, bytes, length);
    return MPI_SUCCESS;
}

int wsp_cross_receive(struct wsp_schedule *s, int rank, void *bytes, uint64_t length)
{
    int home_rank = s->comm->home[rank];
    if (home_rank >= 0)
        return wsp_phase_receive_bytes(s, home_rank, bytes, length);
    wsp_exchange_receive(&s->exchange, rank, bytes, length);
    return MPI_SUCCESS;
}

int wsp_cross_send_all(struct wsp_schedule *s, const void *bytes, uint64_t length)
{
    const struct wsp_side *remote = &s->comm->inter->remote;
    int err = MPI_SUCCESS;
    for (int p = 0; err == MPI_SUCCESS && p < remote->n_parts; p++)
        err = wsp_cross_send(s, remote->parts[p].ranks[0], bytes, length);
    return err;
}

int wsp_inter_ask_lengths(struct wsp_schedule *s, uint64_t **lengths, uint64_t mine, bool is_even)
{
    int n = wsp_inter_here(s->comm->inter)->n_ranks, err = MPI_SUCCESS;
    uint64_t *all = *lengths = calloc((size_t)n, sizeof *all);
    if (!all)
        return MPI_ERR_NO_MEM;
    for (int i = 0; err == MPI_SUCCESS && i < n; i++) {
        all[i] = mine;
        if (i > 0 && !is_even)
            err =
                wsp_phase_receive_bytes(s, wsp_inter_home_rank(s->comm, i), &all[i], sizeof all[i]);
    }
    return err;
}

void *wsp_inter_new(size_t size, struct wsp_comm *comm, const struct wsp_step *steps,
                    void (*close)(struct wsp_schedule *schedule))
{
    struct wsp_schedule *s = wsp_schedule_new(size, comm, steps ? steps : &nothing, close);
    if (s)
        s->is_one_group = true;
    return s;
}

void wsp_inter_give_up(struct wsp_schedule *s)
{
    s->steps = &nothing;
}
