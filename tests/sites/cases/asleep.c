/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls that wait inside of the host MPI and have no nonblocking form: windows and files. R has a
 * receive from any source open and waits in one of them for H, its partner at home, who helps on
 * only when W, from another site, has got its message through to R. */
#include "cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GO = 1, WORD = 2, DONE = 3 };

/* What a scene is about; made by all of R's site before, ended after. */
struct tool {
    void (*open)(void);
    void (*at_r)(int h); /* h, r: ranks in world.home */
    void (*at_h)(int r);
    void (*close)(void);
};

static MPI_Win window;
static MPI_File file;
static int *memory;
static char path[64];

static int home_rank(int world_rank)
{
    int rank = 0;
    for (int i = 0; i < world_rank; i++)
        rank += world.site[i] == world.site[world_rank];
    return rank;
}

static void scene(const struct tool *tool, int r, int w, int h)
{
    int word = -1;
    bool is_at_site = world.site[world.rank] == world.site[r];
    MPI_Request request;
    if (is_at_site)
        tool->open();
    MPI_Barrier(MPI_COMM_WORLD);
    if (world.rank == r) {
        MPI_Irecv(&word, 1, MPI_INT, MPI_ANY_SOURCE, WORD, MPI_COMM_WORLD, &request);
        tool->at_r(home_rank(h));
        MPI_Wait(&request, MPI_STATUS_IGNORE);
        CHECK(word == r);
    } else if (world.rank == w) {
        send_int(r, r, WORD);
        send_int(h, h, GO);
    } else if (world.rank == h) {
        receive_int(w, GO);
        tool->at_h(home_rank(r));
    } else if (is_at_site && tool->at_h == tool->at_r) {
        tool->at_r(home_rank(h)); /* collective */
    }
    MPI_Barrier(MPI_COMM_WORLD);
    if (is_at_site)
        tool->close();
}

static void play(const struct tool *tool)
{
    int n = 0;
    for (int r = 0; r < world.size; r++) {
        int w = wide_partner(r), h = home_partner(r);
        if (w < 0 || h < 0 || w == h)
            continue;
        scene(tool, r, w, h);
        n++;
    }
    if (n == 0)
        skip("no rank has partners at its own and at another site");
}

#define PLAY(...) play(&(struct tool){__VA_ARGS__})

static void open_window(void)
{
    MPI_Win_allocate(4 * sizeof(int), sizeof(int), MPI_INFO_NULL, world.home, &memory, &window);
    memset(memory, 0, 4 * sizeof(int));
    MPI_Barrier(world.home);
}

static void close_window(void)
{
    MPI_Win_free(&window);
}

static void fence(int other)
{
    int value = 1;
    MPI_Win_fence(0, window);
    MPI_Put(&value, 1, MPI_INT, other, 0, 1, MPI_INT, window);
    MPI_Win_fence(0, window);
}

static void win_fence(void)
{
    PLAY(open_window, fence, fence, close_window);
}

static void nothing(void) {}

static void free_window(int other)
{
    (void)other;
    MPI_Win_free(&window);
}

static void win_free(void)
{
    PLAY(open_window, free_window, free_window, nothing);
}

static void group_of(int rank, MPI_Group *group)
{
    MPI_Group all;
    MPI_Comm_group(world.home, &all);
    MPI_Group_incl(all, 1, &rank, group);
    MPI_Group_free(&all);
}

/* R's epoch waits for H's exposure, and the other way round. */
static void access_other(int other)
{
    int value = 42;
    MPI_Group group;
    group_of(other, &group);
    MPI_Win_start(group, 0, window);
    MPI_Put(&value, 1, MPI_INT, other, 0, 1, MPI_INT, window);
    MPI_Win_complete(window);
    MPI_Group_free(&group);
}

static void expose_to(int other)
{
    MPI_Group group;
    group_of(other, &group);
    MPI_Win_post(group, 0, window);
    MPI_Win_wait(window);
    CHECK(memory[0] == 42);
    MPI_Group_free(&group);
}

static void win_complete(void)
{
    PLAY(open_window, access_other, expose_to, close_window);
}

static void win_wait(void)
{
    PLAY(open_window, expose_to, access_other, close_window);
}

/* H holds its own lock when R asks for it. */
static void lock_late(int h)
{
    int value = 7;
    MPI_Recv(NULL, 0, MPI_INT, h, DONE, world.home, MPI_STATUS_IGNORE);
    MPI_Win_lock(MPI_LOCK_EXCLUSIVE, h, 0, window);
    MPI_Put(&value, 1, MPI_INT, h, 0, 1, MPI_INT, window);
    MPI_Win_unlock(h, window);
}

static void lock_scene(int r, int w, int h)
{
    int word = -1, here = home_rank(h);
    MPI_Request request;
    if (world.site[world.rank] == world.site[r])
        open_window();
    MPI_Barrier(MPI_COMM_WORLD);
    if (world.rank == r) {
        MPI_Irecv(&word, 1, MPI_INT, MPI_ANY_SOURCE, WORD, MPI_COMM_WORLD, &request);
        lock_late(here);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
        CHECK(word == r);
    } else if (world.rank == w) {
        send_int(r, r, WORD);
        send_int(h, h, GO);
    } else if (world.rank == h) {
        MPI_Win_lock(MPI_LOCK_EXCLUSIVE, here, 0, window);
        MPI_Send(NULL, 0, MPI_INT, home_rank(r), DONE, world.home);
        receive_int(w, GO);
        MPI_Win_unlock(here, window);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    if (world.site[world.rank] == world.site[r])
        close_window();
}

static void win_lock(void)
{
    for (int r = 0; r < world.size; r++) {
        int w = wide_partner(r), h = home_partner(r);
        if (w >= 0 && h >= 0)
            lock_scene(r, w, h);
    }
}

static void open_file(void)
{
    int first = 0;
    while (world.site[first] != world.site[world.rank])
        first++;
    snprintf(path, sizeof path, "/tmp/widespan-asleep-%d-%d", first, (int)getuid());
    MPI_File_open(world.home, path, MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE,
                  MPI_INFO_NULL, &file);
}

static void close_file(void)
{
    MPI_File_close(&file);
}

static void write_all(int other)
{
    int rank, value = other;
    MPI_Comm_rank(world.home, &rank);
    MPI_File_write_at_all(file, (MPI_Offset)rank * 4, &value, 1, MPI_INT, MPI_STATUS_IGNORE);
}

static void file_write_all(void)
{
    PLAY(open_file, write_all, write_all, close_file);
}

static void view_and_read(int other)
{
    int value;
    (void)other;
    MPI_File_set_view(file, 0, MPI_INT, MPI_INT, "native", MPI_INFO_NULL);
    MPI_File_read_all(file, &value, 1, MPI_INT, MPI_STATUS_IGNORE);
}

static void file_set_view(void)
{
    PLAY(open_file, view_and_read, view_and_read, close_file);
}

static void read_ordered(int other)
{
    int value;
    (void)other;
    MPI_File_read_ordered(file, &value, 1, MPI_INT, MPI_STATUS_IGNORE);
}

static void file_read_ordered(void)
{
    PLAY(open_file, read_ordered, read_ordered, close_file);
}

static void close_file_with(int other)
{
    (void)other;
    MPI_File_close(&file);
}

static void file_close(void)
{
    PLAY(open_file, close_file_with, close_file_with, nothing);
}

static void open_file_with(int other)
{
    (void)other;
    open_file();
}

static void file_open(void)
{
    PLAY(nothing, open_file_with, open_file_with, close_file);
}

static MPI_Comm twin;

static void open_twin(void)
{
    MPI_Comm_dup(world.home, &twin);
}

static void disconnect(int other)
{
    (void)other;
    MPI_Comm_disconnect(&twin);
}

static void comm_disconnect(void)
{
    PLAY(open_twin, disconnect, disconnect, nothing);
}

static void create_window(int other)
{
    (void)other;
    open_window();
}

static void win_allocate(void)
{
    PLAY(nothing, create_window, create_window, close_window);
}

const struct mpi_case cases[] = {
    {"win_allocate", win_allocate, false},
    {"win_fence", win_fence, false},
    {"win_free", win_free, false},
    {"win_complete", win_complete, false},
    {"win_wait", win_wait, false},
    {"win_lock", win_lock, false},
    {"file_open", file_open, false},
    {"file_write_all", file_write_all, false},
    {"file_set_view", file_set_view, false},
    {"file_read_ordered", file_read_ordered, false},
    {"file_close", file_close, false},
    {"comm_disconnect", comm_disconnect, false},
    {NULL, NULL, false},
};
