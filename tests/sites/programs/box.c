/* SPDX-License-Identifier: BSD-3-Clause */
#include "actor.h"

#include "draw.h"

#include <stdlib.h>
#include <string.h>

enum { GUARD_WORDS = 8, MOST_SPACED = 5000 };
#define POISON UINT32_C(0xdddddddd)

static size_t span(const struct box *box)
{
    return (size_t)box->words * (box->is_spaced ? 2 : 1) + GUARD_WORDS;
}

static void poison(struct box *box)
{
    for (size_t i = 0; i < span(box); i++)
        box->data[i] = POISON;
}

static struct box make(const struct actor *actor, int words, bool is_spaced)
{
    struct box box = {.words = words, .is_spaced = is_spaced};
    box.data = malloc(span(&box) * sizeof *box.data);
    if (!box.data)
        fail(actor, "out of memory");
    poison(&box);
    return box;
}

struct box box_make(struct actor *actor, int words)
{
    return make(actor, words, words <= MOST_SPACED && once_in(&actor->state, 4));
}

struct box box_move(const struct actor *actor, struct box *from)
{
    struct box box = make(actor, from->words, from->is_spaced);
    memcpy(box.data, from->data, span(&box) * sizeof *box.data);
    poison(from);
    return box;
}

static uint32_t word_of(const struct actor *actor, int message, int i)
{
    uint32_t x = (uint32_t)actor->plan.number * 2654435761u + (uint32_t)message * 40503u +
                 (uint32_t)(actor->thread + 1) * 977u;
    return (x ^ (uint32_t)i * 2246822519u) * 3266489917u >> 1;
}

void box_fill(const struct actor *actor, struct box *box, int message)
{
    for (int i = 0; i < box->words; i++)
        box->data[box->is_spaced ? 2 * i : i] = word_of(actor, message, i);
}

void box_check(const struct actor *actor, const struct box *box, int message)
{
    int n = actor->plan.messages[message].words;
    for (size_t i = 0; i < span(box); i++) {
        int word = (int)(box->is_spaced ? i / 2 : i);
        bool is_used = word < n && !(box->is_spaced && i % 2);
        uint32_t expected = is_used ? word_of(actor, message, word) : POISON;
        if (box->data[i] != expected)
            fail(actor, "message %d of %d words: at %zu stands %08x, not %08x%s", message, n, i,
                 box->data[i], expected, box->is_spaced ? " (spaced)" : "");
    }
}

MPI_Datatype box_type(const struct actor *actor, const struct box *box)
{
    return box->is_spaced ? actor->spaced : MPI_UINT32_T;
}

void box_discard(struct box *box)
{
    if (!box->data)
        return;
    for (size_t i = 0; i < span(box); i++)
        box->data[i] = ~POISON;
    free(box->data);
    box->data = NULL;
}
