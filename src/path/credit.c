/* SPDX-License-Identifier: BSD-3-Clause */
#include "path/credit.h"

/* Less than this is not worth a report. */
#define SMALLEST_RAISE 4096

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void wsp_grant_open(struct wsp_grant *grant, struct wsp_budget *budget, uint64_t want_bytes)
{
    *grant = (struct wsp_grant){.budget = budget, .want_bytes = want_bytes, .epoch = 1};
    (void)wsp_grant_top_up(grant);
}

void wsp_grant_close(struct wsp_grant *grant)
{
    wsp_budget_give(grant->budget, grant->limit - grant->released);
    grant->limit = grant->released;
}

bool wsp_grant_charge(struct wsp_grant *grant, uint64_t bytes)
{
    if (bytes > wsp_grant_unused(grant))
        return false;
    grant->charged += bytes;
    return true;
}

void wsp_grant_release(struct wsp_grant *grant, uint64_t bytes)
{
    grant->released += bytes;
    wsp_budget_give(grant->budget, bytes);
}

uint64_t wsp_grant_top_up(struct wsp_grant *grant)
{
    uint64_t held = grant->limit - grant->released;
    uint64_t missing = grant->want_bytes > held ? grant->want_bytes - held : 0;
    /* Never more than a quarter of what is free, so that the last pairs to open find some too. */
    uint64_t free_bytes = grant->budget->limit_bytes - grant->budget->used_bytes;
    uint64_t raise = min_u64(missing, free_bytes / 4);
    if (raise == 0 || (raise < missing && raise < SMALLEST_RAISE))
        return 0;
    if (!wsp_budget_take(grant->budget, raise))
        return 0;
    grant->limit += raise;
    return raise;
}

bool wsp_grant_yielded(struct wsp_grant *grant, uint32_t epoch, uint64_t limit)
{
    if (epoch != grant->epoch + 1 || limit > grant->limit || limit < grant->charged)
        return false;
    wsp_budget_give(grant->budget, grant->limit - limit);
    grant->limit = limit;
    grant->epoch = epoch;
    return true;
}

void wsp_purse_hear(struct wsp_purse *purse, uint32_t epoch, uint64_t limit)
{
    if (!purse->is_known) {
        purse->is_known = true;
        purse->epoch = epoch;
    }
    if (epoch == purse->epoch && limit > purse->limit)
        purse->limit = limit;
    if (purse->limit - purse->charged > purse->window)
        purse->window = purse->limit - purse->charged;
}

uint64_t wsp_purse_take(struct wsp_purse *purse, uint64_t length, uint64_t eager_bytes)
{
    uint64_t left = purse->limit - purse->charged;
    if (length > eager_bytes) {
        uint64_t reserve = purse->window / 4;
        left = left > reserve ? left - reserve : 0;
    }
    uint64_t take = min_u64(length, left);
    purse->charged += take;
    return take;
}

void wsp_purse_yield(struct wsp_purse *purse)
{
    purse->epoch++;
    purse->limit = purse->charged;
}
