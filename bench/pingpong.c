/* SPDX-License-Identifier: BSD-3-Clause */
/* Ping-pong suite for any MPI: latency, bandwidth one way and both ways, and message rate between
 * rank 0 and a rank of its own site (the home pair), and a rank of another site (the wide pair),
 * beside a bare TCP connection between the same two processes.
 *
 *     pingpong [--pairs home,wide] [--sizes BYTES,...] [--max BYTES] [--time SECONDS]
 *              [--repeat N] [--tests latency,bandwidth,both,tcp] [--json FILE]
 *
 * Ranks are of one site if WIDESPAN_SITE says so, or where it is not set, if they share a host.
 * Ranks that take no part sleep between looks for a message, and so leave the processors alone. */
#include "measure.h"
#include "median.h"
#include "tcp.h"

#include <errno.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NAME_MAX_BYTES 256
#define REPEAT_MAX     64
#define SIZES_MAX      64
#define SIZE_LIMIT     ((size_t)64 << 20)

enum { TAG_COMMAND = 1, TAG_ADDRESS };
enum kind { LATENCY, BANDWIDTH, BOTH, TCP_LATENCY, TCP_BANDWIDTH, N_KINDS };
enum op { OP_END, OP_ACTIVE, OP_IDLE, OP_CHECK, OP_RUN, OP_TCP_OPEN, OP_TCP_CLOSE };

static const char *const kind_names[N_KINDS] = {"latency_us", "bandwidth_MBps", "both_ways_MBps",
                                                "tcp_latency_us", "tcp_bandwidth_MBps"};

/* What rank 0 tells the other rank of the pair to do with it. */
struct command {
    int32_t op, kind;
    int64_t size, n;
};

struct name {
    char site[NAME_MAX_BYTES];
};

/* Where the listening side of the bare connection is. */
struct where {
    char host[NAME_MAX_BYTES];
    uint16_t port;
};

struct settings {
    const char *pairs, *tests, *json;
    size_t sizes[SIZES_MAX];
    int n_sizes, repeat;
    double time_s;
};

static int rank, n_ranks;
static struct name *names; /* of each rank */
static char *out, *in;
static int tcp = -1; /* the bare connection, -1 while there is none */

static void die(const char *what)
{
    fprintf(stderr, "pingpong: rank %d: %s\n", rank, what);
    MPI_Abort(MPI_COMM_WORLD, 1);
    abort();
}

static double run(int partner, int first, const struct command *c)
{
    struct exchange x = {partner, first, (size_t)c->size, (long)c->n, out, in};
    double seconds = 0;
    if (c->kind == LATENCY)
        return measure_round_trips(&x);
    if (c->kind == BANDWIDTH || c->kind == BOTH)
        return measure_windows(&x, c->kind == BOTH);
    int err = c->kind == TCP_LATENCY ? tcp_round_trips(tcp, first, in, x.size, x.n, &seconds)
                                     : tcp_one_way(tcp, first, in, x.size, x.n, &seconds);
    if (err)
        die("the bare TCP connection failed");
    return seconds;
}

/* The listening side tells its address: what Widespan was told, or its host name. */
static void tcp_open_here(void)
{
    struct where where = {.port = 0};
    int listener = tcp_listen(&where.port), length;
    const char *address = getenv("WIDESPAN_ADDRESS");
    char processor[MPI_MAX_PROCESSOR_NAME];
    if (listener < 0)
        die(strerror(errno));
    MPI_Get_processor_name(processor, &length);
    snprintf(where.host, sizeof(where.host), "%s", address && *address ? address : processor);
    MPI_Send(&where, sizeof(where), MPI_BYTE, 0, TAG_ADDRESS, MPI_COMM_WORLD);
    if ((tcp = tcp_accept(listener)) < 0)
        die(strerror(errno));
}

static void tcp_open_there(int partner)
{
    struct where where;
    MPI_Recv(&where, sizeof(where), MPI_BYTE, partner, TAG_ADDRESS, MPI_COMM_WORLD,
             MPI_STATUS_IGNORE);
    if ((tcp = tcp_connect(where.host, where.port)) < 0)
        die("cannot open the bare TCP connection");
}

static void tcp_end(void)
{
    if (tcp >= 0)
        close(tcp);
    tcp = -1;
}

/* Waits for a command; while idle, without keeping a processor busy. */
static struct command next_command(bool is_active)
{
    struct command c;
    const struct timespec nap = {.tv_nsec = 10000000};
    for (int is_there = is_active; !is_there;) {
        MPI_Iprobe(0, TAG_COMMAND, MPI_COMM_WORLD, &is_there, MPI_STATUS_IGNORE);
        if (!is_there)
            nanosleep(&nap, NULL);
    }
    MPI_Recv(&c, sizeof(c), MPI_BYTE, 0, TAG_COMMAND, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    return c;
}

static void serve(void)
{
    bool is_active = false;
    for (;;) {
        struct command c = next_command(is_active);
        struct exchange x = {0, 0, (size_t)c.size, 1, out, in};
        switch (c.op) {
        case OP_END:
            return;
        case OP_ACTIVE:
        case OP_IDLE:
            is_active = c.op == OP_ACTIVE;
            break;
        case OP_CHECK:
            measure_check(&x);
            break;
        case OP_RUN:
            run(0, 0, &c);
            break;
        case OP_TCP_OPEN:
            tcp_open_here();
            break;
        case OP_TCP_CLOSE:
            tcp_end();
            break;
        default:
            die("unknown command");
        }
    }
}

static void tell(int partner, enum op op, struct command c)
{
    c.op = (int32_t)op;
    MPI_Send(&c, sizeof(c), MPI_BYTE, partner, TAG_COMMAND, MPI_COMM_WORLD);
}

static double tell_and_run(int partner, struct command c)
{
    tell(partner, OP_RUN, c);
    return run(partner, 1, &c);
}

/* Microseconds or megabytes a second for one message size: the median over the repeats, each of
 * which lasts about time_s / repeat seconds. */
static double measure(int partner, enum kind kind, size_t size, const struct settings *set)
{
    double values[REPEAT_MAX];
    const int step = kind == BANDWIDTH || kind == BOTH ? measure_window(size) : 1;
    struct command c = {.kind = (int32_t)kind, .size = (int64_t)size, .n = 2L * step};
    tell_and_run(partner, c); /* opens connections, touches memory */
    double each = tell_and_run(partner, c) / (double)c.n;
    double n = set->time_s / set->repeat / each;
    c.n = n > 1e7 ? 10000000 : (int64_t)n;
    c.n = c.n < step ? step : c.n / step * step;
    for (int i = 0; i < set->repeat; i++) {
        each = tell_and_run(partner, c) / (double)c.n;
        if (kind == LATENCY || kind == TCP_LATENCY)
            values[i] = each / 2 * 1e6;
        else
            values[i] = (double)size * (kind == BOTH ? 2 : 1) / each / 1e6;
    }
    return median_of(values, (size_t)set->repeat);
}

static bool wanted(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; (at = strstr(at, word)); at += length)
        if ((at == list || at[-1] == ',') && (at[length] == ',' || at[length] == '\0'))
            return true;
    return false;
}

static bool is_measured(enum kind kind, bool is_wide, const char *tests)
{
    switch (kind) {
    case LATENCY:
        return wanted(tests, "latency");
    case BANDWIDTH:
        return wanted(tests, "bandwidth");
    case BOTH:
        return wanted(tests, "both");
    default:
        return is_wide && wanted(tests, "tcp");
    }
}

static void print_row(size_t size, const double *values)
{
    printf("%12zu", size);
    for (int k = 0; k < N_KINDS; k++) {
        if (values[k] > 0)
            printf(" %12.*f", k == LATENCY || k == TCP_LATENCY ? 3 : 1, values[k]);
        else
            printf(" %12s", "-");
        if (k == BANDWIDTH && values[k] > 0)
            printf(" %12.0f", values[k] * 1e6 / (double)size);
        else if (k == BANDWIDTH)
            printf(" %12s", "-");
    }
    printf("\n");
    fflush(stdout);
}

static void write_row(FILE *json, size_t size, const double *values, bool is_last)
{
    fprintf(json, "      {\"bytes\": %zu", size);
    for (int k = 0; k < N_KINDS; k++)
        if (values[k] > 0)
            fprintf(json, ", \"%s\": %.6g", kind_names[k], values[k]);
    if (values[BANDWIDTH] > 0)
        fprintf(json, ", \"messages_per_s\": %.6g", values[BANDWIDTH] * 1e6 / (double)size);
    fprintf(json, "}%s\n", is_last ? "" : ",");
}

static void drive_pair(int partner, bool is_wide, const struct settings *set, FILE *json)
{
    const struct command none = {0};
    printf("\n%s pair: rank 0 (%s) and rank %d (%s)\n", is_wide ? "wide" : "home", names[0].site,
           partner, names[partner].site);
    printf("%12s %12s %12s %12s %12s %12s %12s\n", "bytes", "latency us", "MB/s", "messages/s",
           "both MB/s", "tcp us", "tcp MB/s");
    tell(partner, OP_ACTIVE, none);
    if (is_measured(TCP_LATENCY, is_wide, set->tests)) {
        tell(partner, OP_TCP_OPEN, none);
        tcp_open_there(partner);
    }
    for (int i = 0; i < set->n_sizes; i++) {
        const size_t size = set->sizes[i];
        double values[N_KINDS] = {0};
        struct exchange x = {partner, 1, size, 1, out, in};
        tell(partner, OP_CHECK, (struct command){.size = (int64_t)size});
        measure_check(&x);
        for (int k = 0; k < N_KINDS; k++)
            if (is_measured((enum kind)k, is_wide, set->tests))
                values[k] = measure(partner, (enum kind)k, size, set);
        print_row(size, values);
        if (json)
            write_row(json, size, values, i == set->n_sizes - 1);
    }
    tell(partner, OP_TCP_CLOSE, none);
    tcp_end();
    tell(partner, OP_IDLE, none);
}

/* The first other rank of rank 0's site, or of another; 0 if there is none. */
static int partner_of(bool is_wide)
{
    for (int i = 1; i < n_ranks; i++)
        if ((strcmp(names[i].site, names[0].site) != 0) == is_wide)
            return i;
    return 0;
}

static void write_head(FILE *json, const struct settings *set)
{
    char library[MPI_MAX_LIBRARY_VERSION_STRING];
    int length;
    MPI_Get_library_version(library, &length);
    library[strcspn(library, ",\n")] = '\0';
    fprintf(json, "{\n  \"library\": \"%s\", \"ranks\": %d, \"repeat\": %d,\n  \"pairs\": [",
            library, n_ranks, set->repeat);
}

static void drive(const struct settings *set)
{
    FILE *json = set->json ? fopen(set->json, "w") : NULL;
    int n_pairs = 0;
    if (set->json && !json)
        die(strerror(errno));
    if (json)
        write_head(json, set);
    for (int is_wide = 0; is_wide <= 1; is_wide++) {
        const char *pair = is_wide ? "wide" : "home";
        int partner = partner_of(is_wide);
        if (!wanted(set->pairs, pair))
            continue;
        if (!partner) {
            printf("\nno %s pair: rank 0 has no partner for it\n", pair);
            continue;
        }
        if (json)
            fprintf(json, "%s\n    {\"pair\": \"%s\", \"partner\": %d, \"results\": [\n",
                    n_pairs++ ? "," : "", pair, partner);
        drive_pair(partner, is_wide, set, json);
        if (json)
            fprintf(json, "    ]}");
    }
    if (json) {
        fprintf(json, "\n  ]\n}\n");
        fclose(json);
    }
    for (int i = 1; i < n_ranks; i++)
        tell(i, OP_END, (struct command){0});
}

static bool add_size(struct settings *set, size_t size)
{
    if (size == 0 || size > SIZE_LIMIT || set->n_sizes == SIZES_MAX)
        return false;
    set->sizes[set->n_sizes++] = size;
    return true;
}

static bool parse_sizes(struct settings *set, char *list)
{
    for (char *word = strtok(list, ","); word; word = strtok(NULL, ","))
        if (!add_size(set, strtoull(word, NULL, 10)))
            return false;
    return true;
}

static bool parse(int argc, char **argv, struct settings *set)
{
    size_t max = SIZE_LIMIT;
    for (int i = 1; i < argc; i += 2) {
        char *value = argv[i + 1];
        if (i + 1 >= argc)
            return false;
        if (strcmp(argv[i], "--pairs") == 0)
            set->pairs = value;
        else if (strcmp(argv[i], "--tests") == 0)
            set->tests = value;
        else if (strcmp(argv[i], "--json") == 0)
            set->json = value;
        else if (strcmp(argv[i], "--max") == 0)
            max = strtoull(value, NULL, 10);
        else if (strcmp(argv[i], "--time") == 0)
            set->time_s = atof(value);
        else if (strcmp(argv[i], "--repeat") == 0)
            set->repeat = atoi(value);
        else if (strcmp(argv[i], "--sizes") != 0 || !parse_sizes(set, value))
            return false;
    }
    if (set->n_sizes == 0)
        for (size_t size = 1; size <= max && add_size(set, size);)
            size *= 4;
    return set->n_sizes > 0 && set->repeat >= 1 && set->repeat <= REPEAT_MAX && set->time_s > 0;
}

static void learn_names(void)
{
    struct name mine = {{0}};
    const char *site = getenv("WIDESPAN_SITE");
    char processor[MPI_MAX_PROCESSOR_NAME];
    int length;
    MPI_Get_processor_name(processor, &length);
    snprintf(mine.site, sizeof(mine.site), "%s", site && *site ? site : processor);
    names = calloc((size_t)n_ranks, sizeof(*names));
    if (!names)
        die("out of memory");
    MPI_Allgather(&mine, sizeof(mine), MPI_BYTE, names, sizeof(mine), MPI_BYTE, MPI_COMM_WORLD);
}

static size_t largest(const struct settings *set)
{
    size_t size = 1;
    for (int i = 0; i < set->n_sizes; i++)
        size = set->sizes[i] > size ? set->sizes[i] : size;
    return size;
}

int main(int argc, char **argv)
{
    struct settings set = {
        .pairs = "home,wide", .tests = "latency,bandwidth,both,tcp", .repeat = 5, .time_s = 0.25};
    if (!parse(argc, argv, &set)) {
        fprintf(stderr, "usage: pingpong [--pairs home,wide] [--sizes BYTES,...] [--max BYTES] "
                        "[--time SECONDS]\n                [--repeat N] "
                        "[--tests latency,bandwidth,both,tcp] [--json FILE]\n");
        return 2;
    }
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &n_ranks);
    learn_names();
    out = calloc(1, measure_memory(largest(&set)));
    in = calloc(1, measure_memory(largest(&set)));
    if (!out || !in)
        die("out of memory");
    if (rank == 0)
        drive(&set);
    else
        serve();
    free(out);
    free(in);
    free(names);
    MPI_Finalize();
    return 0;
}
