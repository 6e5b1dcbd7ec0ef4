/* SPDX-License-Identifier: BSD-3-Clause */
/* The brake put to work: looks at the streams while they are young, and has their kernels hold
 * them. */
#include "path/end_internal.h"

static bool can_hold(const struct wsp_end *end)
{
    return end->config.tunes_pace && end->config.handler->sample && end->config.handler->hold &&
           end->rtt.min_ns >= WSP_TUNE_NEAR_NS;
}

bool wsp_young_are(const struct wsp_end *end, uint64_t now_ns)
{
    return can_hold(end) && wsp_brake_is_needed(&end->brake, now_ns);
}

void wsp_young_flow(struct wsp_end *end, uint64_t now_ns)
{
    if (!can_hold(end) || end->look_at_ns != WSP_TIME_NEVER || !wsp_brake_is_needed(&end->brake, 0))
        return;
    end->look_at_ns = now_ns;
    wsp_brake_begin(&end->brake);
    if (end->brake.held_bps > 0)
        wsp_hold_apply(end);
}

void wsp_young_up(struct wsp_end *end, uint64_t now_ns)
{
    wsp_brake_renew(&end->brake);
    bool is_flowing = end->steer_at_ns != WSP_TIME_NEVER;
    if (is_flowing && can_hold(end) && end->look_at_ns == WSP_TIME_NEVER)
        end->look_at_ns = now_ns; /* those that have settled are not held for it */
}

void wsp_young_stop(struct wsp_end *end)
{
    bool was_held = end->brake.held_bps > 0;
    end->look_at_ns = WSP_TIME_NEVER;
    wsp_brake_end(&end->brake);
    if (was_held)
        wsp_hold_apply(end);
}

void wsp_young_tick(struct wsp_end *end, uint64_t now_ns)
{
    if (now_ns < end->look_at_ns)
        return;
    if (!can_hold(end)) { /* the way has proved to be near */
        wsp_young_stop(end);
        return;
    }
    if (!wsp_brake_is_needed(&end->brake, now_ns)) {
        /* Let go, all of them would fill the queue before our pace is found. */
        if (end->brake.held_bps > 0)
            wsp_steer_take_pace(end, end->brake.best_bps, now_ns);
        wsp_young_stop(end);
        return;
    }
    struct wsp_look look = {.min_rtt_ns = end->rtt.min_ns,
                            .is_flowing = now_ns - end->bulk_ns < end->rtt.min_ns,
                            .standing_ns = wsp_tune_standing_ns(&end->tune, end->rtt.min_ns)};
    wsp_reading_look(end, &look);
    wsp_brake_look(&end->brake, &look, now_ns);
    if (end->brake.held_bps > 0)
        wsp_hold_apply(end);
    end->look_at_ns = now_ns + wsp_brake_interval_ns(end->rtt.min_ns);
}
