/* SPDX-License-Identifier: BSD-3-Clause */
/* The subcommands of `widespan`: argv[0] is the subcommand's name; the result is the exit status.
 */
#ifndef WSP_TOOLS_TOOLS_H
#define WSP_TOOLS_TOOLS_H

#include <stddef.h>

#define WSP_EXIT_USAGE 2

int wsp_tool_run(int argc, char **argv);
int wsp_tool_exec(int argc, char **argv);
int wsp_tool_coordinator(int argc, char **argv);
int wsp_tool_info(int argc, char **argv);

/* Says on standard error, in one write and one line, "widespan TOOL: ..."; returns status. */
int wsp_tool_fail(int status, const char *tool, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a mistake on the command line, with a hint at the manual page. */
int wsp_tool_usage(const char *tool, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
