/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/opts.h"
#include "base/emulation.h"
#include "base/log.h"

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
        char range[WSP_OPT_RANGE_MAX];
        wsp_opt_range(row, range, sizeof range);
        snprintf(why, why_size, "%s=%s cannot be used: expected %s%s%s (%s)", row->variable, text,
                 strcmp(row->default_text, "auto") == 0 ? "auto or " : "", wsp_opt_unit(row->kind),
                 range, row->help);
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
