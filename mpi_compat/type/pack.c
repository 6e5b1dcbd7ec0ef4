/* SPDX-License-Identifier: BSD-3-Clause */
/* Packing and unpacking of any size. The host's MPI_Pack counts in int: an element too large for it
 * goes through a message to oneself, sent as the user's type and received as bytes or the other way
 * round. Any thread; a message's tag is its own.
 *
 * Of a message that ends within an element, Open MPI's MPI_Unpack refuses the last part, and a
 * message to oneself spoils bytes behind it. So that element is packed as it stands, the new bytes
 * are laid over, and it is unpacked as a whole. */
#include "type/type.h"

#include "host/host.h"
#include "init/job.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_MAX ((uint64_t)1 << 30) /* of what goes through MPI_Pack or MPI_Unpack at once */
#define CHUNK     (1 << 20)           /* of bytes beyond int */
#define TAG_FIRST (1 << 20)
#define TAG_COUNT (1u << 20)

static int next_tag(void)
{
    static atomic_uint n_used;
    return TAG_FIRST +
           (int)(atomic_fetch_add_explicit(&n_used, 1, memory_order_relaxed) % TAG_COUNT);
}

/* buf may be MPI_BOTTOM and true_lb anything: addresses, not pointers into an object. */
static char *at(const void *buf, int64_t displacement)
{
    return (char *)((uintptr_t)buf + (uintptr_t)displacement);
}

int wsp_type_of_bytes(uint64_t n, MPI_Datatype *type, int *count, bool *is_derived)
{
    *is_derived = n > INT_MAX;
    if (!*is_derived) {
        *type = MPI_BYTE;
        *count = (int)n;
        return MPI_SUCCESS;
    }
    MPI_Datatype types[2] = {MPI_DATATYPE_NULL, MPI_BYTE};
    int lengths[2] = {(int)(n / CHUNK), (int)(n % CHUNK)};
    MPI_Aint displacements[2] = {0, (MPI_Aint)(n - n % CHUNK)};
    *count = 1;
    int err = host.Type_contiguous(CHUNK, MPI_BYTE, &types[0]);
    if (err != MPI_SUCCESS)
        return err;
    err = host.Type_create_struct(2, lengths, displacements, types, type);
    host.Type_free(&types[0]);
    return err == MPI_SUCCESS ? host.Type_commit(type) : err;
}

/* A message to oneself: count elements at buf to bytes, or `length` bytes to the first elements. */
static int through_self(bool is_packing, void *buf, int count, MPI_Datatype type, void *bytes,
                        uint64_t length)
{
    MPI_Datatype raw;
    int n_raw, tag = next_tag();
    bool is_derived;
    int err = wsp_type_of_bytes(length, &raw, &n_raw, &is_derived);
    if (err != MPI_SUCCESS)
        return err;
    if (is_packing)
        err = host.Sendrecv(buf, count, type, 0, tag, bytes, n_raw, raw, 0, tag, wsp_job.self,
                            MPI_STATUS_IGNORE);
    else
        err = host.Sendrecv(bytes, n_raw, raw, 0, tag, buf, count, type, 0, tag, wsp_job.self,
                            MPI_STATUS_IGNORE);
    if (is_derived)
        host.Type_free(&raw);
    return err;
}

/* Elements that go through the host's pack functions at once; a single one does. */
static int elements_at_once(const struct wsp_layout *layout, uint64_t n_left)
{
    uint64_t n = PIECE_MAX / layout->size;
    return (int)(n < n_left ? n : n_left);
}

static int pack_elements(const struct wsp_layout *layout, const void *buf, uint64_t n_elements,
                         MPI_Datatype type, char *bytes)
{
    if (layout->size > PIECE_MAX)
        return through_self(true, (void *)buf, (int)n_elements, type, bytes,
                            n_elements * layout->size);
    for (uint64_t done = 0; done < n_elements;) {
        int n = elements_at_once(layout, n_elements - done), position = 0;
        int err =
            host.Pack(at(buf, (int64_t)done * layout->extent), n, type, bytes + done * layout->size,
                      (int)((uint64_t)n * layout->size), &position, wsp_job.self);
        if (err != MPI_SUCCESS)
            return err;
        done += (uint64_t)n;
    }
    return MPI_SUCCESS;
}

static int unpack_elements(const struct wsp_layout *layout, const char *bytes, void *buf,
                           uint64_t n_elements, MPI_Datatype type)
{
    if (layout->size > PIECE_MAX && n_elements > 0)
        return through_self(false, buf, (int)n_elements, type, (void *)bytes,
                            n_elements * layout->size);
    for (uint64_t done = 0; done < n_elements;) {
        int n = elements_at_once(layout, n_elements - done), position = 0;
        int err =
            host.Unpack(bytes + done * layout->size, (int)((uint64_t)n * layout->size), &position,
                        at(buf, (int64_t)done * layout->extent), n, type, wsp_job.self);
        if (err != MPI_SUCCESS)
            return err;
        done += (uint64_t)n;
    }
    return MPI_SUCCESS;
}

/* The first `length` bytes of one element. */
static int unpack_part(const struct wsp_layout *layout, const char *bytes, uint64_t length,
                       void *buf, MPI_Datatype type)
{
    char *element = malloc(layout->size);
    if (!element)
        return MPI_ERR_NO_MEM;
    int err = pack_elements(layout, buf, 1, type, element);
    if (err == MPI_SUCCESS) {
        memcpy(element, bytes, length);
        err = unpack_elements(layout, element, buf, 1, type);
    }
    free(element);
    return err;
}

int wsp_type_pack(const void *buf, int count, MPI_Datatype type, void *bytes, uint64_t length)
{
    struct wsp_layout layout;
    int err = wsp_type_describe(type, &layout);
    if (err != MPI_SUCCESS || length == 0)
        return err;
    if (layout.size * (uint64_t)count != length)
        return MPI_ERR_COUNT;
    if (layout.is_contiguous)
        memcpy(bytes, at(buf, layout.true_lb), length);
    else
        err = pack_elements(&layout, buf, (uint64_t)count, type, bytes);
    return err;
}

int wsp_type_unpack(const void *bytes, uint64_t length, void *buf, int count, MPI_Datatype type)
{
    struct wsp_layout layout;
    int err = wsp_type_describe(type, &layout);
    if (err != MPI_SUCCESS || length == 0)
        return err;
    if (layout.size * (uint64_t)count < length)
        return MPI_ERR_TRUNCATE;
    if (layout.is_contiguous) {
        memcpy(at(buf, layout.true_lb), bytes, length);
        return MPI_SUCCESS;
    }
    uint64_t n_whole = length / layout.size, n_rest = length % layout.size;
    err = unpack_elements(&layout, bytes, buf, n_whole, type);
    if (err == MPI_SUCCESS && n_rest > 0)
        err = unpack_part(&layout, (const char *)bytes + n_whole * layout.size, n_rest,
                          at(buf, (int64_t)n_whole * layout.extent), type);
    return err;
}
