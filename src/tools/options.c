/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/options.h"

#include "base/opts.h"

void wsp_options_print(FILE *out)
{
    for (int id = 0; id < WSP_OPT_COUNT_; id++) {
        const struct wsp_opt *row = wsp_opt_row((enum wsp_opt_id)id);
        char range[WSP_OPT_RANGE_MAX];
        wsp_opt_range(row, range, sizeof range);
        fprintf(out, "  %s (%s%s; default %s%s)", row->variable, wsp_opt_unit(row->kind), range,
                *row->default_text ? row->default_text : "none",
                wsp_opt_is_set((enum wsp_opt_id)id) ? "; set to " : "");
        if (wsp_opt_is_set((enum wsp_opt_id)id))
            fputs(wsp_opt_text((enum wsp_opt_id)id), out);
        fprintf(out, "\n      %s\n", row->help);
    }
}

/* Text in which man macros see nothing of their own. */
static void put_man(const char *text, FILE *out)
{
    for (; *text; text++) {
        if (*text == '-' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
}

void wsp_options_print_man(FILE *out)
{
    for (int id = 0; id < WSP_OPT_COUNT_; id++) {
        const struct wsp_opt *row = wsp_opt_row((enum wsp_opt_id)id);
        char range[WSP_OPT_RANGE_MAX];
        wsp_opt_range(row, range, sizeof range);
        fprintf(out, ".TP\n.B %s\n", row->variable);
        put_man(row->help, out);
        fprintf(out, ".\nUnit: %s%s; default: ", wsp_opt_unit(row->kind), range);
        put_man(*row->default_text ? row->default_text : "none", out);
        fputs(".\n", out);
    }
}
