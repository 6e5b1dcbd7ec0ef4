/* SPDX-License-Identifier: BSD-3-Clause */
/* A bound on memory shared by all ends of a process; guarded by their common lock. */
#ifndef WSP_PATH_BUDGET_H
#define WSP_PATH_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct wsp_budget {
    uint64_t limit_bytes, used_bytes, peak_bytes;
};

static inline bool wsp_budget_take(struct wsp_budget *budget, uint64_t bytes)
{
    if (bytes > budget->limit_bytes - budget->used_bytes)
        return false;
    budget->used_bytes += bytes;
    if (budget->used_bytes > budget->peak_bytes)
        budget->peak_bytes = budget->used_bytes;
    return true;
}

static inline void wsp_budget_give(struct wsp_budget *budget, uint64_t bytes)
{
    budget->used_bytes -= bytes;
}

#endif
