/* SPDX-License-Identifier: BSD-3-Clause */
/* The numbers of options with their units: read, and written as a user would write them. */
#include "base/clock.h"
#include "base/opts.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *wsp_opt_unit(enum wsp_opt_kind kind)
{
    switch (kind) {
    case WSP_OPT_COUNT:
        return "count";
    case WSP_OPT_BYTES:
        return "bytes";
    case WSP_OPT_TIME:
        return "seconds";
    case WSP_OPT_RATE:
        return "bits a second";
    case WSP_OPT_SWITCH:
        return "0 or 1";
    case WSP_OPT_TEXT:
        break;
    }
    return "text";
}

static bool time_factor(const char *suffix, double *factor)
{
    static const struct {
        const char *suffix;
        double ns;
    } units[] = {{"", 1e9}, {"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}, {"min", 60e9}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(suffix, units[i].suffix) == 0) {
            *factor = units[i].ns;
            return true;
        }
    return false;
}

static bool decimal_factor(const char *suffix, double *factor)
{
    static const char letters[] = "KMGT";
    *factor = 1;
    if (*suffix == '\0')
        return true;
    const char *at = strchr(letters, toupper((unsigned char)*suffix));
    if (!at || suffix[1] != '\0')
        return false;
    for (; at >= letters; at--)
        *factor *= 1e3;
    return true;
}

static bool bytes_shift(const char *suffix, unsigned *shift)
{
    static const char letters[] = "KMGT";
    *shift = 0;
    if (*suffix == '\0')
        return true;
    const char *at = strchr(letters, toupper((unsigned char)*suffix));
    if (!at)
        return false;
    *shift = 10 * (unsigned)(at - letters + 1);
    return suffix[1] == '\0' || strcmp(suffix + 1, "iB") == 0 || strcmp(suffix + 1, "B") == 0;
}

wsp_err wsp_opt_parse(enum wsp_opt_kind kind, const char *text, uint64_t *number)
{
    char *end;
    if (kind == WSP_OPT_TEXT) {
        *number = 0;
        return WSP_OK;
    }
    if (!isdigit((unsigned char)*text))
        return WSP_ERR_INVALID;
    if (kind == WSP_OPT_TIME || kind == WSP_OPT_RATE) {
        double factor, value = strtod(text, &end);
        bool is_known =
            kind == WSP_OPT_TIME ? time_factor(end, &factor) : decimal_factor(end, &factor);
        if (!is_known || !(value * factor < 1.8e19))
            return WSP_ERR_INVALID;
        *number = (uint64_t)(value * factor);
        return WSP_OK;
    }
    unsigned shift = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (kind == WSP_OPT_BYTES ? !bytes_shift(end, &shift) : *end != '\0')
        return WSP_ERR_INVALID;
    if (shift && value > (UINT64_MAX >> shift))
        return WSP_ERR_INVALID;
    *number = (uint64_t)value << shift;
    return WSP_OK;
}

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

void wsp_opt_range(const struct wsp_opt *row, char *text, size_t size)
{
    char min[32], max[32];
    *text = '\0';
    if (row->kind == WSP_OPT_TEXT || row->kind == WSP_OPT_SWITCH)
        return;
    number_text(row->kind, row->min, min, sizeof min);
    number_text(row->kind, row->max, max, sizeof max);
    snprintf(text, size, ", %s to %s", min, max);
}
