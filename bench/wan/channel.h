/* SPDX-License-Identifier: BSD-3-Clause */
/* What traffic.c measures: messages of a known size between two processes, in order, over one of
 * the peers: MPI (also with Widespan beneath), a path of Widespan, or ZeroMQ. One of channel_*.c is
 * linked. A failure ends the process with a message. */
#ifndef WAN_CHANNEL_H
#define WAN_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

#define CHANNEL_SLOTS 64

/* Joins the two sides. where: what the peer needs to find the other side (see its file). True on
 * the side that drives. */
bool channel_open(const char *where);
extern const bool channel_opens_at_once; /* else with the first message */
void channel_close(void);

/* Starts a message or receive of size bytes; at most one under way for each slot and direction.
 * Messages arrive in the order of their sends, whatever their slots. */
void channel_send(int slot, const void *data, size_t size);
void channel_sent(int slot); /* waits: data may be changed again */
void channel_receive(int slot, void *data, size_t size);
void channel_received(int slot); /* waits: data is there */

#endif
