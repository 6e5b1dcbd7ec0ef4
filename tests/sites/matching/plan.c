/* SPDX-License-Identifier: BSD-3-Clause */
#include "plan.h"

#include <string.h>

/* Sizes from zero over the eager limit (64 KiB) to more than a segment and more than the credit. */
static size_t draw_size(uint64_t *state, size_t bytes_left)
{
    size_t size;
    int kind = draw_below(state, 1000);
    if (kind < 100)
        size = 0;
    else if (kind < 550)
        size = 1 + (size_t)draw_below(state, 64);
    else if (kind < 800)
        size = 1 + (size_t)draw_below(state, 4096);
    else if (kind < 900)
        size = 4096 + (size_t)draw_below(state, 28672);
    else if (kind < 980)
        size = 65536 - 16 + (size_t)draw_below(state, 33);
    else if (kind < 999)
        size = 65536 + (size_t)draw_below(state, 400000);
    else
        size = (5u << 20) + (size_t)draw_below(state, 100000);
    return size <= bytes_left ? size : size % 256;
}

static void draw_messages(struct plan *plan, uint64_t *state, uint64_t id_base)
{
    static const int tags[MAX_TAG_INDEX] = {0, 1, 2, 3, 77, 1 << 20};
    int n_tags = 1 + draw_below(state, MAX_TAG_INDEX);
    int n_comms = 1 + draw_below(state, N_COMMS);
    int hot_dest = once_in(state, 3) ? draw_below(state, plan->n_ranks) : -1;
    size_t bytes_left = 12u << 20;
    for (int slot = 0; slot < plan->n_messages; slot++) {
        struct message *m = &plan->messages[slot];
        m->slot = slot;
        m->source = draw_below(state, plan->n_ranks);
        m->dest = hot_dest >= 0 && once_in(state, 2) ? hot_dest : draw_below(state, plan->n_ranks);
        m->comm = draw_below(state, n_comms);
        m->tag = tags[draw_below(state, n_tags)];
        m->size = draw_size(state, bytes_left);
        m->id = id_base + (uint64_t)slot;
        if (plan->ints[m->dest][m->comm])
            m->size &= ~(size_t)3;
        bytes_left -= m->size;
        size_t *largest = &plan->largest[m->dest][m->comm];
        *largest = m->size > *largest ? m->size : *largest;
    }
}

void plan_round(struct plan *plan, uint64_t seed, int round, int n_ranks, int n_messages)
{
    uint64_t state = seed * UINT64_C(0x2545f4914f6cdd1d) + (uint64_t)round;
    uint64_t id_base = draw(&state) << 16;
    memset(plan, 0, sizeof *plan);
    plan->round = round;
    plan->n_ranks = n_ranks;
    plan->n_messages = n_messages;
    plan->ready = once_in(&state, 3);
    for (int rank = 0; rank < n_ranks; rank++) {
        plan->style[rank] = (enum style)draw_below(&state, N_STYLES);
        bool polling = plan->style[rank] == POLLING;
        for (int comm = 0; comm < N_COMMS; comm++) {
            plan->arrangement[rank][comm] =
                polling && once_in(&state, 2) ? TAKEN : (enum arrangement)draw_below(&state, TAKEN);
            plan->ints[rank][comm] = once_in(&state, 3);
        }
    }
    draw_messages(plan, &state, id_base);
}

/* The next bytes of a payload: whole words, but at its end. */
static void draw_bytes(uint64_t *state, unsigned char *data, size_t length)
{
    for (size_t at = 0; at < length; at += 8) {
        uint64_t word = draw(state);
        memcpy(data + at, &word, length - at < 8 ? length - at : 8);
    }
}

void payload_fill(const struct message *message, unsigned char *data)
{
    uint64_t state = message->id;
    draw_bytes(&state, data, message->size);
}

size_t payload_compare(const struct message *message, const unsigned char *data)
{
    unsigned char wanted[1024];
    uint64_t state = message->id;
    for (size_t at = 0; at < message->size; at += sizeof wanted) {
        size_t length = message->size - at < sizeof wanted ? message->size - at : sizeof wanted;
        draw_bytes(&state, wanted, length);
        if (memcmp(data + at, wanted, length) == 0)
            continue;
        for (size_t i = 0; i < length; i++)
            if (data[at + i] != wanted[i])
                return at + i;
    }
    return message->size;
}
