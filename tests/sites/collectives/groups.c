/* SPDX-License-Identifier: BSD-3-Clause */
#include "groups.h"

#include "draw.h"

#include <string.h>

struct world world;

static int n_groups;

/* Takes a communicator, or MPI_COMM_NULL, into the list. */
static void add(const char *name, MPI_Comm comm, int color)
{
    struct group *group = &world.groups[n_groups++];
    *group = (struct group){.name = name, .comm = comm, .color = color};
    if (comm == MPI_COMM_NULL)
        return;
    int ranks[MAX_RANKS];
    MPI_Group members, all;
    MPI_Comm_rank(comm, &group->rank);
    MPI_Comm_size(comm, &group->size);
    for (int i = 0; i < group->size; i++)
        ranks[i] = i;
    MPI_Comm_group(comm, &members);
    MPI_Comm_group(MPI_COMM_WORLD, &all);
    MPI_Group_translate_ranks(members, group->size, ranks, all, group->world);
    MPI_Group_free(&members);
    MPI_Group_free(&all);
    group->is_home = true;
    for (int i = 1; i < group->size; i++)
        group->is_home &= world.site[group->world[i]] == world.site[group->world[0]];
}

static void add_split(const char *name, int color, int key)
{
    MPI_Comm comm;
    MPI_Comm_split(MPI_COMM_WORLD, color < 0 ? MPI_UNDEFINED : color, key, &comm);
    add(name, comm, color);
}

/* A random order of all ranks; the first so many of it make a group. */
static void add_chosen(uint64_t *state)
{
    int order[MAX_RANKS], n = 1 + draw_below(state, world.size);
    MPI_Group all, chosen;
    MPI_Comm comm = MPI_COMM_NULL;
    for (int i = 0; i < world.size; i++) {
        int j = draw_below(state, i + 1);
        order[i] = order[j];
        order[j] = i;
    }
    MPI_Comm_group(MPI_COMM_WORLD, &all);
    MPI_Group_incl(all, n, order, &chosen);
    int rank;
    MPI_Group_rank(chosen, &rank);
    if (rank != MPI_UNDEFINED)
        MPI_Comm_create_group(MPI_COMM_WORLD, chosen, 3, &comm);
    add("chosen at random", comm, 0);
    MPI_Group_free(&chosen);
    MPI_Group_free(&all);
}

static int rank_at_site(void)
{
    int n = 0;
    for (int rank = 0; rank < world.rank; rank++)
        n += world.site[rank] == world.site[world.rank];
    return n;
}

void groups_open(uint64_t seed)
{
    uint64_t state = seed * UINT64_C(0xd6e8feb86659fd93);
    MPI_Comm dup;
    int parity = world.rank % 2, place = rank_at_site(), site = world.site[world.rank];
    int keys[MAX_RANKS], colors[MAX_RANKS];
    for (int rank = 0; rank < world.size; rank++) {
        keys[rank] = draw_below(&state, 100);
        colors[rank] = draw_below(&state, 3) - 1;
    }
    n_groups = 0;
    MPI_Comm_dup(MPI_COMM_WORLD, &world.reference);
    add("MPI_COMM_WORLD", MPI_COMM_WORLD, 0);
    MPI_Comm_dup(MPI_COMM_WORLD, &dup);
    add("duplicate", dup, 0);
    add_split("reversed", 0, -world.rank);
    add_split("odd or even", parity, 0);
    add_split("odd or even, reversed", parity, -world.rank);
    add_split("permuted at random", 0, keys[world.rank]);
    add_split("split at random", colors[world.rank], keys[world.rank]);
    add_split("sites interleaved", 0, place * MAX_RANKS + site);
    add_split("one rank of each site", place == 0 ? 0 : -1, 0);
    add_split("one rank against the other sites", site == 0 && place > 0 ? -1 : 0, -world.rank);
    add_split("a site", site, -world.rank);
    add_chosen(&state);
}

void groups_close(void)
{
    for (int i = 1; i < n_groups; i++)
        if (world.groups[i].comm != MPI_COMM_NULL)
            MPI_Comm_free(&world.groups[i].comm);
    MPI_Comm_free(&world.reference);
}
