/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/tools.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 8192

__attribute__((format(printf, 3, 0), nonnull(3), noinline)) static void
say(const char *tool, const char *hint, const char *format, va_list args)
{
    char line[LINE_MAX_BYTES];
    size_t room = sizeof line - strlen(hint) - 2;
    int head = snprintf(line, room, "widespan %s: ", tool);
    vsnprintf(line + head, room - (size_t)head, format, args);
    strcat(line, hint);
    strcat(line, "\n");
    ssize_t ignored = write(STDERR_FILENO, line, strlen(line));
    (void)ignored;
}

int wsp_tool_fail(int status, const char *tool, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(tool, "", format, args);
    va_end(args);
    return status;
}

int wsp_tool_usage(const char *tool, const char *format, ...)
{
    char hint[64];
    va_list args;
    snprintf(hint, sizeof hint, " (see `man widespan-%s`)", tool);
    va_start(args, format);
    say(tool, hint, format, args);
    va_end(args);
    return WSP_EXIT_USAGE;
}
