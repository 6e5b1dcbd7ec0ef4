/* SPDX-License-Identifier: BSD-3-Clause */
#include "control.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

int wan_control_listen(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return -1;
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 8))) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool set_one(struct wan_settings *set, const char *key, const char *value)
{
    char *end;
    double number = strtod(value, &end);
    if (*end || !*value || number < 0)
        return false;
    uint64_t whole = (uint64_t)number;
    if (strcmp(key, "rate") == 0)
        set->rate_bps = whole;
    else if (strcmp(key, "delay") == 0)
        set->delay_ns = whole;
    else if (strcmp(key, "jitter") == 0)
        set->jitter_ns = whole;
    else if (strcmp(key, "queue") == 0)
        set->queue_bytes = whole;
    else if (strcmp(key, "loss") == 0)
        set->loss = number;
    else if (strcmp(key, "flow_cap") == 0)
        set->flow_cap_bps = whole;
    else if (strcmp(key, "cut") == 0)
        set->is_cut = whole != 0;
    else
        return false;
    return true;
}

static const char *set_all(struct wan_line lines[2], char *rest)
{
    char *which = strtok_r(NULL, " ", &rest);
    bool is_ab = which && (strcmp(which, "ab") == 0 || strcmp(which, "both") == 0);
    bool is_ba = which && (strcmp(which, "ba") == 0 || strcmp(which, "both") == 0);
    struct wan_settings sets[2] = {lines[0].model.set, lines[1].model.set};
    if (!is_ab && !is_ba)
        return "error: set ab, ba or both\n";
    for (char *word; (word = strtok_r(NULL, " ", &rest));) {
        char *value = strchr(word, '=');
        if (!value)
            return "error: settings have the form KEY=VALUE\n";
        *value++ = '\0';
        if ((is_ab && !set_one(&sets[0], word, value)) ||
            (is_ba && !set_one(&sets[1], word, value)))
            return "error: unknown key or bad value\n";
    }
    for (int i = 0; i < 2; i++)
        lines[i].model.set = sets[i];
    return "ok\n";
}

static int tell(char *out, size_t room, const char *name, const struct wan_line *line)
{
    static const char *const fates[WAN_N_FATES] = {"passed", "cut", "lost", "policed",
                                                   "overflowed"};
    int n = snprintf(out, room,
                     "\"%s\": {\"refused\": %" PRIu64 ", \"latest_ns\": %" PRIu64 ", \"held\": %zu",
                     name, line->n_refused, line->n_late_ns, line->lane.n_held + line->slow.n_held);
    for (int i = 0; i < WAN_N_FATES; i++)
        n += snprintf(out + n, room - (size_t)n,
                      ", \"%s\": {\"packets\": %" PRIu64 ", \"bytes\": %" PRIu64 "}", fates[i],
                      line->model.n_packets[i], line->model.n_bytes[i]);
    n += snprintf(out + n, room - (size_t)n, "}");
    return n;
}

static void statistics(const struct wan_line lines[2], char *out, size_t room)
{
    int n = snprintf(out, room, "{");
    n += tell(out + n, room - (size_t)n, "ab", &lines[0]);
    n += snprintf(out + n, room - (size_t)n, ", ");
    n += tell(out + n, room - (size_t)n, "ba", &lines[1]);
    snprintf(out + n, room - (size_t)n, "}\n");
}

static const char *slow_one(struct wan_line lines[2], uint64_t now_ns, char *rest)
{
    char *which = strtok_r(NULL, " ", &rest), *fraction = strtok_r(NULL, " ", &rest), *end = NULL;
    double number = fraction ? strtod(fraction, &end) : 0;
    bool is_ab = which && strcmp(which, "ab") == 0;
    if (!fraction || *end || number <= 0 || (!is_ab && strcmp(which, "ba") != 0))
        return "error: slow ab or ba, and a fraction above 0\n";
    bool is_done = wan_model_slow(&lines[is_ab ? 0 : 1].model, now_ns, number);
    return is_done ? "ok\n" : "error: nothing flows there\n";
}

static bool answer(char *request, struct wan_line lines[2], uint64_t now_ns, char *out, size_t room)
{
    char *rest = request;
    request[strcspn(request, "\n")] = '\0';
    char *word = strtok_r(rest, " ", &rest);
    if (word && strcmp(word, "quit") == 0) {
        snprintf(out, room, "ok\n");
        return true;
    }
    if (word && strcmp(word, "statistics") == 0)
        statistics(lines, out, room);
    else if (word && strcmp(word, "set") == 0)
        snprintf(out, room, "%s", set_all(lines, rest));
    else if (word && strcmp(word, "slow") == 0)
        snprintf(out, room, "%s", slow_one(lines, now_ns, rest));
    else
        snprintf(out, room, "error: set, slow, statistics or quit\n");
    return false;
}

bool wan_control_serve(int listener, struct wan_line lines[2], uint64_t now_ns)
{
    char request[1024], out[2048];
    const struct timeval limit = {.tv_usec = 200000};
    bool is_end = false;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return false;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ssize_t n = recv(fd, request, sizeof request - 1, 0);
    if (n > 0) {
        request[n] = '\0';
        is_end = answer(request, lines, now_ns, out, sizeof out);
        (void)!send(fd, out, strlen(out), MSG_NOSIGNAL);
    }
    close(fd);
    return is_end;
}
