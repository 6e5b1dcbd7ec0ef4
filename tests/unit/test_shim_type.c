/* SPDX-License-Identifier: BSD-3-Clause */
/* Layouts, packing and unpacking of datatypes against the host's own MPI_Pack and MPI_Unpack, as a
 * job of one process. The room is linked alone: the table of host functions is filled here. */
#include "unit.h"

#include "host/host.h"
#include "init/job.h"
#include "type/type.h"

#include <dlfcn.h>
#include <mpi.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct wsp_host host;
struct wsp_job wsp_job;

/* The host's modules stay loaded to the end, so that a leak checker can tell whose memory it is. */
__attribute__((visibility("default"))) int dlclose(void *handle)
{
    return 0;
}

static uint64_t seed = 20240229;

static int draw(int n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)((seed >> 33) % (uint64_t)n);
}

static void fill_host(void)
{
    host.Type_size_x = PMPI_Type_size_x;
    host.Type_get_extent_x = PMPI_Type_get_extent_x;
    host.Type_get_true_extent_x = PMPI_Type_get_true_extent_x;
    host.Type_get_envelope = PMPI_Type_get_envelope;
    host.Type_get_contents = PMPI_Type_get_contents;
    host.Type_create_keyval = PMPI_Type_create_keyval;
    host.Type_free_keyval = PMPI_Type_free_keyval;
    host.Type_get_attr = PMPI_Type_get_attr;
    host.Type_set_attr = PMPI_Type_set_attr;
    host.Type_delete_attr = PMPI_Type_delete_attr;
    host.Type_contiguous = PMPI_Type_contiguous;
    host.Type_create_struct = PMPI_Type_create_struct;
    host.Type_commit = PMPI_Type_commit;
    host.Type_free = PMPI_Type_free;
    host.Send = PMPI_Send;
    host.Sendrecv = PMPI_Sendrecv;
    host.Pack = PMPI_Pack;
    host.Unpack = PMPI_Unpack;
}

static void host_open(void)
{
    fill_host();
    MPI_Init(NULL, NULL);
    MPI_Comm_dup(MPI_COMM_SELF, &wsp_job.self);
    MPI_Comm_set_errhandler(wsp_job.self, MPI_ERRORS_RETURN);
}

static void host_close(void)
{
    wsp_type_fini();
    MPI_Comm_free(&wsp_job.self);
    MPI_Finalize();
}

/* A buffer for count elements, whatever their bounds; base is what MPI calls take. */
struct area {
    unsigned char *memory;
    size_t length;
    void *base;
};

static struct area area_make(MPI_Datatype type, int count)
{
    MPI_Count lb, extent, true_lb, true_extent;
    MPI_Type_get_extent_x(type, &lb, &extent);
    MPI_Type_get_true_extent_x(type, &true_lb, &true_extent);
    MPI_Count size;
    MPI_Type_size_x(type, &size);
    if (size == 0) /* the host gives such a type any bounds */
        true_lb = true_extent = 0;
    int64_t last = true_lb + (count > 0 ? count - 1 : 0) * extent;
    int64_t low = last < true_lb ? last : true_lb, high = last < true_lb ? true_lb : last;
    struct area area = {.length = (size_t)(high - low + true_extent)};
    area.memory = malloc(area.length + 1);
    area.base = (void *)((uintptr_t)area.memory - (uintptr_t)low);
    for (size_t i = 0; i < area.length; i++)
        area.memory[i] = (unsigned char)draw(256);
    return area;
}

static MPI_Datatype make_basic(void)
{
    const MPI_Datatype basics[] = {MPI_CHAR,  MPI_SHORT,      MPI_INT,       MPI_DOUBLE,
                                   MPI_FLOAT, MPI_DOUBLE_INT, MPI_SHORT_INT, MPI_LONG_DOUBLE};
    return basics[draw(8)];
}

static MPI_Datatype make_type(int depth);

static MPI_Datatype make_type_with_bytes(int depth)
{
    for (;;) {
        MPI_Datatype type = make_type(depth);
        int size;
        MPI_Type_size(type, &size);
        if (size > 0)
            return type;
        MPI_Type_free(&type);
    }
}

/* Members are never empty: of a struct with such ones Open MPI packs several elements as if its
 * extent were its size, whatever MPI_Type_get_extent says. */
static void make_struct(int depth, MPI_Datatype *made)
{
    int lengths[4], n = 1 + draw(4);
    MPI_Aint displacements[4];
    MPI_Datatype types[4];
    for (int i = 0; i < n; i++) {
        types[i] = make_type_with_bytes(depth - 1);
        lengths[i] = 1 + draw(2);
        displacements[i] = (draw(9) - 4) * 16;
    }
    MPI_Type_create_struct(n, lengths, displacements, types, made);
    for (int i = 0; i < n; i++)
        MPI_Type_free(&types[i]);
}

static void make_indexed(MPI_Datatype child, MPI_Datatype *made)
{
    int n = 1 + draw(4), lengths[4], displacements[4], next = draw(3) - 1;
    MPI_Aint addresses[4], lb, extent;
    MPI_Type_get_extent(child, &lb, &extent);
    for (int i = 0; i < n; i++) {
        lengths[i] = draw(3);
        displacements[i] = draw(3) == 0 ? draw(9) - 4 : next;
        next = displacements[i] + lengths[i];
        addresses[i] = displacements[i] * extent;
    }
    switch (draw(4)) {
    case 0:
        MPI_Type_indexed(n, lengths, displacements, child, made);
        break;
    case 1:
        MPI_Type_create_hindexed(n, lengths, addresses, child, made);
        break;
    case 2:
        MPI_Type_create_indexed_block(n, 1, displacements, child, made);
        break;
    default:
        MPI_Type_create_hindexed_block(n, 1, addresses, child, made);
    }
}

static void make_subarray(MPI_Datatype child, MPI_Datatype *made)
{
    int sizes[2], parts[2], starts[2];
    for (int i = 0; i < 2; i++) {
        sizes[i] = 1 + draw(4);
        parts[i] = draw(2) ? sizes[i] : 1 + draw(sizes[i]);
        starts[i] = draw(sizes[i] - parts[i] + 1);
    }
    MPI_Type_create_subarray(2, sizes, parts, starts, draw(2) ? MPI_ORDER_C : MPI_ORDER_FORTRAN,
                             child, made);
}

static void make_vector(MPI_Datatype child, MPI_Datatype *made)
{
    MPI_Aint lb, extent;
    int length = draw(4), stride = draw(2) ? length : draw(7) - 3;
    MPI_Type_get_extent(child, &lb, &extent);
    if (draw(2))
        MPI_Type_vector(1 + draw(3), length, stride, child, made);
    else
        MPI_Type_create_hvector(1 + draw(3), length, stride * extent, child, made);
}

static void make_around(MPI_Datatype child, MPI_Datatype *made)
{
    MPI_Aint lb, extent;
    MPI_Type_get_extent(child, &lb, &extent);
    switch (draw(6)) {
    case 0:
        MPI_Type_dup(child, made);
        break;
    case 1:
        MPI_Type_create_resized(child, lb - 8 * draw(2), extent + 16 * draw(3), made);
        break;
    case 2:
        make_subarray(child, made);
        break;
    case 3:
        make_vector(child, made);
        break;
    case 4:
        make_indexed(child, made);
        break;
    default:
        MPI_Type_contiguous(draw(4), child, made);
    }
}

/* Always a type to be freed. */
static MPI_Datatype make_type(int depth)
{
    MPI_Datatype made;
    if (depth == 0) {
        MPI_Type_dup(make_basic(), &made);
    } else if (draw(4) == 0) {
        make_struct(depth, &made);
    } else {
        MPI_Datatype child = make_type(depth - 1);
        make_around(child, &made);
        MPI_Type_free(&child);
    }
    return made;
}

static void reference_pack(void *base, int count, MPI_Datatype type, unsigned char *bytes, int n)
{
    int position = 0;
    MPI_Pack(base, count, type, bytes, n, &position, MPI_COMM_SELF);
    ck_assert_int_eq(position, n);
}

/* Unpacks n bytes of the whole and looks at each byte of the buffer. */
static void check_unpack(MPI_Datatype type, int count, const unsigned char *bytes, int whole, int n)
{
    struct area got = area_make(type, count), want = got;
    want.memory = malloc(got.length + 1);
    want.base = (char *)want.memory + ((char *)got.base - (char *)got.memory);
    memcpy(want.memory, got.memory, got.length);
    unsigned char *mixed = malloc((size_t)whole + 1);
    reference_pack(want.base, count, type, mixed, whole);
    memcpy(mixed, bytes, (size_t)n);
    int position = 0;
    MPI_Unpack(mixed, whole, &position, want.base, count, type, MPI_COMM_SELF);
    ck_assert_int_eq(wsp_type_unpack(bytes, (uint64_t)n, got.base, count, type), MPI_SUCCESS);
    ck_assert_int_eq(memcmp(got.memory, want.memory, got.length), 0);
    free(mixed);
    free(got.memory);
    free(want.memory);
}

/* A type whose blocks overlap cannot be received: what was put in does not come out again. */
static bool is_receivable(MPI_Datatype type, int count, struct area *area, int n)
{
    unsigned char *noise = malloc((size_t)n + 1), *again = malloc((size_t)n + 1);
    bool same = true;
    for (int round = 0; round < 3; round++) {
        int position = 0;
        for (int i = 0; i < n; i++)
            noise[i] = (unsigned char)draw(256);
        MPI_Unpack(noise, n, &position, area->base, count, type, MPI_COMM_SELF);
        reference_pack(area->base, count, type, again, n);
        same = same && memcmp(noise, again, (size_t)n) == 0;
    }
    free(noise);
    free(again);
    return same;
}

/* Returns true if the layout was found contiguous. */
static bool check_type(MPI_Datatype type)
{
    struct wsp_layout layout;
    int count = draw(5), size;
    MPI_Type_size(type, &size);
    ck_assert_int_eq(wsp_type_describe(type, &layout), MPI_SUCCESS);
    ck_assert_uint_eq(layout.size, (uint64_t)size);
    struct area area = area_make(type, count);
    int n = size * count;
    unsigned char *want = malloc((size_t)n + 1), *got = malloc((size_t)n + 1);
    reference_pack(area.base, count, type, want, n);
    ck_assert_int_eq(wsp_type_pack(area.base, count, type, got, (uint64_t)n), MPI_SUCCESS);
    ck_assert_int_eq(memcmp(got, want, (size_t)n), 0);
    if (layout.is_contiguous && n > 0)
        ck_assert_int_eq(memcmp((char *)area.base + layout.true_lb, want, (size_t)n), 0);
    if (n > 0 && is_receivable(type, count, &area, n)) {
        check_unpack(type, count, want, n, n);
        check_unpack(type, count, want, n, draw(n + 1));
    }
    free(want);
    free(got);
    free(area.memory);
    return layout.is_contiguous && size > 0;
}

START_TEST(random_types_pack_and_unpack_as_the_host_does)
{
    int n_contiguous = 0;
    for (int i = 0; i < 4000; i++) {
        MPI_Datatype type = make_type(1 + draw(3));
        MPI_Type_commit(&type);
        n_contiguous += check_type(type);
        MPI_Type_free(&type);
    }
    ck_assert_int_gt(n_contiguous, 200);
    ck_assert_int_lt(n_contiguous, 3800);
}
END_TEST

static bool is_contiguous(MPI_Datatype *type)
{
    struct wsp_layout first, again;
    MPI_Type_commit(type);
    ck_assert_int_eq(wsp_type_describe(*type, &first), MPI_SUCCESS);
    ck_assert_int_eq(wsp_type_describe(*type, &again), MPI_SUCCESS);
    ck_assert_int_eq(first.is_contiguous, again.is_contiguous);
    MPI_Type_free(type);
    return first.is_contiguous;
}

START_TEST(fields_in_reverse_order_are_not_contiguous)
{
    MPI_Datatype type;
    const int lengths[] = {1, 1}, ascending[] = {0, 1}, reversed[] = {1, 0};
    MPI_Type_indexed(2, lengths, ascending, MPI_INT, &type);
    ck_assert(is_contiguous(&type));
    MPI_Type_indexed(2, lengths, reversed, MPI_INT, &type);
    ck_assert(!is_contiguous(&type));
}
END_TEST

START_TEST(a_handle_used_again_has_its_new_layout)
{
    for (int i = 0; i < 100; i++) {
        MPI_Datatype type;
        MPI_Type_vector(2, 1, i % 2 ? 1 : 2, MPI_INT, &type);
        ck_assert_int_eq(is_contiguous(&type), i % 2);
    }
}
END_TEST

START_TEST(types_that_cannot_be_sent_give_an_error)
{
    struct wsp_layout layout;
    ck_assert_int_eq(wsp_type_describe(MPI_DATATYPE_NULL, &layout), MPI_ERR_TYPE);
    MPI_Datatype type;
    MPI_Type_vector(2, 1, 2, MPI_INT, &type);
    ck_assert_int_eq(wsp_type_describe(type, &layout), MPI_ERR_TYPE);
    MPI_Type_commit(&type);
    ck_assert_int_eq(wsp_type_describe(type, &layout), MPI_SUCCESS);
    MPI_Type_free(&type);
}
END_TEST

START_TEST(absolute_addresses_pack_from_bottom)
{
    double a = 1.5, b = -2.25, packed[2] = {0}, swapped[2] = {4, 5};
    const int lengths[] = {1, 1};
    MPI_Aint addresses[2];
    MPI_Datatype types[] = {MPI_DOUBLE, MPI_DOUBLE}, type;
    MPI_Get_address(&b, &addresses[0]);
    MPI_Get_address(&a, &addresses[1]);
    MPI_Type_create_struct(2, lengths, addresses, types, &type);
    MPI_Type_commit(&type);
    ck_assert_int_eq(wsp_type_pack(MPI_BOTTOM, 1, type, packed, sizeof packed), MPI_SUCCESS);
    ck_assert(packed[0] == -2.25 && packed[1] == 1.5);
    ck_assert_int_eq(wsp_type_unpack(swapped, sizeof swapped, MPI_BOTTOM, 1, type), MPI_SUCCESS);
    ck_assert(b == 4 && a == 5);
    MPI_Type_free(&type);
}
END_TEST

/* An element of more than 2 GiB; the same pages lie behind all of its blocks but the first few. */
START_TEST(a_single_element_beyond_int_packs_and_unpacks)
{
    const size_t block = 1 << 20, n_blocks = 2100, n_own = 3;
    char *base = mmap(NULL, 2 * block * n_blocks, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd = memfd_create("block", MFD_CLOEXEC);
    if (base == MAP_FAILED || fd < 0 || ftruncate(fd, (off_t)block) != 0)
        ck_abort_msg("no memory");
    mprotect(base, 2 * block * n_own, PROT_READ | PROT_WRITE);
    for (size_t i = n_own; i < n_blocks; i++)
        ck_assert_ptr_ne(mmap(base + 2 * block * i, block, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_FIXED, fd, 0),
                         MAP_FAILED);
    close(fd);
    for (size_t i = 0; i <= n_own; i++)
        for (size_t k = 0; k < block; k += 512)
            memset(base + 2 * block * i + k, draw(256), 512);
    MPI_Datatype type;
    MPI_Type_vector((int)n_blocks, (int)block, (int)(2 * block), MPI_CHAR, &type);
    MPI_Type_commit(&type);
    char *bytes = malloc(block * n_blocks);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_int_eq(wsp_type_pack(base, 1, type, bytes, block * n_blocks), MPI_SUCCESS);
    for (size_t i = 0; i < n_blocks; i++)
        ck_assert_int_eq(memcmp(bytes + i * block, base + 2 * i * block, block), 0);
    memset(base + 2 * n_own * block, 0, block);
    ck_assert_int_eq(wsp_type_unpack(bytes, block * n_blocks, base, 1, type), MPI_SUCCESS);
    ck_assert_int_eq(memcmp(base + 2 * n_own * block, bytes + n_own * block, block), 0);
    for (size_t i = 0; i < n_own; i++)
        memset(base + 2 * i * block, 77, block);
    ck_assert_int_eq(wsp_type_unpack(bytes, block + 7, base, 1, type), MPI_SUCCESS);
    ck_assert_int_eq(memcmp(base, bytes, block), 0);
    ck_assert_int_eq(memcmp(base + 2 * block, bytes + block, 7), 0);
    ck_assert_int_eq(base[2 * block + 7], 77);
    free(bytes);
    MPI_Type_free(&type);
    munmap(base, 2 * block * n_blocks);
}
END_TEST

void test_cases(TCase *cases)
{
    /* The host is initialised once, and does not live through a fork. */
    setenv("CK_FORK", "no", 1);
    tcase_add_unchecked_fixture(cases, host_open, host_close);
    tcase_add_test(cases, random_types_pack_and_unpack_as_the_host_does);
    tcase_add_test(cases, fields_in_reverse_order_are_not_contiguous);
    tcase_add_test(cases, a_handle_used_again_has_its_new_layout);
    tcase_add_test(cases, types_that_cannot_be_sent_give_an_error);
    tcase_add_test(cases, absolute_addresses_pack_from_bottom);
    tcase_add_test(cases, a_single_element_beyond_int_packs_and_unpacks);
}
