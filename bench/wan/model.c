/* SPDX-License-Identifier: BSD-3-Clause */
#include "model.h"

#include <math.h>
#include <stddef.h>

/* A policer lets so much pass at once. */
#define BURST_NS  20000000
#define BURST_MIN 65536.0
/* What a flow offered so long ago counts e times less towards its recent bytes. */
#define RECENT_NS  1e9
#define SLOW_QUEUE 65536

void wan_model_init(struct wan_model *model, uint64_t seed)
{
    *model = (struct wan_model){.chance = seed};
}

/* splitmix64: the next 53 bits, as a number from 0 up to 1. */
static double draw(struct wan_model *model)
{
    uint64_t x = model->chance += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (double)((x ^ (x >> 31)) >> 11) * 0x1p-53;
}

/* Of a crowded table the flow at its place is taken over. */
static struct wan_flow *flow_of(struct wan_model *model, uint64_t key, uint64_t now_ns)
{
    struct wan_flow *first = &model->flows[key % WAN_N_FLOWS], *flow = first;
    for (int i = 0; i < 16; i++) {
        flow = &model->flows[(key + (uint64_t)i) % WAN_N_FLOWS];
        if (flow->key == key)
            return flow;
        if (flow->key == 0)
            break;
    }
    flow = flow->key == 0 ? flow : first;
    *flow = (struct wan_flow){.key = key, .since_ns = now_ns, .at_ns = now_ns, .tokens = HUGE_VAL};
    return flow;
}

static double recent_bytes(const struct wan_flow *flow, uint64_t now_ns)
{
    return flow->recent_bytes * exp(-(double)(now_ns - flow->at_ns) / RECENT_NS);
}

static bool is_within_cap(const struct wan_model *model, struct wan_flow *flow, uint64_t passed_ns,
                          uint64_t bytes)
{
    double bytes_per_ns = (double)model->set.flow_cap_bps / 8e9, burst = bytes_per_ns * BURST_NS;
    burst = burst < BURST_MIN ? BURST_MIN : burst;
    flow->tokens += (double)passed_ns * bytes_per_ns;
    flow->tokens = flow->tokens > burst ? burst : flow->tokens;
    if (flow->tokens < (double)bytes)
        return false;
    flow->tokens -= (double)bytes;
    return true;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t time_of(uint64_t bytes, uint64_t rate_bps)
{
    return rate_bps ? (uint64_t)((double)bytes * 8e9 / (double)rate_bps) : 0;
}

static uint64_t waiting_bytes(uint64_t busy_until_ns, uint64_t now_ns, uint64_t rate_bps)
{
    if (busy_until_ns <= now_ns)
        return 0;
    return (uint64_t)((double)(busy_until_ns - now_ns) * (double)rate_bps / 8e9);
}

/* When it has left the link's transmitter. */
static uint64_t sent_ns(const struct wan_model *model, uint64_t now_ns, uint64_t bytes)
{
    return later(model->busy_until_ns, now_ns) + time_of(bytes, model->set.rate_bps);
}

static bool overflows(const struct wan_model *model, uint64_t now_ns, uint64_t bytes, uint64_t key)
{
    const struct wan_settings *set = &model->set;
    const struct wan_slow *slow = &model->slow;
    if (set->rate_bps && set->queue_bytes &&
        waiting_bytes(model->busy_until_ns, now_ns, set->rate_bps) + bytes > set->queue_bytes)
        return true;
    return slow->key == key &&
           bytes + waiting_bytes(slow->busy_until_ns, sent_ns(model, now_ns, bytes),
                                 slow->rate_bps) >
               slow->queue_bytes;
}

static enum wan_fate fate_of(struct wan_model *model, uint64_t now_ns, uint64_t bytes, uint64_t key)
{
    const struct wan_settings *set = &model->set;
    if (set->is_cut)
        return WAN_CUT;
    struct wan_flow *flow = flow_of(model, key, now_ns);
    uint64_t passed_ns = now_ns - flow->at_ns;
    if (passed_ns)
        flow->recent_bytes = recent_bytes(flow, now_ns);
    flow->recent_bytes += (double)bytes;
    flow->at_ns = now_ns;
    if (set->loss > 0 && draw(model) < set->loss)
        return WAN_LOST;
    if (set->flow_cap_bps && !is_within_cap(model, flow, passed_ns, bytes))
        return WAN_POLICED;
    return overflows(model, now_ns, bytes, key) ? WAN_OVERFLOWED : WAN_PASSED;
}

enum wan_fate wan_model_offer(struct wan_model *model, uint64_t now_ns, uint64_t bytes,
                              uint64_t key, uint64_t *due_ns)
{
    const struct wan_settings *set = &model->set;
    enum wan_fate fate = fate_of(model, now_ns, bytes, key);
    model->n_packets[fate]++;
    model->n_bytes[fate] += bytes;
    if (fate != WAN_PASSED)
        return fate;
    uint64_t sent = model->busy_until_ns = sent_ns(model, now_ns, bytes);
    uint64_t *last_due_ns = &model->last_due_ns;
    if (model->slow.key == key) {
        sent = later(sent, model->slow.busy_until_ns) + time_of(bytes, model->slow.rate_bps);
        model->slow.busy_until_ns = sent;
        last_due_ns = &model->slow.last_due_ns;
    }
    uint64_t due = sent + set->delay_ns;
    if (set->jitter_ns)
        due += (uint64_t)(draw(model) * (double)set->jitter_ns);
    *due_ns = *last_due_ns = later(due, *last_due_ns);
    return fate;
}

bool wan_model_slow(struct wan_model *model, uint64_t now_ns, double fraction)
{
    const struct wan_settings *set = &model->set;
    const struct wan_flow *busiest = NULL;
    if (fraction >= 1) {
        model->slow = (struct wan_slow){0};
        return true;
    }
    for (int i = 0; i < WAN_N_FLOWS; i++) {
        const struct wan_flow *flow = &model->flows[i];
        if (flow->key && (!busiest || recent_bytes(flow, now_ns) > recent_bytes(busiest, now_ns)))
            busiest = flow;
    }
    if (!busiest || recent_bytes(busiest, now_ns) < 1)
        return false;
    double weight_ns = RECENT_NS * -expm1(-(double)(now_ns - busiest->since_ns) / RECENT_NS);
    double rate_bps = fraction * recent_bytes(busiest, now_ns) * 8e9 / (weight_ns + 1);
    double drain_s = set->rate_bps ? (double)set->queue_bytes * 8 / (double)set->rate_bps : 0;
    model->slow = (struct wan_slow){
        .key = busiest->key,
        .rate_bps = rate_bps < 1 ? 1 : (uint64_t)rate_bps,
        .queue_bytes = later(SLOW_QUEUE, (uint64_t)(rate_bps / 8 * drain_s)),
        .last_due_ns = model->last_due_ns,
    };
    return true;
}
