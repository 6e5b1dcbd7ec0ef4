/* SPDX-License-Identifier: BSD-3-Clause */
#include "pair.h"

#include "base/opts.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_arrived(void *user, uint32_t source, struct wsp_rx *rx,
                       const struct wsp_envelope *envelope)
{
    struct side *side = user;
    side->last_tag = envelope->tag;
    if (side->posted_first[source] != side->posted_end[source]) {
        struct posted *posted = &side->posted[source][side->posted_first[source]++ % UNMET_MAX];
        wsp_link_accept(side->link, source, rx, posted->buffer, posted->capacity, posted->op);
        return;
    }
    ck_assert_uint_lt(side->unmet_end[source] - side->unmet_first[source], UNMET_MAX);
    side->unmet[source][side->unmet_end[source]++ % UNMET_MAX] = (struct unmet){rx, *envelope};
}

static bool on_withdraw(void *user, uint32_t source, struct wsp_rx *rx)
{
    struct side *side = user;
    for (unsigned i = side->unmet_first[source]; i != side->unmet_end[source]; i++)
        if (side->unmet[source][i % UNMET_MAX].rx == rx) {
            for (; i + 1 != side->unmet_end[source]; i++)
                side->unmet[source][i % UNMET_MAX] = side->unmet[source][(i + 1) % UNMET_MAX];
            side->unmet_end[source]--;
            return true;
        }
    return false;
}

static void on_peer_lost(void *user, uint32_t rank, wsp_err err)
{
    struct side *side = user;
    ck_assert(!side->is_lost[rank]);
    side->unmet_first[rank] = side->unmet_end[rank];
    side->lost_err[rank] = err;
    side->is_lost[rank] = true;
    side->n_lost++;
}

static const struct wsp_link_handler handler = {on_arrived, on_withdraw, on_peer_lost};

void pair_options(const char *first, ...)
{
    va_list list;
    va_start(list, first);
    for (const char *at = first; at; at = va_arg(list, const char *))
        putenv((char *)at);
    va_end(list);
}

static void load_options(void)
{
    char why[256];
    if (wsp_opts_load(why, sizeof why) != WSP_OK)
        ck_abort_msg("%s", why);
}

void pair_open(struct side *sides, unsigned n, int odd)
{
    struct wsp_endpoint endpoints[SIDES_MAX] = {0};
    load_options();
    for (unsigned i = 0; i < n; i++) {
        struct wsp_link_config config = {
            .key = {7}, .job = "pair", .ports = "0", .handler = &handler, .user = &sides[i]};
        if ((int)i == odd)
            config.key[5] = 1;
        memset(&sides[i], 0, sizeof sides[i]);
        sides[i].rank = i;
        ck_assert_int_eq(wsp_link_open(&config, &sides[i].link), WSP_OK);
        snprintf(endpoints[i].host, sizeof endpoints[i].host, "127.0.0.1");
        wsp_link_endpoint(sides[i].link, &endpoints[i]);
    }
    for (unsigned i = 0; i < n; i++)
        ck_assert_int_eq(wsp_link_start(sides[i].link, i, n, endpoints), WSP_OK);
}

void pair_close(struct side *sides, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        wsp_link_close(&sides[i].link);
}

void side_send(struct side *side, uint32_t dest, int32_t tag, const void *data, uint64_t length,
               unsigned flags, struct wsp_op *op)
{
    struct wsp_envelope envelope = {.context = 1,
                                    .source = (int32_t)side->rank,
                                    .tag = tag,
                                    .length = length,
                                    .flags = flags & WSP_SEND_SYNC ? WSP_ENVELOPE_SYNC : 0};
    wsp_link_lock(side->link);
    wsp_link_send(side->link, dest, &envelope, data, flags, op);
    wsp_link_unlock(side->link);
}

void side_receive(struct side *side, uint32_t source, void *buffer, uint64_t capacity,
                  struct wsp_op *op)
{
    wsp_link_lock(side->link);
    atomic_store(&op->done, false);
    if (side->is_lost[source]) {
        op->err = side->lost_err[source];
        atomic_store(&op->done, true);
    } else if (side->unmet_first[source] != side->unmet_end[source]) {
        struct unmet *unmet = &side->unmet[source][side->unmet_first[source]++ % UNMET_MAX];
        wsp_link_accept(side->link, source, unmet->rx, buffer, capacity, op);
    } else {
        ck_assert_uint_lt(side->posted_end[source] - side->posted_first[source], UNMET_MAX);
        side->posted[source][side->posted_end[source]++ % UNMET_MAX] =
            (struct posted){buffer, capacity, op};
    }
    wsp_link_unlock(side->link);
}

void side_wait(struct side *side, struct wsp_op *op)
{
    uint64_t until_ns = wsp_clock_now_ns() + DEADLINE_S * WSP_NS_PER_S;
    while (!atomic_load_explicit(&op->done, memory_order_acquire)) {
        ck_assert_msg(wsp_clock_now_ns() < until_ns, "an operation did not end in time");
        wsp_link_progress(side->link, WSP_NS_PER_S * 5);
    }
}

void side_wait_flag(struct side *side, const bool *flag)
{
    uint64_t until_ns = wsp_clock_now_ns() + DEADLINE_S * WSP_NS_PER_S;
    for (;;) {
        wsp_link_lock(side->link);
        bool is_set = *flag;
        wsp_link_unlock(side->link);
        if (is_set)
            return;
        ck_assert_msg(wsp_clock_now_ns() < until_ns, "an event did not come in time");
        wsp_link_progress(side->link, WSP_NS_PER_S * 5);
    }
}

static uint8_t pattern_byte(uint64_t i, uint64_t seed)
{
    uint64_t x = (i >> 3) * UINT64_C(0x9e3779b97f4a7c15) + seed;
    return (uint8_t)((x ^ x >> 29) >> (i & 7));
}

void pattern_fill(uint8_t *bytes, uint64_t length, uint64_t seed)
{
    for (uint64_t i = 0; i < length; i++)
        bytes[i] = pattern_byte(i, seed);
}

bool pattern_holds(const uint8_t *bytes, uint64_t length, uint64_t seed)
{
    for (uint64_t i = 0; i < length; i++)
        if (bytes[i] != pattern_byte(i, seed))
            return false;
    return true;
}
