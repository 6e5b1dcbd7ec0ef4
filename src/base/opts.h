/* SPDX-License-Identifier: BSD-3-Clause */
/* The one table of options. From it come the parsing of WIDESPAN_* variables, the list in
 * `widespan info` and the section in the man page. Values are read once, at wsp_opts_load. */
#ifndef WSP_BASE_OPTS_H
#define WSP_BASE_OPTS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wsp_opt_kind {
    WSP_OPT_COUNT,  /* a whole number */
    WSP_OPT_BYTES,  /* a whole number with K, M, G or T (binary) allowed behind it */
    WSP_OPT_TIME,   /* a number with ns, us, ms, s or min behind it; bare: seconds; kept in ns */
    WSP_OPT_RATE,   /* a number with K, M, G or T (decimal) allowed behind it; bits a second */
    WSP_OPT_SWITCH, /* 0 or 1 */
    WSP_OPT_TEXT    /* anything */
};

/* X(id, variable, kind, default as text, min, max, what it does). Min and max hold for numbers, in
 * the unit kept (bytes, nanoseconds). Where the default is "auto", so may be the value; the number
 * is then 0. */
#define WSP_OPTION_TABLE(X)                                                                        \
    X(LOG, "WIDESPAN_LOG", TEXT, "warn", 0, 0, "log level: error, warn, info or debug")            \
    X(STREAMS, "WIDESPAN_STREAMS", COUNT, "auto", 1, 256,                                          \
      "TCP streams that a path sends large messages on; auto finds their number by the traffic")   \
    X(SEGMENT, "WIDESPAN_SEGMENT", BYTES, "auto", 4096, 16777216,                                  \
      "largest piece of a message that travels whole on one stream; auto: 32K to 256K by its "     \
      "rate")                                                                                      \
    X(WINDOW, "WIDESPAN_WINDOW", BYTES, "auto", 4096, 1073741824,                                  \
      "the kernel's buffers of a stream, each way, at most net.core.wmem_max and rmem_max; auto "  \
      "leaves them to the kernel, which mostly gives more")                                        \
    X(PACING, "WIDESPAN_PACING", RATE, "auto", 10000, 10000000000000,                              \
      "large messages leave a path at this rate; auto keeps the queue of the bottleneck short "    \
      "where that costs nothing")                                                                  \
    X(HINTS, "WIDESPAN_HINTS", TEXT, "", 0, 0,                                                     \
      "file that keeps what tuning found, by remote host, from one run to the next")               \
    X(EAGER, "WIDESPAN_EAGER", BYTES, "64K", 0, 67108864,                                          \
      "no eager limit: messages beyond it leave a quarter of WIDESPAN_CREDIT to smaller ones")     \
    X(CREDIT, "WIDESPAN_CREDIT", BYTES, "4M", 4096, 1073741824,                                    \
      "unexpected bytes one peer may have under way before a receive is posted for them; unless "  \
      "set, grows on long ways up to an eighth of WIDESPAN_UNEXPECTED_MEMORY")                     \
    X(UNEXPECTED_MEMORY, "WIDESPAN_UNEXPECTED_MEMORY", BYTES, "256M", 1048576, 1099511627776,      \
      "memory of one process for wide payload that no receive is posted for")                      \
    X(REPLAY_MEMORY, "WIDESPAN_REPLAY_MEMORY", BYTES, "256M", 65536, 1099511627776,                \
      "memory of one process for sent data that is not acknowledged yet")                          \
    X(PORTS, "WIDESPAN_PORTS", TEXT, "0", 0, 0,                                                    \
      "port or range LOW-HIGH that a rank listens on for wide streams; 0 lets the system choose")  \
    X(ADDRESS, "WIDESPAN_ADDRESS", TEXT, "", 0, 0,                                                 \
      "address by which other sites reach this process; set by widespan exec from the job file")   \
    X(CONNECT_TIME, "WIDESPAN_CONNECT_TIME", TIME, "30s", 1000000, 86400000000000,                 \
      "how long a path may take to open before the peer is given up")                              \
    X(OUTAGE, "WIDESPAN_OUTAGE", TIME, "60s", 1000000, 86400000000000,                             \
      "how long a path may be without a working stream before the peer is given up")               \
    X(HEARTBEAT, "WIDESPAN_HEARTBEAT", TIME, "2s", 1000000, 3600000000000,                         \
      "an idle stream is tested this often")                                                       \
    X(JOIN_TIME, "WIDESPAN_JOIN_TIME", TIME, "60s", 1000000, 86400000000000,                       \
      "how long the sites of a job may take to come together")                                     \
    X(FINALIZE_TIME, "WIDESPAN_FINALIZE_TIME", TIME, "30s", 1000000, 86400000000000,               \
      "how long MPI_Finalize waits for what is still to be delivered")                             \
    X(HOLD_TIMERS, "WIDESPAN_HOLD_TIMERS", SWITCH, "0", 0, 1,                                      \
      "1 declares nobody lost, so that a debugger may stop a rank")                                \
    X(BIND, "WIDESPAN_BIND", TEXT, "auto", 0, 0,                                                   \
      "where the I/O thread runs: auto, none, or a list of processors such as 2,3")                \
    X(EMULATE, "WIDESPAN_EMULATE", TEXT, "", 0, 0,                                                 \
      "holds wide traffic back as if the sites were far apart: rtt=30ms or rtt=30ms,rate=1G")      \
    X(STATS, "WIDESPAN_STATS", TEXT, "", 0, 0,                                                     \
      "1 prints at MPI_Finalize what travelled between sites, by MPI function and by site; "       \
      "json:FILE appends it to FILE, a line a rank and one for the job")                           \
    X(JOB, "WIDESPAN_JOB", TEXT, "", 0, 0, "name of the job; set by widespan exec")                \
    X(SITE, "WIDESPAN_SITE", TEXT, "", 0, 0, "name of this site; set by widespan exec")            \
    X(COORDINATOR, "WIDESPAN_COORDINATOR", TEXT, "", 0, 0,                                         \
      "HOST:PORT or unix:PATH of the job's coordinator, or several with commas; set by widespan "  \
      "exec")                                                                                      \
    X(KEY_FILE, "WIDESPAN_KEY_FILE", TEXT, "", 0, 0,                                               \
      "file that holds the job key, readable by its owner alone; set by widespan exec")

enum wsp_opt_id {
#define WSP_OPT_ID_(id, ...) WSP_OPT_##id,
    WSP_OPTION_TABLE(WSP_OPT_ID_)
#undef WSP_OPT_ID_
        WSP_OPT_COUNT_
};

struct wsp_opt {
    const char *variable;
    enum wsp_opt_kind kind;
    const char *default_text;
    uint64_t min, max;
    const char *help;
};

/* The row of an option; constant. */
const struct wsp_opt *wsp_opt_row(enum wsp_opt_id id);

/* The word for a kind's unit, as shown to users: "bytes", "seconds", ... */
const char *wsp_opt_unit(enum wsp_opt_kind kind);

/* The numbers that an option may have, behind its unit: ", 1ms to 86400s"; "" where there is no
 * choice of numbers. */
#define WSP_OPT_RANGE_MAX 80
void wsp_opt_range(const struct wsp_opt *row, char *text, size_t size);

/* Reads every option from the environment. On a value that cannot be used: WSP_ERR_CONFIG, and
 * why names the variable, the value and what is allowed. Also sets the log level. */
wsp_err wsp_opts_load(char *why, size_t why_size) WSP_MUST_USE;

/* Values as loaded (defaults before wsp_opts_load). Numbers in bytes, ns or as they are. */
uint64_t wsp_opt_number(enum wsp_opt_id id);
const char *wsp_opt_text(enum wsp_opt_id id);

/* True if the user set it rather than the default. */
bool wsp_opt_is_set(enum wsp_opt_id id);

/* Parses text as an option of this kind; WSP_ERR_INVALID if it is not one. */
wsp_err wsp_opt_parse(enum wsp_opt_kind kind, const char *text, uint64_t *number) WSP_MUST_USE;

#endif
