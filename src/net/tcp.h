/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP sockets, never blocking, close-on-exec, never raising SIGPIPE. */
#ifndef WSP_NET_TCP_H
#define WSP_NET_TCP_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

struct wsp_address {
    struct sockaddr_storage storage;
    socklen_t length;
};

#define WSP_ADDRESS_TEXT_MAX 64

/* "1.2.3.4:567", "[::1]:567", or "?" if it is neither; always terminated. */
void wsp_address_text(const struct wsp_address *address, char text[WSP_ADDRESS_TEXT_MAX]);

/* The machine's address as 16 bytes of IPv6, IPv4 in its mapped form; false if it is neither. */
bool wsp_address_host_bytes(const struct wsp_address *address, uint8_t bytes[16]);

void wsp_address_set_port(struct wsp_address *address, uint16_t port);

/* Whether two addresses name the same machine, whatever the port. */
bool wsp_address_is_same_host(const struct wsp_address *a, const struct wsp_address *b);

/* Splits "HOST:PORT" or "[HOST]:PORT"; WSP_ERR_INVALID if it is neither. */
wsp_err wsp_tcp_split(const char *text, char *host, size_t host_size, uint16_t *port) WSP_MUST_USE;

/* The addresses of a name or numeric address, at most max, in the system's order of preference.
 * Blocks while a name is looked up (numeric ones never). WSP_ERR_UNREACHABLE if there is none. */
wsp_err wsp_tcp_resolve(const char *host, uint16_t port, struct wsp_address *addresses, size_t max,
                        size_t *n_addresses) WSP_MUST_USE;

/* Listens on all addresses, IPv6 and IPv4 alike where the machine has both. ports: "0" (the
 * system chooses), "N" or "LOW-HIGH" (the first free one). WSP_ERR_CONFIG if ports is none of
 * these, WSP_ERR_BUSY if all are taken. */
wsp_err wsp_tcp_listen(const char *ports, int *fd, uint16_t *port) WSP_MUST_USE;

/* Takes a connection; WSP_ERR_AGAIN if there is none. from may be NULL. */
wsp_err wsp_tcp_accept(int listener, int *fd, struct wsp_address *from) WSP_MUST_USE;

/* Begins to connect; when fd is writable wsp_tcp_dialled tells how it went. */
wsp_err wsp_tcp_dial(const struct wsp_address *to, int *fd) WSP_MUST_USE;
wsp_err wsp_tcp_dialled(int fd) WSP_MUST_USE;

struct wsp_tcp_options {
    uint32_t notsent_lowat_bytes; /* 0: the system's */
    uint32_t user_timeout_ms;     /* 0: the system's */
    uint32_t buffer_bytes;        /* of the kernel, each way; 0: as it sees fit */
};

/* What the kernel gives, bytes each way, of a buffer of this size: its limits may be lower. */
uint64_t wsp_tcp_granted_buffer(uint32_t bytes);

/* Sets what a stream of ours wants (no delay, our own heartbeat instead of keep-alive). What the
 * system does not know is left alone: nothing here is needed for right answers. */
void wsp_tcp_tune(int fd, const struct wsp_tcp_options *options);

/* How much may wait in the socket without having been sent. */
void wsp_tcp_set_notsent(int fd, uint32_t bytes);

/* Does the congestion control pace the socket anyway (BBR)? One that is not paced would be for good
 * after a first hold. */
bool wsp_tcp_is_always_paced(int fd);

/* The socket sends no more than this, in bytes a second; 0: as it sees fit. */
void wsp_tcp_hold(int fd, uint64_t bps);

/* One system call each. WSP_ERR_AGAIN: nothing to do yet; WSP_ERR_EOF: the other side closed;
 * WSP_ERR_RESET and others: the connection is over. *n is set on success, and is not 0. */
wsp_err wsp_tcp_read(int fd, void *buffer, size_t length, size_t *n) WSP_MUST_USE;
wsp_err wsp_tcp_readv(int fd, const struct iovec *parts, size_t n_parts, size_t *n) WSP_MUST_USE;
wsp_err wsp_tcp_writev(int fd, const struct iovec *parts, size_t n_parts, size_t *n) WSP_MUST_USE;

#endif
