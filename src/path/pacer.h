/* SPDX-License-Identifier: BSD-3-Clause */
/* Lets bulk out at a rate: a bucket that may be overdrawn by one segment. Pure arithmetic. */
#ifndef WSP_PATH_PACER_H
#define WSP_PATH_PACER_H

#include <stdbool.h>
#include <stdint.h>

/* All zero: does not hold back. */
struct wsp_pacer {
    double rate_bps; /* bytes a second; 0: as fast as it goes */
    double tokens;   /* bytes that may leave now; below 0: too many have */
    uint64_t at_ns;  /* of the last look */
};

void wsp_pacer_set(struct wsp_pacer *pacer, double rate_bps, uint64_t now_ns);

/* May anything leave? If not, when. */
bool wsp_pacer_is_open(struct wsp_pacer *pacer, uint64_t now_ns, uint64_t *ready_ns);

/* So many bytes leave. */
void wsp_pacer_take(struct wsp_pacer *pacer, uint64_t bytes);

#endif
