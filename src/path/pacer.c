/* SPDX-License-Identifier: BSD-3-Clause */
#include "path/pacer.h"

#include "base/clock.h"

/* What a thread that comes late may catch up on; timers ring to the millisecond. */
#define CATCH_UP_NS (4 * WSP_NS_PER_MS)

static void refill(struct wsp_pacer *pacer, uint64_t now_ns)
{
    double most = pacer->rate_bps * (double)CATCH_UP_NS / (double)WSP_NS_PER_S;
    if (now_ns > pacer->at_ns)
        pacer->tokens += pacer->rate_bps * (double)(now_ns - pacer->at_ns) / (double)WSP_NS_PER_S;
    if (pacer->tokens > most)
        pacer->tokens = most;
    pacer->at_ns = now_ns;
}

void wsp_pacer_set(struct wsp_pacer *pacer, double rate_bps, uint64_t now_ns)
{
    if (pacer->rate_bps > 0)
        refill(pacer, now_ns);
    else
        *pacer = (struct wsp_pacer){.at_ns = now_ns};
    pacer->rate_bps = rate_bps;
}

bool wsp_pacer_is_open(struct wsp_pacer *pacer, uint64_t now_ns, uint64_t *ready_ns)
{
    if (pacer->rate_bps <= 0)
        return true;
    refill(pacer, now_ns);
    if (pacer->tokens > 0)
        return true;
    *ready_ns =
        now_ns + 1 + (uint64_t)((1 - pacer->tokens) * (double)WSP_NS_PER_S / pacer->rate_bps);
    return false;
}

void wsp_pacer_take(struct wsp_pacer *pacer, uint64_t bytes)
{
    if (pacer->rate_bps > 0)
        pacer->tokens -= (double)bytes;
}
