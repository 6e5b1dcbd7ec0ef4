/* SPDX-License-Identifier: BSD-3-Clause */
/* A listening socket for control channels. Guests wait inside the lobby until they have proved the
 * job key and are handed over: a bounded number of them, for a bounded time. Under the loop's
 * lock. */
#ifndef WSP_JOB_LOBBY_H
#define WSP_JOB_LOBBY_H

#include "job/channel.h"

struct wsp_lobby;

/* Takes over a listening socket. Each proven channel is given to `proven`, which gives it its
 * handler (and may close it). config: as for accepting; its handler is not used. n_expected: so
 * many may come at once, beside strangers. */
wsp_err wsp_lobby_open(const struct wsp_channel_config *config, int listener, unsigned n_expected,
                       void (*proven)(void *user, struct wsp_channel *channel), void *user,
                       struct wsp_lobby **lobby) WSP_MUST_USE;
void wsp_lobby_close(struct wsp_lobby **lobby);

/* In a forked child: closes the descriptors. */
void wsp_lobby_abandon(struct wsp_lobby *lobby);

#endif
