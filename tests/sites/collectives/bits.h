/* SPDX-License-Identifier: BSD-3-Clause */
/* The reference test of collectives: reductions whose result depends on the order of their
 * operands, down to the last bit. */
#ifndef COLLECTIVES_BITS_H
#define COLLECTIVES_BITS_H

#include <stdint.h>

/* Every such reduction gives the same bits when it is repeated, whoever comes late, and an
 * Allreduce the same on every rank. Rank 0 prints a digest of all results: one of two jobs with the
 * same sites and seed must be like the other's. begin_round is told each round before it runs. */
void bits_compare(uint64_t seed, int n_rounds, void (*begin_round)(int round));

#endif
