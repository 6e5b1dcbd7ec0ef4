/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of options, for people: on a terminal and in the manual page. */
#ifndef WSP_TOOLS_OPTIONS_H
#define WSP_TOOLS_OPTIONS_H

#include <stdio.h>

/* Every option with its unit, default, range, present value if set, and meaning. */
void wsp_options_print(FILE *out);

/* The same as the OPTIONS section of a manual page (man macros), without present values. */
void wsp_options_print_man(FILE *out);

#endif
