/* SPDX-License-Identifier: BSD-3-Clause */
/* The public API: messages. Matching is by tag, in the order of messages and of receives. */
#include "link/api.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

/* A message that no receive was posted for. */
struct unmet {
    struct wsp_node node;
    struct wsp_rx *rx;
    uint64_t tag;
};

static void free_sink(struct wsp_op *op)
{
    free(op);
}

/* Nobody will receive this one: lets it pass, so that the other side's send ends. */
static void read_away(struct wsp_path *path, struct wsp_rx *rx)
{
    struct wsp_link *link = path->door->link;
    struct wsp_op *op = calloc(1, sizeof *op);
    if (!op) {
        wsp_peer_doom(link->peers[path->rank], WSP_ERR_NO_MEMORY);
        return;
    }
    op->complete = free_sink;
    wsp_link_accept(link, path->rank, rx, NULL, 0, op);
}

static void match(struct wsp_request *request, struct wsp_rx *rx, uint64_t tag)
{
    wsp_node_remove(&request->node);
    request->tag = tag;
    wsp_link_accept(request->path->door->link, request->path->rank, rx, request->buffer,
                    request->capacity, &request->op);
}

static bool fits(uint64_t wanted, uint64_t tag)
{
    return wanted == WSP_ANY_TAG || wanted == tag;
}

static void on_arrived(void *user, uint32_t rank, struct wsp_rx *rx,
                       const struct wsp_envelope *envelope)
{
    struct wsp_door *door = user;
    struct wsp_path *path = door->paths[rank];
    if (!path)
        return; /* there was no memory for it; the peer is doomed */
    if (path->is_closing) {
        read_away(path, rx);
        return;
    }
    WSP_LIST_EACH(node, &path->posted)
    {
        struct wsp_request *request = WSP_CONTAINER(node, struct wsp_request, node);
        if (fits(request->tag, envelope->context)) {
            match(request, rx, envelope->context);
            return;
        }
    }
    struct unmet *unmet = malloc(sizeof *unmet);
    if (!unmet) {
        wsp_peer_doom(door->link->peers[rank], WSP_ERR_NO_MEMORY);
        return;
    }
    unmet->rx = rx;
    unmet->tag = envelope->context;
    wsp_list_push_back(&path->unmet, &unmet->node);
}

static bool on_withdraw(void *user, uint32_t rank, struct wsp_rx *rx)
{
    struct wsp_door *door = user;
    if (!door->paths[rank])
        return false;
    WSP_LIST_EACH(node, &door->paths[rank]->unmet)
    {
        struct unmet *unmet = WSP_CONTAINER(node, struct unmet, node);
        if (unmet->rx == rx) {
            wsp_node_remove(node);
            free(unmet);
            return true;
        }
    }
    return false;
}

static void end_posted(struct wsp_path *path, wsp_err err)
{
    struct wsp_node *node;
    while ((node = wsp_list_pop_front(&path->posted)))
        wsp_link_finish_op(path->door->link, &WSP_CONTAINER(node, struct wsp_request, node)->op, 0,
                           err);
}

static void on_peer_lost(void *user, uint32_t rank, wsp_err err)
{
    struct wsp_door *door = user;
    struct wsp_path *path = door->paths[rank];
    struct wsp_node *node;
    if (!path)
        return;
    path->is_lost = true;
    path->lost_err = err;
    while ((node = wsp_list_pop_front(&path->unmet)))
        free(WSP_CONTAINER(node, struct unmet, node));
    end_posted(path, err);
}

const struct wsp_link_handler wsp_door_handler = {on_arrived, on_withdraw, on_peer_lost};

void wsp_path_deafen(struct wsp_path *path)
{
    struct wsp_node *node;
    path->is_closing = true;
    while ((node = wsp_list_pop_front(&path->unmet))) {
        struct unmet *unmet = WSP_CONTAINER(node, struct unmet, node);
        read_away(path, unmet->rx);
        free(unmet);
    }
    end_posted(path, WSP_ERR_CLOSED);
}

static void start_send(struct wsp_path *path, uint64_t tag, const void *data, size_t length,
                       struct wsp_request *request)
{
    struct wsp_envelope envelope = {.context = tag, .length = length};
    struct wsp_link *link = path->door->link;
    request->path = path;
    request->tag = tag;
    wsp_node_init(&request->node);
    wsp_link_lock(link);
    wsp_link_send(link, path->rank, &envelope, data, 0, &request->op);
    wsp_link_unlock(link);
}

static struct unmet *find_unmet(struct wsp_path *path, uint64_t tag)
{
    WSP_LIST_EACH(node, &path->unmet)
    {
        struct unmet *unmet = WSP_CONTAINER(node, struct unmet, node);
        if (fits(tag, unmet->tag))
            return unmet;
    }
    return NULL;
}

static void start_receive(struct wsp_path *path, uint64_t tag, void *buffer, size_t capacity,
                          struct wsp_request *request)
{
    struct wsp_link *link = path->door->link;
    request->path = path;
    request->tag = tag;
    request->buffer = buffer;
    request->capacity = capacity;
    wsp_node_init(&request->node);
    wsp_link_lock(link);
    struct unmet *unmet = find_unmet(path, tag);
    if (path->is_lost) {
        wsp_link_finish_op(link, &request->op, 0, path->lost_err);
    } else if (unmet) {
        wsp_node_remove(&unmet->node);
        match(request, unmet->rx, unmet->tag);
        free(unmet);
    } else {
        wsp_list_push_back(&path->posted, &request->node);
    }
    wsp_link_unlock(link);
}

/* Waits for the op; false at the deadline. */
static bool await(struct wsp_request *request, uint64_t until_ns)
{
    bool is_time = true;
    while (!atomic_load_explicit(&request->op.done, memory_order_acquire)) {
        if (!is_time)
            return false;
        is_time = wsp_door_drive(request->path->door, until_ns);
    }
    return true;
}

static wsp_err outcome(const struct wsp_request *request, struct wsp_path_status *status)
{
    wsp_err err = request->op.err;
    if (status && (err == WSP_OK || err == WSP_ERR_TRUNCATED))
        *status = (struct wsp_path_status){.tag = request->tag, .length = request->op.length};
    return err;
}

wsp_err wsp_path_send(struct wsp_path *path, uint64_t tag, const void *data, size_t length)
{
    struct wsp_request request = {0};
    if (tag == WSP_ANY_TAG || (!data && length))
        return WSP_ERR_INVALID;
    start_send(path, tag, data, length, &request);
    await(&request, WSP_TIME_NEVER);
    return outcome(&request, NULL);
}

wsp_err wsp_path_recv(struct wsp_path *path, uint64_t tag, void *buffer, size_t capacity,
                      struct wsp_path_status *status)
{
    struct wsp_request request = {0};
    if (!buffer && capacity)
        return WSP_ERR_INVALID;
    start_receive(path, tag, buffer, capacity, &request);
    await(&request, WSP_TIME_NEVER);
    return outcome(&request, status);
}

static struct wsp_request *make_request(struct wsp_path *path)
{
    struct wsp_request *request = calloc(1, sizeof *request);
    if (!request)
        return NULL;
    wsp_link_lock(path->door->link);
    path->n_refs++;
    wsp_link_unlock(path->door->link);
    return request;
}

wsp_err wsp_path_isend(struct wsp_path *path, uint64_t tag, const void *data, size_t length,
                       struct wsp_request **request)
{
    if (tag == WSP_ANY_TAG || (!data && length) || !request)
        return WSP_ERR_INVALID;
    struct wsp_request *made = make_request(path);
    if (!made)
        return WSP_ERR_NO_MEMORY;
    start_send(path, tag, data, length, made);
    *request = made;
    return WSP_OK;
}

wsp_err wsp_path_irecv(struct wsp_path *path, uint64_t tag, void *buffer, size_t capacity,
                       struct wsp_request **request)
{
    if ((!buffer && capacity) || !request)
        return WSP_ERR_INVALID;
    struct wsp_request *made = make_request(path);
    if (!made)
        return WSP_ERR_NO_MEMORY;
    start_receive(path, tag, buffer, capacity, made);
    *request = made;
    return WSP_OK;
}

static wsp_err finish(struct wsp_request **at, struct wsp_path_status *status)
{
    struct wsp_request *request = *at;
    struct wsp_path *path = request->path;
    wsp_err err = outcome(request, status);
    free(request);
    wsp_path_release(path);
    *at = NULL;
    return err;
}

wsp_err wsp_request_wait(struct wsp_request **request, uint64_t timeout_ms,
                         struct wsp_path_status *status)
{
    if (!request || !*request)
        return WSP_ERR_INVALID;
    return await(*request, wsp_until_ns(timeout_ms)) ? finish(request, status) : WSP_ERR_TIMEOUT;
}

wsp_err wsp_request_test(struct wsp_request **request, struct wsp_path_status *status)
{
    if (!request || !*request)
        return WSP_ERR_INVALID;
    if (!atomic_load_explicit(&(*request)->op.done, memory_order_acquire))
        wsp_link_progress((*request)->path->door->link, 0);
    if (!atomic_load_explicit(&(*request)->op.done, memory_order_acquire))
        return WSP_ERR_AGAIN;
    return finish(request, status);
}
