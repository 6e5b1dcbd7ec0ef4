/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of this folder share. One mutex guards all of it.
 *
 * A path end must not be called from within its own handlers. So handlers only note what is to be
 * done (wsp_stream_note, wsp_peer_touch), and the outermost caller does it on its way out: every
 * entry into the link is bracketed by wsp_link_enter and wsp_link_leave. */
#ifndef WSP_LINK_INTERNAL_H
#define WSP_LINK_INTERNAL_H

#include "base/list.h"
#include "base/map.h"
#include "link/hints.h"
#include "link/link.h"
#include "link/share.h"
#include "net/tcp.h"
#include "wire/handshake.h"

#include <pthread.h>
#include <stdatomic.h>

#define WSP_ADDRESSES_PER_HOST 4
#define WSP_READ_BUFFER        (64 * 1024)

struct wsp_peer;

/* The addresses of a host name of the roster, shared by the ranks there. */
struct wsp_host {
    char name[WSP_HOST_MAX];
    struct wsp_address addresses[WSP_ADDRESSES_PER_HOST]; /* port 0 */
    size_t n_addresses;
    uint64_t looked_up_ns; /* when its name was last looked up */
    struct wsp_host *next;
};

/* What is to be written on a stream: staged small frames first, then the frame under way. */
struct wsp_writer {
    uint8_t *stage; /* WSP_STAGE_BYTES, made when first needed */
    size_t stage_at, stage_end;
    bool has_frame;
    struct wsp_out frame;
    size_t header_written;
    uint64_t payload_written;
    void *copy;      /* what was left of the payload at `unpin`; NULL: it is the end's memory */
    bool is_blocked; /* the socket is full: waiting to be told */
};

/* What is being read on a stream: a header, or the payload behind it. */
struct wsp_reader {
    uint8_t header[WSP_HEADER_MAX];
    size_t have, need;
    bool in_payload;
    struct wsp_landing landing; /* `where` moves on and length shrinks as bytes come */
    bool is_bulk;               /* the last payload was large: read the next header alone */
};

/* What came on a stream and is not due yet (emulator.c). */
struct wsp_holding {
    struct wsp_delay_line line;
    struct wsp_node node; /* in the emulator's list while something is held or awaited */
    bool is_paused;       /* too much is under way: not read */
    bool has_ended;       /* the other side has closed behind what is held */
};

enum wsp_due { WSP_DUE_WRITE = 1 << 0, WSP_DUE_RESET = 1 << 1, WSP_DUE_DIAL = 1 << 2 };

/* A slot of a path: the connection that serves it, and the attempt to make one. */
struct wsp_stream {
    struct wsp_peer *peer;
    unsigned index;
    int fd;                 /* -1: none */
    uint32_t notsent_bytes; /* how much may wait in its socket */
    bool can_hold;          /* its kernel paces it at all times: a hold leaves nothing behind */
    struct wsp_watch *watch;
    bool is_shut; /* our half is closed, after the path was */
    struct wsp_writer writer;
    struct wsp_reader reader;
    struct wsp_holding holding;
    struct wsp_dial *dial; /* NULL: none under way */
    unsigned due;          /* enum wsp_due */
    struct wsp_node due_node;
    wsp_err reset_why;
    uint32_t wanted_generation;
    uint64_t bytes_sent; /* payload, of an end that is gone */
};

/* Another process. Made when it is first talked to or dials, freed with the link. */
struct wsp_peer {
    struct wsp_link *link;
    uint32_t rank;                      /* index in link->peers */
    uint32_t frame_local, frame_remote; /* ranks as frames and handshakes say them */
    uint64_t nonce;                     /* incarnation; 0: not known yet */
    struct wsp_host *host;              /* NULL: it cannot be dialled */
    uint16_t port;
    struct wsp_end *end;         /* NULL: not talked to yet, or lost */
    struct wsp_stream **streams; /* n_streams, made as they are needed; each stays where it is */
    unsigned n_streams, n_live;
    bool was_talked_to;                /* there is, or was, an end */
    struct wsp_end_tuning last_tuning; /* of an end that is gone */
    struct wsp_end_stats last_stats;
    bool is_dialler; /* it is ours to connect again at once */
    bool is_closed, is_lost, was_counted;
    wsp_err lost_err;
    wsp_err doom;           /* what the end is to fail with, noted where it cannot be called */
    wsp_err dial_err;       /* why the last attempt to connect failed */
    struct wsp_timer timer; /* for the end's deadline */
    struct wsp_share *share, own_share;
    size_t n_held_bytes;
    bool is_touched;
    struct wsp_node touched_node;
};

/* A connection that has not proven the key yet. */
struct wsp_guest {
    struct wsp_link *link;
    int fd;
    struct wsp_watch *watch;
    struct wsp_timer timer;
    struct wsp_node node; /* in link->guests, the oldest first */
    bool is_known;        /* comes from the address of a peer */
    struct wsp_address from;
    struct wsp_handshake handshake;
};

/* A call of wsp_link_send under way: its op, NULL once that is done (and may be gone). */
struct wsp_sending {
    struct wsp_op *op;
    struct wsp_sending *outer;
};

enum wsp_hand {
    WSP_HAND_STREAMS = 1 << 0,
    WSP_HAND_SEGMENT = 1 << 1,
    WSP_HAND_WINDOW = 1 << 2,
    WSP_HAND_PACING = 1 << 3
};

struct wsp_link {
    pthread_mutex_t lock;
    /* Constant after wsp_link_start. */
    struct wsp_link_handler handler;
    void *user;
    struct wsp_proof_key key;
    uint64_t nonce;
    uint16_t port;
    uint32_t rank, n_ranks;
    bool is_open_door; /* takes any dialler that proves the key, each as a new peer (door.c) */
    struct wsp_endpoint *endpoints;
    struct wsp_host *hosts;
    struct wsp_map known_addresses;     /* hash of the address -> any pointer */
    struct wsp_end_config end_defaults; /* from the options; without peer and handler */
    uint32_t window_bytes;  /* of the kernel for a stream, each way; 0: as it sees fit */
    unsigned by_hand;       /* what the user has set: enum wsp_hand */
    struct wsp_hints hints; /* from the last run */

    /* Under the lock. */
    struct wsp_loop *loop;
    int listener;
    struct wsp_watch *listener_watch;
    struct wsp_timer listener_timer; /* rests while descriptors are short */
    struct wsp_peer **peers;         /* by rank; NULL: never met */
    struct wsp_budget unexpected, replay;
    struct wsp_spares spares;
    unsigned depth; /* of wsp_link_enter */
    struct wsp_list due, touched, guests;
    unsigned n_guests;
    struct wsp_emulator *emulator; /* NULL: traffic is not held back */
    struct wsp_share **shares;     /* by rank; NULL: each path has its own */
    struct wsp_sending *sending;   /* the calls of wsp_link_send under way, innermost first */
    bool is_started, is_draining, is_inert;
    struct wsp_map descriptors;  /* every one that the link opened, for counting and for a fork */
    struct wsp_link_stats stats; /* `sum`: of ends that are gone */
    uint64_t strangers_logged_ns;
    uint8_t read_buffer[WSP_READ_BUFFER];

    /* Driving (driver.c), under the lock. */
    pthread_t io_thread;
    bool has_io_thread, stop;
    int outer_epoll, io_wake; /* io_wake: an eventfd that only the I/O thread listens to */
    bool io_woken;            /* io_wake is readable */
    bool is_armed;            /* outer_epoll looks at the loop */
    bool is_driven;           /* a program thread waits in the loop without the lock */
    uint64_t program_ns;      /* when a program thread drove last */
    uint64_t driver_until_ns, io_until_ns; /* when the waiting thread looks at the timers again */
    unsigned n_waiting;                    /* threads behind the one in the loop */
    pthread_cond_t round_done;
    uint64_t happened; /* counts what a waiting thread may want to look at */
    struct wsp_stream
        *hot; /* the stream that spoke last; NULL: none, or nothing is to be read so */
    unsigned n_hot_turns;
    atomic_uint_fast64_t bulk_ns; /* when a large payload last moved */

    struct wsp_node fork_node;  /* in the list of all links (fork.c) */
    void (*forked)(void *user); /* NULL: nobody asks */
    void *forked_user;
    /* The first stream of a path is about to come up; may be NULL. */
    void (*came)(void *user, uint32_t rank);
    bool is_silent;             /* the caller of the public API is told by errors: no warnings */
    bool takes_new;             /* an open door still takes new peers */
    struct wsp_map gone_nonces; /* incarnations whose path at an open door is over */
};

/* link.c */
void wsp_link_enter(struct wsp_link *link);
void wsp_link_leave(struct wsp_link *link);
void wsp_link_note_descriptor(struct wsp_link *link, int fd);
void wsp_link_close_descriptor(struct wsp_link *link, int fd);
/* The peer with its end open, ready to send to. */
wsp_err wsp_link_reach(struct wsp_link *link, uint32_t rank, struct wsp_peer **peer) WSP_MUST_USE;
/* An op ends; it may be gone afterwards. */
void wsp_link_finish_op(struct wsp_link *link, struct wsp_op *op, uint64_t length, wsp_err err);

/* peer.c */
struct wsp_peer *wsp_peer_get(struct wsp_link *link, uint32_t rank);
wsp_err wsp_peer_open(struct wsp_peer *peer) WSP_MUST_USE;
/* Makes the streams below n, if memory allows. */
bool wsp_peer_grow(struct wsp_peer *peer, unsigned n);
void wsp_peer_touch(struct wsp_peer *peer);
/* Brings the timer in line with the end, and lets go of an end that is over. */
void wsp_peer_settle(struct wsp_peer *peer);
void wsp_peer_declare_lost(struct wsp_peer *peer, wsp_err err);
void wsp_peer_free(struct wsp_peer *peer);
/* All of its streams have been closed from both sides. */
bool wsp_peer_is_quiet(const struct wsp_peer *peer);

/* To be called from a handler: ends the path as soon as the end may be called. */
void wsp_peer_doom(struct wsp_peer *peer, wsp_err err);

/* door.c: paths without a roster, for the public API. */
/* Before wsp_link_start: of n_ranks ranks, rank 0 is this process and takes anyone as the others.
 */
void wsp_link_open_door(struct wsp_link *link);
/* An open door's place for the process of this incarnation; NULL: none is free, or it is over. */
struct wsp_peer *wsp_door_place(struct wsp_link *link, uint64_t nonce);
/* Opens the path to a rank without a message. */
wsp_err wsp_link_dial(struct wsp_link *link, uint32_t rank) WSP_MUST_USE;
/* Begins to close the path to a rank; its place is free after wsp_link_forget, which ends what is
 * under way with WSP_ERR_CLOSED. Not from a handler. */
void wsp_link_hang_up(struct wsp_link *link, uint32_t rank);
void wsp_link_forget(struct wsp_link *link, uint32_t rank);

/* stream.c */
void wsp_stream_note(struct wsp_stream *stream, unsigned due);
void wsp_stream_settle(struct wsp_stream *stream);
/* Gives the slot a proven connection, which is the stream's afterwards (closed on failure). */
void wsp_stream_install(struct wsp_stream *stream, int fd, const struct wsp_stream_birth *birth,
                        const uint8_t *more, size_t more_length);
/* Closes the connection and tells the end (unless the path is over). */
void wsp_stream_drop(struct wsp_stream *stream);
/* The same, and says why. */
void wsp_stream_fail(struct wsp_stream *stream, wsp_err why);
/* Brings what is watched for in line with what the stream waits for. */
void wsp_stream_watch(struct wsp_stream *stream);
/* What the kernel knows of the connection, for the end; also fits the socket to the segments. */
bool wsp_stream_sample(struct wsp_stream *stream, struct wsp_stream_sample *sample);
/* Holds the connection to so many bytes a second, where that can be taken back; 0: no more. */
void wsp_stream_hold(struct wsp_stream *stream, uint64_t bps);

/* writer.c, reader.c */
void wsp_writer_reset(struct wsp_writer *writer);
/* Writes until there is nothing more, the socket is full or it was enough for one turn. */
wsp_err wsp_stream_write(struct wsp_stream *stream) WSP_MUST_USE;
void wsp_stream_unpin(struct wsp_stream *stream);
bool wsp_writer_is_idle(const struct wsp_writer *writer);
wsp_err wsp_stream_read(struct wsp_stream *stream) WSP_MUST_USE;
/* Reads what is there without having been told that anything is; true if something was. */
bool wsp_stream_try(struct wsp_stream *stream);
wsp_err wsp_stream_take(struct wsp_stream *stream, const uint8_t *bytes,
                        size_t length) WSP_MUST_USE;

/* dial.c */
void wsp_dial_want(struct wsp_stream *stream, uint32_t generation);
void wsp_dial_drop(struct wsp_stream *stream);
/* Whether an attempt of ours that reached the other side precedes an opening of its own. */
bool wsp_dial_precedes(const struct wsp_stream *stream, uint32_t generation);

/* acceptor.c */
wsp_err wsp_acceptor_start(struct wsp_link *link) WSP_MUST_USE;
void wsp_acceptor_stop(struct wsp_link *link);

/* hosts.c */
wsp_err wsp_hosts_load(struct wsp_link *link) WSP_MUST_USE;
struct wsp_host *wsp_hosts_find(struct wsp_link *link, const char *name);
bool wsp_hosts_know(const struct wsp_link *link, const struct wsp_address *from);
void wsp_hosts_free(struct wsp_link *link);

/* driver.c */
wsp_err wsp_driver_start(struct wsp_link *link) WSP_MUST_USE;
void wsp_driver_stop(struct wsp_link *link);
/* Something happened that a thread in wsp_link_progress may wait for. */
void wsp_driver_tell(struct wsp_link *link);
/* The earliest timer may have moved: makes sure that whoever waits knows. */
void wsp_driver_check_deadline(struct wsp_link *link);

/* stats.c */
void wsp_stats_add(struct wsp_end_stats *sum, const struct wsp_end_stats *one);
/* Of a peer that was talked to, also when its end is gone. */
void wsp_peer_get_tuning(const struct wsp_peer *peer, struct wsp_end_tuning *tuning);
void wsp_peer_get_stats(const struct wsp_peer *peer, struct wsp_end_stats *stats);

/* fork.c */
void wsp_fork_add(struct wsp_link *link);
void wsp_fork_remove(struct wsp_link *link);

/* seed.c: from one run to the next */
/* Reads what WIDESPAN_HINTS names. */
void wsp_link_load_hints(struct wsp_link *link);
/* Keeps there what the paths found. */
void wsp_link_save_hints(const struct wsp_link *link);
/* What an end to this peer is to begin with. */
void wsp_peer_take_hint(const struct wsp_peer *peer, struct wsp_end_config *config);

#endif
