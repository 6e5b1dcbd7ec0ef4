/* SPDX-License-Identifier: BSD-3-Clause */
/* An MPI program that behaves as its arguments say, for tests of the launcher:
 * speaker BEHAVIOUR [RANK] [NUMBER]. */
#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int rank, size;

/* A line of its own for each rank and number: "rank 1 line 7 xxxx... end", longer and longer. */
static void print_line(int number, size_t length, int flush_inside)
{
    printf("rank %d line %d ", rank, number);
    for (size_t i = 0; i < length; i++) {
        putchar('a' + rank % 26);
        if (flush_inside && i == length / 2)
            fflush(stdout);
    }
    printf(" end\n");
    fflush(stdout);
}

static void print_lines(int n_lines)
{
    for (int i = 0; i < n_lines; i++)
        print_line(i, (size_t)(i * 97 % 3000), i % 3 == 0);
}

static void copy_input(void)
{
    char line[4096];
    size_t n_bytes = 0;
    while (rank == 0 && fgets(line, sizeof line, stdin)) {
        n_bytes += strlen(line);
        if (n_bytes < 1000)
            printf("got %s", line);
    }
    if (rank == 0)
        printf("total %zu\n", n_bytes);
    else
        printf("rank %d read %d\n", rank, getchar());
}

/* Does not end by itself, inside MPI. */
static void wait_for_ever(void)
{
    int never;
    MPI_Recv(&never, 1, MPI_INT, (rank + 1) % size, 99, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static void misbehave(const char *behaviour, int number)
{
    if (strcmp(behaviour, "abort") == 0)
        MPI_Abort(MPI_COMM_WORLD, number);
    else if (strcmp(behaviour, "signal") == 0)
        raise(number);
    else if (strcmp(behaviour, "leave") == 0)
        _exit(number);
}

static int is_misbehaviour(const char *behaviour)
{
    return strcmp(behaviour, "abort") == 0 || strcmp(behaviour, "signal") == 0 ||
           strcmp(behaviour, "leave") == 0;
}

int main(int argc, char **argv)
{
    const char *behaviour = argc > 1 ? argv[1] : "hello";
    int chosen = argc > 2 ? atoi(argv[2]) : 0, number = argc > 3 ? atoi(argv[3]) : 0;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    printf("rank %d of %d\n", rank, size);
    fflush(stdout);
    MPI_Barrier(MPI_COMM_WORLD);
    if (is_misbehaviour(behaviour)) {
        if (rank == chosen)
            misbehave(behaviour, number);
        wait_for_ever();
    } else if (strcmp(behaviour, "hang") == 0) {
        if (rank == 0) {
            printf("ready\n");
            fflush(stdout);
        }
        wait_for_ever();
    } else if (strcmp(behaviour, "lines") == 0) {
        print_lines(chosen);
    } else if (strcmp(behaviour, "long") == 0) {
        print_line(0, (size_t)chosen, 1);
    } else if (strcmp(behaviour, "input") == 0) {
        copy_input();
    } else if (strcmp(behaviour, "arguments") == 0) {
        for (int i = 2; i < argc; i++)
            printf("argument <%s>\n", argv[i]);
    } else if (strcmp(behaviour, "unended") == 0) {
        printf("no line end");
    }
    MPI_Finalize();
    return strcmp(behaviour, "status") == 0 && rank == chosen ? number : 0;
}
