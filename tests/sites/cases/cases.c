/* SPDX-License-Identifier: BSD-3-Clause */
#include "cases.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct world world;
static const struct mpi_case *running;
static bool is_skipped;

void check(bool holds, const char *text, const char *file, int line)
{
    if (holds)
        return;
    fprintf(stderr, "case %s: WRONG: rank %d, %s:%d: %s\n", running ? running->name : "-",
            world.rank, file, line, text);
    fflush(NULL);
    MPI_Abort(MPI_COMM_WORLD, 1);
    abort();
}

void skip(const char *why)
{
    is_skipped = true;
    if (world.rank == 0)
        printf("case %s: skipped: %s\n", running->name, why);
}

static void hung(int signal_number)
{
    char text[160];
    int length = snprintf(text, sizeof text, "case %s: HUNG: rank %d\n", running->name, world.rank);
    if (write(STDERR_FILENO, text, (size_t)length) < 0 || signal_number)
        _exit(3);
}

int home_partner(int rank)
{
    for (int k = 1; k < world.size; k++) {
        int other = (rank + k) % world.size;
        if (world.site[other] == world.site[rank])
            return other;
    }
    return -1;
}

int wide_partner(int rank)
{
    for (int k = 1; k < world.size; k++) {
        int other = (rank + k) % world.size;
        if (world.site[other] != world.site[rank])
            return other;
    }
    return -1;
}

void for_pairs(void (*scene)(int from, int to))
{
    int w = wide_partner(0), h = home_partner(0);
    if (w >= 0) {
        scene(0, w);
        scene(w, 0);
    }
    if (h >= 0)
        scene(0, h);
}

int class_of(int code)
{
    int class;
    MPI_Error_class(code, &class);
    return class;
}

static int n_errors;

void count_errors(MPI_Comm *comm, int *code, ...)
{
    n_errors++;
}

bool is_refused(int code, int wanted)
{
    bool is_once = n_errors == 1;
    n_errors = 0;
    return is_once && class_of(code) == wanted;
}

void send_int(int value, int dest, int tag)
{
    MPI_Ssend(&value, 1, MPI_INT, dest, tag, MPI_COMM_WORLD);
}

int receive_int(int source, int tag)
{
    int value;
    MPI_Recv(&value, 1, MPI_INT, source, tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    return value;
}

void return_errors(bool on)
{
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, on ? MPI_ERRORS_RETURN : MPI_ERRORS_ARE_FATAL);
}

unsigned char pattern(size_t i, int salt)
{
    return (unsigned char)((i * 131 + (i >> 8) * 17 + (unsigned)salt * 29 + 5) & 0xff);
}

void fill(void *data, size_t length, int salt)
{
    for (size_t i = 0; i < length; i++)
        ((unsigned char *)data)[i] = pattern(i, salt);
}

bool is_filled(const void *data, size_t length, int salt)
{
    for (size_t i = 0; i < length; i++)
        if (((const unsigned char *)data)[i] != pattern(i, salt))
            return false;
    return true;
}

static void parse_sites(char *text)
{
    int rank = 0;
    for (char *part = strtok(text, ","); part; part = strtok(NULL, ","), world.n_sites++)
        for (int i = atoi(part); i > 0 && rank < MAX_WORLD; i--)
            world.site[rank++] = world.n_sites;
}

/* A home communicator, by the one way a program has to make it. */
static void open_home(void)
{
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    if (MPI_Comm_split(MPI_COMM_WORLD, world.site[world.rank], world.rank, &world.home) !=
        MPI_SUCCESS)
        world.home = MPI_COMM_NULL;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
}

static bool is_chosen(const struct mpi_case *c, int n_names, char **names, bool all)
{
    for (int i = 0; i < n_names; i++)
        if (strcmp(names[i], c->name) == 0)
            return true;
    return n_names == 0 && (all || !c->is_slow);
}

static int run_cases(int n_names, char **names, bool all, unsigned limit_s)
{
    int n_run = 0;
    signal(SIGALRM, hung);
    for (const struct mpi_case *c = cases; c->name; c++) {
        if (!is_chosen(c, n_names, names, all))
            continue;
        running = c;
        is_skipped = false;
        alarm(limit_s);
        c->run();
        MPI_Barrier(MPI_COMM_WORLD);
        if (world.rank == 0 && !is_skipped)
            printf("case %s: right\n", c->name);
        fflush(stdout);
        n_run += !is_skipped;
    }
    alarm(limit_s);
    return n_run;
}

int main(int argc, char **argv)
{
    int option, all = 0;
    unsigned limit_s = 100; /* generous: machines are busy */

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &world.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &world.size);
    while ((option = getopt(argc, argv, "S:T:la")) != -1) {
        if (option == 'S')
            parse_sites(optarg);
        else if (option == 'T')
            limit_s = (unsigned)atoi(optarg);
        else if (option == 'a')
            all = 1;
        for (const struct mpi_case *c = cases; option == 'l' && c->name; c++)
            puts(c->name);
    }
    if (world.n_sites == 0)
        world.n_sites = 1;
    open_home();
    int n_run = run_cases(argc - optind, argv + optind, all, limit_s);
    if (world.home != MPI_COMM_NULL)
        MPI_Comm_free(&world.home);
    MPI_Finalize();
    if (world.rank == 0)
        printf("%d cases right\n", n_run);
    return n_run == 0 ? 77 : 0;
}
