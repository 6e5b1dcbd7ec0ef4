/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs all probes on communicators of every make, for every peer of rank 0, under a handler of the
 * user and under MPI_ERRORS_RETURN.
 *
 *     PROGRAM FOLDER    the probes, a line each, in a file of the folder for each rank
 *     PROGRAM fatal N   rank N makes an error that ends the job
 *     PROGRAM abort N   rank N calls MPI_Abort on some of the ranks
 *     PROGRAM leave N   all ranks leave with much undone, towards rank N */
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>

static void (*const folders[])(const struct stage *stage) = {
    probe_sends,       probe_receives, probe_truncation, probe_requests,  probe_arrays,
    probe_collectives, probe_handles,  probe_topologies, probe_attributes};

static void run(struct stage *stage, bool is_users)
{
    set_scene(stage->name, is_users ? "handler" : "return");
    set_handlers(is_users);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        PMPI_Barrier(stage->comm);
        folders[i](stage);
    }
}

/* Ranks of the stage's communicator: who acts, and with whom. */
static void play(const char *name, MPI_Comm comm, int actor, int peer)
{
    struct stage stage = {.name = name, .comm = comm, .actor = actor, .peer = peer};
    MPI_Comm_rank(comm, &stage.rank);
    MPI_Comm_size(comm, &stage.size);
    stage.is_actor = stage.rank == actor;
    stage.is_peer = stage.rank == peer;
    watch("world", MPI_COMM_WORLD);
    watch("self", MPI_COMM_SELF);
    watch("stage", comm);
    run(&stage, true);
    run(&stage, false);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
    unwatch_all();
}

static void play_with(int peer)
{
    int rank;
    MPI_Comm comm;
    char name[32];
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    snprintf(name, sizeof name, "all-%d", peer);
    play(name, comm, 0, peer);
    MPI_Comm_free(&comm);

    /* Two alone, the other way round: a home communicator if the peer is at home. */
    bool is_in = rank == 0 || rank == peer;
    MPI_Comm_split(MPI_COMM_WORLD, is_in ? 0 : MPI_UNDEFINED, -rank, &comm);
    snprintf(name, sizeof name, "two-%d", peer);
    if (is_in) {
        play(name, comm, 1, 0);
        MPI_Comm_free(&comm);
    }
    MPI_Barrier(MPI_COMM_WORLD);
}

static bool redirect(const char *folder)
{
    char path[4096];
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    snprintf(path, sizeof path, "%s/%d", folder, rank);
    return freopen(path, "w", stdout) != NULL;
}

int main(int argc, char **argv)
{
    int size;
    MPI_Init(&argc, &argv);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (argc == 3 ? !end_job(argv[1], atoi(argv[2])) : argc != 2 || !redirect(argv[1]))
        MPI_Abort(MPI_COMM_WORLD, 2);
    for (int peer = 1; argc == 2 && peer < size; peer++)
        play_with(peer);
    MPI_Finalize();
    return 0;
}
