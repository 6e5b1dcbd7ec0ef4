/* SPDX-License-Identifier: BSD-3-Clause */
#include "probe.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { N_WATCHED = 8, DEADLINE_S = 60, ODD = -77 };

static struct {
    const char *name;
    MPI_Comm comm;
} watched[N_WATCHED];
static int n_watched;

/* What the handler saw since the probe began. */
static struct {
    int n_calls, code;
    char name[16];
} seen;

static MPI_Errhandler noting = MPI_ERRHANDLER_NULL;
static char scene[64], running[96];

const char *class_name(int code)
{
    static char names[4][MPI_MAX_ERROR_STRING];
    static int next;
    char *name = names[next++ % 4];
    int class, length;
    if (MPI_Error_class(code, &class) != MPI_SUCCESS || class < 0 || class > MPI_ERR_LASTCODE)
        snprintf(name, sizeof names[0], "code %d", code);
    else if (MPI_Error_string(class, name, &length) == MPI_SUCCESS)
        name[strcspn(name, ":")] = '\0';
    return name;
}

static const char *name_of(MPI_Comm comm)
{
    for (int i = 0; i < n_watched; i++)
        if (watched[i].comm == comm)
            return watched[i].name;
    return comm == MPI_COMM_NULL ? "null" : "another";
}

static void note(MPI_Comm *comm, int *code, ...)
{
    seen.n_calls++;
    seen.code = *code;
    snprintf(seen.name, sizeof seen.name, "%s", name_of(*comm));
}

void watch(const char *name, MPI_Comm comm)
{
    watched[n_watched].name = name;
    watched[n_watched++].comm = comm;
}

void unwatch_all(void)
{
    n_watched = 0;
    if (noting != MPI_ERRHANDLER_NULL)
        MPI_Errhandler_free(&noting);
}

void set_handlers(bool is_users)
{
    if (noting == MPI_ERRHANDLER_NULL)
        MPI_Comm_create_errhandler(note, &noting);
    for (int i = 0; i < n_watched; i++)
        MPI_Comm_set_errhandler(watched[i].comm, is_users ? noting : MPI_ERRORS_RETURN);
}

void set_scene(const char *stage, const char *variant)
{
    snprintf(scene, sizeof scene, "%s %s", stage, variant);
}

static void hung(int signal_number)
{
    static const char text[] = "HUNG: ";
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0 ||
        write(STDERR_FILENO, running, strlen(running)) < 0 || write(STDERR_FILENO, "\n", 1) < 0)
        _exit(4);
    _exit(signal_number ? 3 : 0);
}

void probe_begin(const char *name)
{
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    snprintf(running, sizeof running, "[%d] %s %s", rank, scene, name);
    memset(&seen, 0, sizeof seen);
    signal(SIGALRM, hung);
    alarm(DEADLINE_S);
}

static void print_status(MPI_Status *status)
{
    int count = ODD, is_cancelled = 0;
    if (status->MPI_SOURCE == ODD && status->MPI_TAG == ODD) {
        printf(" status=untouched");
    } else {
        MPI_Get_count(status, MPI_BYTE, &count);
        MPI_Test_cancelled(status, &is_cancelled);
        printf(" status=%d,%d,%d%s", status->MPI_SOURCE, status->MPI_TAG, count,
               is_cancelled ? ",cancelled" : "");
    }
    if (status->MPI_ERROR != ODD)
        printf(",%s", class_name(status->MPI_ERROR));
}

int probe_end(int code, MPI_Status *status, const char *more)
{
    printf("%s: %s", running, class_name(code));
    if (seen.n_calls > 0)
        printf(" handler=%d,%s,%s", seen.n_calls, seen.name, class_name(seen.code));
    if (status)
        print_status(status);
    printf("%s\n", more);
    fflush(stdout);
    alarm(DEADLINE_S);
    return code;
}

void say(const char *name, const char *format, ...)
{
    va_list list;
    probe_begin(name);
    printf("%s: ", running);
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    putchar('\n');
    fflush(stdout);
}

MPI_Status odd_status(void)
{
    MPI_Status status;
    memset(&status, 0, sizeof status);
    status.MPI_SOURCE = status.MPI_TAG = status.MPI_ERROR = ODD;
    return status;
}

const char *joined(const char *a, const char *b)
{
    static char names[4][64];
    static int next;
    char *name = names[next++ % 4];
    snprintf(name, sizeof names[0], "%s %s", a, b);
    return name;
}

void probe_end_comm(int code, MPI_Comm *made)
{
    probe_end(code, NULL, *made == MPI_COMM_NULL ? " null" : *made == MPI_COMM_SELF ? " kept" : "");
    if (code == MPI_SUCCESS && *made != MPI_COMM_NULL && *made != MPI_COMM_SELF)
        MPI_Comm_free(made);
}
