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

static uint32_t expected(const struct actor *actor, const struct box *box, int message, size_t i)
{
    int word = (int)(box->is_spaced ? i / 2 : i);
    bool is_used = word < actor->plan.messages[message].words && !(box->is_spaced && i % 2);
    return is_used ? word_of(actor, message, word) : POISON;
}

/* By blocks, for ThreadSanitizer counts every access. */
void box_check(const struct actor *actor, const struct box *box, int message)
{
    enum { BLOCK = 256 };
    uint32_t right[BLOCK];
    for (size_t at = 0; at < span(box); at += BLOCK) {
        size_t n = span(box) - at < BLOCK ? span(box) - at : BLOCK;
        for (size_t i = 0; i < n; i++)
            right[i] = expected(actor, box, message, at + i);
        for (size_t i = 0; memcmp(right, box->data + at, n * sizeof *right) != 0; i++)
            if (box->data[at + i] != right[i])
                fail(actor, "message %d of %d words: at %zu stands %08x, not %08x%s", message,
                     actor->plan.messages[message].words, at + i, box->data[at + i], right[i],
                     box->is_spaced ? " (spaced)" : "");
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
