/* SPDX-License-Identifier: BSD-3-Clause */
/* A forked child must not speak on its parent's connections: there the link is inert and its
 * descriptors are closed. Epoll sets are shared with the parent, so the child only closes. */
#include "link/link_internal.h"

#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct wsp_list links = {{&links.head, &links.head}};
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void each(void (*act)(struct wsp_link *link))
{
    WSP_LIST_EACH(node, &links)
    act(WSP_CONTAINER(node, struct wsp_link, fork_node));
}

static void before(void)
{
    pthread_mutex_lock(&lock);
    each(wsp_link_lock);
}

static void in_parent(void)
{
    each(wsp_link_unlock);
    pthread_mutex_unlock(&lock);
}

static void close_one(uint64_t fd, void *value, void *user)
{
    close((int)fd);
}

static void abandon(struct wsp_link *link)
{
    link->is_inert = true;
    link->has_io_thread = false;
    wsp_map_each(&link->descriptors, close_one, NULL);
    if (link->forked)
        link->forked(link->forked_user);
    if (link->loop)
        wsp_loop_abandon(link->loop);
    wsp_link_unlock(link);
}

static void in_child(void)
{
    each(abandon);
    pthread_mutex_unlock(&lock);
}

static void register_handlers(void)
{
    pthread_atfork(before, in_parent, in_child);
}

void wsp_link_on_fork(struct wsp_link *link, void (*forked)(void *user), void *user)
{
    link->forked = forked;
    link->forked_user = user;
}

void wsp_fork_add(struct wsp_link *link)
{
    pthread_once(&once, register_handlers);
    pthread_mutex_lock(&lock);
    wsp_list_push_back(&links, &link->fork_node);
    pthread_mutex_unlock(&lock);
}

void wsp_fork_remove(struct wsp_link *link)
{
    pthread_mutex_lock(&lock);
    wsp_node_remove(&link->fork_node);
    pthread_mutex_unlock(&lock);
}
