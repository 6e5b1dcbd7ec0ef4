/* SPDX-License-Identifier: BSD-3-Clause */
/* What WIDESPAN_EMULATE asks for: wide traffic held back as if the sites were far apart. */
#ifndef WSP_BASE_EMULATION_H
#define WSP_BASE_EMULATION_H

#include "base/err.h"

#include <stdint.h>

struct wsp_emulation {
    uint64_t rtt_ns;
    uint64_t rate_bps; /* bits a second in each direction; 0: as fast as can be */
};

/* The form, for messages. */
#define WSP_EMULATION_FORM "rtt=TIME[,rate=BITS]: up to 4s; 1M to 1T bits a second"

/* Reads "rtt=30ms,rate=1G", in any order; a time as in other options, a rate with K, M, G or T
 * (decimal) behind it. WSP_ERR_INVALID if it is anything else. */
wsp_err wsp_emulation_parse(const char *text, struct wsp_emulation *emulation) WSP_MUST_USE;

#endif
