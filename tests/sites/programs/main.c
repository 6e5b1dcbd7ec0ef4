/* SPDX-License-Identifier: BSD-3-Clause */
/* Random programs, one after the other on the same processes, without a barrier between them.
 *
 *     programs [--seed S] [--first F] [--programs N] [--threads T] [--limit SECONDS] [--print]
 *              -S RANKS,RANKS,...
 *
 * -S gives the ranks of each site. A program that takes longer than the limit ends the job and says
 * which it is and where each rank stands; --seed S --first F --programs 1 runs it alone, --print
 * shows its plan first. With --threads each rank runs that many programs at a time under
 * MPI_THREAD_MULTIPLE, on communicators of their own and on one that they share by tags. */
#include "actor.h"

#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_THREADS = 7 };

static struct {
    unsigned long long seed;
    int first, n_programs, n_threads;
    unsigned limit_s;
    bool prints;
    struct layout layout;
} options = {.seed = 1, .n_programs = 100, .limit_s = 60};

static struct actor actors[MAX_THREADS];
static int n_actors = 1;

static int where(const struct actor *actor, char *text, size_t size)
{
    const struct plan *plan = &actor->plan;
    char event[160] = "between programs";
    if (actor->place < plan->n_events)
        plan_describe(plan, plan->order[actor->place], event, sizeof event);
    return snprintf(text, size, "rank %d, thread %d, seed %llu, program %d, place %d (%s)",
                    actor->rank, actor->thread, (unsigned long long)plan->seed, plan->number,
                    actor->place, event);
}

void fail(const struct actor *actor, const char *format, ...)
{
    char text[300], at[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    where(actor, at, sizeof at);
    fprintf(stderr, "programs: WRONG: %s: %s\n", at, text);
    fflush(NULL);
    MPI_Abort(MPI_COMM_WORLD, 1);
    abort();
}

/* The deadline of a program: MPI cannot be trusted to end the job. */
static void hung(int signal_number)
{
    for (int i = 0; i < n_actors; i++) {
        char text[340] = "programs: HUNG: ";
        size_t length = strlen(text);
        length += (size_t)where(&actors[i], text + length, sizeof text - length - 1);
        length = length < sizeof text - 1 ? length : sizeof text - 2;
        text[length++] = '\n';
        if (write(STDERR_FILENO, text, length) < 0)
            break;
    }
    _exit(signal_number ? 3 : 0);
}

static void run_programs(struct actor *actor)
{
    for (int i = 0; i < options.n_programs; i++) {
        actor->place = MAX_EVENTS;
        plan_draw(&actor->plan, options.seed, options.first + i, &options.layout, actor->thread);
        if (options.prints && actor->rank == 0)
            plan_show(&actor->plan, stdout);
        if (actor->thread <= 0)
            alarm(options.limit_s);
        actor_run(actor);
    }
}

static void *run_thread(void *argument)
{
    run_programs(argument);
    return NULL;
}

static void open_actors(int rank)
{
    MPI_Comm shared, world;
    MPI_Comm_dup(MPI_COMM_WORLD, &shared);
    n_actors = options.n_threads > 0 ? options.n_threads : 1;
    for (int i = 0; i < n_actors; i++) {
        actors[i].rank = rank;
        actors[i].thread = options.n_threads > 0 ? i : -1;
        actors[i].plan.layout = options.layout;
        MPI_Comm_dup(MPI_COMM_WORLD, &world);
        actor_open(&actors[i], world, shared);
    }
}

static void close_actors(void)
{
    for (int i = 0; i < n_actors; i++) {
        MPI_Comm_free(&actors[i].comms[TEAM_WORLD]);
        actor_close(&actors[i]);
    }
    MPI_Comm_free(&actors[0].comms[TEAM_SHARED]);
}

static void run_all(void)
{
    pthread_t threads[MAX_THREADS];
    if (options.n_threads == 0) {
        run_programs(&actors[0]);
        return;
    }
    for (int i = 0; i < n_actors; i++)
        if (pthread_create(&threads[i], NULL, run_thread, &actors[i]) != 0)
            fail(&actors[i], "no thread");
    for (int i = 0; i < n_actors; i++)
        pthread_join(threads[i], NULL);
}

/* Adds up what all ranks and threads counted. */
static void report(int rank)
{
    enum { N = 6 };
    long sums[N] = {0}, all[N];
    for (int i = 0; i < n_actors; i++) {
        const struct actor *a = &actors[i];
        const long counts[N] = {a->n_events,  a->n_messages, a->n_wild,
                                a->n_surplus, a->n_reposted, a->n_late};
        for (int k = 0; k < N; k++)
            sums[k] += counts[k];
    }
    MPI_Reduce(sums, all, N, MPI_LONG, MPI_SUM, 0, MPI_COMM_WORLD);
    if (rank != 0)
        return;
    printf("programs: seed %llu, %d programs from %d on, %d ranks, %d threads, %ld events, "
           "%ld messages, %ld wildcard receives, cancelled: %ld left over, %ld posted again, "
           "%ld too late: right\n",
           options.seed, options.n_programs * n_actors, options.first, options.layout.n_ranks,
           options.n_threads, all[0], all[1], all[2], all[3], all[4], all[5]);
}

static void parse_sites(char *text)
{
    struct layout *layout = &options.layout;
    for (char *part = strtok(text, ","); part; part = strtok(NULL, ","), layout->n_sites++)
        for (int i = atoi(part); i > 0 && layout->n_ranks < MAX_RANKS; i--)
            layout->site[layout->n_ranks++] = layout->n_sites;
}

static bool parse(int argc, char **argv)
{
    static const struct option names[] = {{"seed", required_argument, NULL, 's'},
                                          {"first", required_argument, NULL, 'f'},
                                          {"programs", required_argument, NULL, 'n'},
                                          {"threads", required_argument, NULL, 't'},
                                          {"limit", required_argument, NULL, 'T'},
                                          {"print", no_argument, NULL, 'p'},
                                          {0}};
    int option;
    while ((option = getopt_long(argc, argv, "S:", names, NULL)) != -1) {
        if (option == 's')
            options.seed = strtoull(optarg, NULL, 10);
        else if (option == 'f')
            options.first = atoi(optarg);
        else if (option == 'n')
            options.n_programs = atoi(optarg);
        else if (option == 't')
            options.n_threads = atoi(optarg);
        else if (option == 'T')
            options.limit_s = (unsigned)atoi(optarg);
        else if (option == 'p')
            options.prints = true;
        else if (option == 'S')
            parse_sites(optarg);
        else
            return false;
    }
    return options.layout.n_ranks > 1 && options.n_threads <= MAX_THREADS;
}

int main(int argc, char **argv)
{
    int provided, rank, size;
    bool is_right = parse(argc, argv);
    MPI_Init_thread(&argc, &argv, options.n_threads ? MPI_THREAD_MULTIPLE : MPI_THREAD_SINGLE,
                    &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (!is_right || size != options.layout.n_ranks) {
        fprintf(stderr, "programs: wrong arguments, or ranks other than -S says\n");
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    if (options.n_threads && provided < MPI_THREAD_MULTIPLE) {
        if (rank == 0)
            printf("programs: skipped: the host MPI gives no MPI_THREAD_MULTIPLE\n");
        MPI_Finalize();
        return 77;
    }
    signal(SIGALRM, hung);
    alarm(options.limit_s);
    open_actors(rank);
    buffer_attach(&actors[0]);
    run_all();
    alarm(options.limit_s);
    report(rank);
    close_actors();
    buffer_detach(&actors[0]);
    MPI_Finalize();
    return 0;
}
