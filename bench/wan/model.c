/* SPDX-License-Identifier: BSD-3-Clause */
#include "model.h"

/* A policer lets so much pass at once. */
#define BURST_NS  20000000
#define BURST_MIN 65536.0

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

/* The flow's bucket; of a crowded table the one at its place is taken over. */
static struct wan_flow *flow_of(struct wan_model *model, uint64_t key, uint64_t now_ns,
                                double burst)
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
    *flow = (struct wan_flow){.key = key, .at_ns = now_ns, .tokens = burst};
    return flow;
}

static bool is_within_cap(struct wan_model *model, uint64_t now_ns, uint64_t bytes, uint64_t key)
{
    double bytes_per_ns = (double)model->set.flow_cap_bps / 8e9, burst = bytes_per_ns * BURST_NS;
    burst = burst < BURST_MIN ? BURST_MIN : burst;
    struct wan_flow *flow = flow_of(model, key, now_ns, burst);
    flow->tokens += (double)(now_ns - flow->at_ns) * bytes_per_ns;
    flow->tokens = flow->tokens > burst ? burst : flow->tokens;
    flow->at_ns = now_ns;
    if (flow->tokens < (double)bytes)
        return false;
    flow->tokens -= (double)bytes;
    return true;
}

static uint64_t waiting_bytes(const struct wan_model *model, uint64_t now_ns)
{
    if (model->busy_until_ns <= now_ns)
        return 0;
    return (uint64_t)((double)(model->busy_until_ns - now_ns) * (double)model->set.rate_bps / 8e9);
}

static enum wan_fate fate_of(struct wan_model *model, uint64_t now_ns, uint64_t bytes, uint64_t key)
{
    const struct wan_settings *set = &model->set;
    if (set->is_cut)
        return WAN_CUT;
    if (set->loss > 0 && draw(model) < set->loss)
        return WAN_LOST;
    if (set->flow_cap_bps && !is_within_cap(model, now_ns, bytes, key))
        return WAN_POLICED;
    if (set->rate_bps && set->queue_bytes &&
        waiting_bytes(model, now_ns) + bytes > set->queue_bytes)
        return WAN_OVERFLOWED;
    return WAN_PASSED;
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
    uint64_t sent = model->busy_until_ns > now_ns ? model->busy_until_ns : now_ns;
    if (set->rate_bps)
        sent += (uint64_t)((double)bytes * 8e9 / (double)set->rate_bps);
    model->busy_until_ns = sent;
    uint64_t due = sent + set->delay_ns;
    if (set->jitter_ns)
        due += (uint64_t)(draw(model) * (double)set->jitter_ns);
    model->last_due_ns = due > model->last_due_ns ? due : model->last_due_ns;
    *due_ns = model->last_due_ns;
    return fate;
}
