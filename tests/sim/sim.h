/* SPDX-License-Identifier: BSD-3-Clause */
/* The simulator: two whole path ends against each other in virtual time. A schedule is all that
 * happens in one run; its seed decides every bit of it.
 *
 * world.c has time, events and chance, net.c the connections between the ends, side.c what the
 * layers around an end do, traffic.c the messages and what must hold of them, main.c the faults. */
#ifndef WSP_TESTS_SIM_H
#define WSP_TESTS_SIM_H

#include "base/clock.h"
#include "path/end.h"

#include <stdbool.h>
#include <stdint.h>

#define SIM_MAX_STREAMS  6
#define SIM_MAX_MESSAGES 128
#define SIM_MAX_EVENTS   (1 << 19)

struct world;
struct conn;
struct piece;

typedef void (*event_fn)(struct world *world, void *what, uint64_t number);

struct event {
    uint64_t at_ns, order;
    event_fn fn;
    void *what;
    uint64_t number;
    int side; /* whose process must run for it; -1: none's */
};

/* What is drawn per schedule. */
struct weather {
    unsigned n_streams;
    uint64_t bandwidth_bps, latency_ns, room_bytes;
    uint64_t faults_end_ns;
    uint64_t mean_loss_ns, mean_stall_ns, mean_pause_ns, mean_choice_ns; /* between two; 0: never */
    uint32_t flip_per_million;                                           /* chunks damaged */
    unsigned flips_left;
    uint64_t accept_late_ns;
    bool is_tuned, is_paced;
    bool is_sampled;          /* kernels tell what they know of connections */
    uint32_t again_per_mille; /* packets that they say they repeated */
    bool has_end_of_world;    /* at faults_end_ns all connections end for good */
};

/* One direction of a connection. */
struct pipe {
    struct conn *conn;
    int from; /* side that writes */
    uint64_t bandwidth_bps, busy_until_ns, stalled_until_ns, last_arrival_ns;
    uint64_t room_bytes, queued_bytes, written_bytes, arrived_bytes;
    uint64_t held_bps;          /* no more than this; 0: no limit */
    struct piece *first, *last; /* under way */
};

struct conn {
    struct world *world;
    unsigned index;
    uint32_t generation;
    bool by_lower;
    bool is_dead;         /* nothing passes any more */
    bool is_draining;     /* ... but what is under way still arrives, until the reader is told */
    bool is_open[2];      /* still attached to this side's slot */
    struct pipe pipes[2]; /* by the side that writes */
    struct wsp_stream_birth births[2];
    struct conn *next;
};

/* One slot's socket, as its owner sees it. */
struct socket {
    struct conn *conn; /* NULL: none */
    bool is_dirty, wants_reset;
    uint32_t dialling; /* generation under way; 0: none */
    uint64_t dialled_ns;
    /* writing */
    bool has_out;
    struct wsp_out out;
    uint64_t written; /* bytes of header and payload */
    uint8_t *kept;    /* copy of the payload after unpin */
    /* reading */
    uint8_t header[WSP_HEADER_MAX];
    size_t header_have, header_need;
    bool has_landing;
    struct wsp_landing landing;
    uint64_t landed;
};

enum message_state {
    MESSAGE_WAITING,
    MESSAGE_GIVEN,
    MESSAGE_SENT,
    MESSAGE_CANCELLED,
    MESSAGE_FAILED
};

struct message {
    struct side *sender;
    unsigned number;
    uint64_t length, capacity;
    unsigned flags;
    uint8_t *send_buffer, *receive_buffer;
    enum message_state state;
    struct wsp_tx *tx;
    struct wsp_rx *rx; /* arrived and not matched */
    bool has_arrived, is_accepted, has_landed, is_withdrawn;
    wsp_err landed_err;
};

struct side {
    struct world *world;
    int id;
    struct wsp_end *end;
    struct wsp_budget unexpected, replay;
    struct wsp_spares spares;
    uint64_t squeezed_bytes; /* of unexpected, held by other pairs */
    struct socket sockets[SIM_MAX_STREAMS];
    uint64_t paused_until_ns;
    bool was_paused;
    uint64_t tick_planned_ns;
    /* traffic from this side */
    struct message messages[SIM_MAX_MESSAGES];
    unsigned n_messages, n_given, n_settled;
    /* traffic to this side */
    int last_arrived;
    unsigned n_unmatched;
    uint64_t control_bytes; /* control messages for us: given and not matched */
    bool is_closing, is_closed, is_lost;
    wsp_err lost_err;
};

struct world {
    uint64_t seed, random;
    uint64_t now_ns;
    struct weather weather;
    struct side sides[2];
    struct conn *conns;
    struct event *heap;
    unsigned n_events;
    uint64_t n_orders;
    bool has_ended; /* the end of the world came */
    bool has_failed;
    char failure[256]; /* what does not hold */
};

/* world.c */
uint64_t chance(struct world *world, uint64_t below); /* 0 .. below - 1 */
bool one_in(struct world *world, uint64_t n);
/* A time around the mean. */
uint64_t about(struct world *world, uint64_t mean_ns);
void later(struct world *world, uint64_t delay_ns, int side, event_fn fn, void *what,
           uint64_t number);
bool next_event(struct world *world, struct event *event);
void put_event(struct world *world, struct event event);
/* Something does not hold: says what, once, with the seed. */
void wrong(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* net.c */
void net_dial(struct side *side, unsigned index, uint32_t generation);
void net_reset(struct world *world, struct conn *conn);
void net_close(struct side *side, unsigned index);
uint64_t net_write(struct pipe *pipe, const uint8_t *bytes, uint64_t length);
void net_sample(const struct pipe *pipe, struct wsp_stream_sample *sample);
void net_free_all(struct world *world);

/* side.c */
wsp_err side_open(struct side *side, struct world *world, int id);
void side_flush(struct side *side);
void side_read(struct side *side, unsigned index, const uint8_t *bytes, uint64_t length);
void side_close(struct side *side);

/* traffic.c */
void traffic_make(struct world *world);
void traffic_arrived(struct side *side, struct wsp_rx *rx, const struct wsp_envelope *envelope);
void traffic_landed(struct side *side, struct message *message, uint64_t length, wsp_err err);
void traffic_sent(struct side *side, struct message *message, wsp_err err);
bool traffic_withdraw(struct side *side, struct wsp_rx *rx);
void traffic_check(struct side *side);       /* after each event */
void traffic_check_end(struct world *world); /* when all is over */
bool traffic_is_done(const struct world *world);
void traffic_free(struct world *world);

#endif
