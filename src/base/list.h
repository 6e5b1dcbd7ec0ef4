/* SPDX-License-Identifier: BSD-3-Clause */
/* Intrusive doubly linked list: the node lives in the element, so nothing is allocated. */
#ifndef WSP_BASE_LIST_H
#define WSP_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct wsp_node {
    struct wsp_node *prev, *next;
};

/* A list is a node that stands before the first and after the last element. */
struct wsp_list {
    struct wsp_node head;
};

#define WSP_CONTAINER(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

/* Walks from first to last; the body must not remove the node it stands on. */
#define WSP_LIST_EACH(node, list)                                                                  \
    for (struct wsp_node *node = (list)->head.next; node != &(list)->head; node = node->next)

/* Walks from first to last; the body may remove the node it stands on (not its successor). */
#define WSP_LIST_EACH_SAFE(node, list)                                                             \
    for (struct wsp_node *node = (list)->head.next, *node##_next = node->next;                     \
         node != &(list)->head; node = node##_next, node##_next = node->next)

static inline void wsp_list_init(struct wsp_list *list)
{
    list->head.prev = list->head.next = &list->head;
}

static inline bool wsp_list_is_empty(const struct wsp_list *list)
{
    return list->head.next == &list->head;
}

static inline struct wsp_node *wsp_list_first(struct wsp_list *list)
{
    return wsp_list_is_empty(list) ? NULL : list->head.next;
}

static inline void wsp_node_insert_before(struct wsp_node *where, struct wsp_node *node)
{
    node->prev = where->prev;
    node->next = where;
    where->prev->next = node;
    where->prev = node;
}

static inline void wsp_list_push_back(struct wsp_list *list, struct wsp_node *node)
{
    wsp_node_insert_before(&list->head, node);
}

static inline void wsp_list_push_front(struct wsp_list *list, struct wsp_node *node)
{
    wsp_node_insert_before(list->head.next, node);
}

/* Takes a node out of its list and leaves it alone in itself, so a second removal is harmless. */
static inline void wsp_node_remove(struct wsp_node *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = node->next = node;
}

static inline void wsp_node_init(struct wsp_node *node)
{
    node->prev = node->next = node;
}

static inline bool wsp_node_is_linked(const struct wsp_node *node)
{
    return node->next != node;
}

static inline struct wsp_node *wsp_list_pop_front(struct wsp_list *list)
{
    struct wsp_node *node = wsp_list_first(list);
    if (node)
        wsp_node_remove(node);
    return node;
}

#endif
