/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum wsp_log_level wsp_log_level = WSP_LOG_WARN;

static const char *const names[] = {"error", "warn", "info", "debug"};
static char line_prefix[64] = "";

bool wsp_log_set_level(const char *name)
{
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) {
            wsp_log_level = (enum wsp_log_level)i;
            return true;
        }
    return false;
}

void wsp_log_set_prefix(const char *prefix)
{
    snprintf(line_prefix, sizeof line_prefix, "%s", prefix);
}

void wsp_log_write(enum wsp_log_level level, const char *format, ...)
{
    char line[1024];
    int head = snprintf(line, sizeof line, "widespan%s%s%s %s: ", *line_prefix ? " [" : "",
                        line_prefix, *line_prefix ? "]" : "", names[level]);
    va_list args;
    va_start(args, format);
    int body = vsnprintf(line + head, sizeof line - (size_t)head - 1, format, args);
    va_end(args);
    size_t length = strlen(line);
    (void)body;
    line[length++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, length);
    (void)ignored;
}
