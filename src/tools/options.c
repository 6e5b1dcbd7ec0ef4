/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/options.h"

#include "base/clock.h"
#include "base/opts.h"

#include <inttypes.h>

struct unit {
    uint64_t factor;
    const char *suffix;
};

/* A number in the largest unit that gives a whole one, as the user would write it. The last unit
 * has the factor 1. */
static void in_units(const struct unit *unit, uint64_t number, char *text, size_t size)
{
    while (unit->factor > 1 && (number < unit->factor || number % unit->factor))
        unit++;
    snprintf(text, size, "%" PRIu64 "%s", number / unit->factor, unit->suffix);
}

static void number_text(enum wsp_opt_kind kind, uint64_t number, char *text, size_t size)
{
    static const struct unit bytes[] = {{UINT64_C(1) << 40, "T"},
                                        {UINT64_C(1) << 30, "G"},
                                        {UINT64_C(1) << 20, "M"},
                                        {UINT64_C(1) << 10, "K"},
                                        {1, ""}};
    static const struct unit times[] = {
        {WSP_NS_PER_S, "s"}, {WSP_NS_PER_MS, "ms"}, {WSP_NS_PER_US, "us"}, {1, "ns"}};
    static const struct unit rates[] = {{UINT64_C(1000000000000), "T"},
                                        {UINT64_C(1000000000), "G"},
                                        {UINT64_C(1000000), "M"},
                                        {UINT64_C(1000), "K"},
                                        {1, ""}};
    static const struct unit plain[] = {{1, ""}};
    in_units(kind == WSP_OPT_BYTES  ? bytes
             : kind == WSP_OPT_TIME ? times
             : kind == WSP_OPT_RATE ? rates
                                    : plain,
             number, text, size);
}

static void range_text(const struct wsp_opt *row, char *text, size_t size)
{
    char min[32], max[32];
    *text = '\0';
    if (row->kind == WSP_OPT_TEXT || row->kind == WSP_OPT_SWITCH)
        return;
    number_text(row->kind, row->min, min, sizeof min);
    number_text(row->kind, row->max, max, sizeof max);
    snprintf(text, size, ", %s to %s", min, max);
}

void wsp_options_print(FILE *out)
{
    for (int id = 0; id < WSP_OPT_COUNT_; id++) {
        const struct wsp_opt *row = wsp_opt_row((enum wsp_opt_id)id);
        char range[80];
        range_text(row, range, sizeof range);
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
        char range[80];
        range_text(row, range, sizeof range);
        fprintf(out, ".TP\n.B %s\n", row->variable);
        put_man(row->help, out);
        fprintf(out, ".\nUnit: %s%s; default: ", wsp_opt_unit(row->kind), range);
        put_man(*row->default_text ? row->default_text : "none", out);
        fputs(".\n", out);
    }
}
