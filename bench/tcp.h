/* SPDX-License-Identifier: BSD-3-Clause */
/* A bare TCP ping-pong over one connection: what the network and the kernel give by themselves. */
#ifndef WSP_BENCH_TCP_H
#define WSP_BENCH_TCP_H

#include <stddef.h>
#include <stdint.h>

/* Listens on any address; *port is chosen by the system if it is 0. Returns the descriptor or -1.
 */
int tcp_listen(uint16_t *port);

/* Takes one connection and closes the listener; connects to a listener. -1 with errno set. */
int tcp_accept(int listener);
int tcp_connect(const char *host, uint16_t port);

/* Sends or receives exactly n bytes. 0, or -1 with errno set (0 at the end of the stream). */
int tcp_send_all(int fd, const void *data, size_t n);
int tcp_recv_all(int fd, void *data, size_t n);

/* Both ends call it, one of them with first != 0. n round trips of `size` bytes, checked at both
 * ends; *seconds is what they took. */
int tcp_round_trips(int fd, int first, char *buffer, size_t size, long n, double *seconds);

/* n messages of `size` bytes one way, from the end with first != 0, then a byte back. */
int tcp_one_way(int fd, int first, char *buffer, size_t size, long n, double *seconds);

#endif
