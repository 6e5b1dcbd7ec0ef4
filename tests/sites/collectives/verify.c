/* SPDX-License-Identifier: BSD-3-Clause */
/* The reference test of collectives: whether a call left what it must. */
#include "call.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void normalise(const struct side *side, int n_units)
{
    const struct shape *shape = &side->shapes[0];
    for (int i = 0; i < n_units; i++)
        for (int k = 0; k < shape->signature.n_fields; k++) {
            ptrdiff_t at = i * shape->extent + shape->at[k];
            if (!shape->signature.fields[k]->normalise)
                return;
            shape->signature.fields[k]->normalise(box_at(&side->box, at));
            shape->signature.fields[k]->normalise(box_twin_at(&side->box, at));
        }
}

/* Equal results may differ in bytes; behind the block that a rank gets in place of its operand,
 * nothing is said of the rest. */
static void make_comparable(struct call *call)
{
    const struct side *in = &call->in;
    if (call->kind < FIRST_REDUCTION || !in->is_used)
        return;
    int n = call_units(call, 0, call->group->rank);
    normalise(in, n);
    const struct shape *shape = &in->shapes[0];
    for (int i = n; i < in->units[0]; i++) {
        ptrdiff_t at = i * shape->extent + shape->low;
        memcpy(box_twin_at(&in->box, at), box_at(&in->box, at), (size_t)(shape->high - shape->low));
    }
}

static void describe(const struct call *call)
{
    const struct side *side = call->in.is_used ? &call->in : &call->out;
    fprintf(stderr, "%s%s on \"%s\" of %d ranks, root %d, %d units of %d elements, type",
            call_name(call), call->in_place ? " in place" : "", call->group->name,
            call->group->size, call->root, call->limit, call->signature.n_fields);
    for (int k = 0; k < call->signature.n_fields; k++)
        fprintf(stderr, " %s", call->signature.fields[k]->name);
    fprintf(stderr, ", extent %td", side->shapes[0].extent);
    if (call->kind >= FIRST_REDUCTION)
        fprintf(stderr, ", %s", operation_name(call->operation));
    fprintf(stderr, "; rank %d of it: ", call->group->rank);
}

void call_tell(const struct call *call)
{
    call_tell_place();
    describe(call);
    fputc('\n', stderr);
}

void call_fail(const struct call *call, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("WRONG: ", stderr);
    call_tell_place();
    describe(call);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    fflush(NULL);
    MPI_Abort(MPI_COMM_WORLD, 1);
    abort();
}

static void compare(const struct call *call, const struct box *box, const char *name)
{
    ptrdiff_t at;
    if (box_is_right(box, &at))
        return;
    const unsigned char *is = box_at(box, at), *must = box_twin_at(box, at);
    call_fail(call, "%s buffer, byte %td: %02x, and must be %02x", name, at, *is, *must);
}

void call_check_code(const struct call *call, int code)
{
    char text[MPI_MAX_ERROR_STRING];
    int length;
    if (code == MPI_SUCCESS)
        return;
    MPI_Error_string(code, text, &length);
    call_fail(call, "%s", text);
}

void call_verify(struct call *call, int code)
{
    call_check_code(call, code);
    make_comparable(call);
    compare(call, &call->out.box, "send");
    compare(call, &call->in.box, "receive");
}
