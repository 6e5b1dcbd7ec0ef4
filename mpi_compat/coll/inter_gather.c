/* SPDX-License-Identifier: BSD-3-Clause */
/* Gather, Gatherv, Allgather and Allgatherv between groups. Who gives tells the head of its site
 * how much (where amounts may differ), then gives; the head sends one bundle to the root, or to
 * each site of the other group, where the amounts are known. */
#include "coll/inter.h"

#include <stdlib.h>

struct gather {
    struct wsp_schedule s;
    bool gives, takes, is_to_all;
    int root; /* of those who give to one: its rank of the communicator */
    struct wsp_operand mine;
    bool is_even;      /* all of a group give as much */
    uint64_t *lengths; /* at a head that gives: of each at this site */
    char *sent;        /* ... and their bytes */
    uint64_t n_sent;
    struct wsp_blocks in;
    char *got; /* what the other group gave, site by site */
    uint64_t n_got;
};

static const struct wsp_part *here(const struct gather *g)
{
    return wsp_inter_here(g->s.comm->inter);
}

static bool sends(const struct gather *g)
{
    return g->gives && wsp_inter_is_head(g->s.comm);
}

static bool receives(const struct gather *g)
{
    return g->takes && (!g->is_to_all || wsp_inter_is_head(g->s.comm));
}

static int give(struct wsp_schedule *s)
{
    struct gather *g = (struct gather *)s;
    int err = s->err;
    if (err != MPI_SUCCESS || !g->gives)
        return err;
    err = wsp_operand_pack(&g->mine);
    if (err != MPI_SUCCESS || sends(g))
        return err == MPI_SUCCESS
                   ? wsp_inter_ask_lengths(s, &g->lengths, g->mine.length, g->is_even)
                   : err;
    int head = wsp_inter_home_rank(s->comm, 0);
    if (!g->is_even)
        err = wsp_phase_send_bytes(s, head, &g->mine.length, sizeof g->mine.length);
    return err == MPI_SUCCESS ? wsp_phase_send_bytes(s, head, g->mine.wire, g->mine.length) : err;
}

static int collect(struct wsp_schedule *s)
{
    struct gather *g = (struct gather *)s;
    if (!sends(g) || s->err != MPI_SUCCESS)
        return MPI_SUCCESS;
    for (int i = 0; i < here(g)->n_ranks; i++)
        g->n_sent += g->lengths[i];
    char *to = g->sent = malloc(g->n_sent + 1);
    int err = to ? MPI_SUCCESS : MPI_ERR_NO_MEM;
    for (int i = 0; err == MPI_SUCCESS && i < here(g)->n_ranks; i++) {
        err = wsp_phase_receive_bytes(s, wsp_inter_home_rank(s->comm, i), to, g->lengths[i]);
        to += g->lengths[i];
    }
    return err == MPI_SUCCESS ? wsp_phase_send_bytes(s, wsp_inter_home_rank(s->comm, 0),
                                                     g->mine.wire, g->mine.length)
                              : err;
}

static int expect(struct gather *g)
{
    const struct wsp_side *remote = &g->s.comm->inter->remote;
    char *to = g->got;
    int err = MPI_SUCCESS;
    for (int p = 0; err == MPI_SUCCESS && p < remote->n_parts; p++) {
        uint64_t length = wsp_blocks_length(&g->in, g->s.comm, &remote->parts[p]);
        err = wsp_cross_receive(&g->s, remote->parts[p].ranks[0], to, length);
        to += length;
    }
    return err;
}

static int cross(struct wsp_schedule *s)
{
    struct gather *g = (struct gather *)s;
    int err = s->err;
    if (err != MPI_SUCCESS || (!sends(g) && !receives(g)))
        return err;
    err = wsp_schedule_open_exchange(s, 2 * s->comm->inter->remote.n_parts + 1);
    if (err == MPI_SUCCESS && receives(g))
        err = expect(g);
    if (err != MPI_SUCCESS || !sends(g))
        return err;
    return g->is_to_all ? wsp_cross_send_all(s, g->sent, g->n_sent)
                        : wsp_cross_send(s, g->root, g->sent, g->n_sent);
}

static int spread(struct wsp_schedule *s)
{
    struct gather *g = (struct gather *)s;
    return wsp_phase_bcast_bytes(s, 0, g->got, g->n_got);
}

static int unbundle(struct wsp_schedule *s)
{
    struct gather *g = (struct gather *)s;
    const struct wsp_side *remote = &s->comm->inter->remote;
    const char *from = g->got;
    int err = s->err;
    for (int p = 0; g->takes && p < remote->n_parts; p++)
        for (int i = 0; err == MPI_SUCCESS && i < remote->parts[p].n_ranks; i++) {
            struct wsp_block block =
                wsp_block_of_rank(&g->in, g->s.comm, remote->parts[p].ranks[i]);
            err = wsp_type_unpack(from, block.length, block.base, block.count, block.type);
            from += block.length;
        }
    return err;
}

static const struct wsp_step to_root[] = {
    {give, false}, {collect, false}, {cross, false}, {unbundle, false}, {NULL, false}};
static const struct wsp_step to_all[] = {{give, false},  {collect, false},  {cross, false},
                                         {spread, true}, {unbundle, false}, {NULL, false}};

static void close_gather(struct wsp_schedule *s)
{
    struct gather *g = (struct gather *)s;
    wsp_operand_close(&g->mine);
    free(g->lengths);
    free(g->sent);
    free(g->got);
}

/* What the call passed; role: NULL for all to all. */
struct arguments {
    const void *sendbuf;
    int sendcount;
    MPI_Datatype sendtype;
    struct wsp_blocks in;
    const struct wsp_role *role;
};

static int check(const struct arguments *a, const struct wsp_comm *comm, bool gives, bool takes)
{
    struct wsp_layout layout;
    int err = MPI_SUCCESS;
    if ((gives && a->sendbuf == MPI_IN_PLACE) || (takes && a->in.buffer == MPI_IN_PLACE))
        return MPI_ERR_ARG;
    if (gives)
        err = wsp_coll_check_buffer(a->sendbuf, a->sendcount, a->sendtype, &layout);
    return err == MPI_SUCCESS && takes ? wsp_blocks_check(&a->in, comm->n_peers) : err;
}

static int open_giving(struct gather *g, const struct arguments *a, bool is_kept)
{
    int err = wsp_operand_open(&g->mine, a->sendbuf, a->sendcount, a->sendtype);
    return err == MPI_SUCCESS && is_kept ? wsp_schedule_keep_type(&g->s, a->sendtype) : err;
}

static int open_taking(struct gather *g, const struct wsp_blocks *in, bool is_kept)
{
    const struct wsp_side *remote = &g->s.comm->inter->remote;
    g->in = *in;
    for (int p = 0; p < remote->n_parts; p++)
        g->n_got += wsp_blocks_length(in, g->s.comm, &remote->parts[p]);
    g->got = malloc(g->n_got + 1);
    if (!g->got)
        return MPI_ERR_NO_MEM;
    return is_kept ? wsp_blocks_keep(&g->in, g->s.comm->n_peers, &g->s) : MPI_SUCCESS;
}

static int start(const struct arguments *a, struct wsp_comm *comm, MPI_Request *request)
{
    const struct wsp_role *role = a->role;
    bool gives = !role || role->root >= 0, takes = !role || role->is_root;
    int err = check(a, comm, gives, takes);
    if (err != MPI_SUCCESS)
        return wsp_schedule_refuse(comm, err);
    const struct wsp_step *steps = !role ? to_all : role->is_away ? NULL : to_root;
    struct gather *g = wsp_inter_new(sizeof *g, comm, steps, close_gather);
    if (!g)
        return wsp_schedule_refuse(comm, MPI_ERR_NO_MEM);
    g->gives = gives;
    g->takes = takes;
    g->is_to_all = !role;
    g->root = role ? role->root : -1;
    g->is_even = a->in.is_even;
    if (gives)
        err = open_giving(g, a, request != NULL);
    if (takes && err == MPI_SUCCESS)
        err = open_taking(g, &a->in, request != NULL);
    g->s.err = err;
    return wsp_schedule_run(&g->s, request);
}

int wsp_inter_gather(const void *sendbuf, int sendcount, MPI_Datatype sendtype,
                     struct wsp_blocks in, int root, struct wsp_comm *comm, MPI_Request *request)
{
    struct wsp_role role;
    int err = wsp_inter_role(comm, root, &role);
    if (err != MPI_SUCCESS)
        return wsp_schedule_refuse(comm, err);
    return start(&(struct arguments){sendbuf, sendcount, sendtype, in, &role}, comm, request);
}

int wsp_inter_allgather(const void *sendbuf, int sendcount, MPI_Datatype sendtype,
                        struct wsp_blocks in, struct wsp_comm *comm, MPI_Request *request)
{
    return start(&(struct arguments){sendbuf, sendcount, sendtype, in, NULL}, comm, request);
}
