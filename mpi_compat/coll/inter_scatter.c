/* SPDX-License-Identifier: BSD-3-Clause */
/* Scatter and Scatterv between groups. The root sends one bundle to the head of each site of the
 * other group, which learns from each of its site how much it gets (where amounts may differ), and
 * hands out. */
#include "coll/inter.h"

#include <stdlib.h>
#include <string.h>

struct scatter {
    struct wsp_schedule s;
    struct wsp_role role;
    bool is_even;
    struct wsp_blocks out; /* at the root */
    char *bundle;          /* at the root for all sites; at a head for its own */
    struct wsp_operand mine;
    uint64_t *lengths; /* at a head: of each at this site */
};

static const struct wsp_part *here(const struct scatter *g)
{
    return wsp_inter_here(g->s.comm->inter);
}

static bool hands_out(const struct scatter *g)
{
    return !g->role.is_root && wsp_inter_is_head(g->s.comm);
}

static uint64_t total(const struct scatter *g)
{
    const struct wsp_side *remote = &g->s.comm->inter->remote;
    uint64_t total = 0;
    for (int p = 0; p < remote->n_parts; p++)
        total += wsp_blocks_length(&g->out, g->s.comm, &remote->parts[p]);
    return total;
}

static int pack_part(struct scatter *g, const struct wsp_part *part, char *to)
{
    int err = MPI_SUCCESS;
    for (int i = 0; err == MPI_SUCCESS && i < part->n_ranks; i++) {
        struct wsp_block block = wsp_block_of_rank(&g->out, g->s.comm, part->ranks[i]);
        err = wsp_type_pack(block.base, block.count, block.type, to, block.length);
        to += block.length;
    }
    return err;
}

static int send_bundles(struct scatter *g)
{
    const struct wsp_side *remote = &g->s.comm->inter->remote;
    char *to = g->bundle = malloc(total(g) + 1);
    int err = to ? wsp_schedule_open_exchange(&g->s, remote->n_parts) : MPI_ERR_NO_MEM;
    for (int p = 0; err == MPI_SUCCESS && p < remote->n_parts; p++) {
        const struct wsp_part *part = &remote->parts[p];
        uint64_t length = wsp_blocks_length(&g->out, g->s.comm, part);
        err = pack_part(g, part, to);
        if (err == MPI_SUCCESS)
            err = wsp_cross_send(&g->s, part->ranks[0], to, length);
        to += length;
    }
    return err;
}

static int begin(struct wsp_schedule *s)
{
    struct scatter *g = (struct scatter *)s;
    int err = s->err;
    if (err == MPI_SUCCESS && g->role.is_root)
        return send_bundles(g);
    if (err != MPI_SUCCESS || hands_out(g))
        return err == MPI_SUCCESS
                   ? wsp_inter_ask_lengths(s, &g->lengths, g->mine.length, g->is_even)
                   : err;
    int head = wsp_inter_home_rank(s->comm, 0);
    if (!g->is_even)
        err = wsp_phase_send_bytes(s, head, &g->mine.length, sizeof g->mine.length);
    return err == MPI_SUCCESS ? wsp_phase_receive_bytes(s, head, g->mine.wire, g->mine.length)
                              : err;
}

static int receive_bundle(struct wsp_schedule *s)
{
    struct scatter *g = (struct scatter *)s;
    uint64_t length = 0;
    if (!hands_out(g) || s->err != MPI_SUCCESS)
        return MPI_SUCCESS;
    for (int i = 0; i < here(g)->n_ranks; i++)
        length += g->lengths[i];
    g->bundle = malloc(length + 1);
    int err = g->bundle ? wsp_schedule_open_exchange(s, 1) : MPI_ERR_NO_MEM;
    return err == MPI_SUCCESS ? wsp_cross_receive(s, g->role.root, g->bundle, length) : err;
}

static int hand_out(struct wsp_schedule *s)
{
    struct scatter *g = (struct scatter *)s;
    int err = MPI_SUCCESS;
    if (!hands_out(g) || s->err != MPI_SUCCESS)
        return MPI_SUCCESS;
    const char *from = g->bundle + g->lengths[0];
    if (g->mine.length > 0)
        memcpy(g->mine.wire, g->bundle, g->mine.length);
    for (int i = 1; err == MPI_SUCCESS && i < here(g)->n_ranks; i++) {
        err = wsp_phase_send_bytes(s, wsp_inter_home_rank(s->comm, i), from, g->lengths[i]);
        from += g->lengths[i];
    }
    return err;
}

static int lay_down(struct wsp_schedule *s)
{
    struct scatter *g = (struct scatter *)s;
    return g->role.is_root || s->err != MPI_SUCCESS ? MPI_SUCCESS : wsp_operand_unpack(&g->mine);
}

static const struct wsp_step steps[] = {
    {begin, false}, {receive_bundle, false}, {hand_out, false}, {lay_down, false}, {NULL, false}};

static void close_scatter(struct wsp_schedule *s)
{
    struct scatter *g = (struct scatter *)s;
    free(g->lengths);
    free(g->bundle);
    wsp_operand_close(&g->mine);
}

/* Arguments that count on this rank. */
static int check(const struct wsp_comm *comm, const struct wsp_blocks *out,
                 const struct wsp_operand *in, const struct wsp_role *role)
{
    struct wsp_layout layout;
    if (role->is_away)
        return MPI_SUCCESS;
    if ((role->is_root ? out->buffer : in->base) == MPI_IN_PLACE)
        return MPI_ERR_ARG;
    if (!role->is_root)
        return wsp_coll_check_buffer(in->base, in->count, in->type, &layout);
    return wsp_blocks_check(out, comm->n_peers);
}

int wsp_inter_scatter(struct wsp_blocks out, void *recvbuf, int recvcount, MPI_Datatype recvtype,
                      int root, struct wsp_comm *comm, MPI_Request *request)
{
    struct wsp_operand in = {.base = recvbuf, .count = recvcount, .type = recvtype};
    struct wsp_role role;
    int err = wsp_inter_role(comm, root, &role);
    if (err == MPI_SUCCESS)
        err = check(comm, &out, &in, &role);
    if (err != MPI_SUCCESS)
        return wsp_schedule_refuse(comm, err);
    struct scatter *g = wsp_inter_new(sizeof *g, comm, role.is_away ? NULL : steps, close_scatter);
    if (!g)
        return wsp_schedule_refuse(comm, MPI_ERR_NO_MEM);
    g->role = role;
    g->is_even = out.is_even;
    g->out = out;
    if (role.root >= 0)
        err = wsp_operand_open(&g->mine, recvbuf, recvcount, recvtype);
    if (request && err == MPI_SUCCESS && role.root >= 0)
        err = wsp_schedule_keep_type(&g->s, recvtype);
    if (request && err == MPI_SUCCESS && role.is_root)
        err = wsp_blocks_keep(&g->out, comm->n_peers, &g->s);
    g->s.err = err;
    return wsp_schedule_run(&g->s, request);
}
