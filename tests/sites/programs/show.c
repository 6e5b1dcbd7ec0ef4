/* SPDX-License-Identifier: BSD-3-Clause */
/* A plan in words. */
#include "plan.h"

static const char *const ways[] = {
    "dup",    "dup with info",     "idup", "split", "split by memory",
    "create", "create from group", "merge"};
static const char *const collectives[] = {"barrier",        "bcast",
                                          "reduce",         "allreduce",
                                          "gather",         "scatter",
                                          "allgather",      "alltoall",
                                          "scan",           "exscan",
                                          "allgatherv",     "alltoallv",
                                          "reduce_scatter", "reduce_scatter_block"};

static void describe_message(const struct plan *plan, int item, char *text, size_t size)
{
    const struct message *m = &plan->messages[item];
    const struct mailbox *box = &plan->mailboxes[m->mailbox];
    snprintf(text, size, "%s %d: %d to %d, mailbox %d, comm %d, tag %d, %d words",
             m->waits ? "send" : "isend", item, m->source, box->dest, m->mailbox, box->team, m->tag,
             m->words);
}

static void describe_receive(const struct plan *plan, int item, char *text, size_t size)
{
    const struct receive *r = &plan->receives[item];
    const struct mailbox *box = &plan->mailboxes[r->mailbox];
    snprintf(text, size, "%s %d: %d from %d, mailbox %d, comm %d, tag %d%s%s%s",
             r->waits ? "recv" : "irecv", item, box->dest, r->source, r->mailbox, box->team,
             box->tag, box->n_tags > 1 ? " or any" : "", r->is_surplus ? ", surplus" : "",
             r->is_reposted ? ", to be posted again" : "");
}

static void describe_collective(const struct plan *plan, int item, char *text, size_t size)
{
    const struct collective *c = &plan->collectives[item];
    snprintf(text, size, "%s%s %d: comm %d, root %d, count %d%s", c->waits ? "" : "i",
             collectives[c->kind], item, c->team, c->root, c->count,
             c->is_in_place ? ", in place" : "");
}

static void describe_ring(const struct plan *plan, int item, char *text, size_t size)
{
    const struct ring *ring = &plan->rings[item];
    snprintf(text, size, "ring %d: comm %d, shift %d, tag %d, %d words", item, ring->team,
             ring->shift, ring->tag, ring->words);
}

static void describe_relay(const struct plan *plan, int item, char *text, size_t size)
{
    const struct relay *relay = &plan->relays[item];
    int used =
        snprintf(text, size, "relay %d: comm %d, tag %d, along", item, relay->team, relay->tag);
    for (int i = 0; i < relay->n; i++)
        used += snprintf(text + used, size - (size_t)used, " %d",
                         plan->teams[relay->team].members[relay->list[i]]);
}

static void describe_make(const struct plan *plan, int item, char *text, size_t size)
{
    const struct make *make = &plan->makes[item];
    snprintf(text, size, "%s %d: of comm %d, makes comms %d to %d", ways[make->way], item,
             make->parent, make->first_team, make->first_team + make->n_teams - 1);
}

static void describe(const struct plan *plan, enum event_kind kind, int item, char *text,
                     size_t size)
{
    switch (kind) {
    case SEND:
        describe_message(plan, item, text, size);
        break;
    case COLLECTIVE:
        describe_collective(plan, item, text, size);
        break;
    case RING:
        describe_ring(plan, item, text, size);
        break;
    case RELAY:
        describe_relay(plan, item, text, size);
        break;
    case MAKE:
    case FREE:
        describe_make(plan, item, text, size);
        break;
    case ANNOUNCE:
        snprintf(text, size, "mailbox %d", item);
        break;
    default:
        describe_receive(plan, item, text, size);
    }
}

void plan_describe(const struct plan *plan, int event, char *text, size_t size)
{
    const struct event *e = &plan->events[event];
    static const char *const verbs[] = {[REPOST] = "post again: ",
                                        [CANCEL] = "cancel: ",
                                        [ANNOUNCE] = "announce: ",
                                        [FREE] = "free: ",
                                        [FINISH] = "wait: "};
    const char *verb = verbs[e->kind] ? verbs[e->kind] : "";
    int used = snprintf(text, size, "%s", verb);
    describe(plan, e->kind == FINISH ? e->of : e->kind, e->item, text + used, size - (size_t)used);
}

static void show_team(const struct plan *plan, int index, FILE *out)
{
    const struct team *team = &plan->teams[index];
    fprintf(out, "comm %d%s:", index, team->has_any_tag ? " (any tag)" : "");
    for (int i = 0; i < team->n; i++)
        fprintf(out, " %d", team->members[i]);
    fputc('\n', out);
}

void plan_show(const struct plan *plan, FILE *out)
{
    char text[200];
    fprintf(out, "seed %llu, program %d\n", (unsigned long long)plan->seed, plan->number);
    for (int team = 0; team < plan->n_teams; team++)
        show_team(plan, team, out);
    for (int place = 0; place < plan->n_events; place++) {
        const struct event *e = &plan->events[plan->order[place]];
        plan_describe(plan, plan->order[place], text, sizeof text);
        fprintf(out, "%4d %s; ranks", place, text);
        for (int rank = 0; rank < plan->layout.n_ranks; rank++)
            if (e->ranks >> rank & 1)
                fprintf(out, " %d", rank);
        fputc('\n', out);
    }
    fflush(out);
}
