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

/* The first five are about messages, and do for intercommunicators, too. */
enum { N_OF_MESSAGES = 5, N_FOLDERS = 9 };
static void (*const folders[N_FOLDERS])(const struct stage *stage) = {
    probe_sends,       probe_receives, probe_truncation, probe_requests,  probe_arrays,
    probe_collectives, probe_handles,  probe_topologies, probe_attributes};

static void run(const struct stage *stage, int n_folders, bool is_users)
{
    set_scene(stage->name, is_users ? "handler" : "return");
    set_handlers(is_users);
    for (int i = 0; i < n_folders; i++) {
        PMPI_Barrier(stage->comm);
        folders[i](stage);
    }
}

/* Under a handler of the program, then under none; frees the communicator. */
static void play(const struct stage *stage, int n_folders)
{
    MPI_Comm comm = stage->comm;
    watch("world", MPI_COMM_WORLD);
    watch("self", MPI_COMM_SELF);
    watch("stage", comm);
    run(stage, n_folders, true);
    run(stage, n_folders, false);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
    unwatch_all();
    MPI_Comm_free(&comm);
}

static void play_within(const char *name, MPI_Comm comm, int actor, int peer)
{
    struct stage stage = {.name = name, .comm = comm, .actor = actor, .peer = peer};
    MPI_Comm_rank(comm, &stage.rank);
    MPI_Comm_size(comm, &stage.size);
    stage.is_actor = stage.rank == actor;
    stage.is_peer = stage.rank == peer;
    play(&stage, N_FOLDERS);
}

/* Rank 0 and, on the other side, all others: there the peer is peer - 1, and each side has ranks of
 * its own. */
static void play_across(const char *name, int rank, int peer)
{
    MPI_Comm side, comm;
    struct stage stage = {.name = name, .actor = 0, .peer = peer - 1};
    MPI_Comm_split(MPI_COMM_WORLD, rank == 0, rank, &side);
    MPI_Intercomm_create(side, 0, MPI_COMM_WORLD, rank == 0 ? 1 : 0, 3, &comm);
    MPI_Comm_free(&side);
    MPI_Comm_rank(comm, &stage.rank);
    MPI_Comm_remote_size(comm, &stage.size);
    stage.comm = comm;
    stage.is_actor = rank == 0;
    stage.is_peer = rank == peer;
    play(&stage, N_OF_MESSAGES);
}

static void play_with(int peer)
{
    int rank;
    MPI_Comm comm;
    char name[32];
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    snprintf(name, sizeof name, "all-%d", peer);
    play_within(name, comm, 0, peer);

    /* Two alone, the other way round: a home communicator if the peer is at home. */
    bool is_in = rank == 0 || rank == peer;
    MPI_Comm_split(MPI_COMM_WORLD, is_in ? 0 : MPI_UNDEFINED, -rank, &comm);
    snprintf(name, sizeof name, "two-%d", peer);
    if (is_in)
        play_within(name, comm, 1, 0);
    MPI_Barrier(MPI_COMM_WORLD);
    snprintf(name, sizeof name, "across-%d", peer);
    play_across(name, rank, peer);
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
