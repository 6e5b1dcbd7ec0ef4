/* SPDX-License-Identifier: BSD-3-Clause */
/* Heat flow in a square plate with one hot edge, by Jacobi steps. The rows are shared out over the
 * ranks; a step exchanges the edge rows with both neighbours and takes the maximum change over all
 * ranks. Neither depends on how the rows are shared out, so the field is the same to the bit for
 * every number of ranks and sites. Rank 0 compares it with its own serial run.
 *
 *     heat [-n EDGE] [-s STEPS] [-o FILE]      FILE receives the raw field (doubles, row by row) */
#include <inttypes.h>
#include <math.h>
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TAG_UP = 1, TAG_DOWN = 2, TAG_FIELD = 3 };

/* Rows first .. first+n_rows-1 of the plate, with one row more above and below. */
struct plate {
    int edge, first, n_rows;
    double *now, *next;
};

static double *row_of(const struct plate *plate, double *field, int row)
{
    return field + (size_t)(row - plate->first + 1) * (size_t)plate->edge;
}

static void plate_open(struct plate *plate, int edge, int rank, int size)
{
    plate->edge = edge;
    plate->first = (int)((long)edge * rank / size);
    plate->n_rows = (int)((long)edge * (rank + 1) / size) - plate->first;
    size_t n_cells = (size_t)(plate->n_rows + 2) * (size_t)edge;
    plate->now = calloc(n_cells, sizeof *plate->now);
    plate->next = calloc(n_cells, sizeof *plate->next);
    if (!plate->now || !plate->next)
        MPI_Abort(MPI_COMM_WORLD, 1);
    for (int x = 0; plate->first == 0 && x < edge; x++) /* the hot edge */
        row_of(plate, plate->now, 0)[x] = row_of(plate, plate->next, 0)[x] = 100.0 + 0.1 * x;
}

static void plate_close(struct plate *plate)
{
    free(plate->now);
    free(plate->next);
}

/* One Jacobi step over the inner cells of the plate; returns the largest change. */
static double step(struct plate *plate)
{
    double change = 0;
    for (int y = plate->first; y < plate->first + plate->n_rows; y++) {
        if (y == 0 || y == plate->edge - 1)
            continue;
        const double *up = row_of(plate, plate->now, y - 1), *here = row_of(plate, plate->now, y);
        const double *down = row_of(plate, plate->now, y + 1);
        double *out = row_of(plate, plate->next, y);
        for (int x = 1; x < plate->edge - 1; x++) {
            out[x] = 0.25 * ((up[x] + down[x]) + (here[x - 1] + here[x + 1]));
            change = fmax(change, fabs(out[x] - here[x]));
        }
    }
    double *swap = plate->now;
    plate->now = plate->next;
    plate->next = swap;
    return change;
}

static void exchange_rows(struct plate *plate, int above, int below)
{
    int edge = plate->edge, last = plate->first + plate->n_rows - 1;
    MPI_Request requests[4];
    MPI_Irecv(row_of(plate, plate->now, plate->first - 1), edge, MPI_DOUBLE, above, TAG_DOWN,
              MPI_COMM_WORLD, &requests[0]);
    MPI_Irecv(row_of(plate, plate->now, last + 1), edge, MPI_DOUBLE, below, TAG_UP, MPI_COMM_WORLD,
              &requests[1]);
    MPI_Isend(row_of(plate, plate->now, plate->first), edge, MPI_DOUBLE, above, TAG_UP,
              MPI_COMM_WORLD, &requests[2]);
    MPI_Isend(row_of(plate, plate->now, last), edge, MPI_DOUBLE, below, TAG_DOWN, MPI_COMM_WORLD,
              &requests[3]);
    MPI_Waitall(4, requests, MPI_STATUSES_IGNORE);
}

/* Collects the field at rank 0 (malloc'ed there, NULL elsewhere). */
static double *collect(struct plate *plate, int rank, int size)
{
    int edge = plate->edge, n_cells = plate->n_rows * edge;
    double *mine = row_of(plate, plate->now, plate->first);
    if (rank != 0) {
        MPI_Send(mine, n_cells, MPI_DOUBLE, 0, TAG_FIELD, MPI_COMM_WORLD);
        return NULL;
    }
    double *field = malloc(sizeof *field * (size_t)edge * (size_t)edge);
    if (!field)
        MPI_Abort(MPI_COMM_WORLD, 1);
    memcpy(field, mine, sizeof *field * (size_t)n_cells);
    for (int other = 1; other < size; other++) {
        int first = (int)((long)edge * other / size), end = (int)((long)edge * (other + 1) / size);
        MPI_Recv(field + (size_t)first * (size_t)edge, (end - first) * edge, MPI_DOUBLE, other,
                 TAG_FIELD, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    }
    return field;
}

/* The same steps on this rank alone; returns 0 if field and change have the same bits. */
static int compare_with_serial(const double *field, double change, int edge, int steps)
{
    struct plate whole;
    double serial_change = 0;
    plate_open(&whole, edge, 0, 1);
    for (int i = 0; i < steps; i++)
        serial_change = step(&whole);
    int differs = memcmp(&change, &serial_change, sizeof change) != 0 ||
                  memcmp(field, row_of(&whole, whole.now, 0),
                         sizeof *field * (size_t)edge * (size_t)edge) != 0;
    plate_close(&whole);
    return differs;
}

static uint64_t hash_bits(const void *data, size_t length) /* FNV-1a */
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ ((const unsigned char *)data)[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static int write_field(const char *path, const double *field, size_t n_cells)
{
    FILE *file = fopen(path, "wb");
    if (!file) {
        perror(path);
        return 1;
    }
    size_t written = fwrite(field, sizeof *field, n_cells, file);
    return fclose(file) != 0 || written != n_cells;
}

int main(int argc, char **argv)
{
    int rank, size, option, edge = 128, steps = 300, bad = 0;
    const char *path = NULL;
    double change = 0, mine;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    while ((option = getopt(argc, argv, "n:s:o:")) != -1)
        if (option == 'n')
            edge = atoi(optarg);
        else if (option == 's')
            steps = atoi(optarg);
        else if (option == 'o')
            path = optarg;
    if (edge < size || edge > 16384 || steps < 1) {
        if (rank == 0)
            fprintf(stderr, "heat: needs at least one row a rank and one step\n");
        MPI_Abort(MPI_COMM_WORLD, 2);
    }

    struct plate plate;
    plate_open(&plate, edge, rank, size);
    int above = rank > 0 ? rank - 1 : MPI_PROC_NULL;
    int below = rank < size - 1 ? rank + 1 : MPI_PROC_NULL;
    for (int i = 0; i < steps; i++) {
        exchange_rows(&plate, above, below);
        mine = step(&plate);
        MPI_Allreduce(&mine, &change, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    }
    double *field = collect(&plate, rank, size);
    if (field) {
        size_t n_cells = (size_t)edge * (size_t)edge;
        bad = compare_with_serial(field, change, edge, steps);
        bad |= path ? write_field(path, field, n_cells) : 0;
        printf("heat: %d ranks, %d x %d cells, %d steps, last change %.17g, field %016" PRIx64
               ": %s\n",
               size, edge, edge, steps, change, hash_bits(field, n_cells * sizeof *field),
               bad ? "WRONG" : "right");
        free(field);
    }
    plate_close(&plate);
    MPI_Finalize();
    return bad;
}
