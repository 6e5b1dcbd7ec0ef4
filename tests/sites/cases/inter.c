/* SPDX-License-Identifier: BSD-3-Clause */
/* Intercommunicators: making them out of home and spanning groups, what they say of themselves,
 * what is made out of them, and messages of all kinds between the groups. */
#include "cases.h"

#include <stdlib.h>
#include <string.h>

enum { TAG = 5 };

/* An intercommunicator, and what must be true of it: the members of both groups by world rank. */
struct pair {
    MPI_Comm comm;
    int group, rank;
    int n[2], members[2][MAX_WORLD];
};

static int n_remote(const struct pair *p)
{
    return p->n[!p->group];
}

/* The group's members in the order of keys, as MPI_Comm_split has it. */
static MPI_Comm open_local(struct pair *p, int group, int key)
{
    MPI_Comm local;
    MPI_Comm_split(MPI_COMM_WORLD, group, key, &local);
    int mine[2] = {group, 0}, all[MAX_WORLD][2];
    MPI_Comm_rank(local, &mine[1]);
    MPI_Allgather(mine, 2, MPI_INT, all, 2, MPI_INT, MPI_COMM_WORLD);
    *p = (struct pair){.group = group, .rank = mine[1]};
    for (int r = 0; r < world.size; r++) {
        p->members[all[r][0]][all[r][1]] = r;
        p->n[all[r][0]]++;
    }
    return local;
}

static void connect_over(struct pair *p, int group, int key, MPI_Comm bridge, int leader)
{
    MPI_Comm local = open_local(p, group, key);
    int own = leader % p->n[group], remote = leader % p->n[!group];
    int is_leader = p->rank == own;
    MPI_Intercomm_create(local, own, is_leader ? bridge : MPI_COMM_NULL,
                         is_leader ? p->members[!group][remote] : -3, TAG, &p->comm);
    MPI_Comm_free(&local);
}

static void check_group(MPI_Group group, const int *members, int n)
{
    int size, ranks[MAX_WORLD], found[MAX_WORLD];
    MPI_Group all;
    MPI_Group_size(group, &size);
    CHECK(size == n);
    for (int i = 0; i < n; i++)
        ranks[i] = i;
    MPI_Comm_group(MPI_COMM_WORLD, &all);
    MPI_Group_translate_ranks(group, n, ranks, all, found);
    for (int i = 0; i < n; i++)
        CHECK(found[i] == members[i]);
    MPI_Group_free(&all);
}

static void check_queries(const struct pair *p)
{
    int size, rank, remote, is_inter, kind;
    MPI_Group own, other;
    MPI_Comm_test_inter(p->comm, &is_inter);
    MPI_Comm_size(p->comm, &size);
    MPI_Comm_rank(p->comm, &rank);
    MPI_Comm_remote_size(p->comm, &remote);
    MPI_Topo_test(p->comm, &kind);
    CHECK(is_inter && size == p->n[p->group] && rank == p->rank && remote == n_remote(p));
    CHECK(kind == MPI_UNDEFINED);
    MPI_Comm_group(p->comm, &own);
    MPI_Comm_remote_group(p->comm, &other);
    check_group(own, p->members[p->group], size);
    check_group(other, p->members[!p->group], remote);
    MPI_Group_free(&own);
    MPI_Group_free(&other);
}

/* Everyone sends to every member of the other group, and receives from it in this or that way. */
static void check_messages(const struct pair *p)
{
    MPI_Request requests[MAX_WORLD];
    int sent[MAX_WORLD], n = n_remote(p);
    for (int r = 0; r < n; r++) {
        sent[r] = p->rank * 1000 + r;
        MPI_Isend(&sent[r], 1, MPI_INT, r, TAG, p->comm, &requests[r]);
    }
    for (int r = 0; r < n; r++) {
        int got = -1, count;
        MPI_Status status;
        MPI_Recv(&got, 1, MPI_INT, p->group ? MPI_ANY_SOURCE : r, TAG, p->comm, &status);
        MPI_Get_count(&status, MPI_INT, &count);
        CHECK(count == 1 && status.MPI_TAG == TAG);
        CHECK(got == status.MPI_SOURCE * 1000 + p->rank);
    }
    MPI_Waitall(n, requests, MPI_STATUSES_IGNORE);
}

static void check_pair(const struct pair *p)
{
    check_queries(p);
    check_messages(p);
    MPI_Barrier(p->comm);
}

static void open_odd_even(struct pair *p, int key)
{
    connect_over(p, world.rank % 2, key, MPI_COMM_WORLD, 1);
}

static bool is_too_small(void)
{
    if (world.size < 2)
        skip("there is one rank");
    return world.size < 2;
}

static void create(void)
{
    struct pair p;
    if (is_too_small())
        return;
    open_odd_even(&p, world.rank);
    check_pair(&p);
    MPI_Comm_free(&p.comm);
    CHECK(p.comm == MPI_COMM_NULL);
    open_odd_even(&p, -world.rank);
    check_pair(&p);
    MPI_Comm_disconnect(&p.comm);
    connect_over(&p, world.rank == 0, 0, MPI_COMM_WORLD, 0);
    check_pair(&p);
    MPI_Comm_free(&p.comm);
}

/* Each group at one site: the communicators that are joined are the hosts' own. */
static void create_of_sites(void)
{
    struct pair p;
    if (world.n_sites < 2) {
        skip("there is one site");
        return;
    }
    connect_over(&p, world.site[world.rank] > 0, 0, MPI_COMM_WORLD, 1);
    check_pair(&p);
    MPI_Comm_free(&p.comm);
}

/* To the last of the other group: a rank that the own one may not have. It comes once. */
static void check_one_message(MPI_Comm comm, bool sends, bool receives)
{
    char room[100 + MPI_BSEND_OVERHEAD];
    int word = 7, flag, remote;
    void *back;
    MPI_Comm_remote_size(comm, &remote);
    MPI_Buffer_attach(room, sizeof room);
    if (sends)
        MPI_Bsend(&word, 1, MPI_INT, remote - 1, TAG, comm);
    if (receives)
        MPI_Recv(&word, 1, MPI_INT, 0, TAG, comm, MPI_STATUS_IGNORE);
    MPI_Buffer_detach(&back, &flag);
    MPI_Barrier(comm);
    MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm, &flag, MPI_STATUS_IGNORE);
    CHECK(!flag);
}

/* All at one site: the host's own intercommunicator, over a bridge that spans sites. */
static void create_at_home(void)
{
    MPI_Comm half, made;
    int size, rank, is_inter, remote, word, mine;
    MPI_Comm_rank(world.home, &rank);
    MPI_Comm_size(world.home, &size);
    MPI_Comm_split(world.home, rank % 2, 0, &half);
    int other = world.rank - rank + (rank % 2 == 0);
    if (size < 2) {
        MPI_Comm_free(&half);
        return;
    }
    MPI_Intercomm_create(half, 0, MPI_COMM_WORLD, other, TAG, &made);
    MPI_Comm_test_inter(made, &is_inter);
    MPI_Comm_remote_size(made, &remote);
    CHECK(is_inter && remote == (rank % 2 ? (size + 1) / 2 : size / 2));
    mine = world.rank;
    MPI_Allreduce(&mine, &word, 1, MPI_INT, MPI_MIN, made);
    CHECK(word == other);
    check_one_message(made, rank % 2 == 1 && rank / 2 == 0, rank == (size - 1) / 2 * 2);
    MPI_Comm_free(&made);
    MPI_Comm_free(&half);
}

/* Bridges that are neither the world nor known to others than the leaders. */
static void create_over_small_bridge(void)
{
    struct pair p;
    MPI_Comm bridge, local;
    if (is_too_small())
        return;
    local = open_local(&p, world.rank % 2, 0);
    MPI_Comm_split(MPI_COMM_WORLD, p.rank == 0 ? 0 : MPI_UNDEFINED, -world.rank, &bridge);
    MPI_Intercomm_create(local, 0, bridge, p.group == 0 ? 0 : 1, TAG, &p.comm);
    check_pair(&p);
    MPI_Comm_free(&local);
    if (bridge != MPI_COMM_NULL)
        MPI_Comm_free(&bridge);
    MPI_Comm_free(&p.comm);
}

static void check_merged(const struct pair *p, int high, int is_first)
{
    MPI_Comm all;
    int rank, size, sum, is_inter;
    MPI_Intercomm_merge(p->comm, high, &all);
    MPI_Comm_test_inter(all, &is_inter);
    MPI_Comm_rank(all, &rank);
    MPI_Comm_size(all, &size);
    CHECK(!is_inter && size == world.size);
    CHECK(rank == p->rank + (is_first ? 0 : n_remote(p)));
    MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, all);
    CHECK(sum == size * (size - 1) / 2);
    MPI_Comm_free(&all);
}

static void merge(void)
{
    struct pair p;
    if (is_too_small())
        return;
    open_odd_even(&p, -world.rank);
    int has_lower = p.members[p.group][0] < p.members[!p.group][0];
    check_merged(&p, p.group, p.group == 0);
    check_merged(&p, !p.group, p.group == 1);
    check_merged(&p, 0, has_lower);
    check_merged(&p, 1, has_lower);
    MPI_Comm_free(&p.comm);
}

static int copied;

static int copy(MPI_Comm comm, int key, void *extra, void *in, void *out, int *flag)
{
    int is_inter;
    MPI_Comm_test_inter(comm, &is_inter);
    copied += is_inter && key != MPI_KEYVAL_INVALID && !extra;
    *(void **)out = in;
    *flag = 1;
    return MPI_SUCCESS;
}

static void duplicate(void)
{
    struct pair p, twin;
    int key, flag, result, value = 7, *found, mine, most;
    MPI_Request request;
    if (is_too_small())
        return;
    open_odd_even(&p, -world.rank);
    MPI_Comm_create_keyval(copy, MPI_COMM_NULL_DELETE_FN, &key, NULL);
    MPI_Comm_set_attr(p.comm, key, &value);
    twin = p;
    copied = 0;
    MPI_Comm_dup(p.comm, &twin.comm);
    MPI_Comm_get_attr(twin.comm, key, &found, &flag);
    CHECK(copied == 1 && flag && found == &value);
    check_pair(&twin);
    MPI_Comm_compare(p.comm, twin.comm, &result);
    CHECK(result == MPI_CONGRUENT);
    MPI_Comm_compare(p.comm, p.comm, &result);
    CHECK(result == MPI_IDENT);
    MPI_Comm_compare(p.comm, MPI_COMM_WORLD, &result);
    CHECK(result == MPI_UNEQUAL);
    MPI_Comm_free(&twin.comm);
    MPI_Comm_dup_with_info(p.comm, MPI_INFO_NULL, &twin.comm);
    check_pair(&twin);
    MPI_Comm_free(&twin.comm);
    MPI_Comm_idup(p.comm, &twin.comm, &request);
    MPI_Barrier(p.comm);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    check_pair(&twin);
    mine = twin.rank;
    MPI_Allreduce(&mine, &most, 1, MPI_INT, MPI_MAX, twin.comm);
    CHECK(most == n_remote(&twin) - 1);
    MPI_Comm_free(&twin.comm);
    MPI_Comm_free_keyval(&key);
    MPI_Comm_free(&p.comm);
}

/* Splits by parity of the rank, backwards; then so that one group has nobody. */
static void split(void)
{
    struct pair p;
    MPI_Comm part;
    int rank, size, remote, result;
    if (is_too_small())
        return;
    open_odd_even(&p, world.rank);
    MPI_Comm_split(p.comm, 0, -p.rank, &part);
    MPI_Comm_rank(part, &rank);
    CHECK(rank == p.n[p.group] - 1 - p.rank);
    MPI_Comm_compare(p.comm, part, &result);
    CHECK(result == (p.n[0] > 1 ? MPI_SIMILAR : MPI_CONGRUENT));
    MPI_Comm_free(&part);

    MPI_Comm_split(p.comm, p.rank % 2, 0, &part);
    int n_there = (n_remote(&p) + (p.rank % 2 == 0)) / 2;
    CHECK((part == MPI_COMM_NULL) == (n_there == 0));
    if (part != MPI_COMM_NULL) {
        MPI_Comm_size(part, &size);
        MPI_Comm_remote_size(part, &remote);
        CHECK(remote == n_there);
        int mine = p.rank, other = -1;
        MPI_Allreduce(&mine, &other, 1, MPI_INT, MPI_MIN, part);
        CHECK(other == p.rank % 2);
        MPI_Comm_free(&part);
    }
    MPI_Comm_split(p.comm, p.group == 0 ? 1 : MPI_UNDEFINED, 0, &part);
    CHECK(part == MPI_COMM_NULL);
    MPI_Comm_free(&p.comm);
}

/* By site: what is at one becomes the host's own. */
static void split_by_site(void)
{
    struct pair p;
    MPI_Comm part;
    int n[2] = {0, 0};
    if (is_too_small())
        return;
    open_odd_even(&p, world.rank);
    for (int r = 0; r < world.size; r++)
        n[r % 2] += world.site[r] == world.site[world.rank];
    MPI_Comm_split(p.comm, world.site[world.rank], 0, &part);
    CHECK((part == MPI_COMM_NULL) == (n[0] == 0 || n[1] == 0));
    if (part != MPI_COMM_NULL) {
        int size, remote, sum;
        MPI_Comm_size(part, &size);
        MPI_Comm_remote_size(part, &remote);
        CHECK(size == n[p.group] && remote == n[!p.group]);
        MPI_Allreduce(&size, &sum, 1, MPI_INT, MPI_SUM, part);
        CHECK(sum == remote * remote);
        MPI_Comm_free(&part);
    }
    MPI_Comm_free(&p.comm);
}

/* The first of each group, backwards where there are two. */
static void create_from_group(void)
{
    struct pair p;
    MPI_Comm part;
    MPI_Group own, some;
    int first[] = {1, 0}, rank, remote;
    if (world.n_sites < 2) {
        skip("Open MPI 4.1 hangs in it");
        return;
    }
    open_odd_even(&p, world.rank);
    int n = p.n[p.group] > 1 ? 2 : 1;
    MPI_Comm_group(p.comm, &own);
    MPI_Group_incl(own, n, n == 2 ? first : first + 1, &some);
    MPI_Comm_create(p.comm, some, &part);
    CHECK((part == MPI_COMM_NULL) == (p.rank >= n));
    if (part != MPI_COMM_NULL) {
        MPI_Comm_rank(part, &rank);
        MPI_Comm_remote_size(part, &remote);
        CHECK(rank == (n == 2 ? !p.rank : 0) && remote == (n_remote(&p) > 1 ? 2 : 1));
        MPI_Barrier(part);
        MPI_Comm_free(&part);
    }
    MPI_Comm_create(p.comm, p.group ? MPI_GROUP_EMPTY : own, &part);
    CHECK(part == MPI_COMM_NULL);
    MPI_Group_free(&some);
    MPI_Group_free(&own);
    MPI_Comm_free(&p.comm);
}

/* Persistent, synchronous, buffered, probed; a partner is the member of the same rank, where there
 * is one. */
static void messages_of_all_kinds(void)
{
    struct pair p;
    MPI_Request requests[2];
    MPI_Status status;
    MPI_Message message;
    int out = 0, in = 0, flag = 0;
    char room[1000 + MPI_BSEND_OVERHEAD];
    void *back;
    if (is_too_small())
        return;
    open_odd_even(&p, -world.rank);
    int other = p.rank < n_remote(&p) ? p.rank : MPI_PROC_NULL;

    MPI_Send_init(&out, 1, MPI_INT, other, 1, p.comm, &requests[0]);
    MPI_Recv_init(&in, 1, MPI_INT, other, 1, p.comm, &requests[1]);
    for (int round = 0; round < 3; round++) {
        MPI_Status statuses[2];
        out = p.rank + round;
        in = p.rank + round;
        MPI_Startall(2, requests);
        MPI_Waitall(2, requests, statuses);
        CHECK(statuses[1].MPI_SOURCE == other && in == p.rank + round);
    }
    MPI_Request_free(&requests[0]);
    MPI_Request_free(&requests[1]);

    MPI_Isend(&out, 1, MPI_INT, other, 2, p.comm, &requests[0]);
    MPI_Probe(other, 2, p.comm, &status);
    CHECK(status.MPI_SOURCE == other);
    MPI_Mprobe(other, other == MPI_PROC_NULL ? 2 : MPI_ANY_TAG, p.comm, &message, &status);
    CHECK(status.MPI_SOURCE == other);
    MPI_Mrecv(&in, 1, MPI_INT, &message, &status);
    CHECK(status.MPI_SOURCE == other);
    MPI_Wait(&requests[0], MPI_STATUS_IGNORE);

    MPI_Buffer_attach(room, sizeof room);
    MPI_Bsend(&out, 1, MPI_INT, other, 3, p.comm);
    if (other != MPI_PROC_NULL)
        while (!flag)
            MPI_Iprobe(MPI_ANY_SOURCE, 3, p.comm, &flag, &status);
    CHECK(other == MPI_PROC_NULL || status.MPI_SOURCE == other);
    MPI_Recv(&in, 1, MPI_INT, other, 3, p.comm, &status);
    MPI_Buffer_detach(&back, &flag);

    MPI_Sendrecv(&out, 1, MPI_INT, other, 4, &in, 1, MPI_INT, other, 4, p.comm, &status);
    CHECK(status.MPI_SOURCE == other && in == out);
    MPI_Issend(&out, 1, MPI_INT, other, 5, p.comm, &requests[0]);
    if (other != MPI_PROC_NULL)
        MPI_Irecv(&in, 1, MPI_INT, MPI_ANY_SOURCE, 5, p.comm, &requests[1]);
    else
        requests[1] = MPI_REQUEST_NULL;
    MPI_Wait(&requests[1], &status);
    CHECK(other == MPI_PROC_NULL || status.MPI_SOURCE == other);
    MPI_Wait(&requests[0], MPI_STATUS_IGNORE);

    MPI_Irecv(&in, 1, MPI_INT, MPI_ANY_SOURCE, 6, p.comm, &requests[0]);
    MPI_Cancel(&requests[0]);
    MPI_Wait(&requests[0], &status);
    MPI_Test_cancelled(&status, &flag);
    CHECK(flag);
    MPI_Comm_free(&p.comm);
}

static MPI_Comm blamed;
static int n_blamed;

static void blame(MPI_Comm *comm, int *code, ...)
{
    blamed = *comm;
    n_blamed += *code != MPI_SUCCESS;
}

/* The error class; -1 if the handler on this communicator did not hear of it once. */
#define ERROR_OF(on, call) error_of((on), (n_blamed = 0, (call)))
static int error_of(MPI_Comm on, int code)
{
    int class = MPI_SUCCESS;
    MPI_Error_class(code, &class);
    return code != MPI_SUCCESS && n_blamed == 1 && blamed == on ? class : -1;
}

static void errors(void)
{
    struct pair p;
    MPI_Comm made = MPI_COMM_WORLD, twin;
    MPI_Group group;
    MPI_Errhandler handler;
    int word = 0, words[MAX_WORLD], dims[] = {1}, periods[] = {0};
    if (world.n_sites < 2) {
        skip("Open MPI leaves all but the leader waiting");
        return;
    }
    open_odd_even(&p, world.rank);
    MPI_Comm_dup(MPI_COMM_WORLD, &twin);
    MPI_Comm_create_errhandler(blame, &handler);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, handler);
    MPI_Comm_set_errhandler(twin, handler);
    MPI_Comm_set_errhandler(p.comm, handler);
    MPI_Comm in = p.comm, all = MPI_COMM_WORLD;
    CHECK(ERROR_OF(twin, MPI_Comm_remote_group(twin, &group)) == MPI_ERR_COMM);
    CHECK(ERROR_OF(all, MPI_Intercomm_merge(twin, 0, &made)) == MPI_ERR_COMM);
    CHECK(ERROR_OF(all, MPI_Intercomm_create(in, 0, all, 0, TAG, &made)) == MPI_ERR_COMM);
    CHECK(ERROR_OF(twin, MPI_Intercomm_create(twin, -1, all, 0, TAG, &made)) == MPI_ERR_ARG);
    CHECK(ERROR_OF(twin, MPI_Intercomm_create(twin, 0, all, 99, TAG, &made)) == MPI_ERR_ARG);
    CHECK(ERROR_OF(twin, MPI_Intercomm_create(twin, 0, in, 0, TAG, &made)) == MPI_ERR_COMM);
    /* Groups that overlap. */
    CHECK(ERROR_OF(twin, MPI_Intercomm_create(twin, 0, all, 0, TAG, &made)) == MPI_ERR_INTERN);
    CHECK(made == MPI_COMM_NULL);

    CHECK(ERROR_OF(in, MPI_Send(&word, 1, MPI_INT, n_remote(&p), 0, in)) == MPI_ERR_RANK);
    CHECK(ERROR_OF(in, MPI_Recv(&word, 1, MPI_INT, MAX_WORLD, 0, in, MPI_STATUS_IGNORE)) ==
          MPI_ERR_RANK);
    CHECK(ERROR_OF(in, MPI_Bcast(&word, 1, MPI_INT, n_remote(&p), in)) == MPI_ERR_ROOT);
    CHECK(ERROR_OF(in, MPI_Gather(&word, 1, MPI_INT, words, 1, MPI_INT, -17, in)) == MPI_ERR_ROOT);
    CHECK(ERROR_OF(in, MPI_Bcast(&word, -1, MPI_INT, MPI_ROOT, in)) == MPI_ERR_COUNT);
    CHECK(ERROR_OF(in, MPI_Scan(&word, words, 1, MPI_INT, MPI_SUM, in)) == MPI_ERR_COMM);
    CHECK(ERROR_OF(in, MPI_Allgather(MPI_IN_PLACE, 1, MPI_INT, words, 1, MPI_INT, in)) ==
          MPI_ERR_ARG);
    CHECK(ERROR_OF(in, MPI_Comm_split(in, -5, 0, &made)) == MPI_ERR_ARG);
    CHECK(ERROR_OF(in, MPI_Comm_create(in, MPI_GROUP_NULL, &made)) == MPI_ERR_GROUP);
    CHECK(ERROR_OF(all, MPI_Cart_create(in, 1, dims, periods, 0, &made)) == MPI_ERR_COMM);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
    MPI_Errhandler_free(&handler);
    MPI_Comm_free(&twin);
    MPI_Comm_free(&p.comm);
}

const struct mpi_case cases[] = {{"create", create, false},
                                 {"create_of_sites", create_of_sites, false},
                                 {"create_at_home", create_at_home, false},
                                 {"create_over_small_bridge", create_over_small_bridge, false},
                                 {"merge", merge, false},
                                 {"duplicate", duplicate, false},
                                 {"split", split, false},
                                 {"split_by_site", split_by_site, false},
                                 {"create_from_group", create_from_group, false},
                                 {"messages_of_all_kinds", messages_of_all_kinds, false},
                                 {"errors", errors, false},
                                 {NULL, NULL, false}};
