/* SPDX-License-Identifier: BSD-3-Clause */
/* Errors of Widespan: one table gives each code its name, its text and its scope. */
#ifndef WIDESPAN_ERROR_H
#define WIDESPAN_ERROR_H

/* Stands before every function of this API. */
#if defined(__GNUC__)
#define WSP_PUBLIC __attribute__((visibility("default")))
#else
#define WSP_PUBLIC
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* What has to be rebuilt after an error: the call alone, a stream, a path, everything that
 * concerns one peer, or the process's share in the job. */
enum wsp_scope {
    WSP_SCOPE_CALL,
    WSP_SCOPE_STREAM,
    WSP_SCOPE_PATH,
    WSP_SCOPE_PEER,
    WSP_SCOPE_PROCESS
};

/* X(name, text, scope): codes count up from 0 in this order and are never renumbered. */
#define WSP_ERROR_TABLE(X)                                                                         \
    X(OK, "no error", CALL)                                                                        \
    X(INVALID, "an argument is not valid", CALL)                                                   \
    X(NO_MEMORY, "out of memory", CALL)                                                            \
    X(AGAIN, "nothing to do yet, try again", CALL)                                                 \
    X(TIMEOUT, "a deadline passed", CALL)                                                          \
    X(TRUNCATED, "the message is longer than the receive buffer", CALL)                            \
    X(CANCELLED, "the operation was cancelled", CALL)                                              \
    X(BUSY, "a limit on what may be under way was reached", CALL)                                  \
    X(UNSUPPORTED, "not supported", CALL)                                                          \
    X(IO, "a system call failed", STREAM)                                                          \
    X(REFUSED, "the connection was refused", STREAM)                                               \
    X(UNREACHABLE, "the address cannot be reached", STREAM)                                        \
    X(RESET, "the connection was reset", STREAM)                                                   \
    X(EOF, "the connection was closed", STREAM)                                                    \
    X(DAMAGED, "damaged data", STREAM)                                                             \
    X(STALLED, "the stream makes no progress", STREAM)                                             \
    X(UNTRUSTED, "the other side did not prove the job key", STREAM)                               \
    X(VERSION, "no common protocol version", STREAM)                                               \
    X(CROSSED, "the other side's opening takes precedence", STREAM)                                \
    X(PROTOCOL, "the other side broke the protocol", PATH)                                         \
    X(OUTAGE, "no stream for longer than the outage allowance", PATH)                              \
    X(CLOSED, "the path is closed", PATH)                                                          \
    X(PEER_LOST, "the other process is lost", PEER)                                                \
    X(CONFIG, "the configuration is wrong", PROCESS)                                               \
    X(JOB, "the job ended", PROCESS)                                                               \
    X(INTERNAL, "internal error, please report it", PROCESS)

#define WSP_ERROR_ENUM_(name, text, scope) WSP_ERR_##name,
typedef enum { WSP_ERROR_TABLE(WSP_ERROR_ENUM_) WSP_ERR_COUNT_ } wsp_err;
#undef WSP_ERROR_ENUM_
#define WSP_OK WSP_ERR_OK

/* The text of an error: a constant string, never NULL, also for unknown codes. Any thread. */
WSP_PUBLIC const char *wsp_err_text(wsp_err err);

/* The name of an error as in the table ("TRUNCATED"). Any thread. */
WSP_PUBLIC const char *wsp_err_name(wsp_err err);

#ifdef __cplusplus
}
#endif

#endif
