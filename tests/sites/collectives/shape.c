/* SPDX-License-Identifier: BSD-3-Clause */
#include "shape.h"

#include <string.h>

enum { WORDS = 4 };

/* Where the fields stand; sets the extent, too. */
static void arrange(struct shape *shape, enum layout layout)
{
    const struct signature *s = &shape->signature;
    ptrdiff_t next = 0, gap = layout == SPACED || layout == BELOW ? 8 : 0;
    for (int k = 0; k < s->n_fields; k++) {
        int field = layout == BACKWARD ? s->n_fields - 1 - k : k;
        shape->at[field] = next;
        next += (ptrdiff_t)s->fields[field]->size + gap;
    }
    /* Extents that no two layouts share tell the user's operations which one they work on. */
    ptrdiff_t behind[N_LAYOUTS] = {0, 16, 8, 32, 0};
    shape->extent = next + behind[layout];
    for (int k = 0; layout == BELOW && k < s->n_fields; k++)
        shape->at[k] -= shape->extent / 16 * 16;
    if (layout == DOWNWARD)
        shape->extent = -shape->extent;
}

static void measure(struct shape *shape)
{
    for (int k = 0; k < shape->signature.n_fields; k++) {
        ptrdiff_t end = shape->at[k] + (ptrdiff_t)shape->signature.fields[k]->size;
        shape->low = k == 0 || shape->at[k] < shape->low ? shape->at[k] : shape->low;
        shape->high = k == 0 || end > shape->high ? end : shape->high;
    }
}

static void make_type(struct shape *shape)
{
    int n = shape->signature.n_fields, lengths[MAX_FIELDS] = {1, 1, 1, 1};
    MPI_Aint displacements[MAX_FIELDS];
    MPI_Datatype types[MAX_FIELDS], bare;
    for (int k = 0; k < n; k++) {
        displacements[k] = shape->at[k];
        types[k] = shape->signature.fields[k]->type;
    }
    MPI_Type_create_struct(n, lengths, displacements, types, &bare);
    MPI_Type_create_resized(bare, shape->extent > 0 ? shape->low : 0, shape->extent, &shape->type);
    MPI_Type_free(&bare);
    MPI_Type_commit(&shape->type);
    shape->is_derived = true;
}

struct shape shape_open(const struct signature *signature, enum layout layout)
{
    struct shape shape = {.signature = *signature};
    arrange(&shape, layout);
    measure(&shape);
    if (layout == PLAIN && signature->n_fields == 1)
        shape.type = signature->fields[0]->type;
    else
        make_type(&shape);
    return shape;
}

void shape_close(struct shape *shape)
{
    if (shape->is_derived && shape->type != MPI_DATATYPE_NULL)
        MPI_Type_free(&shape->type);
}

struct signature signature_of_words(void)
{
    const struct element *const *list;
    struct signature words = {.n_fields = WORDS};
    int n = elements_list(&list);
    for (int i = 0; i < n; i++)
        for (int k = 0; list[i]->type == MPI_UINT32_T && k < WORDS; k++)
            words.fields[k] = list[i];
    return words;
}

static void load(const ptrdiff_t *at, const char *unit, uint32_t *words)
{
    for (int k = 0; k < WORDS; k++)
        memcpy(&words[k], unit + at[k], sizeof *words);
}

static void fold_unit(const ptrdiff_t *at, enum operation op, const char *before, char *unit)
{
    uint32_t a[WORDS], b[WORDS];
    load(at, before, a);
    load(at, unit, b);
    uint32_t sum[WORDS] = {a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]};
    uint32_t product[WORDS] = {a[0] * b[0] + a[1] * b[2], a[0] * b[1] + a[1] * b[3],
                               a[2] * b[0] + a[3] * b[2], a[2] * b[1] + a[3] * b[3]};
    for (int k = 0; k < WORDS; k++)
        memcpy(unit + at[k], op == ADD ? &sum[k] : &product[k], sizeof *sum);
}

void shape_fold(const struct shape *shape, enum operation op, const void *before, void *at, int n)
{
    const char *a = before;
    char *b = at;
    for (int i = 0; i < n; i++, a += shape->extent, b += shape->extent) {
        if (op >= N_PREDEFINED)
            fold_unit(shape->at, op, a, b);
        else
            shape->signature.fields[0]->fold(op, a, b);
    }
}

/* The host may hand the operation another handle of the type; its extent tells the layout. */
static void operate(enum operation op, void *in, void *inout, int n, MPI_Datatype type)
{
    struct shape shape = {.signature = signature_of_words()};
    MPI_Aint lb, extent;
    MPI_Type_get_extent(type, &lb, &extent);
    for (enum layout layout = PLAIN; layout < N_LAYOUTS; layout++) {
        arrange(&shape, layout);
        if (shape.extent == extent) {
            shape_fold(&shape, op, in, inout, n);
            return;
        }
    }
    MPI_Abort(MPI_COMM_WORLD, 1);
}

static void add(void *in, void *inout, int *n, MPI_Datatype *type)
{
    operate(ADD, in, inout, *n, *type);
}

static void multiply(void *in, void *inout, int *n, MPI_Datatype *type)
{
    operate(MULTIPLY, in, inout, *n, *type);
}

MPI_Op shape_user_operation(enum operation op)
{
    MPI_Op handle;
    MPI_Op_create(op == ADD ? add : multiply, op == ADD, &handle);
    return handle;
}
