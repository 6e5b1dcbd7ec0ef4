/* SPDX-License-Identifier: BSD-3-Clause */
/* MPI_Bsend to wide peers: memory of our own, accounted against the buffer that the program has
 * attached; the host keeps using the buffer itself for home peers. */
#include "host/error.h"
#include "host/host.h"
#include "p2p/p2p.h"
#include "request/progress.h"
#include "wide.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* One message under way; freed, and its room given back, by the thread that completes it. */
struct parcel {
    struct wsp_op op;
    uint64_t room; /* accounted bytes */
    uint8_t bytes[];
};

static atomic_ullong attached_bytes;
static atomic_ullong used_bytes;

static void parcel_complete(struct wsp_op *op)
{
    struct parcel *parcel = WSP_CONTAINER(op, struct parcel, op);
    uint64_t room = parcel->room;
    free(parcel);
    atomic_fetch_sub(&used_bytes, room);
}

static bool take_room(uint64_t room)
{
    uint64_t used = atomic_fetch_add(&used_bytes, room) + room;
    if (used <= atomic_load(&attached_bytes))
        return true;
    atomic_fetch_sub(&used_bytes, room);
    return false;
}

int wsp_bsend(const struct wsp_arguments *arguments, struct wsp_comm *comm)
{
    const void *data;
    uint64_t length;
    void *packed;
    int code = wsp_payload_of(arguments, &data, &length, &packed);
    if (code)
        return code;
    uint64_t room = length + MPI_BSEND_OVERHEAD;
    struct parcel *parcel = NULL;
    if (!take_room(room)) {
        code = MPI_ERR_BUFFER;
    } else if (!(parcel = malloc(sizeof *parcel + length))) {
        atomic_fetch_sub(&used_bytes, room);
        code = MPI_ERR_NO_MEM;
    } else {
        parcel->op = (struct wsp_op){.complete = parcel_complete};
        parcel->room = room;
        memcpy(parcel->bytes, data, length);
        struct wsp_envelope envelope = {.context = comm->context,
                                        .source = comm->rank,
                                        .tag = arguments->tag,
                                        .length = length};
        wsp_link_lock(wsp_job.link);
        wsp_link_send(wsp_job.link, comm->world[arguments->peer], &envelope, parcel->bytes, 0,
                      &parcel->op);
        wsp_link_unlock(wsp_job.link);
    }
    free(packed);
    return code;
}

void wsp_bsend_drain(void)
{
    struct wsp_pause pause = {0};
    while (atomic_load(&used_bytes) > 0)
        wsp_progress(&pause);
}

int wide_Buffer_attach(void *buffer, int size)
{
    int code = host.Buffer_attach(buffer, size);
    if (!code)
        atomic_store(&attached_bytes, (unsigned long long)size);
    return code;
}

int wide_Buffer_detach(void *buffer, int *size)
{
    if (wsp_job.is_wide)
        wsp_bsend_drain();
    int code = host.Buffer_detach(buffer, size);
    if (!code)
        atomic_store(&attached_bytes, 0);
    return code;
}
