/* SPDX-License-Identifier: BSD-3-Clause */
/* Probes of errors: each makes one call that is wrong in some way and prints one line of what came
 * of it, in words that are the same wherever the ranks are. The lines of a plain mpirun are
 * compared with those of the same ranks over sites. */
#ifndef PROBE_H
#define PROBE_H

#include <mpi.h>
#include <stdbool.h>

/* One communicator under one error handler, with two ranks that play: all members run it. */
struct stage {
    const char *name;
    MPI_Comm comm;
    int rank, size;
    int actor, peer; /* ranks in comm */
    bool is_actor, is_peer;
};

enum { N_WORDS = 8, TAG = 5, GO = 6 };

/* Sets the communicators whose handler is watched; named in the lines. */
void watch(const char *name, MPI_Comm comm);
void unwatch_all(void);

/* A handler of the user that notes its calls, or MPI_ERRORS_RETURN. */
void set_handlers(bool is_users);

/* What comes next belongs to this stage. */
void set_scene(const char *stage, const char *variant);

/* PROBE(name, call) makes the call and prints its line; the others print a status, too, or what
 * else the call gave. */
#define PROBE(name, call)               (probe_begin(name), probe_end((call), NULL, ""))
#define PROBE_STATUS(name, call, state) (probe_begin(name), probe_end((call), (state), ""))
void probe_begin(const char *name);
int probe_end(int code, MPI_Status *status, const char *more);

/* A line that is no call's: a name and a text. */
void say(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "MPI_ERR_RANK" for a code, "MPI_SUCCESS", ... */
const char *class_name(int code);

/* A status with contents that no call leaves. */
MPI_Status odd_status(void);

/* A name made of two; good until the next call but three. */
const char *joined(const char *a, const char *b);

/* Ends the job in one of its ways; false: there is no such way. */
bool end_job(const char *how, int who);

/* The folders of probes. */
void probe_sends(const struct stage *stage);
void probe_receives(const struct stage *stage);
void probe_truncation(const struct stage *stage);
void probe_requests(const struct stage *stage);
void probe_arrays(const struct stage *stage);
void probe_collectives(const struct stage *stage);
void probe_handles(const struct stage *stage);
void probe_topologies(const struct stage *stage);
void probe_attributes(const struct stage *stage);

/* Ends the probe of a call that makes a communicator, and frees what it made. */
void probe_end_comm(int code, MPI_Comm *made);

#define MAKE(name, call)                                                                           \
    do {                                                                                           \
        MPI_Comm made = MPI_COMM_SELF;                                                             \
        probe_begin(name);                                                                         \
        probe_end_comm((call), &made);                                                             \
    } while (0)

#endif
