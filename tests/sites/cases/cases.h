/* SPDX-License-Identifier: BSD-3-Clause */
/* Named cases in one MPI job. Each is a legal program of its own that all ranks run together; a
 * deadline ends the one that hangs and names it.
 *
 *     PROGRAM [-S RANKS,RANKS,...] [-T SECONDS] [-l] [CASE...]
 *
 * -S gives the ranks of each site (default: all at one). Without the names of cases all run but the
 * slow ones, with -a these too; -l lists them. */
#ifndef CASES_H
#define CASES_H

#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>

enum { MAX_WORLD = 64 };

/* The job and its sites, as -S says. */
struct world {
    int rank, size, n_sites;
    int site[MAX_WORLD];
    MPI_Comm home; /* all ranks of this rank's site, or MPI_COMM_NULL if it cannot be had */
};

struct mpi_case {
    const char *name;
    void (*run)(void);
    bool is_slow;
};

extern struct world world;
extern const struct mpi_case cases[]; /* ends with a NULL name */

/* Ends the job if the condition does not hold, naming case, rank and place. */
#define CHECK(condition) check((condition), #condition, __FILE__, __LINE__)
void check(bool holds, const char *text, const char *file, int line);
/* Says once that the running case cannot run here, and why. */
void skip(const char *why);

/* The next rank at the site of `rank`, or -1 if it is alone there. */
int home_partner(int rank);
/* A rank of another site, or -1. */
int wide_partner(int rank);

/* Runs a scene for a wide pair both ways and for a home pair. */
void for_pairs(void (*scene)(int from, int to));

int class_of(int code);
/* On MPI_COMM_WORLD: errors are returned, or fatal again. */
void return_errors(bool on);

/* An error handler that counts its calls; and whether since the last question it was called once,
 * for an error of this class. */
void count_errors(MPI_Comm *comm, int *code, ...);
bool is_refused(int code, int wanted);

/* One number on MPI_COMM_WORLD; the send is synchronous. */
void send_int(int value, int dest, int tag);
int receive_int(int source, int tag);

/* A value that all of a case's data come from. */
unsigned char pattern(size_t i, int salt);
void fill(void *data, size_t length, int salt);
bool is_filled(const void *data, size_t length, int salt);

#endif
