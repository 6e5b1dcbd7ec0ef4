/* SPDX-License-Identifier: BSD-3-Clause */
/* How a job ends: who is told, when, and what the owner learns. */
#include "job/coordinator_internal.h"

#include "base/clock.h"
#include "job/message.h"

#include <stdarg.h>
#include <stdio.h>

/* A site that lost a rank is told to end later than others: its own launcher knows better how the
 * rank ended, and gives the job its exit status. */
#define LATE_NS (2 * WSP_NS_PER_S)

static uint32_t index_of(const struct wsp_coordinator *coordinator,
                         const struct wsp_coordinator_place *site)
{
    return site ? (uint32_t)(site - coordinator->sites) : WSP_NO_SITE;
}

uint32_t wsp_coordinator_first_rank(const struct wsp_coordinator *coordinator, uint32_t site)
{
    uint32_t rank = 0;
    for (uint32_t i = 0; i < site; i++)
        rank += coordinator->sites[i].expected.n_ranks;
    return rank;
}

void wsp_coordinator_send(struct wsp_channel *channel, enum wsp_message_type type, uint32_t rank,
                          int code, const char *reason)
{
    struct wsp_writer writer = {0};
    if (type == WSP_MSG_ABORT)
        wsp_write_u32(&writer, (uint32_t)code);
    if (type != WSP_MSG_REFUSED)
        wsp_write_u32(&writer, rank);
    wsp_write_text(&writer, reason);
    if (!writer.has_failed)
        wsp_channel_send(channel, type, writer.bytes, writer.length);
    wsp_writer_fini(&writer);
}

static void tell(struct wsp_coordinator_guest *guest, uint32_t rank, int code, const char *reason)
{
    bool is_in = guest->coordinator->is_together && guest->site;
    wsp_coordinator_send(guest->channel, is_in ? WSP_MSG_ABORT : WSP_MSG_REFUSED, rank, code,
                         reason);
}

void wsp_coordinator_on_late_time(void *user, uint64_t now_ns)
{
    struct wsp_coordinator *coordinator = user;
    (void)now_ns;
    if (coordinator->late_site->guest)
        tell(coordinator->late_site->guest, coordinator->late_rank, coordinator->late_code,
             coordinator->late_reason);
}

/* Tells everyone that the job is over (`late`, if not NULL, after a while); guests that still wait
 * for the roster are refused. */
static void tell_all(struct wsp_coordinator *coordinator, struct wsp_coordinator_place *late,
                     uint32_t rank, int code, const char *reason)
{
    coordinator->is_over = true;
    wsp_timer_stop(coordinator->loop, &coordinator->join_timer);
    WSP_LIST_EACH(node, &coordinator->guests)
    {
        struct wsp_coordinator_guest *guest =
            WSP_CONTAINER(node, struct wsp_coordinator_guest, node);
        if (!late || guest->site != late)
            tell(guest, rank, code, reason);
    }
    if (!late || !late->guest)
        return;
    coordinator->late_site = late;
    coordinator->late_rank = rank;
    coordinator->late_code = code;
    snprintf(coordinator->late_reason, sizeof coordinator->late_reason, "%s", reason);
    if (wsp_timer_set(coordinator->loop, &coordinator->late_timer, wsp_clock_now_ns() + LATE_NS))
        tell(late->guest, rank, code, reason);
}

void wsp_coordinator_finish(struct wsp_coordinator *coordinator, enum wsp_job_outcome outcome,
                            struct wsp_coordinator_place *site, uint32_t rank, int code,
                            const char *format, ...)
{
    char reason[WSP_REASON_MAX];
    va_list args;
    if (coordinator->is_over)
        return;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    if (outcome == WSP_JOB_FINISHED)
        coordinator->is_over = true;
    else
        tell_all(coordinator, outcome == WSP_JOB_RANK_LOST ? site : NULL, rank, code, reason);
    struct wsp_job_end end = {outcome, index_of(coordinator, site), code, reason};
    coordinator->config.ended(coordinator->config.user, &end);
}

void wsp_coordinator_stop(struct wsp_coordinator *coordinator, int code, const char *reason)
{
    if (!coordinator->is_over)
        tell_all(coordinator, NULL, WSP_RANK_UNKNOWN, code, reason);
}
