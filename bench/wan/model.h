/* SPDX-License-Identifier: BSD-3-Clause */
/* One direction of an emulated link: what becomes of a wire packet, and when it arrives. Pure: time
 * is a parameter, chance comes from a seed.
 *
 * In this order: a cut link takes nothing; loss by chance; a policer for each flow; a drop-tail
 * queue in front of a transmitter of fixed rate; for one flow, where asked, another queue and a
 * slower transmitter of its own; the way, with jitter that keeps the order. */
#ifndef WAN_MODEL_H
#define WAN_MODEL_H

#include <stdbool.h>
#include <stdint.h>

struct wan_settings {
    uint64_t rate_bps; /* bits of IP packets a second; 0: no limit */
    uint64_t delay_ns; /* one way */
    uint64_t jitter_ns;
    uint64_t queue_bytes;  /* 0: no limit */
    double loss;           /* of each wire packet, 0 to 1 */
    uint64_t flow_cap_bps; /* what the policer lets through of each flow; 0: none */
    bool is_cut;
};

enum wan_fate { WAN_PASSED, WAN_CUT, WAN_LOST, WAN_POLICED, WAN_OVERFLOWED, WAN_N_FATES };

#define WAN_N_FLOWS 4096

/* `key` 0: free. */
struct wan_flow {
    uint64_t key, since_ns, at_ns; /* when a packet of it came first, and last */
    double tokens;                 /* bytes, of the policer's bucket */
    double recent_bytes;           /* offered, those of a time ago counted less */
};

/* The one flow that goes slower than the link; `key` 0: none. */
struct wan_slow {
    uint64_t key, rate_bps, queue_bytes, busy_until_ns, last_due_ns;
};

struct wan_model {
    struct wan_settings set;
    uint64_t chance;
    uint64_t busy_until_ns, last_due_ns;
    struct wan_slow slow;
    struct wan_flow flows[WAN_N_FLOWS];
    uint64_t n_packets[WAN_N_FATES], n_bytes[WAN_N_FATES];
};

void wan_model_init(struct wan_model *model, uint64_t seed);

/* Offers a wire packet of so many bytes (with its IP header); key tells its flow and is not 0.
 * Sets *due_ns where it passes. Times never go back. */
enum wan_fate wan_model_offer(struct wan_model *model, uint64_t now_ns, uint64_t bytes,
                              uint64_t key, uint64_t *due_ns);

/* Slows the flow that offered most of late to this fraction of its rate. It is shaped, not policed:
 * packets wait in a queue of its own, as long in time as the link's and at least 64 KiB. A fraction
 * of 1 or more ends it; what was queued may then arrive behind newer packets. False: nothing flows.
 */
bool wan_model_slow(struct wan_model *model, uint64_t now_ns, double fraction);

/* Whether the due times of this flow have an order of their own. */
static inline bool wan_model_is_slow(const struct wan_model *model, uint64_t key)
{
    return model->slow.key == key;
}

#endif
