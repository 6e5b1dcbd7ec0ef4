/* SPDX-License-Identifier: BSD-3-Clause */
/* The randomised matching test: what every rank knows of a round before it runs.
 *
 * A round is a list of messages; the place of a message in it is its slot. Every rank draws the
 * same list from the seed. Each rank has a style for the round that makes it legal by construction:
 *
 *   IN_TURN   does its operations slot by slot, blocking or not; a nonblocking operation starts at
 *             its slot and is waited for later. Its receives name their message without doubt, so
 *             the lowest slot that anyone waits in always has both its sides under way.
 *   POSTED    posts all its receives first, wildcards in any arrangement that every arrival order
 *             completes; then sends slot by slot. Nothing it waits for keeps it from matching.
 *   POLLING   posts the receives of some communicators, starts all its sends, then takes what
 *             comes on the other communicators, by wildcard receives and probes.
 *
 * A barrier ends each round, so that no receive of a round meets a message of the next. */
#ifndef MATCHING_PLAN_H
#define MATCHING_PLAN_H

#include "draw.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAX_RANKS = 64, N_COMMS = 4, MAX_MESSAGES = 512, MAX_TAG_INDEX = 6 };
enum style { IN_TURN, POSTED, POLLING, N_STYLES };

/* How a rank that posts early arranges the receives of one communicator. */
enum arrangement {
    BY_SOURCE, /* of each source: any tag, or each tag by name */
    BY_TAG,    /* of each tag: any source, or each source by name */
    ALL_WILD,  /* any source and any tag */
    MIXED,     /* receives that name a source among wildcards that may take its messages */
    TAKEN,     /* POLLING alone: not posted but taken as they come */
    N_ARRANGEMENTS
};

struct message {
    int slot, source, dest, comm, tag;
    size_t size;
    uint64_t id; /* never used twice in a run */
};

struct plan {
    int round, n_messages, n_ranks;
    struct message messages[MAX_MESSAGES];
    enum style style[MAX_RANKS];
    enum arrangement arrangement[MAX_RANKS][N_COMMS];
    bool ints[MAX_RANKS][N_COMMS];      /* messages to this rank are MPI_INT, not MPI_BYTE */
    size_t largest[MAX_RANKS][N_COMMS]; /* size of the largest of them */
    bool ready;                         /* a barrier stands between posting and sending */
};

void plan_round(struct plan *plan, uint64_t seed, int round, int n_ranks, int n_messages);

/* The payload of a message, a function of its id; the second compares and returns the first byte
 * that differs, or size. */
void payload_fill(const struct message *message, unsigned char *data);
size_t payload_compare(const struct message *message, const unsigned char *data);

#endif
