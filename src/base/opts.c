/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/opts.h"
#include "base/emulation.h"
#include "base/log.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROW(id, variable, kind, text, min, max, help)                                              \
    [WSP_OPT_##id] = {variable, WSP_OPT_##kind, text, min, max, help},
static const struct wsp_opt rows[WSP_OPT_COUNT_] = {WSP_OPTION_TABLE(ROW)};
#undef ROW

/* Written by wsp_opts_load before any thread starts, read-only afterwards. */
static struct {
    bool is_set, is_loaded;
    uint64_t number;
    const char *text;
} values[WSP_OPT_COUNT_];

const struct wsp_opt *wsp_opt_row(enum wsp_opt_id id)
{
    return &rows[id];
}

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

static wsp_err load_one(enum wsp_opt_id id, char *why, size_t why_size)
{
    const struct wsp_opt *row = &rows[id];
    const char *from_env = getenv(row->variable);
    bool is_set = from_env && *from_env;
    const char *text = is_set ? from_env : row->default_text;
    uint64_t number = 0;
    bool is_auto = strcmp(row->default_text, "auto") == 0 && strcmp(text, "auto") == 0;
    wsp_err err = is_auto ? WSP_OK : wsp_opt_parse(row->kind, text, &number);
    bool has_range = row->kind != WSP_OPT_TEXT && !is_auto;
    if (err || (has_range && (number < row->min || number > row->max))) {
        snprintf(why, why_size,
                 "%s=%s cannot be used: expected %s from %" PRIu64 " to %" PRIu64 "%s (%s)",
                 row->variable, text, wsp_opt_unit(row->kind), row->min, row->max,
                 row->kind == WSP_OPT_TIME ? " nanoseconds" : "", row->help);
        return WSP_ERR_CONFIG;
    }
    values[id].is_set = is_set && !is_auto;
    values[id].is_loaded = true;
    values[id].number = number;
    values[id].text = text;
    return WSP_OK;
}

wsp_err wsp_opts_load(char *why, size_t why_size)
{
    for (int id = 0; id < WSP_OPT_COUNT_; id++) {
        wsp_err err = load_one((enum wsp_opt_id)id, why, why_size);
        if (err)
            return err;
    }
    if (!wsp_log_set_level(wsp_opt_text(WSP_OPT_LOG))) {
        snprintf(why, why_size,
                 "WIDESPAN_LOG=%s cannot be used: expected error, warn, info or debug",
                 wsp_opt_text(WSP_OPT_LOG));
        return WSP_ERR_CONFIG;
    }
    struct wsp_emulation emulation;
    const char *emulate = wsp_opt_text(WSP_OPT_EMULATE);
    if (*emulate && wsp_emulation_parse(emulate, &emulation)) {
        snprintf(why, why_size, "WIDESPAN_EMULATE=%s cannot be used: expected " WSP_EMULATION_FORM,
                 emulate);
        return WSP_ERR_CONFIG;
    }
    return WSP_OK;
}

uint64_t wsp_opt_number(enum wsp_opt_id id)
{
    uint64_t number = values[id].number;
    if (!values[id].is_loaded && wsp_opt_parse(rows[id].kind, rows[id].default_text, &number))
        return 0;
    return number;
}

const char *wsp_opt_text(enum wsp_opt_id id)
{
    return values[id].is_loaded ? values[id].text : rows[id].default_text;
}

bool wsp_opt_is_set(enum wsp_opt_id id)
{
    return values[id].is_set;
}
