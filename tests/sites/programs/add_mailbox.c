/* SPDX-License-Identifier: BSD-3-Clause */
/* Draws a mailbox: its messages and receives, the order in which they start (a chain of events),
 * and from which link of the chain on the end of each is certain. */
#include "plan.h"

#include "draw.h"

#include <stdlib.h>

enum { MOST_MESSAGES = 8 };

/* What is known of the mailbox while its chain grows. */
struct chain {
    struct plan *plan;
    struct mailbox *box;
    int last;                /* event */
    int n_named[MAX_RANKS];  /* receives that name this source */
    int n_of[MAX_RANKS];     /* messages of this source */
    int n_wild;              /* receives from any source, without the surplus */
    int n_sent[MAX_RANKS];   /* so far */
    int n_posted[MAX_RANKS]; /* named ones, so far */
    int n_wild_sent;         /* so far: messages beyond the named receives of their source */
    int n_firm;              /* wild ones posted so far, without those to be posted again */
    /* Of those under way: what they wait for. */
    bool is_certain_message[MOST_MESSAGES], is_certain_receive[2 * MOST_MESSAGES];
};

static int draw_words(uint64_t *state)
{
    int kind = draw_below(state, 100);
    if (kind < 10)
        return 0;
    if (kind < 70)
        return 1 + draw_below(state, 40);
    if (kind < 88)
        return 1 + draw_below(state, 2000);
    if (kind < 94)
        return 16384 - 4 + draw_below(state, 9); /* around the eager limit */
    return kind < 99 ? draw_below(state, 30000) : draw_below(state, 400000);
}

static int draw_tag(struct plan *plan, int n)
{
    int tag = plan->tag + plan->n_tags;
    plan->n_tags += n;
    if (plan->n_tags > TAG_GROUPS - MAX_MAKES)
        abort();
    return tag;
}

static int member(struct plan *plan, const struct team *team)
{
    return team->members[draw_below(&plan->state, team->n)];
}

/* The team's ranks that may still get a mailbox; -1 if there is none. */
static int draw_dest(struct plan *plan, struct team *team)
{
    for (int tries = 0; tries < 8; tries++) {
        int dest = member(plan, team);
        if (team->has_any_tag && team->is_taken >> dest & 1)
            continue;
        team->is_taken |= UINT32_C(1) << dest;
        return dest;
    }
    return -1;
}

static void draw_messages(struct chain *chain, const struct team *team)
{
    struct plan *plan = chain->plan;
    struct mailbox *box = chain->box;
    uint64_t *state = &plan->state;
    int n_sources = 1 + draw_below(state, 4), sources[4], fixed = draw_words(state);
    for (int i = 0; i < n_sources; i++)
        sources[i] = member(plan, team);
    box->first_message = plan->n_messages;
    box->n_messages = 1 + draw_below(state, MOST_MESSAGES);
    for (int i = 0; i < box->n_messages; i++) {
        struct message *m = &plan->messages[plan->n_messages++];
        m->mailbox = plan->n_mailboxes;
        m->source = sources[draw_below(state, n_sources)];
        m->tag = box->tag + draw_below(state, box->n_tags);
        m->index = chain->n_of[m->source]++;
        m->words = box->is_fixed ? fixed : draw_words(state);
        box->capacity = m->words > box->capacity ? m->words : box->capacity;
    }
}

static struct receive *add_receive(struct chain *chain, int source)
{
    struct plan *plan = chain->plan;
    struct receive *r = &plan->receives[plan->n_receives++];
    *r = (struct receive){.mailbox = plan->n_mailboxes, .source = source};
    chain->box->n_receives++;
    return r;
}

/* Named ones first, shuffled; then those from any source; then what nothing is left for. */
static void draw_receives(struct chain *chain)
{
    struct plan *plan = chain->plan;
    uint64_t *state = &plan->state;
    enum {
        ALL_WILD,
        ALL_NAMED,
        MIXED
    } style = (int[]){ALL_WILD, ALL_WILD, ALL_NAMED, MIXED}[draw_below(state, 4)];
    int n_named = 0, sources[MOST_MESSAGES];
    chain->box->first_receive = plan->n_receives;
    for (int rank = 0; rank < MAX_RANKS; rank++) {
        int n = chain->n_of[rank];
        chain->n_named[rank] = style == ALL_WILD    ? 0
                               : style == ALL_NAMED ? n
                                                    : draw_below(state, n + 1);
        for (int i = 0; i < chain->n_named[rank]; i++)
            sources[n_named++] = rank;
    }
    for (int left = n_named; left > 0; left--) {
        int at = draw_below(state, left);
        add_receive(chain, sources[at]);
        sources[at] = sources[left - 1];
    }
    chain->n_wild = chain->box->n_messages - n_named;
    bool reposts = once_in(state, 4);
    for (int i = 0; i < chain->n_wild; i++)
        add_receive(chain, -1)->is_reposted = reposts && once_in(state, 2);
    int n_surplus = !reposts && once_in(state, 4) ? 1 + draw_below(state, 2) : 0;
    for (int i = 0; i < n_surplus; i++)
        add_receive(
            chain, once_in(state, 2) ? -1 : chain->plan->messages[chain->box->first_message].source)
            ->is_surplus = true;
}

/* Will this message be received whatever matches what, as things stand in the chain? */
static bool is_taken(const struct chain *chain, const struct message *m)
{
    int named = chain->n_named[m->source];
    if (m->index < named)
        return m->index < chain->n_posted[m->source];
    int later = chain->n_of[m->source] - m->index - 1; /* these cannot overtake it */
    return chain->n_firm >= chain->n_wild - later;
}

/* place: the receive's own among the named ones of its source, or among the wild ones. */
static bool is_served(const struct chain *chain, const struct receive *r, int place)
{
    if (r->is_reposted)
        return chain->n_wild_sent == chain->n_wild;
    return r->source >= 0 ? chain->n_sent[r->source] > place : chain->n_wild_sent > place;
}

static int link(struct chain *chain, enum event_kind kind, int item, uint32_t ranks)
{
    int event = plan_add_event(chain->plan, kind, item, ranks);
    plan_add_edge(chain->plan, chain->last, event);
    plan_use_team(chain->plan, chain->box->team, event);
    return chain->last = event;
}

static void count_message(struct chain *chain, const struct message *m)
{
    chain->n_sent[m->source]++;
    chain->n_wild_sent += m->index >= chain->n_named[m->source];
}

static void start_message(struct chain *chain, int i)
{
    struct plan *plan = chain->plan;
    int item = chain->box->first_message + i;
    struct message *m = &plan->messages[item];
    int event = link(chain, SEND, item, UINT32_C(1) << m->source);
    m->waits = is_taken(chain, m) && (plan->is_tight || once_in(&plan->state, 2));
    m->may_be_ready = chain->box->is_announced;
    count_message(chain, m);
    m->finish = -1;
    if (!m->waits) {
        m->finish = plan_add_finish(plan, SEND, item, m->source);
        plan_add_edge(plan, event, m->finish);
    }
    chain->is_certain_message[i] = m->waits;
}

/* Its place among its like; see is_served. */
static int place_of(const struct chain *chain, int i)
{
    const struct receive *all = &chain->plan->receives[chain->box->first_receive];
    int place = 0;
    for (int k = 0; k < i; k++)
        place += all[k].source == all[i].source;
    return place;
}

static void start_receive(struct chain *chain, int i)
{
    struct plan *plan = chain->plan;
    int item = chain->box->first_receive + i, dest = chain->box->dest;
    struct receive *r = &plan->receives[item];
    int event = link(chain, RECEIVE, item, UINT32_C(1) << dest);
    bool is_plain = !r->is_surplus && !r->is_reposted && !chain->box->is_announced;
    r->waits = is_plain && is_served(chain, r, place_of(chain, i)) && !once_in(&plan->state, 4);
    r->finish = -1;
    if (!r->waits) {
        r->finish = plan_add_finish(plan, RECEIVE, item, dest);
        plan_add_edge(plan, event, r->finish);
    }
    if (r->is_surplus) {
        int cancel = plan_add_event(plan, CANCEL, item, UINT32_C(1) << dest);
        plan_add_edge(plan, event, cancel);
        plan_add_edge(plan, cancel, r->finish);
    } else if (r->source >= 0) {
        chain->n_posted[r->source]++;
    } else {
        chain->n_firm += !r->is_reposted;
    }
    chain->is_certain_receive[i] = r->waits || r->is_surplus;
}

/* Whose end has become certain with the last link may be waited for from here on. */
static void note_certain(struct chain *chain, int n_sent, int n_posted)
{
    struct plan *plan = chain->plan;
    for (int i = 0; i < n_sent; i++) {
        struct message *m = &plan->messages[chain->box->first_message + i];
        if (chain->is_certain_message[i] || !is_taken(chain, m))
            continue;
        chain->is_certain_message[i] = true;
        plan_add_edge(plan, chain->last, m->finish);
    }
    for (int i = 0; i < n_posted; i++) {
        struct receive *r = &plan->receives[chain->box->first_receive + i];
        if (chain->is_certain_receive[i] || !is_served(chain, r, place_of(chain, i)))
            continue;
        chain->is_certain_receive[i] = true;
        plan_add_edge(plan, chain->last, r->finish);
    }
}

static void repost(struct chain *chain)
{
    struct plan *plan = chain->plan;
    for (int i = 0; i < chain->box->n_receives; i++) {
        int item = chain->box->first_receive + i;
        if (!plan->receives[item].is_reposted)
            continue;
        link(chain, REPOST, item, UINT32_C(1) << chain->box->dest);
        plan_add_edge(plan, chain->last, plan->receives[item].finish);
        chain->n_firm++;
    }
}

static uint32_t all_ranks(const struct chain *chain)
{
    uint32_t ranks = UINT32_C(1) << chain->box->dest;
    for (int rank = 0; rank < MAX_RANKS; rank++)
        if (chain->n_of[rank] > 0)
            ranks |= UINT32_C(1) << rank;
    return ranks;
}

/* How often a receive is posted rather than a message sent, in percent. */
static int draw_eagerness(struct chain *chain)
{
    static const int choices[] = {0, 20, 50, 50, 80, 100};
    return chain->box->is_announced ? 100 : choices[draw_below(&chain->plan->state, 6)];
}

static void grow(struct chain *chain)
{
    struct plan *plan = chain->plan;
    struct mailbox *box = chain->box;
    int n_sent = 0, n_posted = 0, eagerness = draw_eagerness(chain);
    bool is_announced = false, is_reposted = false;
    while (n_sent < box->n_messages || n_posted < box->n_receives || !is_reposted) {
        bool all_posted = n_posted == box->n_receives, all_sent = n_sent == box->n_messages;
        bool posts = !all_posted && (all_sent || draw_below(&plan->state, 100) < eagerness);
        if (posts) {
            start_receive(chain, n_posted++);
        } else if (all_posted && !is_reposted && (all_sent || once_in(&plan->state, 2))) {
            is_reposted = true;
            repost(chain);
        } else if (box->is_announced && !is_announced) {
            is_announced = true;
            link(chain, ANNOUNCE, plan->n_mailboxes, all_ranks(chain));
        } else if (!all_sent) {
            start_message(chain, n_sent++);
        }
        note_certain(chain, n_sent, n_posted);
    }
}

void plan_add_mailbox(struct plan *plan)
{
    uint64_t *state = &plan->state;
    int index = draw_below(state, plan->n_teams);
    struct team *team = &plan->teams[index];
    if (team->n == 0 || plan->n_messages + MOST_MESSAGES > MAX_MESSAGES)
        return;
    int dest = draw_dest(plan, team);
    if (dest < 0)
        return;
    struct mailbox *box = &plan->mailboxes[plan->n_mailboxes];
    struct chain chain = {.plan = plan, .box = box, .last = -1};
    *box = (struct mailbox){.team = index,
                            .dest = dest,
                            .n_tags = team->has_any_tag ? 1 + draw_below(state, 3) : 1,
                            .is_fixed = once_in(state, 3),
                            .is_announced = !team->has_any_tag && once_in(state, 5)};
    box->tag = draw_tag(plan, box->n_tags + 1); /* the last one announces */
    draw_messages(&chain, team);
    draw_receives(&chain);
    for (int i = 0; box->is_announced && i < box->n_receives; i++)
        plan->receives[box->first_receive + i].is_reposted = false;
    grow(&chain);
    plan->n_mailboxes++;
}
