/* SPDX-License-Identifier: BSD-3-Clause */
#include "elements.h"

#include <complex.h>
#include <stdbool.h>
#include <string.h>
#include <wchar.h>

#define BIT(op)       (1u << (op))
#define ARITHMETIC    (BIT(SUM) | BIT(PROD))
#define ORDER         (BIT(MAX) | BIT(MIN))
#define LOGIC         (BIT(LAND) | BIT(LOR) | BIT(LXOR))
#define BITWISE       (BIT(BAND) | BIT(BOR) | BIT(BXOR))
#define PLACES        (BIT(MAXLOC) | BIT(MINLOC))
#define C_INTEGER     (ARITHMETIC | ORDER | LOGIC | BITWISE)
#define OTHER_INTEGER (ARITHMETIC | ORDER | BITWISE) /* Fortran's, addresses, offsets, counts */
#define REAL          (ARITHMETIC | ORDER)

static uint64_t fold_words(enum operation op, uint64_t a, uint64_t b)
{
    switch (op) {
    case SUM:
        return a + b;
    case PROD:
        return a * b;
    case LAND:
        return a && b;
    case LOR:
        return a || b;
    case LXOR:
        return !a != !b;
    case BAND:
        return a & b;
    case BOR:
        return a | b;
    case BXOR:
        return a ^ b;
    default:
        return 0;
    }
}

/* Whole numbers: any value, small ones often. Products wrap, in every order alike; sums do not wrap
 * everywhere (a host that adds in vectors saturates short types) and are kept small. */
#define INTEGER(c_type, name)                                                                      \
    static void set_##name(void *at, uint64_t number, enum operation op)                           \
    {                                                                                              \
        bool is_small = op == SUM || number & 1;                                                   \
        *(c_type *)at = (c_type)(is_small ? (number >> 1 & 7) : number >> 1);                      \
    }                                                                                              \
    static void fold_##name(enum operation op, const void *before, void *at)                       \
    {                                                                                              \
        c_type a = *(const c_type *)before, *b = at;                                               \
        if (op == MAX || op == MIN)                                                                \
            *b = (a > *b) == (op == MAX) ? a : *b;                                                 \
        else                                                                                       \
            *b = (c_type)fold_words(op, (uint64_t)a, (uint64_t)*b);                                \
    }

/* Powers of two: sums of some and products of some are exact. */
static const double reals[] = {1, -1, 2, -2, 0.5, -0.5, 4, -0.25};

#define REAL_NUMBER(c_type, name)                                                                  \
    static void set_##name(void *at, uint64_t number, enum operation op)                           \
    {                                                                                              \
        *(c_type *)at = (c_type)reals[number & 7];                                                 \
    }                                                                                              \
    static void fold_##name(enum operation op, const void *before, void *at)                       \
    {                                                                                              \
        c_type a = *(const c_type *)before, *b = at;                                               \
        if (op == SUM)                                                                             \
            *b = a + *b;                                                                           \
        else if (op == PROD)                                                                       \
            *b = a * *b;                                                                           \
        else                                                                                       \
            *b = (a > *b) == (op == MAX) ? a : *b;                                                 \
    }

static const double complex_numbers[][2] = {{1, 0}, {-1, 0}, {0, 1},  {0, -1},
                                            {1, 1}, {1, -1}, {-2, 0}, {0, 2}};

#define COMPLEX_NUMBER(real_type, name, used)                                                      \
    static void set_##name(void *at, uint64_t number, enum operation op)                           \
    {                                                                                              \
        ((real_type *)at)[0] = (real_type)complex_numbers[number & 7][0];                          \
        ((real_type *)at)[1] = (real_type)complex_numbers[number & 7][1];                          \
    }                                                                                              \
    static void fold_##name(enum operation op, const void *before, void *at)                       \
    {                                                                                              \
        const real_type *a = before;                                                               \
        real_type *b = at, re = b[0], im = b[1];                                                   \
        b[0] = op == SUM ? a[0] + re : a[0] * re - a[1] * im;                                      \
        b[1] = op == SUM ? a[1] + im : a[0] * im + a[1] * re;                                      \
    }                                                                                              \
    static void normalise_##name(void *at)                                                         \
    {                                                                                              \
        real_type *parts = at;                                                                     \
        for (int i = 0; i < 2; i++) {                                                              \
            parts[i] = parts[i] == 0 ? 0 : parts[i];                                               \
            memset((char *)&parts[i] + used, 0, sizeof *parts - used);                             \
        }                                                                                          \
    }

/* A value and its place; values repeat, so that places decide. */
#define PAIR(value_type, place_type, name)                                                         \
    struct name {                                                                                  \
        value_type value;                                                                          \
        place_type place;                                                                          \
    };                                                                                             \
    static void set_##name(void *at, uint64_t number, enum operation op)                           \
    {                                                                                              \
        ((struct name *)at)->value = (value_type)(number % 5);                                     \
        ((struct name *)at)->place = (place_type)(number / 5 % 7);                                 \
    }                                                                                              \
    static void fold_##name(enum operation op, const void *before, void *at)                       \
    {                                                                                              \
        const struct name *a = before;                                                             \
        struct name *b = at;                                                                       \
        if (a->value < b->value || a->value > b->value) {                                          \
            if ((a->value > b->value) == (op == MAXLOC))                                           \
                b->value = a->value, b->place = a->place;                                          \
        } else if (a->place < b->place) {                                                          \
            b->place = a->place;                                                                   \
        }                                                                                          \
    }

INTEGER(signed char, signed_char)
INTEGER(unsigned char, unsigned_char)
INTEGER(short, short)
INTEGER(unsigned short, unsigned_short)
INTEGER(int, int)
INTEGER(unsigned, unsigned)
INTEGER(long, long)
INTEGER(unsigned long, unsigned_long)
INTEGER(long long, long_long)
INTEGER(unsigned long long, unsigned_long_long)
REAL_NUMBER(float, float)
REAL_NUMBER(double, double)
REAL_NUMBER(long double, long_double)
COMPLEX_NUMBER(float, complex_float, sizeof(float))
COMPLEX_NUMBER(double, complex_double, sizeof(double))

/* Bytes of a long double that carry its value: ten where it is the x87's. */
static const size_t long_double_used = __LDBL_MANT_DIG__ == 64 ? 10 : sizeof(long double);

COMPLEX_NUMBER(long double, complex_long_double, long_double_used)
PAIR(int, int, two_int)
PAIR(short, int, short_int)
PAIR(long, int, long_int)
PAIR(float, int, float_int)
PAIR(double, int, double_int)
PAIR(long double, int, long_double_int)
PAIR(float, float, two_float)
PAIR(double, double, two_double)

static void normalise_long_double(void *at)
{
    memset((char *)at + long_double_used, 0, sizeof(long double) - long_double_used);
}

static void set_bool(void *at, uint64_t number, enum operation op)
{
    *(bool *)at = number & 1;
}

static void fold_bool(enum operation op, const void *before, void *at)
{
    *(bool *)at = fold_words(op, *(const bool *)before, *(bool *)at);
}

static void set_logical(void *at, uint64_t number, enum operation op)
{
    *(int *)at = number & 1;
}

#define ROW(type, c_type, operations, name)                                                        \
    {                                                                                              \
#type, type, sizeof(c_type), operations, set_##name, fold_##name, NULL                     \
    }
#define ROW_N(type, c_type, operations, name)                                                      \
    {                                                                                              \
#type, type, sizeof(c_type), operations, set_##name, fold_##name, normalise_##name         \
    }
#define MOVED(type, c_type)                                                                        \
    {                                                                                              \
#type, type, sizeof(c_type), 0, NULL, NULL, NULL                                           \
    }

static const struct element all[] = {
    ROW(MPI_SIGNED_CHAR, signed char, C_INTEGER, signed_char),
    ROW(MPI_UNSIGNED_CHAR, unsigned char, C_INTEGER, unsigned_char),
    ROW(MPI_SHORT, short, C_INTEGER, short),
    ROW(MPI_UNSIGNED_SHORT, unsigned short, C_INTEGER, unsigned_short),
    ROW(MPI_INT, int, C_INTEGER, int),
    ROW(MPI_UNSIGNED, unsigned, C_INTEGER, unsigned),
    ROW(MPI_LONG, long, C_INTEGER, long),
    ROW(MPI_UNSIGNED_LONG, unsigned long, C_INTEGER, unsigned_long),
    ROW(MPI_LONG_LONG, long long, C_INTEGER, long_long),
    ROW(MPI_UNSIGNED_LONG_LONG, unsigned long long, C_INTEGER, unsigned_long_long),
    ROW(MPI_INT8_T, int8_t, C_INTEGER, signed_char),
    ROW(MPI_INT16_T, int16_t, C_INTEGER, short),
    ROW(MPI_INT32_T, int32_t, C_INTEGER, int),
    ROW(MPI_INT64_T, int64_t, C_INTEGER, long_long),
    ROW(MPI_UINT8_T, uint8_t, C_INTEGER, unsigned_char),
    ROW(MPI_UINT16_T, uint16_t, C_INTEGER, unsigned_short),
    ROW(MPI_UINT32_T, uint32_t, C_INTEGER, unsigned),
    ROW(MPI_UINT64_T, uint64_t, C_INTEGER, unsigned_long_long),
    ROW(MPI_AINT, MPI_Aint, OTHER_INTEGER, long),
    ROW(MPI_OFFSET, MPI_Offset, OTHER_INTEGER, long_long),
    ROW(MPI_COUNT, MPI_Count, OTHER_INTEGER, long_long),
    ROW(MPI_BYTE, unsigned char, BITWISE, unsigned_char),
    ROW(MPI_FLOAT, float, REAL, float),
    ROW(MPI_DOUBLE, double, REAL, double),
    ROW_N(MPI_LONG_DOUBLE, long double, REAL, long_double),
    ROW_N(MPI_C_FLOAT_COMPLEX, float complex, ARITHMETIC, complex_float),
    ROW_N(MPI_C_DOUBLE_COMPLEX, double complex, ARITHMETIC, complex_double),
    ROW_N(MPI_C_LONG_DOUBLE_COMPLEX, long double complex, ARITHMETIC, complex_long_double),
    ROW(MPI_C_BOOL, bool, LOGIC, bool),
    ROW(MPI_2INT, struct two_int, PLACES, two_int),
    ROW(MPI_SHORT_INT, struct short_int, PLACES, short_int),
    ROW(MPI_LONG_INT, struct long_int, PLACES, long_int),
    ROW(MPI_FLOAT_INT, struct float_int, PLACES, float_int),
    ROW(MPI_DOUBLE_INT, struct double_int, PLACES, double_int),
    {"MPI_LONG_DOUBLE_INT", MPI_LONG_DOUBLE_INT, sizeof(struct long_double_int), PLACES,
     set_long_double_int, fold_long_double_int, normalise_long_double},
    MOVED(MPI_CHAR, char),
    MOVED(MPI_WCHAR, wchar_t),
    MOVED(MPI_PACKED, char),
    ROW(MPI_INTEGER, int, OTHER_INTEGER, int),
    ROW(MPI_INTEGER1, int8_t, OTHER_INTEGER, signed_char),
    ROW(MPI_INTEGER2, int16_t, OTHER_INTEGER, short),
    ROW(MPI_INTEGER4, int32_t, OTHER_INTEGER, int),
    ROW(MPI_INTEGER8, int64_t, OTHER_INTEGER, long_long),
    ROW(MPI_REAL, float, REAL, float),
    ROW(MPI_REAL4, float, REAL, float),
    ROW(MPI_REAL8, double, REAL, double),
    ROW(MPI_DOUBLE_PRECISION, double, REAL, double),
    ROW_N(MPI_COMPLEX, float complex, ARITHMETIC, complex_float),
    ROW_N(MPI_COMPLEX8, float complex, ARITHMETIC, complex_float),
    ROW_N(MPI_COMPLEX16, double complex, ARITHMETIC, complex_double),
    ROW_N(MPI_DOUBLE_COMPLEX, double complex, ARITHMETIC, complex_double),
    {"MPI_LOGICAL", MPI_LOGICAL, sizeof(int), LOGIC, set_logical, fold_int, NULL},
    ROW(MPI_2INTEGER, struct two_int, PLACES, two_int),
    ROW(MPI_2REAL, struct two_float, PLACES, two_float),
    ROW(MPI_2DOUBLE_PRECISION, struct two_double, PLACES, two_double),
    MOVED(MPI_CHARACTER, char),
};

enum { N_ALL = sizeof all / sizeof *all };

/* A host without Fortran, or with other sizes than this table's, lacks some. */
static bool is_there(const struct element *element)
{
    MPI_Aint lb, extent;
    return element->type != MPI_DATATYPE_NULL &&
           MPI_Type_get_extent(element->type, &lb, &extent) == MPI_SUCCESS && lb == 0 &&
           extent == (MPI_Aint)element->size;
}

int elements_list(const struct element *const **list)
{
    static const struct element *found[N_ALL];
    static int n;
    if (n == 0)
        for (int i = 0; i < N_ALL; i++)
            if (is_there(&all[i]))
                found[n++] = &all[i];
    *list = found;
    return n;
}

static const struct {
    const char *name;
    MPI_Op handle;
} operations[N_OPERATIONS] = {
    [SUM] = {"MPI_SUM", MPI_SUM},
    [PROD] = {"MPI_PROD", MPI_PROD},
    [MAX] = {"MPI_MAX", MPI_MAX},
    [MIN] = {"MPI_MIN", MPI_MIN},
    [LAND] = {"MPI_LAND", MPI_LAND},
    [LOR] = {"MPI_LOR", MPI_LOR},
    [LXOR] = {"MPI_LXOR", MPI_LXOR},
    [BAND] = {"MPI_BAND", MPI_BAND},
    [BOR] = {"MPI_BOR", MPI_BOR},
    [BXOR] = {"MPI_BXOR", MPI_BXOR},
    [MAXLOC] = {"MPI_MAXLOC", MPI_MAXLOC},
    [MINLOC] = {"MPI_MINLOC", MPI_MINLOC},
    [ADD] = {"the user's sum", MPI_OP_NULL},
    [MULTIPLY] = {"the user's product", MPI_OP_NULL},
};

const char *operation_name(enum operation op)
{
    return operations[op].name;
}

MPI_Op operation_handle(enum operation op)
{
    return operations[op].handle;
}
