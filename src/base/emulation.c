/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/emulation.h"

#include "base/clock.h"
#include "base/opts.h"

#include <stdbool.h>
#include <string.h>

#define RTT_MAX_NS   (4 * WSP_NS_PER_S)
#define RATE_MIN_BPS UINT64_C(1000000)
#define RATE_MAX_BPS UINT64_C(1000000000000)
#define WORD_MAX     32

static wsp_err parse_rtt(const char *text, uint64_t *rtt_ns)
{
    uint64_t ns;
    if (wsp_opt_parse(WSP_OPT_TIME, text, &ns) || ns > RTT_MAX_NS)
        return WSP_ERR_INVALID;
    *rtt_ns = ns;
    return WSP_OK;
}

static wsp_err parse_rate(const char *text, uint64_t *rate_bps)
{
    uint64_t bps;
    if (wsp_opt_parse(WSP_OPT_RATE, text, &bps) || bps < RATE_MIN_BPS || bps > RATE_MAX_BPS)
        return WSP_ERR_INVALID;
    *rate_bps = bps;
    return WSP_OK;
}

/* One of the settings, "name=value" of this length. */
static wsp_err parse_one(const char *at, size_t length, struct wsp_emulation *emulation,
                         bool *has_rtt)
{
    char word[WORD_MAX] = "";
    if (length >= sizeof word)
        return WSP_ERR_INVALID;
    memcpy(word, at, length);
    if (strncmp(word, "rtt=", 4) == 0 && !*has_rtt) {
        *has_rtt = true;
        return parse_rtt(word + 4, &emulation->rtt_ns);
    }
    if (strncmp(word, "rate=", 5) == 0 && emulation->rate_bps == 0)
        return parse_rate(word + 5, &emulation->rate_bps);
    return WSP_ERR_INVALID;
}

wsp_err wsp_emulation_parse(const char *text, struct wsp_emulation *out)
{
    struct wsp_emulation emulation = {0};
    bool has_rtt = false;
    for (const char *at = text;; at++) {
        size_t length = strcspn(at, ",");
        wsp_err err = parse_one(at, length, &emulation, &has_rtt);
        if (err)
            return err;
        at += length;
        if (*at == '\0')
            break;
    }
    if (!has_rtt)
        return WSP_ERR_INVALID;
    *out = emulation;
    return WSP_OK;
}
