/* SPDX-License-Identifier: BSD-3-Clause */
#include "coll/operation.h"

#include "host/host.h"
#include "wide.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

/* An operation in use. There are few at a time. */
struct use {
    struct use *next;
    MPI_Op op;
    int n;
    bool is_freed;
};

static pthread_mutex_t uses_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct use *uses;

static struct use **find(MPI_Op op)
{
    struct use **at = &uses;
    while (*at && (*at)->op != op)
        at = &(*at)->next;
    return at;
}

void wsp_operation_hold(MPI_Op op)
{
    if (op == MPI_OP_NULL)
        return;
    pthread_mutex_lock(&uses_mutex);
    struct use *use = *find(op);
    if (!use && (use = calloc(1, sizeof *use)) != NULL) {
        use->op = op;
        use->next = uses;
        uses = use;
    }
    if (use)
        use->n++;
    pthread_mutex_unlock(&uses_mutex);
}

void wsp_operation_release(MPI_Op op)
{
    bool is_freed = false;
    pthread_mutex_lock(&uses_mutex);
    struct use **at = find(op), *use = *at;
    if (use && --use->n == 0) {
        *at = use->next;
        is_freed = use->is_freed;
        free(use);
    }
    pthread_mutex_unlock(&uses_mutex);
    if (is_freed)
        host.Op_free(&op);
}

int wide_Op_free(MPI_Op *op)
{
    pthread_mutex_lock(&uses_mutex);
    struct use *use = *find(*op);
    bool is_used = use && *op != MPI_OP_NULL;
    if (is_used)
        use->is_freed = true;
    pthread_mutex_unlock(&uses_mutex);
    if (!is_used)
        return host.Op_free(op);
    *op = MPI_OP_NULL;
    return MPI_SUCCESS;
}
