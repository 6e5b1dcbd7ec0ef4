/* SPDX-License-Identifier: BSD-3-Clause */
/* Which MPI function causes which wide traffic. A wrapper says what its thread is doing; a wide
 * message counts for the function that sent it, on the other side for the one that posted its
 * receive. A collective under way carries its function along, whoever drives it. */
#ifndef WSP_MPI_COUNT_COUNT_H
#define WSP_MPI_COUNT_COUNT_H

#include "functions.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

struct wsp_count {
    atomic_uint_fast64_t calls; /* that the shim served itself */
    atomic_uint_fast64_t sent, sent_bytes, received, received_bytes;
};

/* By enum wsp_function; any thread. Messages outside any function are at WSP_FUNCTION_NONE. */
extern struct wsp_count wsp_counts[WSP_FUNCTION_COUNT_];

/* What this thread is doing. */
extern _Thread_local enum wsp_function wsp_function __attribute__((tls_model("initial-exec")));

static inline void wsp_count_add(atomic_uint_fast64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* From here on the thread is at this function; returns what it did before, to switch back to. */
static inline enum wsp_function wsp_count_switch(enum wsp_function function)
{
    enum wsp_function before = wsp_function;
    wsp_function = function;
    return before;
}

/* The same for a call of the program. */
static inline enum wsp_function wsp_count_call(enum wsp_function function)
{
    wsp_count_add(&wsp_counts[function].calls, 1);
    return wsp_count_switch(function);
}

static inline void wsp_count_sent(uint64_t bytes)
{
    wsp_count_add(&wsp_counts[wsp_function].sent, 1);
    wsp_count_add(&wsp_counts[wsp_function].sent_bytes, bytes);
}

static inline void wsp_count_received(enum wsp_function function, uint64_t bytes)
{
    wsp_count_add(&wsp_counts[function].received, 1);
    wsp_count_add(&wsp_counts[function].received_bytes, bytes);
}

/* The counts as plain numbers, for sums over ranks: WSP_COUNT_COLUMNS for each function. */
#define WSP_COUNT_COLUMNS 5
#define WSP_COUNT_NUMBERS (WSP_COUNT_COLUMNS * (int)WSP_FUNCTION_COUNT_)
void wsp_count_take(uint64_t numbers[WSP_COUNT_NUMBERS]);

/* A table of the functions that had wide messages. */
void wsp_count_print(const uint64_t numbers[WSP_COUNT_NUMBERS], FILE *out);
/* One JSON object, its keys the functions that were called or had wide messages. */
void wsp_count_print_json(const uint64_t numbers[WSP_COUNT_NUMBERS], FILE *out);

#endif
