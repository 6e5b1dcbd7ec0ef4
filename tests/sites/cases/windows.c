/* SPDX-License-Identifier: BSD-3-Clause */
/* Windows and files on home communicators in a job of several sites: whole, their error handlers
 * too; on spanning ones they are refused through the right handler. */
#include "cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N = 8 };

static int home_rank, home_size;

static bool need_home(void)
{
    MPI_Comm_rank(world.home, &home_rank);
    MPI_Comm_size(world.home, &home_size);
    if (home_size < 2) /* Open MPI 4.1 makes no window for one rank */
        return false;
    return true;
}

static void passive_target(void)
{
    int *memory, one = 1, before, ranks;
    MPI_Win window;
    if (!need_home())
        return;
    MPI_Win_allocate(N * sizeof(int), sizeof(int), MPI_INFO_NULL, world.home, &memory, &window);
    memset(memory, 0, N * sizeof(int));
    MPI_Barrier(world.home);
    for (int i = 0; i < 10; i++) {
        MPI_Win_lock(MPI_LOCK_SHARED, 0, 0, window);
        MPI_Accumulate(&one, 1, MPI_INT, 0, 0, 1, MPI_INT, MPI_SUM, window);
        MPI_Win_flush(0, window);
        MPI_Fetch_and_op(&one, &before, MPI_INT, 0, 1, MPI_SUM, window);
        MPI_Win_unlock(0, window);
        CHECK(before >= i && before < 10 * home_size);
    }
    MPI_Win_lock_all(0, window);
    MPI_Put(&home_rank, 1, MPI_INT, (home_rank + 1) % home_size, 2, 1, MPI_INT, window);
    MPI_Win_flush_all(window);
    MPI_Win_unlock_all(window);
    MPI_Barrier(world.home);
    MPI_Win_lock(MPI_LOCK_SHARED, home_rank, 0, window);
    CHECK(home_rank > 0 || (memory[0] == 10 * home_size && memory[1] == 10 * home_size));
    CHECK(memory[2] == (home_rank + home_size - 1) % home_size);
    MPI_Win_unlock(home_rank, window);
    MPI_Group group;
    MPI_Win_get_group(window, &group);
    MPI_Group_size(group, &ranks);
    CHECK(ranks == home_size);
    MPI_Group_free(&group);
    MPI_Win_free(&window);
    CHECK(window == MPI_WIN_NULL);
}

static void shared_memory(void)
{
    MPI_Comm node;
    MPI_Win window;
    MPI_Aint bytes;
    int *mine, *theirs, unit, rank, size;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
    MPI_Comm_rank(node, &rank);
    MPI_Comm_size(node, &size);
    if (size > 1) {
        MPI_Win_allocate_shared(sizeof(int), sizeof(int), MPI_INFO_NULL, node, &mine, &window);
        MPI_Win_fence(0, window);
        *mine = world.rank * 3;
        MPI_Win_fence(0, window);
        MPI_Win_shared_query(window, (rank + 1) % size, &bytes, &unit, &theirs);
        int other = rank + 1 < size ? world.rank + 1 : world.rank - size + 1;
        CHECK(*theirs == other * 3);
        MPI_Win_fence(0, window);
        MPI_Win_free(&window);
    }
    MPI_Comm_free(&node);
}

/* Each rank sees every home_size-th integer of one file. */
static void file_views(void)
{
    char path[64];
    int out[N], in[N], first = 0;
    MPI_File file;
    MPI_Datatype stripes;
    MPI_Status status;
    need_home();
    while (world.site[first] != world.site[world.rank])
        first++;
    snprintf(path, sizeof path, "/tmp/widespan-views-%d-%d", first, (int)getuid());
    MPI_File_open(world.home, path, MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE,
                  MPI_INFO_NULL, &file);
    MPI_Type_vector(N, 1, home_size, MPI_INT, &stripes);
    MPI_Type_commit(&stripes);
    MPI_File_set_view(file, home_rank * (MPI_Offset)sizeof(int), MPI_INT, stripes, "native",
                      MPI_INFO_NULL);
    for (int i = 0; i < N; i++)
        out[i] = world.rank * 100 + i;
    MPI_File_write_all(file, out, N, MPI_INT, &status);
    MPI_File_sync(file);
    MPI_Barrier(world.home);
    MPI_File_set_view(file, 0, MPI_INT, MPI_INT, "native", MPI_INFO_NULL);
    MPI_File_read_at_all(file, home_rank * (MPI_Offset)N, in, N, MPI_INT, &status);
    for (int i = 0; i < N; i++) {
        int at = home_rank * N + i;
        CHECK(in[i] == (first + at % home_size) * 100 + at / home_size);
    }
    MPI_Type_free(&stripes);
    MPI_File_close(&file);
}

/* What a handler was told, and how large it found the world. */
static int n_calls, last_code, size_seen;

static void note(int code)
{
    n_calls++;
    last_code = class_of(code);
    MPI_Comm_size(MPI_COMM_WORLD, &size_seen);
}

static void note_file(MPI_File *file, int *code, ...)
{
    (void)file;
    note(*code);
}

static void note_window(MPI_Win *window, int *code, ...)
{
    (void)window;
    note(*code);
}

static void note_comm(MPI_Comm *comm, int *code, ...)
{
    (void)comm;
    note(*code);
}

static bool was_called_for(int class)
{
    bool yes = n_calls == 1 && last_code == class && size_seen == world.size;
    n_calls = 0;
    return yes;
}

static void handlers_at_home(void)
{
    int value = 0, code;
    MPI_File file;
    MPI_Win window;
    MPI_Errhandler handler;
    int *memory;
    code = MPI_File_open(world.home, "/nonexistent/file", MPI_MODE_RDONLY, MPI_INFO_NULL, &file);
    CHECK(class_of(code) == MPI_ERR_NO_SUCH_FILE);
    MPI_File_open(world.home, "/dev/null", MPI_MODE_RDONLY, MPI_INFO_NULL, &file);
    MPI_File_create_errhandler(note_file, &handler);
    MPI_File_set_errhandler(file, handler);
    MPI_Errhandler_free(&handler);
    n_calls = 0;
    code = MPI_File_read(file, &value, -1, MPI_INT, MPI_STATUS_IGNORE);
    CHECK(code != MPI_SUCCESS && was_called_for(class_of(code)));
    MPI_File_close(&file);
    if (!need_home())
        return;
    MPI_Win_allocate(sizeof(int), sizeof(int), MPI_INFO_NULL, world.home, &memory, &window);
    MPI_Win_create_errhandler(note_window, &handler);
    MPI_Win_set_errhandler(window, handler);
    MPI_Errhandler_free(&handler);
    code = MPI_Win_lock(MPI_LOCK_SHARED, home_size + 1, 0, window);
    CHECK(code != MPI_SUCCESS && was_called_for(class_of(code)));
    MPI_Win_free(&window);
}

#define IS_REFUSED(call)                                                                           \
    (class_of(call) == MPI_ERR_UNSUPPORTED_OPERATION &&                                            \
     was_called_for(MPI_ERR_UNSUPPORTED_OPERATION))

static void refused_on(MPI_Comm comm)
{
    int value, codes[1];
    void *memory;
    char port[MPI_MAX_PORT_NAME] = "nowhere";
    MPI_Win window = (MPI_Win)&memory;
    MPI_Comm made = MPI_COMM_SELF;
    CHECK(IS_REFUSED(MPI_Win_create(&value, 4, 1, MPI_INFO_NULL, comm, &window)));
    CHECK(window == MPI_WIN_NULL);
    CHECK(IS_REFUSED(MPI_Win_create_dynamic(MPI_INFO_NULL, comm, &window)));
    CHECK(IS_REFUSED(MPI_Win_allocate(4, 1, MPI_INFO_NULL, comm, &memory, &window)));
    CHECK(IS_REFUSED(MPI_Win_allocate_shared(4, 1, MPI_INFO_NULL, comm, &memory, &window)));
    CHECK(
        IS_REFUSED(MPI_Comm_spawn("true", MPI_ARGV_NULL, 1, MPI_INFO_NULL, 0, comm, &made, codes)));
    CHECK(made == MPI_COMM_NULL);
    CHECK(IS_REFUSED(MPI_Comm_accept(port, MPI_INFO_NULL, 0, comm, &made)));
    CHECK(IS_REFUSED(MPI_Comm_connect(port, MPI_INFO_NULL, 0, comm, &made)));
}

static void refused_epoch(MPI_Group group)
{
    int *memory;
    MPI_Win window;
    MPI_Errhandler handler;
    MPI_Win_allocate(sizeof(int), sizeof(int), MPI_INFO_NULL, world.home, &memory, &window);
    MPI_Win_create_errhandler(note_window, &handler);
    MPI_Win_set_errhandler(window, handler);
    CHECK(IS_REFUSED(MPI_Win_post(group, 0, window)));
    CHECK(IS_REFUSED(MPI_Win_start(group, 0, window)));
    MPI_Errhandler_free(&handler);
    MPI_Win_free(&window);
}

static void refused_file(void)
{
    MPI_File file = (MPI_File)&file;
    MPI_Errhandler handler, before;
    MPI_File_create_errhandler(note_file, &handler);
    MPI_File_get_errhandler(MPI_FILE_NULL, &before);
    MPI_File_set_errhandler(MPI_FILE_NULL, handler);
    CHECK(IS_REFUSED(
        MPI_File_open(MPI_COMM_WORLD, "/dev/null", MPI_MODE_RDONLY, MPI_INFO_NULL, &file)));
    CHECK(file == MPI_FILE_NULL);
    MPI_File_set_errhandler(MPI_FILE_NULL, before);
    MPI_Errhandler_free(&handler);
}

/* The handler of the very communicator, window or file hears of it, once. */
static void refused_across(void)
{
    MPI_Comm twin;
    MPI_Group group;
    MPI_Errhandler handler;
    if (world.n_sites < 2) {
        skip("one site");
        return;
    }
    MPI_Comm_dup(MPI_COMM_WORLD, &twin);
    MPI_Comm_create_errhandler(note_comm, &handler);
    MPI_Comm_set_errhandler(twin, handler);
    MPI_Errhandler_free(&handler);
    n_calls = 0;
    refused_on(twin);
    refused_file();
    MPI_Comm_group(twin, &group);
    if (need_home())
        refused_epoch(group);
    MPI_Group_free(&group);
    MPI_Comm_free(&twin);
}

const struct mpi_case cases[] = {
    {"passive_target", passive_target, false}, {"shared_memory", shared_memory, false},
    {"file_views", file_views, false},         {"handlers_at_home", handlers_at_home, false},
    {"refused_across", refused_across, false}, {NULL, NULL, false},
};
