/* SPDX-License-Identifier: BSD-3-Clause */
/* Buffers of the matching test: poisoned before and after use, guarded behind, with gaps that
 * nobody may touch. */
#include "run.h"

#include <stdlib.h>
#include <string.h>

enum { GUARD = 32, POISON = 0xdd, DEAD = 0xee, MAX_STRIDED = 8192 };

struct box box_make(struct run *run, size_t size, bool ints)
{
    struct box box = {.ints = ints, .strided = size <= MAX_STRIDED && once_in(&run->state, 4)};
    box.span = box.strided ? 2 * size : size;
    box.data = malloc(box.span + GUARD);
    if (!box.data)
        fail(run, "out of memory");
    memset(box.data, POISON, box.span + GUARD);
    return box;
}

MPI_Datatype box_type(const struct run *run, const struct box *box)
{
    if (box->strided)
        return box->ints ? run->strided_int : run->strided_byte;
    return box->ints ? MPI_INT : MPI_BYTE;
}

int box_count(const struct box *box, size_t size)
{
    return (int)(box->ints ? size / sizeof(int) : size);
}

void box_fill(struct box *box, const struct message *message)
{
    if (!box->strided) {
        payload_fill(message, box->data);
        return;
    }
    unsigned char plain[MAX_STRIDED];
    size_t unit = box->ints ? sizeof(int) : 1;
    payload_fill(message, plain);
    for (size_t at = 0; at < message->size; at += unit)
        memcpy(box->data + 2 * at, plain + at, unit);
}

/* By one call, which the thread sanitizer looks at once, not byte by byte. */
static bool is_poison(const unsigned char *data, size_t length)
{
    return length == 0 || (data[0] == POISON && memcmp(data, data + 1, length - 1) == 0);
}

void box_check(const struct run *run, const struct box *box, const struct message *message)
{
    const unsigned char *data = box->data;
    unsigned char plain[MAX_STRIDED];
    size_t used = message->size, unit = box->ints ? sizeof(int) : 1;
    if (box->strided) {
        for (size_t at = 0; at < message->size; at += unit) {
            memcpy(plain + at, box->data + 2 * at, unit);
            if (!is_poison(box->data + 2 * at + unit, unit))
                fail(run, "slot %d: gap at byte %zu was written", message->slot, 2 * at + unit);
        }
        data = plain;
        used = 2 * message->size;
    }
    size_t wrong = payload_compare(message, data);
    if (wrong != message->size)
        fail(run,
             "slot %d from rank %d tag %d comm %d size %zu: byte %zu is %02x (poison: %02x %02x)",
             message->slot, message->source, message->tag, message->comm, message->size, wrong,
             data[wrong], POISON, DEAD);
    if (!is_poison(box->data + used, box->span + GUARD - used))
        fail(run, "slot %d: written beyond %zu bytes", message->slot, used);
}

void box_discard(struct box *box)
{
    if (box->data)
        memset(box->data, DEAD, box->span + GUARD);
    free(box->data);
    box->data = NULL;
}
