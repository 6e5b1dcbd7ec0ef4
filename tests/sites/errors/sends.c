/* SPDX-License-Identifier: BSD-3-Clause */
/* Wrong arguments of sends, of every mode, and of persistent ones. */
#include "probe.h"

#include <stdlib.h>
#include <string.h>

typedef int blocking_fn(const void *, int, MPI_Datatype, int, int, MPI_Comm);
typedef int starting_fn(const void *, int, MPI_Datatype, int, int, MPI_Comm, MPI_Request *);

static const struct kind {
    const char *name;
    blocking_fn *blocking; /* one of the two */
    starting_fn *starting;
} kinds[] = {
    {"send", MPI_Send, NULL},
    {"bsend", MPI_Bsend, NULL},
    {"ssend", MPI_Ssend, NULL},
    {"rsend", MPI_Rsend, NULL},
    {"isend", NULL, MPI_Isend},
    {"ibsend", NULL, MPI_Ibsend},
    {"issend", NULL, MPI_Issend},
    {"irsend", NULL, MPI_Irsend},
    {"send_init", NULL, MPI_Send_init},
    {"bsend_init", NULL, MPI_Bsend_init},
    {"ssend_init", NULL, MPI_Ssend_init},
    {"rsend_init", NULL, MPI_Rsend_init},
};

struct arguments {
    const char *name;
    const void *buffer;
    int count;
    MPI_Datatype type;
    int dest, tag;
    MPI_Comm comm;
};

/* Open MPI 4.1 itself does not look at type and buffer in the modes of Send_init, and dies of them.
 */
static bool kills_host(const struct kind *kind, const struct arguments *a)
{
    return strstr(kind->name, "_init") && kind->starting != MPI_Send_init &&
           (!a->buffer || strcmp(a->name, "raw type") == 0);
}

static void one(const struct kind *kind, const struct arguments *a)
{
    if (kills_host(kind, a))
        return;
    MPI_Request request = MPI_REQUEST_NULL;
    probe_begin(joined(kind->name, a->name));
    int code =
        kind->blocking
            ? kind->blocking(a->buffer, a->count, a->type, a->dest, a->tag, a->comm)
            : kind->starting(a->buffer, a->count, a->type, a->dest, a->tag, a->comm, &request);
    probe_end(code, NULL, request == MPI_REQUEST_NULL ? "" : " request");
    if (request != MPI_REQUEST_NULL)
        MPI_Request_free(&request);
}

void probe_sends(const struct stage *stage)
{
    int words[N_WORDS] = {0}, peer = stage->peer, size = stage->size;
    MPI_Comm comm = stage->comm;
    MPI_Datatype raw;
    if (!stage->is_actor)
        return;
    MPI_Type_vector(2, 1, 2, MPI_INT, &raw);
    const struct arguments wrong[] = {
        {"rank beyond", words, 1, MPI_INT, size, TAG, comm},
        {"rank negative", words, 1, MPI_INT, -5, TAG, comm},
        {"any source", words, 1, MPI_INT, MPI_ANY_SOURCE, TAG, comm},
        {"any tag", words, 1, MPI_INT, peer, MPI_ANY_TAG, comm},
        {"tag negative", words, 1, MPI_INT, peer, -7, comm},
        {"count", words, -1, MPI_INT, peer, TAG, comm},
        {"null type", words, 1, MPI_DATATYPE_NULL, peer, TAG, comm},
        {"null type, none", words, 0, MPI_DATATYPE_NULL, peer, TAG, comm},
        {"raw type", words, 1, raw, peer, TAG, comm},
        {"null buffer", NULL, 1, MPI_INT, peer, TAG, comm},
        {"null comm", words, 1, MPI_INT, peer, TAG, MPI_COMM_NULL},
        {"count and rank", words, -1, MPI_INT, size, TAG, comm},
        {"type and rank", words, 1, MPI_DATATYPE_NULL, size, TAG, comm},
        {"tag and rank", words, 1, MPI_INT, size, -7, comm},
        {"buffer and rank", NULL, 1, MPI_INT, size, TAG, comm},
        {"tag and count", words, -1, MPI_INT, peer, -7, comm},
        {"type and count", words, -1, MPI_DATATYPE_NULL, peer, TAG, comm},
        {"type and tag", words, 1, MPI_DATATYPE_NULL, peer, -7, comm},
        {"nobody, count", words, -1, MPI_INT, MPI_PROC_NULL, TAG, comm},
        {"nobody, tag", words, 1, MPI_INT, MPI_PROC_NULL, -7, comm},
        {"nobody, type", words, 1, MPI_DATATYPE_NULL, MPI_PROC_NULL, TAG, comm},
        {"nobody, buffer", NULL, 1, MPI_INT, MPI_PROC_NULL, TAG, comm},
    };
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
            one(&kinds[k], &wrong[i]);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        if (kinds[k].starting)
            PROBE(joined(kinds[k].name, "null request"),
                  kinds[k].starting(words, 1, MPI_INT, peer, TAG, comm, NULL));
    MPI_Type_free(&raw);
}
