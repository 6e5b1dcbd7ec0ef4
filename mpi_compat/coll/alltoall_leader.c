/* SPDX-License-Identifier: BSD-3-Clause */
/* What the leader of a site does in an Alltoall: it sorts the bytes of its ranks into one bundle
 * for each other site, and those that come into one piece for each of its ranks. */
#include "coll/alltoall.h"

#include <stdlib.h>
#include <string.h>

static uint64_t sum(const uint64_t *lengths, int n)
{
    uint64_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += lengths[i];
    return sum;
}

static int n_here(const struct wsp_alltoall *a)
{
    return wsp_comm_here(a->s.comm)->n_ranks;
}

static int n_pairs(const struct wsp_alltoall *a, int p)
{
    return n_here(a) * a->s.comm->parts[p].n_ranks;
}

bool wsp_alltoall_is_even(const struct wsp_alltoall *a)
{
    return a->in.is_even && !a->s.comm->inter;
}

int wsp_alltoall_head(const struct wsp_alltoall *a)
{
    return wsp_alltoall_is_even(a) ? 1 : a->n_far;
}

int wsp_alltoall_ask(struct wsp_alltoall *a)
{
    const struct wsp_comm *comm = a->s.comm;
    int err = MPI_SUCCESS;
    a->given = calloc((size_t)n_here(a), sizeof *a->given);
    a->sent = calloc((unsigned)comm->n_parts, sizeof *a->sent);
    a->got = calloc((unsigned)comm->n_parts, sizeof *a->got);
    a->handed = calloc((size_t)n_here(a), sizeof *a->handed);
    if (!a->given || !a->sent || !a->got || !a->handed)
        return MPI_ERR_NO_MEM;
    a->given[0] = a->mine;
    for (int i = 1; err == MPI_SUCCESS && i < n_here(a); i++) {
        a->given[i].lengths = calloc((size_t)a->n_far, sizeof(uint64_t));
        err = a->given[i].lengths ? wsp_phase_receive_bytes(&a->s, i, a->given[i].lengths,
                                                            (uint64_t)a->n_far * sizeof(uint64_t))
                                  : MPI_ERR_NO_MEM;
    }
    return err;
}

int wsp_alltoall_collect(struct wsp_schedule *s)
{
    struct wsp_alltoall *a = (struct wsp_alltoall *)s;
    int err = MPI_SUCCESS;
    for (int i = 1; a->given && err == MPI_SUCCESS && i < n_here(a); i++) {
        uint64_t length = sum(a->given[i].lengths, a->n_far);
        a->given[i].bytes = malloc(length + 1);
        if (!a->given[i].bytes)
            err = MPI_ERR_NO_MEM;
        else if (length > 0)
            err = wsp_phase_receive_bytes(s, i, a->given[i].bytes, length);
    }
    return err;
}

/* The blocks for the ranks of site p, the first of which is number `first` of the far ones. */
static int sort_out(struct wsp_alltoall *a, int p, int first)
{
    int n = a->s.comm->parts[p].n_ranks, n_lengths = 0;
    struct wsp_bundle *bundle = &a->sent[p];
    bundle->lengths = calloc((size_t)n_pairs(a, p), sizeof *bundle->lengths);
    uint64_t total = 0;
    for (int i = 0; i < n_here(a); i++)
        total += sum(a->given[i].lengths + first, n);
    bundle->bytes = malloc(total + 1);
    if (!bundle->lengths || !bundle->bytes)
        return MPI_ERR_NO_MEM;
    char *to = bundle->bytes;
    for (int i = 0; i < n_here(a); i++) {
        const uint64_t *lengths = a->given[i].lengths;
        uint64_t before = sum(lengths, first), length = sum(lengths + first, n);
        memcpy(to, a->given[i].bytes + before, length);
        memcpy(bundle->lengths + n_lengths, lengths + first, (size_t)n * sizeof *lengths);
        to += length;
        n_lengths += n;
    }
    return MPI_SUCCESS;
}

static int tell_site(struct wsp_alltoall *a, int p)
{
    struct wsp_schedule *s = &a->s;
    int leader = s->comm->parts[p].ranks[0], n = n_pairs(a, p);
    uint64_t *lengths = calloc((size_t)n, sizeof *lengths), length = sum(a->sent[p].lengths, n);
    a->got[p].lengths = lengths;
    if (!lengths)
        return MPI_ERR_NO_MEM;
    if (wsp_alltoall_is_even(a)) {
        for (int i = 0; i < n; i++)
            lengths[i] = wsp_block_of(&a->in, 0).length;
    } else {
        wsp_exchange_receive(&s->exchange, leader, lengths, (uint64_t)n * sizeof *lengths);
        wsp_exchange_send(&s->exchange, leader, a->sent[p].lengths, (uint64_t)n * sizeof *lengths);
    }
    if (length > 0)
        wsp_exchange_send(&s->exchange, leader, a->sent[p].bytes, length);
    return MPI_SUCCESS;
}

int wsp_alltoall_tell(struct wsp_schedule *s)
{
    struct wsp_alltoall *a = (struct wsp_alltoall *)s;
    if (!a->given)
        return MPI_SUCCESS;
    int first = 0, err = wsp_schedule_open_exchange(s, 4 * s->comm->n_parts);
    for (int p = 0; err == MPI_SUCCESS && p < s->comm->n_parts; p++) {
        if (p == s->comm->part)
            continue;
        err = sort_out(a, p, first);
        first += s->comm->parts[p].n_ranks;
        if (err == MPI_SUCCESS)
            err = tell_site(a, p);
    }
    /* The bytes are on their way; those of the others land once their lengths are known. */
    s->awaits_arrivals = true;
    return err;
}

int wsp_alltoall_receive(struct wsp_schedule *s)
{
    struct wsp_alltoall *a = (struct wsp_alltoall *)s;
    int err = MPI_SUCCESS;
    if (!a->given)
        return MPI_SUCCESS;
    s->awaits_arrivals = true;
    for (int p = 0; err == MPI_SUCCESS && p < s->comm->n_parts; p++) {
        if (p == s->comm->part)
            continue;
        uint64_t length = sum(a->got[p].lengths, n_pairs(a, p));
        a->got[p].bytes = malloc(length + 1);
        if (!a->got[p].bytes)
            err = MPI_ERR_NO_MEM;
        else if (length > 0)
            wsp_exchange_receive(&s->exchange, s->comm->parts[p].ranks[0], a->got[p].bytes, length);
    }
    return err;
}

/* Bytes for home rank j; puts them, and before that their lengths in the head, unless `to` is NULL.
 */
static uint64_t pick(const struct wsp_alltoall *a, int j, uint64_t *head, char *to)
{
    uint64_t total = 0;
    int n = 0;
    for (int p = 0; p < a->s.comm->n_parts; p++) {
        const char *from = a->got[p].bytes;
        for (int k = 0; p != a->s.comm->part && k < n_pairs(a, p); k++) {
            uint64_t length = a->got[p].lengths[k];
            if (k % n_here(a) == j) {
                if (to)
                    memcpy(to + total, from, length);
                if (to && !wsp_alltoall_is_even(a))
                    head[n++] = length;
                total += length;
            }
            from += length;
        }
    }
    return total;
}

/* What home rank j is handed, malloc'ed: the bytes, or that there are none because of `failure`. */
static char *piece_for(const struct wsp_alltoall *a, int j, int failure, uint64_t *length)
{
    uint64_t head_length = (uint64_t)wsp_alltoall_head(a) * sizeof(uint64_t);
    *length = head_length + (failure ? 0 : pick(a, j, NULL, NULL));
    char *piece = malloc(*length);
    if (!piece)
        return NULL;
    memset(piece, 0, head_length);
    if (failure)
        *(uint64_t *)piece = WSP_ALLTOALL_FAILED - (uint64_t)failure;
    else
        pick(a, j, (uint64_t *)piece, piece + head_length);
    return piece;
}

int wsp_alltoall_hand_out(struct wsp_schedule *s)
{
    struct wsp_alltoall *a = (struct wsp_alltoall *)s;
    if (!a->given)
        return MPI_SUCCESS;
    int failure = wsp_exchange_arrival_error(&s->exchange), err = failure;
    if (wsp_alltoall_is_even(a) && a->n_arrived == 0)
        return err; /* nobody waits */
    for (int j = 0; j < n_here(a); j++) {
        uint64_t length;
        a->handed[j] = piece_for(a, j, failure, &length);
        if (!a->handed[j])
            return MPI_ERR_NO_MEM;
        int code = j > 0 ? wsp_phase_send_bytes(s, j, a->handed[j], length) : MPI_SUCCESS;
        err = err == MPI_SUCCESS ? code : err;
    }
    a->arrived = a->handed[0];
    return err;
}

static void free_bundles(struct wsp_bundle *bundles, int first, int n)
{
    for (int i = first; bundles && i < n; i++) {
        free(bundles[i].lengths);
        free(bundles[i].bytes);
    }
    free(bundles);
}

void wsp_alltoall_close_leader(struct wsp_alltoall *a)
{
    free_bundles(a->given, 1, n_here(a));
    free_bundles(a->sent, 0, a->s.comm->n_parts);
    free_bundles(a->got, 0, a->s.comm->n_parts);
    for (int j = 0; a->handed && j < n_here(a); j++)
        free(a->handed[j]);
    free(a->handed);
}
