/* SPDX-License-Identifier: BSD-3-Clause */
/* Random MPI programs, legal by construction. A program is a list of events in one global order
 * that every rank draws alike from the seed; each rank executes those it takes part in, in that
 * order. An event that waits comes after all that must have been started for it to end under any
 * implementation of MPI (synchronous sends, no buffering, any legal matching); where two ranks wait
 * for each other they share the event. So the first event at which anyone waits can always end.
 *
 * The order is a random linear extension of what must precede what: starts, the moments from which
 * a wait is safe, and waits are drawn as a graph (add_*.c) and then sorted (order.c).
 *
 * Point-to-point goes through mailboxes: messages to one rank on one communicator under one tag.
 * Receives that name their source are posted before those from any source, so that which class of
 * receive a message falls to never depends on timing, though which receive does. */
#ifndef PROGRAMS_PLAN_H
#define PROGRAMS_PLAN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
    MAX_RANKS = 16,
    MAX_TEAMS = 64,
    MAX_MAKES = 16,
    MAX_MAILBOXES = 32,
    MAX_MESSAGES = 256,
    MAX_RECEIVES = 320,
    MAX_COLLECTIVES = 32,
    MAX_RINGS = 8,
    MAX_RELAYS = 8,
    MAX_EVENTS = 2048,
    MAX_EDGES = 8192,
    TAGS_PER_PROGRAM = 128,
    TAG_UNUSED = TAGS_PER_PROGRAM - 1, /* nobody sends under it */
    TAG_GROUPS = TAG_UNUSED - 1        /* and downwards: for MPI_Comm_create_group */
};

struct layout {
    int n_ranks, n_sites, site[MAX_RANKS];
};

/* A communicator: its members' world ranks in rank order. */
struct team {
    int n, members[MAX_RANKS];
    bool is_home;      /* all at one site */
    bool has_any_tag;  /* receives under any tag: one mailbox for each member, nothing else */
    bool is_shared;    /* by threads: no collectives */
    uint32_t is_taken; /* bits of members that have that mailbox */
    int made_by;       /* event, -1: stands before the program */
    int freed_by;      /* event, -1: lives on */
};

/* How communicators come into being. */
enum way { DUP, DUP_WITH_INFO, IDUP, SPLIT, SPLIT_TYPE, CREATE, CREATE_GROUP, MERGE, N_WAYS };

struct make {
    enum way way;
    int parent, first_team, n_teams;
    int color[MAX_RANKS], key[MAX_RANKS]; /* SPLIT: by world rank; color -1: undefined */
    /* CREATE: world ranks in order. MERGE: so many of all make the low group, the rest the high. */
    int list[MAX_RANKS], n_list;
    int finish_event; /* IDUP: of all members */
    int free_event;
};

struct mailbox {
    int team, dest, tag, n_tags; /* n_tags > 1: messages under several, received under any */
    int first_message, n_messages, first_receive, n_receives;
    int capacity;      /* words of the largest message */
    bool is_fixed;     /* all messages are of that size */
    bool is_announced; /* senders are told that all receives are posted */
};

struct message {
    int mailbox, source, tag, words;
    int index; /* among those of its source */
    bool waits, may_be_ready;
    int finish; /* event; -1: it waits itself */
};

struct receive {
    int mailbox, source; /* -1: any */
    bool waits, may_probe;
    bool is_surplus;  /* nothing is left for it: it will be cancelled */
    bool is_reposted; /* it is cancelled, and posted again if it was not too late */
    int finish;
};

enum collective_kind {
    BARRIER,
    BCAST,
    REDUCE,
    ALLREDUCE,
    GATHER,
    SCATTER,
    ALLGATHER,
    ALLTOALL,
    SCAN,
    EXSCAN,
    ALLGATHERV,
    ALLTOALLV,
    REDUCE_SCATTER,
    REDUCE_SCATTER_BLOCK,
    N_COLLECTIVES
};

struct collective {
    enum collective_kind kind;
    int team, root, count;
    bool waits, is_in_place;
    int finish[MAX_RANKS];
};

/* Every member sends to the one `shift` further and receives from the one before. */
struct ring {
    int team, shift, tag, words;
};

/* A word that goes from member to member, each waiting for the one before. */
struct relay {
    int team, tag, list[MAX_RANKS], n; /* ranks in the team */
};

enum event_kind {
    SEND,
    RECEIVE,
    REPOST,
    CANCEL,
    ANNOUNCE,
    COLLECTIVE,
    RING,
    RELAY,
    MAKE,
    FREE,
    FINISH
};

struct event {
    enum event_kind kind;
    int item;           /* index of message, receive, mailbox, collective, ring, relay or make */
    uint32_t ranks;     /* bits of the world ranks that execute it */
    int safe_since;     /* FINISH: the place in the order from which a wait for it is safe */
    enum event_kind of; /* FINISH: of which kind of event */
};

struct plan {
    uint64_t seed, state;
    int number;
    struct layout layout;
    bool is_threaded;
    int lead;      /* percent: how readily waits come before new starts */
    bool is_tight; /* whatever may wait does, and sends are synchronous */
    int tag, n_tags;

    int n_base, n_teams; /* teams that stand before the program, and all */
    struct team teams[MAX_TEAMS];
    int n_makes;
    struct make makes[MAX_MAKES];
    int n_mailboxes;
    struct mailbox mailboxes[MAX_MAILBOXES];
    int n_messages;
    struct message messages[MAX_MESSAGES];
    int n_receives;
    struct receive receives[MAX_RECEIVES];
    int n_collectives;
    struct collective collectives[MAX_COLLECTIVES];
    int n_rings;
    struct ring rings[MAX_RINGS];
    int n_relays;
    struct relay relays[MAX_RELAYS];

    int n_events, n_edges;
    struct event events[MAX_EVENTS];
    int before[MAX_EDGES], after[MAX_EDGES];
    int order[MAX_EVENTS]; /* events in their order */
};

/* Draws program `number` of this seed. thread: -1, or the thread whose own program it is. */
void plan_draw(struct plan *plan, uint64_t seed, int number, const struct layout *layout,
               int thread);
void plan_show(const struct plan *plan, FILE *out);
/* One event in words. */
void plan_describe(const struct plan *plan, int event, char *text, size_t size);

/* The teams that stand before every program. */
enum { TEAM_WORLD, TEAM_SHARED, TEAM_REVERSED, TEAM_EVEN, TEAM_ODD, TEAM_HOME };
void plan_base_teams(struct plan *plan);

/* The rank of a world rank in a team, -1 if it is no member. */
int team_rank(const struct team *team, int world_rank);
void plan_shuffle(struct plan *plan, int *list, int n);

/* For the parts that draw. */
int plan_add_event(struct plan *plan, enum event_kind kind, int item, uint32_t ranks);
int plan_add_finish(struct plan *plan, enum event_kind of, int item, int rank);
void plan_add_edge(struct plan *plan, int before, int after);
/* An event that needs the team alive: after its making, before its end. */
void plan_use_team(struct plan *plan, int team, int event);
uint32_t team_bits(const struct team *team);
void plan_add_make(struct plan *plan);
void plan_add_mailbox(struct plan *plan);
void plan_add_collective(struct plan *plan);
void plan_add_ring(struct plan *plan);
void plan_add_relay(struct plan *plan);
void plan_sort(struct plan *plan);

#endif
