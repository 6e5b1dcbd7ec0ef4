/* SPDX-License-Identifier: BSD-3-Clause */
#include "match/match.h"
#include "base/map.h"
#include "base/spares.h"
#include "init/job.h"

#include <stdlib.h>

struct wsp_arrival {
    struct wsp_node node; /* in unexpected, held or claimed; alone while it is a candidate */
    uint32_t world_source;
    struct wsp_rx *rx; /* NULL: its sender is lost */
    struct wsp_envelope envelope;
};

struct context {
    uint64_t id;
    struct wsp_list posted;     /* struct wsp_posted, in posting order */
    struct wsp_list unexpected; /* struct wsp_arrival, in order of arrival */
    struct wsp_list held;       /* the same, behind an unsettled candidate */
    struct wsp_posted *open;    /* the receive that has a candidate, or NULL */
};

/* Guarded by the link's lock. */
static struct wsp_map contexts; /* id -> struct context */
static struct wsp_list claimed = {
    {&claimed.head, &claimed.head}}; /* arrivals taken by MPI_Mprobe */

static struct wsp_spares arrivals; /* blocks of those that are over */

atomic_int wsp_match_n_open;
atomic_int wsp_match_n_candidates;
atomic_uint wsp_match_n_arrived;

static struct wsp_posted *posted_of(struct wsp_node *node)
{
    return WSP_CONTAINER(node, struct wsp_posted, node);
}

static struct wsp_arrival *arrival_of(struct wsp_node *node)
{
    return WSP_CONTAINER(node, struct wsp_arrival, node);
}

static void free_arrival(struct wsp_arrival *arrival)
{
    wsp_spares_give(&arrivals, arrival, sizeof *arrival);
}

static struct context *context_get(uint64_t id)
{
    struct context *context = wsp_map_get(&contexts, id);
    if (context)
        return context;
    context = calloc(1, sizeof *context);
    if (!context)
        return NULL;
    context->id = id;
    wsp_list_init(&context->posted);
    wsp_list_init(&context->unexpected);
    wsp_list_init(&context->held);
    if (wsp_map_put(&contexts, id, context)) {
        free(context);
        return NULL;
    }
    return context;
}

static bool fits(int32_t want_source, int32_t want_tag, const struct wsp_envelope *envelope)
{
    return (want_source == WSP_ANY || want_source == envelope->source) &&
           (want_tag == WSP_ANY || want_tag == envelope->tag);
}

static void finish(struct wsp_op *op, wsp_err err)
{
    op->err = err;
    atomic_store_explicit(&op->done, true, memory_order_release);
    if (op->complete)
        op->complete(op);
}

/* Gives the message to the receive: from here on it lands, and arrival is gone. */
static void join(struct wsp_posted *posted, struct wsp_arrival *arrival)
{
    wsp_node_remove(&posted->node);
    wsp_node_remove(&arrival->node);
    posted->is_matched = true;
    posted->envelope = arrival->envelope;
    wsp_count_received(posted->function, posted->envelope.length);
    uint32_t source = arrival->world_source;
    struct wsp_rx *rx = arrival->rx;
    free_arrival(arrival);
    if (rx)
        wsp_link_accept(wsp_job.link, source, rx, posted->buffer, posted->capacity, &posted->op);
    else
        finish(&posted->op, WSP_ERR_PEER_LOST);
}

/* Finds a place for a message whose turn has come. */
static void offer(struct context *context, struct wsp_arrival *arrival)
{
    WSP_LIST_EACH(node, &context->posted)
    {
        struct wsp_posted *posted = posted_of(node);
        if (!fits(posted->source, posted->tag, &arrival->envelope))
            continue;
        if (posted->has_home_half) {
            posted->candidate = arrival;
            context->open = posted;
            atomic_fetch_add_explicit(&wsp_match_n_candidates, 1, memory_order_relaxed);
        } else {
            join(posted, arrival);
        }
        return;
    }
    wsp_list_push_back(&context->unexpected, &arrival->node);
}

static void release_held(struct context *context)
{
    while (!context->open && !wsp_list_is_empty(&context->held))
        offer(context, arrival_of(wsp_list_pop_front(&context->held)));
}

static void arrived(void *user, uint32_t source, struct wsp_rx *rx,
                    const struct wsp_envelope *envelope)
{
    struct context *context = context_get(envelope->context);
    struct wsp_arrival *arrival = wsp_spares_take(&arrivals, sizeof *arrival);
    if (!context || !arrival)
        wsp_job_abort(1, "out of memory for the envelope of a wide message");
    *arrival = (struct wsp_arrival){.world_source = source, .rx = rx, .envelope = *envelope};
    wsp_node_init(&arrival->node);
    if (context->open)
        wsp_list_push_back(&context->held, &arrival->node);
    else
        offer(context, arrival);
    atomic_fetch_add_explicit(&wsp_match_n_arrived, 1, memory_order_release);
}

struct search {
    const struct wsp_rx *rx;
    struct wsp_arrival *found;
};

static void search_list(struct wsp_list *list, struct search *search)
{
    WSP_LIST_EACH(node, list)
    if (arrival_of(node)->rx == search->rx)
        search->found = arrival_of(node);
}

static void search_context(uint64_t id, void *value, void *user)
{
    struct context *context = value;
    search_list(&context->unexpected, user);
    search_list(&context->held, user);
}

/* A candidate counts as matched: the answer to its sender's cancel is no. */
static bool withdraw(void *user, uint32_t source, struct wsp_rx *rx)
{
    struct search search = {.rx = rx};
    wsp_map_each(&contexts, search_context, &search);
    if (!search.found)
        return false;
    wsp_node_remove(&search.found->node);
    free_arrival(search.found);
    return true;
}

static void drop_from(struct wsp_list *list, uint32_t rank)
{
    WSP_LIST_EACH_SAFE(node, list)
    {
        struct wsp_arrival *arrival = arrival_of(node);
        if (arrival->world_source != rank)
            continue;
        wsp_node_remove(node);
        free_arrival(arrival);
    }
}

/* Parts a receive from its candidate, if it has one. */
static struct wsp_arrival *take_candidate(struct context *context, struct wsp_posted *posted)
{
    struct wsp_arrival *candidate = posted->candidate;
    if (!candidate)
        return NULL;
    posted->candidate = NULL;
    context->open = NULL;
    atomic_fetch_sub_explicit(&wsp_match_n_candidates, 1, memory_order_relaxed);
    return candidate;
}

static void lose_in_context(uint64_t id, void *value, void *user)
{
    struct context *context = value;
    uint32_t rank = *(uint32_t *)user;
    drop_from(&context->unexpected, rank);
    drop_from(&context->held, rank);
    if (context->open && context->open->candidate->world_source == rank) {
        free_arrival(take_candidate(context, context->open));
        release_held(context);
    }
    WSP_LIST_EACH_SAFE(node, &context->posted)
    {
        struct wsp_posted *posted = posted_of(node);
        if (posted->world_source != rank)
            continue;
        wsp_node_remove(node);
        finish(&posted->op, WSP_ERR_PEER_LOST);
    }
}

static void peer_lost(void *user, uint32_t rank, wsp_err err)
{
    wsp_map_each(&contexts, lose_in_context, &rank);
    WSP_LIST_EACH(node, &claimed)
    if (arrival_of(node)->world_source == rank)
        arrival_of(node)->rx = NULL;
    atomic_fetch_add_explicit(&wsp_match_n_arrived, 1, memory_order_release);
}

const struct wsp_link_handler wsp_match_link_handler = {
    .arrived = arrived, .withdraw = withdraw, .peer_lost = peer_lost};

wsp_err wsp_match_post(struct wsp_posted *posted)
{
    struct context *context = context_get(posted->context);
    if (!context)
        return WSP_ERR_NO_MEMORY;
    posted->is_matched = false;
    posted->candidate = NULL;
    posted->function = wsp_function;
    wsp_node_init(&posted->node);
    WSP_LIST_EACH(node, &context->unexpected)
    {
        struct wsp_arrival *arrival = arrival_of(node);
        if (!fits(posted->source, posted->tag, &arrival->envelope))
            continue;
        join(posted, arrival);
        return WSP_OK;
    }
    if (posted->world_source != WSP_NO_RANK &&
        wsp_link_is_lost(wsp_job.link, posted->world_source)) {
        finish(&posted->op, WSP_ERR_PEER_LOST);
        return WSP_OK;
    }
    wsp_list_push_back(&context->posted, &posted->node);
    if (posted->has_home_half)
        atomic_fetch_add_explicit(&wsp_match_n_open, 1, memory_order_relaxed);
    return WSP_OK;
}

/* Ends a receive's time with a home half; returns its candidate, which the caller places. */
static struct wsp_arrival *close_half(struct context *context, struct wsp_posted *posted)
{
    if (posted->has_home_half)
        atomic_fetch_sub_explicit(&wsp_match_n_open, 1, memory_order_relaxed);
    posted->has_home_half = false;
    return take_candidate(context, posted);
}

bool wsp_match_withdraw(struct wsp_posted *posted)
{
    if (posted->is_matched)
        return false;
    struct context *context = context_get(posted->context);
    wsp_node_remove(&posted->node);
    struct wsp_arrival *candidate = close_half(context, posted);
    if (candidate) {
        offer(context, candidate);
        release_held(context);
    }
    return true;
}

void wsp_match_settle_wide(struct wsp_posted *posted)
{
    struct context *context = context_get(posted->context);
    struct wsp_arrival *candidate = close_half(context, posted);
    if (candidate) {
        join(posted, candidate);
        release_held(context);
    }
}

struct wsp_arrival *wsp_match_find(uint64_t context_id, int32_t source, int32_t tag)
{
    struct context *context = wsp_map_get(&contexts, context_id);
    if (!context)
        return NULL;
    WSP_LIST_EACH(node, &context->unexpected)
    if (fits(source, tag, &arrival_of(node)->envelope))
        return arrival_of(node);
    return NULL;
}

const struct wsp_envelope *wsp_arrival_envelope(const struct wsp_arrival *arrival)
{
    return &arrival->envelope;
}

void wsp_match_claim(struct wsp_arrival *arrival)
{
    wsp_node_remove(&arrival->node);
    wsp_list_push_back(&claimed, &arrival->node);
}

void wsp_match_receive(struct wsp_arrival *arrival, struct wsp_posted *posted)
{
    wsp_node_init(&posted->node);
    posted->candidate = NULL;
    posted->has_home_half = false;
    posted->function = wsp_function;
    join(posted, arrival);
}

static void free_list(struct wsp_list *list)
{
    struct wsp_node *node;
    while ((node = wsp_list_pop_front(list)))
        free_arrival(arrival_of(node));
}

void wsp_match_forget(uint64_t context_id)
{
    struct context *context = wsp_map_take(&contexts, context_id);
    if (!context)
        return;
    struct wsp_node *node;
    while ((node = wsp_list_pop_front(&context->unexpected))) {
        struct wsp_arrival *arrival = arrival_of(node);
        static struct wsp_op nowhere; /* read away; nobody waits for it */
        wsp_link_accept(wsp_job.link, arrival->world_source, arrival->rx, NULL, 0, &nowhere);
        free_arrival(arrival);
    }
    free_list(&context->held);
    free(context);
}

static void free_context(uint64_t id, void *value, void *user)
{
    struct context *context = value;
    free_list(&context->unexpected);
    free_list(&context->held);
    if (context->open)
        free_arrival(context->open->candidate);
    free(context);
}

void wsp_match_fini(void)
{
    wsp_map_each(&contexts, free_context, NULL);
    wsp_map_fini(&contexts);
    free_list(&claimed);
    wsp_spares_fini(&arrivals);
    atomic_store(&wsp_match_n_open, 0);
    atomic_store(&wsp_match_n_candidates, 0);
}
