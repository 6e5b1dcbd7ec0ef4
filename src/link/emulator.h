/* SPDX-License-Identifier: BSD-3-Clause */
/* Wide traffic held back as if the sites were far apart (WIDESPAN_EMULATE). link->emulator is NULL
 * while that is off. All under the link's lock; a bottleneck may be shared with other processes. */
#ifndef WSP_LINK_EMULATOR_H
#define WSP_LINK_EMULATOR_H

#include "link/link_internal.h"

/* Does nothing if it is off; if it fails, close it all the same. */
wsp_err wsp_emulator_open(struct wsp_link *link) WSP_MUST_USE;
void wsp_emulator_close(struct wsp_link *link);

/* In place of reading a stream: reads and holds what there is. */
wsp_err wsp_emulator_read(struct wsp_stream *stream) WSP_MUST_USE;
/* Holds bytes of the stream that have been read already. */
wsp_err wsp_emulator_hold(struct wsp_stream *stream, const uint8_t *bytes,
                          size_t length) WSP_MUST_USE;
/* Drops what is held: the connection is gone. */
void wsp_emulator_forget(struct wsp_stream *stream);

/* What the kernel may buffer for a stream, so that not much more queues in front of the bottleneck
 * than would in a network; 0: any amount. */
uint32_t wsp_emulator_buffer_bytes(const struct wsp_link *link);

/* How much longer it takes to open a connection: TCP's round trip and that of our handshake, which
 * themselves are not held back. 0 while it is off. */
uint64_t wsp_emulator_opening_ns(const struct wsp_link *link);

#endif
